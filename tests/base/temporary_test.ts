import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { inTemporaryFolder, makeTemporaryFolder } from "../../lib/base/temporary.ts";

const set = (values: Readonly<Record<string, string>>) => {
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
      }
    },
  };
};

Deno.test("inTemporaryFolder() takes another place where TMPDIR is not there or full, and leaves nothing", async () => {
  const cache = await Deno.makeTempDir();
  using _ = set({ TMPDIR: "/nonexistent", XDG_CACHE_HOME: cache });
  const made = makeTemporaryFolder({ prefix: "forgelens-" });
  await Deno.remove(made);
  const tried: string[] = [];
  const folder = await inTemporaryFolder((folder) => {
    tried.push(folder);
    // As a full file system answers.
    if (tried.length === 1) throw Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
    return Promise.resolve(folder);
  }, { prefix: "forgelens-" });
  assertEquals(tried.length, 2);
  assertStringIncludes(folder, cache);
  for (const each of tried) await assertRejects(() => Deno.stat(each), Deno.errors.NotFound);
  const failing = inTemporaryFolder(() => Promise.reject(new Error("another fault")), {
    prefix: "forgelens-",
  });
  await assertRejects(() => failing, Error, "another fault");
  await Deno.remove(cache, { recursive: true });
});

Deno.test("TensorFlow starts where TMPDIR names no folder", async () => {
  const probe = new URL("../backend/probe.ts", import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", probe, "auto"],
    env: { TMPDIR: "/nonexistent" },
  }).output();
  const { backend } = JSON.parse(new TextDecoder().decode(stdout));
  assertEquals([success, backend.name, backend.note], [true, "tensorflow", undefined]);
});
