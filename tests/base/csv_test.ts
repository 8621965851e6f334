import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { csvRows } from "../../lib/base/csv.ts";
import { InputError } from "../../lib/base/errors.ts";

async function rowsOf(text: string, columns: string[] = ["path", "label"]) {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "list.csv");
    await Deno.writeTextFile(path, text);
    return await Array.fromAsync(csvRows(path, { what: "the list", columns }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("csvRows() gives each row with the line that it ends on", async () => {
  assertEquals(await rowsOf('\ufeffpath,label\r\na.png, 0 \r\n\r\n"b\nc.png",1\r\n'), [
    { line: 2, values: { path: "a.png", label: "0" } },
    { line: 5, values: { path: "b\nc.png", label: "1" } },
  ]);
});

for (
  const [what, text, message] of [
    [
      "a row with more values",
      "path,label\na,0\nb,1,2\n",
      "expected 2 values as in the header but found 3 in line 3",
    ],
    [
      "a row with fewer values",
      "path,label\na\n",
      "expected 2 values as in the header but found 1 in line 2",
    ],
    [
      "a quote that is not closed",
      'path,label\n"a,0\nb,1\n',
      'expected CSV but found a " that is not closed before the end in line',
    ],
    ["a quote within a value", 'path,label\na"b,0\n', 'expected CSV but found a " within a value'],
    [
      "a column that comes twice",
      "path,label,label\na,0,1\n",
      "expected each column once but found label twice",
    ],
    ["a missing column", "path\na\n", "expected a header with the columns path, label but found only path"],
    ["an empty file", "", "expected a header with the columns path, label but found an empty file"],
    [
      "a header of other columns and no row",
      "x\n",
      "expected a header with the columns path, label but found only x",
    ],
  ]
) {
  Deno.test(`csvRows() refuses ${what}, naming the line`, async () => {
    await assertRejects(() => rowsOf(text), InputError, message);
  });
}
