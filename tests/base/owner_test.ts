import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import { ownerFile, ownFolder } from "../../lib/base/owner.ts";

const root = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const own = (folder: string) =>
  ownFolder(folder, { cannot: `Cannot train in ${folder}`, doing: "train", instead: "wait for it" });
const names = async (folder: string) => (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);

Deno.test("ownFolder() tells a second process who has the folder, and lets it in when the first is killed", async () => {
  const folder = join(root, "run");
  const module = new URL("../../lib/base/owner.ts", import.meta.url);
  const script = `import { ownFolder } from "${module}";
  await ownFolder(${JSON.stringify(folder)}, { cannot: "", doing: "evaluate", instead: "" });
  console.log("owned");
  setInterval(() => {}, 1000);`;
  const other = new Deno.Command(Deno.execPath(), { args: ["eval", script], stdout: "piped" }).spawn();
  const reader = other.stdout.getReader();
  await reader.read();
  const { message } = await assertRejects(() => own(folder), InputError);
  const since = /since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/;
  assertEquals(
    message.replace(since, "since then"),
    `Cannot train in ${folder}: expected no other process there but found one at work (evaluate, process ${other.pid}, since then); wait for it`,
  );
  other.kill("SIGKILL");
  await other.status;
  await reader.cancel();
  {
    await using owner = await own(folder);
    assertEquals(owner.unlocked, undefined);
    assert(
      (await Deno.readTextFile(join(folder, ownerFile))).startsWith(`train, process ${Deno.pid}, since `),
    );
  }
  assertEquals(await names(folder), []);
});

Deno.test("ownFolder() makes the folder, and removes it if it is still empty at the end", async () => {
  const [empty, filled] = [join(root, "a/empty"), join(root, "a/filled")];
  {
    await using _empty = await own(empty);
    await using _filled = await own(filled);
    await Deno.writeTextFile(join(filled, "weights"), "");
  }
  assertEquals(await names(join(root, "a")), ["filled"]);
  assertEquals(await names(filled), ["weights"]);
});

Deno.test("ownFolder() has one owner at a time, however many want the folder at once", async () => {
  const folder = join(root, "wanted");
  let owners = 0;
  let had = 0;
  const want = async (): Promise<void> => {
    for (;;) {
      try {
        await using _owner = await own(folder);
        assertEquals(++owners, 1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        owners--;
        had++;
        return;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, want));
  assertEquals(had, 16);
});

Deno.test("ownFolder() says what the system says against its file", async () => {
  const file = join(root, "file");
  await Deno.writeTextFile(file, "");
  await assertRejects(() => own(join(file, "run")), Error, "Not a directory");
});
