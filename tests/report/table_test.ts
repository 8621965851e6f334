import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Table, tableHtml, tableMarkdown, tableText } from "../../lib/report/table.ts";

Deno.test("tableText() aligns wide characters and keeps control characters from the terminal", () => {
  const table: Table = {
    title: "T\u009b2J",
    columns: [{ name: "Set", align: "left" }, { name: "N", align: "right" }],
    rows: [["人脸", "1"], ["a\u001b[31mb", "23"]],
    notes: ["note\n\u001b]0;x\u0007"],
  };
  assertEquals(
    tableText(table),
    "T\\u009b2J\n\nSet            N\n────────────  ──\n人脸           1\na\\u001b[31mb  23\nnote\\u000a\\u001b]0;x\\u0007\n",
  );
});

Deno.test("tableMarkdown() escapes what Markdown and HTML would read as marks", () => {
  const table: Table = {
    title: "<b>*T*",
    columns: [{ name: "S_t", align: "left" }],
    rows: [["a|b_<c>"], ["$x$ ~~y~~ [z](w)"]],
    notes: ["<img src=x>\n\n# n"],
  };
  const text = tableMarkdown(table);
  for (
    const line of [
      "**\\<b\\>\\*T\\***",
      "| a\\|b\\_\\<c\\>              |",
      "| S\\_t                     |",
      "| \\$x\\$ \\~\\~y\\~\\~ \\[z\\](w) |",
      "*\\<img src=x\\>\\\\u000a\\\\u000a# n*",
    ]
  ) assertStringIncludes(text, line);
});

Deno.test("tableHtml() names the table, its columns and its rows, and escapes every text", () => {
  const table: Table = {
    title: "<T>",
    columns: [{ name: "Set", align: "left" }, { name: "N&", align: "right" }],
    rows: [['a"b', "1"]],
    notes: ["<n>"],
  };
  assertEquals(
    tableHtml(table),
    `<h2>&lt;T&gt;</h2>
<div class="wide" role="region" aria-label="&lt;T&gt;" tabindex="0"><table>
<caption>&lt;T&gt;</caption>
<thead><tr><th scope="col" class="left">Set</th><th scope="col" class="right">N&amp;</th></tr></thead>
<tbody><tr><th scope="row" class="left">a&quot;b</th><td class="right">1</td></tr></tbody>
</table></div>
<p class="note">&lt;n&gt;</p>`,
  );
});
