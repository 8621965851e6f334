import { assert, assertEquals } from "@std/assert";
import * as everything from "../lib/mod.ts";

const root = new URL("../", import.meta.url);
const { name, exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));

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

Deno.test("the examples of the library's parts are sound", async () => {
  const files = Object.values<string>(exports);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--doc", ...files],
    cwd: root,
    env: { NO_COLOR: "1" },
    stderr: "piped",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
});
