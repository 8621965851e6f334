import { assert, assertEquals } from "@std/assert";
import { importFaults, readImports, rooms } from "../../tools/rooms.ts";

const order = ["base", "data", "runs", "mod.ts"];

/** What is wrong with imports that are written as `{ file: "what it imports" }`. */
function faults(imports: Readonly<Record<string, string>>): string[] {
  const map = new Map(
    Object.entries(imports).map(([file, found]) => [file, found.split(" ").filter(Boolean)]),
  );
  return importFaults(map, order);
}

Deno.test("importFaults() finds nothing where every import is of the same room or of one before", () => {
  assertEquals(
    faults({
      "lib/base/errors.ts": "",
      "lib/data/scan.ts": "lib/base/errors.ts lib/data/layouts/mod.ts",
      "lib/data/layouts/mod.ts": "lib/base/errors.ts",
      "lib/mod.ts": "lib/runs/train.ts lib/data/scan.ts",
      "lib/runs/train.ts": "lib/data/scan.ts lib/base/errors.ts",
    }),
    [],
  );
});

Deno.test("importFaults() names an import from a later room, also that of a file beside the rooms", () => {
  assertEquals(
    faults({
      "lib/data/split/deal.ts": "lib/runs/config/config.ts",
      "lib/runs/config/config.ts": "lib/mod.ts",
    }),
    [
      "Cannot import lib/runs/config/config.ts from lib/data/split/deal.ts: expected a file of data or of a room before it but found one of runs",
      "Cannot import lib/mod.ts from lib/runs/config/config.ts: expected a file of runs or of a room before it but found one of mod.ts",
    ],
  );
});

Deno.test("importFaults() names one circle for files that all reach each other, by its shortest way", () => {
  assertEquals(
    faults({
      "lib/data/a.ts": "lib/data/b.ts",
      "lib/data/b.ts": "lib/data/c.ts lib/data/d.ts",
      "lib/data/c.ts": "lib/data/d.ts",
      "lib/data/d.ts": "lib/data/a.ts lib/data/e.ts",
      "lib/data/e.ts": "",
      "lib/data/into.ts": "lib/data/a.ts",
    }),
    [
      "Cannot order lib/data/a.ts → lib/data/b.ts → lib/data/d.ts → lib/data/a.ts: expected imports that go one way but found a circle",
    ],
  );
});

Deno.test("importFaults() names every circle, and a file that imports itself", () => {
  const found = faults({
    "lib/base/x.ts": "lib/base/y.ts",
    "lib/base/y.ts": "lib/base/x.ts",
    "lib/data/z.ts": "lib/data/z.ts lib/base/x.ts",
  });
  assertEquals(found.map((each) => each.split(":")[0]), [
    "Cannot order lib/base/x.ts → lib/base/y.ts → lib/base/x.ts",
    "Cannot order lib/data/z.ts → lib/data/z.ts",
  ]);
});

Deno.test("importFaults() names a room that is not in the order once, and files outside lib", () => {
  assertEquals(
    faults({ "lib/extras/a.ts": "lib/base/a.ts tools/bench.ts", "lib/extras/b.ts": "", "lib/base/a.ts": "" }),
    [
      "Cannot import tools/bench.ts from lib/extras/a.ts: expected a file of lib or a package but found one outside",
      "Cannot place lib/extras: expected one of base, data, runs, mod.ts but found another; tools/rooms.ts lists the rooms in order",
    ],
  );
});

Deno.test("readImports() reads imports of code, of types, and those that wait until they are needed", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/lib/base`, { recursive: true });
    await Deno.writeTextFile(`${root}/deno.json`, "{}");
    const files = { a: "export type A = 1;", b: "export const b = 1;", c: "export const c = 1;" };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${root}/lib/base/${name}.ts`, text);
    }
    await Deno.writeTextFile(
      `${root}/lib/mod.ts`,
      'import type { A } from "./base/a.ts";\nexport { b } from "./base/b.ts";\n' +
        'export const c: Promise<A> = import("./base/c.ts").then(({ c }) => c as A);\n',
    );
    assertEquals([...await readImports(await Deno.realPath(root))], [
      ["lib/base/a.ts", []],
      ["lib/base/b.ts", []],
      ["lib/base/c.ts", []],
      ["lib/mod.ts", ["lib/base/a.ts", "lib/base/b.ts", "lib/base/c.ts"]],
    ]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("the rooms of lib import one way", async () => {
  const imports = await readImports(new URL("../../", import.meta.url).pathname);
  assert(imports.size > 100, "most of lib was not read");
  assert(
    imports.get("lib/cli.ts")?.includes("lib/commands/mod.ts"),
    "lib/cli.ts was read without its imports",
  );
  assertEquals(importFaults(imports, rooms), []);
});
