import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import {
  checkWritable,
  exists,
  linesOf,
  readJson,
  writeAtomically,
  writeNew,
  writeWhole,
} from "../../lib/base/files.ts";
import { withFolder } from "../folders.ts";

Deno.test("writeWhole() makes the folder, and leaves nothing but the file", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a", "b", "text.txt");
    await writeWhole(path, "eins");
    await writeWhole(path, "zwei");
    assertEquals(await Deno.readTextFile(path), "zwei");
    assertEquals((await Array.fromAsync(Deno.readDir(join(folder, "a", "b")))).map(({ name }) => name), [
      "text.txt",
    ]);
  }));

Deno.test("writeNew() lets one of several writers write, whose file stays and has nothing beside it", () =>
  withFolder(async (folder) => {
    const path = join(folder, "text.txt");
    const texts = Array.from({ length: 8 }, (_, i) => `writer ${i}`);
    const isFirst = await Promise.all(texts.map((text) => writeNew(path, text)));
    assertEquals(isFirst.filter((each) => each).length, 1);
    assertEquals(await Deno.readTextFile(path), texts[isFirst.indexOf(true)]);
    assertEquals(await writeNew(path, "later"), false);
    assertEquals((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), ["text.txt"]);
  }));

Deno.test("writeAtomically() keeps the file that is there when the writing fails", () =>
  withFolder(async (folder) => {
    const path = join(folder, "text.txt");
    await writeWhole(path, "before");
    const failing = writeAtomically(path, async (append) => {
      await append(new Uint8Array(10));
      throw new Error("expected room but found a full disk");
    });
    await assertRejects(() => failing, Error, `Cannot save ${path}: expected room but found a full disk`);
    assertEquals(await Deno.readTextFile(path), "before");
    assertEquals((await Array.fromAsync(Deno.readDir(folder))).length, 1);
  }));

Deno.test("writeWhole() removes what another machine left after a day, whose locks and clock are not ours", () =>
  withFolder(async (folder) => {
    const names = ["a.json.17.abcdef-0123abcd.tmp", "b.json.17.abcdef-0123abcd.tmp"];
    for (const [i, hours] of [23, 25].entries()) {
      await Deno.writeTextFile(join(folder, names[i]), "");
      const then = new Date(Date.now() - hours * 3600e3);
      await Deno.utime(join(folder, names[i]), then, then);
    }
    await writeWhole(join(folder, "a.json"), "{}");
    const left = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
    assertEquals(left, ["a.json", names[0]]);
  }));

Deno.test("writeWhole() removes what a killed writer left, and neither a living one's file nor anything else", () =>
  withFolder(async (folder) => {
    const old = new Date(Date.now() - 120e3);
    const names = ["a.json.17.0123abcd.tmp", "b.json.18.0123abcd.tmp", "c.json.19.0123abcd.tmp", "mine.tmp"];
    for (const name of names) await Deno.writeTextFile(join(folder, name), "");
    for (const name of [names[0], names[1], names[3]]) await Deno.utime(join(folder, name), old, old);
    using living = await Deno.open(join(folder, names[1]), { write: true });
    await living.lock(true);
    await writeWhole(join(folder, "a.json"), "{}");
    const left = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
    assertEquals(left, ["a.json", names[1], names[2], "mine.tmp"]);
  }));

Deno.test("writeAtomically() writes although its folder is removed again and again, as a pruned cache's is", () =>
  withFolder(async (folder) => {
    const cache = join(folder, "cache");
    let pruning = true;
    const prune = (async () => {
      while (pruning) {
        await Deno.remove(cache).catch(() => {}); // only an empty folder goes
        await new Promise((resolve) => setTimeout(resolve));
      }
    })();
    for (let i = 0; i < 50; i++) {
      await writeWhole(join(cache, "a"), `${i}`);
      await Deno.remove(join(cache, "a"));
    }
    pruning = false;
    await prune;
  }));

Deno.test("readJson() skips a byte order mark", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.json");
    await Deno.writeTextFile(path, '\ufeff{"a": 1}');
    assertEquals(await readJson(path), { a: 1 });
  }));

Deno.test("readJson() names the file and what is wrong with it", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.json");
    const refused = (found: string) =>
      assertRejects(
        () => readJson(path, { expected: "settings" }),
        InputError,
        `Cannot read ${path}: expected settings but found ${found}`,
      );
    await refused("nothing there");
    await Deno.writeTextFile(path, "");
    await refused("an empty or cut file");
    await Deno.writeTextFile(path, '{"a": 1');
    await refused("Expected ',' or '}'");
    await Deno.writeFile(path, new Uint8Array([0xff, 0xfe, 0x7b, 0]));
    await refused("bytes of another encoding");
  }));

Deno.test("exists() says no where a file stands in the way", () =>
  withFolder(async (folder) => {
    await writeWhole(join(folder, "file"), "");
    assertEquals([
      await exists(folder),
      await exists(join(folder, "file", "below")),
      await exists(join(folder, "x")),
    ], [
      true,
      false,
      false,
    ]);
  }));

Deno.test("checkWritable() leaves nothing behind, and names a place that takes no files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await checkWritable(folder);
    await checkWritable(join(folder, "a", "b"));
    assertEquals([...Deno.readDirSync(folder)], []);
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    for (const place of [file, join(file, "below")]) {
      await assertRejects(
        () => checkWritable(place),
        InputError,
        `Cannot write to ${place}: expected a folder`,
      );
    }
    assertEquals(await Deno.readTextFile(file), "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("checkWritable() removes the file that a killed process tried a folder with, and no living one's", () =>
  withFolder(async (folder) => {
    const [killed, living] = ["1.0123abcd", "2.0123abcd"].map((name) => join(folder, `.probe.${name}.tmp`));
    for (const path of [killed, living]) await Deno.writeTextFile(path, "");
    await Deno.utime(killed, 0, 0);
    await checkWritable(join(folder, "run"));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [".probe.2.0123abcd.tmp"]);
  }));

Deno.test("linesOf() gives the lines of a file longer than what is read at once, letters of several bytes whole", () =>
  withFolder(async (folder) => {
    const path = join(folder, "lines.txt");
    const lines = Array.from({ length: 3 }, (_, i) => "x".repeat(i) + "ä".repeat(100_000));
    await Deno.writeTextFile(path, `${lines.join("\n\n")}\nlast`);
    assertEquals(await Array.fromAsync(linesOf(path)), [...lines, "last"]);
    assertEquals(await Array.fromAsync(linesOf(join(folder, "none.txt"))), []);
  }));
