import { assertEquals, assertStringIncludes } from "@std/assert";
import { reportCharts, reportHtml, reportTables } from "../../lib/report/page.ts";
import { tableHtml } from "../../lib/report/table.ts";
import { makeReport, titleOf } from "./made_report.ts";

Deno.test("every chart and table of demo data says DEMO in its title, and no other does", () => {
  for (const demo of [true, false]) {
    const { report, predictions } = makeReport({ demo });
    const titles = [
      ...reportCharts(report, { predictions }).map(titleOf),
      ...reportTables(report).map((table) => table.title),
    ];
    assertEquals(titles.length, 8 + 7);
    for (const title of titles) assertEquals(title.startsWith("DEMO: "), demo, title);
  }
});

Deno.test("report.html loads nothing and escapes hostile names", async () => {
  const hostile = `<script>alert("x")</script>'&`;
  const { report, predictions } = makeReport({
    sets: [{ set: hostile, kind: "within", perturbations: ["none", "jpeg-90"], real: 9, fake: 9 }],
  });
  const html = await reportHtml({
    ...report,
    name: hostile,
    warnings: [hostile],
    config: { [hostile]: hostile },
  }, {
    predictions,
  });
  assertEquals(html.match(/<script/gi), null);
  assertStringIncludes(html, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;");
  // XML namespaces are names, not addresses; the spec's own $schema is not in the page.
  const addresses = (html.match(/(?:https?:)?\/\/[a-z][^"'\s<)]*/gi) ?? []).filter((each) =>
    !each.includes("w3.org")
  );
  assertEquals(addresses.filter((each) => /^https?:/.test(each)), []);
  assertEquals(html.match(/\b(?:src|href|srcset|action)\s*=|@import|url\((?!data:)/gi), null);
  assertStringIncludes(html, "default-src 'none'");
  assertEquals(html.match(/<svg/g)!.length, 8);
});

Deno.test("report.html shows the run's numbers, warnings and configuration, and says DEMO", async () => {
  const { report, predictions } = makeReport({ demo: true });
  const html = await reportHtml(report, { predictions });
  for (const table of reportTables(report)) assertStringIncludes(html, tableHtml(table));
  for (
    const text of [
      "1 file was skipped",
      "&quot;seed&quot;: 1",
      "<h1>DEMO: run-1</h1>",
      "tensorflow 2.21.0 on CPU",
    ]
  ) {
    assertStringIncludes(html, text);
  }
});
