import { assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import { inParallel } from "../../lib/base/pool.ts";
import { type ImageFacts, readAllFacts } from "../../lib/images/facts.ts";
import { openKeptFacts } from "../../lib/images/kept_facts.ts";
import { picture, withFolder, writeFiles } from "../folders.ts";

/** The files in which facts are kept. */
async function partsIn(cacheDir: string): Promise<string[]> {
  const [{ name }] = await Array.fromAsync(Deno.readDir(cacheDir));
  const parts = await Array.fromAsync(Deno.readDir(join(cacheDir, name)));
  return parts.map((part) => join(cacheDir, name, part.name)).sort();
}

const factsOf = (width: number): ImageFacts => ({
  bytes: 1,
  format: "PNG",
  width,
  height: 2,
  tables: "",
  mean: [1, 2, 3],
  digest: "00",
  look: "",
  grid: "",
});

/** Keeps facts of `paths`, each told by its place in `all`, as one process does. */
async function keep(cacheDir: string, all: readonly string[], paths: readonly string[]): Promise<void> {
  await using kept = await openKeptFacts<ImageFacts>(all, { cacheDir });
  for (const path of paths) await kept.add(path, "key", factsOf(all.indexOf(path)));
}

Deno.test("readAllFacts() keeps what it found until a file's size or time changes", async () => {
  await withFolder(async (root) => {
    const path = join(root, "data/1.png");
    await writeFiles(root, { "data/1.png": await picture(false, { seed: 1 }), "data/2.png": "no image" });
    const cacheDir = join(root, "cache");
    const read = () => readAllFacts([path, join(root, "data/2.png")], { cacheDir });
    const [first, broken] = await read();
    assertEquals([first.format, first.fault], ["PNG", undefined]);
    assertStringIncludes(broken.fault!, "found text");
    // The same size and time with other bytes can only be told by reading, which is not done.
    const { mtime } = await Deno.stat(path);
    await Deno.writeFile(path, new Uint8Array(first.bytes));
    await Deno.utime(path, mtime!, mtime!);
    assertEquals((await read())[0], first);
    await Deno.utime(path, new Date(0), new Date(0));
    assertStringIncludes((await read())[0].fault!, "no known image format");
    await Deno.writeFile(path, await picture(false, { seed: 1 }));
    assertEquals((await read())[0].digest, first.digest);
  });
});

Deno.test("readAllFacts() asks again what is damaged in the cache, says so once, and goes on where nothing can be kept", async () => {
  await withFolder(async (root) => {
    const cacheDir = join(root, "cache");
    const paths = [1, 2, 3].map((i) => join(root, `data/${i}.png`));
    for (const [i, path] of paths.entries()) {
      await writeFiles("/", { [path]: await picture(false, { seed: i }) });
    }
    let notes: string[] = [];
    const read = async () => {
      notes = [];
      return await readAllFacts(paths, { cacheDir, onNote: (note) => notes.push(note) });
    };
    const first = await read();
    const [file] = await partsIn(cacheDir);
    const sound = await Deno.readTextFile(file);
    const [line] = sound.split("\n");
    const without = JSON.stringify({ v: 2 });
    for (
      const [damage, lines] of [
        [sound.replace('"width":', '"width":1'), 1],
        [sound.replaceAll('"mean":[', '"mean":[1'), 3],
        [sound.replaceAll("data", "date").replaceAll(".png", ".pnj"), 3],
        [sound.slice(0, -20), 1],
        [`${sound}null\n${without}\n${line.slice(0, 16)} ${without}\n`, 3],
        [sound.replaceAll("\n", "\r"), 1],
      ] as const
    ) {
      await Deno.writeTextFile(file, damage);
      assertEquals(await read(), first);
      assertEquals(notes, [
        `Asking images again, because ${lines} ${
          lines === 1 ? "line" : "lines"
        } of what is known of them are damaged in ${file}`,
      ]);
      assertEquals(await read(), first);
      assertEquals(notes, []);
    }
    await Deno.writeTextFile(file, "");
    assertEquals([await read(), notes], [first, []]);
    await Deno.remove(dirname(file), { recursive: true });
    await Deno.writeTextFile(dirname(file), "");
    assertEquals([await read(), notes.length], [first, 1]);
    assertStringIncludes(notes[0], "is not kept for the next time");
  });
});

Deno.test("openKeptFacts() keeps all that many writers found at once, in few files", async () => {
  await withFolder(async (root) => {
    const cacheDir = join(root, "cache");
    const all = Array.from({ length: 60 }, (_, i) => join(root, "data", `${i}.png`));
    // Every writer finds two of its own and one that all find; four at a time, which join each other's parts.
    await inParallel(all.slice(0, 58), (_, i) => keep(cacheDir, all, [all[i], all[i + 1], all[59]]), {
      workers: 4,
    });
    await using kept = await openKeptFacts<ImageFacts>(all, { cacheDir });
    assertEquals(all.map((path) => kept.get(path, "key")?.width), all.map((_, i) => i));
    assertEquals(kept.get(all[0], "another key"), undefined);
    const parts = await partsIn(cacheDir);
    // Each writer may add one before another joins them.
    assertEquals(parts.length <= 16 + 4, true, `${parts.length} files`);
    await keep(cacheDir, all, []);
    assertEquals(await partsIn(cacheDir), parts);
  });
});

Deno.test("openKeptFacts() keeps the facts of a path by each of its keys, whichever part is read first", async () => {
  await withFolder(async (root) => {
    const cacheDir = join(root, "cache");
    const path = join(root, "1.png");
    for (const [i, key] of ["first", "second", "third"].entries()) {
      await using kept = await openKeptFacts<ImageFacts>([path], { cacheDir });
      await kept.add(path, key, factsOf(i));
    }
    await using kept = await openKeptFacts<ImageFacts>([path], { cacheDir });
    assertEquals(["first", "second", "third", "fourth"].map((key) => kept.get(path, key)?.width), [
      0,
      1,
      2,
      undefined,
    ]);
  });
});

Deno.test("openKeptFacts() reads the one file of earlier versions, and takes its sound lines over where it is damaged", async () => {
  await withFolder(async (root) => {
    const cacheDir = join(root, "cache");
    const all = [1, 2, 3].map((i) => join(root, "data", `${i}.png`));
    await keep(cacheDir, all, all);
    const [part] = await partsIn(cacheDir);
    const old = `${dirname(part)}.jsonl`;
    const lines = await Deno.readTextFile(part);
    await Deno.remove(dirname(part), { recursive: true });
    const widths = async (notes: string[]) => {
      await using kept = await openKeptFacts<ImageFacts>(all, {
        cacheDir,
        onNote: (note) => notes.push(note),
      });
      return all.map((path) => kept.get(path, "key")?.width);
    };
    await Deno.writeTextFile(old, `\n{"v":1,"path":"/1.png"}\n${lines}`);
    const notes: string[] = [];
    assertEquals([await widths(notes), notes], [[0, 1, 2], []]);
    await Deno.writeTextFile(old, lines.slice(0, -5));
    assertEquals(await widths(notes), [0, 1, undefined]);
    assertStringIncludes(notes.join(), `1 line of what is known of them are damaged in ${old}`);
    notes.length = 0;
    assertEquals([await widths(notes), notes], [[0, 1, undefined], []]);
  });
});
