import { assert, assertEquals, assertGreater } from "@std/assert";
import * as everything from "../lib/mod.ts";

const root = new URL("../", import.meta.url);
const { name, exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));

/** A file of the library as `deno doc --json` describes it. */
type Documented = {
  readonly module_doc?: JsDoc;
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly {
      readonly kind: string;
      readonly location: { readonly filename: string };
      readonly jsDoc?: JsDoc;
    }[];
  }[];
};
type JsDoc = { readonly tags?: readonly { readonly kind: string }[] };

Deno.test("every part of the library is a module of its own, and all of it is in the whole", async () => {
  assertEquals(Object.keys(exports), [".", "./data", "./model", "./metrics", "./report"]);
  const whole = new Map<string, unknown>(Object.entries(everything));
  for (const [part, file] of Object.entries<string>(exports)) {
    const found = Object.entries(await import(new URL(file, root).href));
    assert(found.length > 0, `${name} exports nothing as ${part}`);
    for (const [each, value] of found) {
      assert(whole.get(each) === value, `${each} of ${part} is another in lib/mod.ts, or is not there`);
    }
  }
});

Deno.test("every part of the library and every function outside the notebooks' has an example, which deno test --doc runs", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--quiet", "--json", ...Object.values<string>(exports)],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as { nodes: Record<string, Documented> };
  const hasExample = (doc?: JsDoc) => (doc?.tags ?? []).some(({ kind }) => kind === "example");
  const parts = Object.values(nodes);
  const functions = parts.flatMap(({ symbols }) => symbols).flatMap(({ name, declarations }) =>
    declarations.filter(({ kind, location }) =>
      kind === "function" && !location.filename.includes("/notebook/")
    )
      .map((each) => ({ name, hasExample: hasExample(each.jsDoc) }))
  );
  assertEquals(parts.map(({ module_doc }) => hasExample(module_doc)), parts.map(() => true));
  assertGreater(functions.length, 80);
  assertEquals(functions.filter(({ hasExample }) => !hasExample).map(({ name }) => name), []);
});
