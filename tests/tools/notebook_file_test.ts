import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import {
  type Cell,
  cellsAsModule,
  faultsOf,
  joined,
  type Notebook,
  type Output,
  VEGA_LITE,
} from "../../tools/notebook_file.ts";
import { checkCells, notebookNames, readNotebook } from "../../tools/notebooks.ts";

const root = new URL("../../", import.meta.url).pathname;

function notebook(...outputs: Output[][]): Notebook {
  const cells = outputs.map((each, i): Cell => ({
    cell_type: "code",
    source: [`const a${i} = 1;\n`, "a"],
    execution_count: i + 1,
    outputs: each,
  }));
  return { cells: [{ cell_type: "markdown", source: "# T" }, ...cells], metadata: {} };
}
const shown = (data: Record<string, unknown>): Output => ({ output_type: "display_data", data });

Deno.test("cellsAsModule() joins the code cells under their numbers", () => {
  assertEquals(
    cellsAsModule(notebook([], [])),
    "// Cell 2\nconst a0 = 1;\na\n\n// Cell 3\nconst a1 = 1;\na\n",
  );
});

Deno.test("faultsOf() names errors, cells that did not run, charts without PNG, escape codes and paths", () => {
  assertEquals(faultsOf(notebook([shown({ "text/plain": "fine" })])), []);
  const bad = notebook(
    [{ output_type: "error", ename: "Error", evalue: "boom" }],
    [shown({ [VEGA_LITE]: {} })],
    [shown({ "text/plain": "\u001b[32mgreen" })],
    [shown({ "text/plain": ["in /home/someone", "/x"] })],
  );
  const [first, ...others] = bad.cells;
  const skipped = { ...bad, cells: [first, ...others.slice(0, 3), { ...others[3], execution_count: null }] };
  assertEquals(faultsOf(skipped, { secrets: ["/home/someone"] }), [
    "cell 2: boom",
    "cell 3: a chart without a PNG",
    "cell 4: an escape code",
    "cell 5: expected number 4 but found null",
    "cell 5: names /home/someone",
  ]);
});

for (const name of await notebookNames()) {
  Deno.test(`the cells of ${name}.ipynb are formatted, lint and type-check`, async () => {
    await checkCells(name);
  });

  Deno.test(`rendered/${name}.ipynb is what ${name}.ipynb is now, whole and small`, async () => {
    const source = await readNotebook(join(root, "notebooks", `${name}.ipynb`));
    const path = join(root, "notebooks", "rendered", `${name}.ipynb`);
    const rendered = await readNotebook(path);
    const sources = ({ cells }: Notebook) => cells.map((cell) => joined(cell.source));
    assertEquals(sources(rendered), sources(source), "run deno task notebooks");
    assertEquals(faultsOf(rendered), []);
    const { size } = await Deno.stat(path);
    assertEquals(size < 2_000_000, true, `expected less than 2 MB but found ${size} bytes`);
    const html = await Deno.readTextFile(path.replace(/ipynb$/, "html"));
    assertEquals([...html.matchAll(/<(?:script|link|img)[^>]+(?:src|href)="https?:/g)].map(String), []);
    assertStringIncludes(html, "DEMO");
  });
}
