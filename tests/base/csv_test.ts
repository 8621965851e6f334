import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { csvRows, csvText, unguarded } from "../../lib/base/csv.ts";
import { InputError } from "../../lib/base/errors.ts";

async function rowsOf(text: string | Uint8Array, columns: string[] = ["path", "label"]) {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "list.csv");
    if (typeof text === "string") await Deno.writeTextFile(path, text);
    else await Deno.writeFile(path, text);
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

Deno.test("csvRows() reads lines that end in several ways, other separators, UTF-16, and passes by rows of separators", async () => {
  const rows = [["a.png", "0"], ["b.png", "1"]].map(([path, label], i) => ({
    line: i + 2,
    values: { path, label },
  }));
  const text = "path,label\na.png,0\nb.png,1\n";
  for (const [first, second] of [["\r\n", "\n"], ["\n", "\r\n"], ["\n", "\r"], ["\r", "\n"]]) {
    assertEquals(await rowsOf(`path,label${first}a.png,0${second}b.png,1${first}`), rows);
  }
  for (const separator of [";", "\t"]) assertEquals(await rowsOf(text.replaceAll(",", separator)), rows);
  assertEquals(await rowsOf(`${text},\n ,\n`), rows);
  const units = Uint16Array.from(`\ufeff${text}`, (letter) => letter.charCodeAt(0)); // little-endian
  const bytes = new Uint8Array(units.buffer);
  assertEquals(await rowsOf(bytes), rows);
  assertEquals(await rowsOf(bytes.map((_, i) => bytes[i ^ 1])), rows);
});

Deno.test("csvRows() reads a file of many pieces as one, however its lines end", async () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    for (const letters of [1, 2, 3]) {
      const lines = Array.from({ length: 40_000 }, (_, i) => `${"é".repeat(letters)}${i},${i % 2}`);
      const rows = await rowsOf(["path,label", ...lines, ""].join(end));
      assertEquals(rows.length, lines.length);
      assertEquals(rows.map(({ values }) => `${values.path},${values.label}`), lines);
      assertEquals(rows.at(-1)!.line, lines.length + 1);
    }
  }
});

for (
  const [what, text, message] of [
    [
      "bytes of another encoding",
      Uint8Array.of(...new TextEncoder().encode("path,label\na,0\n"), 0xe9, 0x2c, 0x30),
      "expected text in UTF-8 but found other bytes in line 3; save it as CSV in UTF-8",
    ],
    [
      "UTF-16 without a byte order mark",
      Uint8Array.from("path,label\na,0\n".split("").flatMap((letter) => [letter.charCodeAt(0), 0])),
      "expected text but found a byte of 0 in line 1",
    ],
    [
      "a header of very many columns",
      Array.from({ length: 5000 }, (_, i) => `column${i}`).join() + "\n",
      "found only column0, column1, column2, column3, column4, column5, column6, column7 and 4992 more",
    ],
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
      'path,label\na,0\n"b,1\nc,1\n',
      'expected CSV but found a " that is not closed before the end in line 4; the row begins after line 2',
    ],
    [
      "a quote that is not closed before a million letters",
      `path,label\na,0\n"b,1\n${"c,1\n".repeat(300_000)}`,
      'found a row without an end, as after a " that is not closed, in line ',
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
  ] as const
) {
  Deno.test(`csvRows() refuses ${what}, naming the line`, async () => {
    await assertRejects(() => rowsOf(text), InputError, message);
  });
}

Deno.test({
  name: "csvRows() names a file that cannot be read",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const path = "/proc/self/mem"; // opens, and fails when it is read, for root too
    await assertRejects(
      () => Array.fromAsync(csvRows(path, { what: "the list" })),
      InputError,
      `Cannot read the list ${path}: expected a CSV file but found `,
    );
  },
});

Deno.test("csvRows() takes a header in any case when told to", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "list.csv");
    await Deno.writeTextFile(path, "Path, LABEL\na,0\n");
    const options = { what: "the list", columns: ["path", "label"] };
    assertEquals(await Array.fromAsync(csvRows(path, { ...options, lowerCase: true })), [
      { line: 2, values: { path: "a", label: "0" } },
    ]);
    await assertRejects(() => Array.fromAsync(csvRows(path, options)), InputError, "found only Path, LABEL");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("csvRows() says where it looked for a relative path", async () => {
  await assertRejects(
    () => Array.fromAsync(csvRows("no/such.csv", { what: "the list" })),
    InputError,
    `Cannot read the list no/such.csv: expected a CSV file but found nothing at ${
      join(Deno.cwd(), "no/such.csv")
    }`,
  );
});

Deno.test("csvText() keeps formulas from spreadsheets and numbers as they are, and csvRows() reads the texts back", async () => {
  const texts = ["=cmd|'/c calc'!A0", "+1", "-x.png", "@a", "'=x", "''-y", "'plain", "a=b", 'a,"b"'];
  const text = csvText(texts.map((path) => ({ path, score: -1 / 3 })), { columns: ["path", "score"] });
  assertEquals(text.split("\n").slice(0, 3), [
    "path,score",
    "'=cmd|'/c calc'!A0,-0.3333333333333333",
    "'+1,-0.3333333333333333",
  ]);
  assertEquals((await rowsOf(text, [])).map(({ values }) => values.path), texts);
  const [, tab] = csvText([{ path: "\t=1" }], { columns: ["path"] }).split("\n");
  assertEquals([tab, unguarded(tab)], ["'\t=1", "\t=1"]);
});
