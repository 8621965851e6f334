import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../lib/base/errors.ts";
import { readSet } from "../../lib/data/layouts/mod.ts";
import { readManifest } from "../../lib/data/manifest.ts";
import { unpackParquet } from "../../lib/data/parquet/unpack.ts";
import { openParquet } from "../../lib/data/parquet/rows.ts";
import { withFolder } from "../folders.ts";

const fixtures = join(import.meta.dirname!, "../fixtures/parquet");

/** A folder with the fixtures under these names. */
async function copy(root: string, names: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(root, "set");
  for (const [name, from] of Object.entries(names)) {
    await Deno.mkdir(join(folder, name, ".."), { recursive: true });
    await Deno.copyFile(join(fixtures, `${from}-00000-of-00001.parquet`), join(folder, name));
  }
  return folder;
}

/** Bytes with a text for one of the same length. */
function replaced(bytes: Uint8Array, text: string, by: string): Uint8Array {
  const copy = bytes.slice();
  const [from, to] = [text, by].map((each) => new TextEncoder().encode(each));
  for (let i = 0; i < copy.length; i++) {
    if (from.every((byte, j) => bytes[i + j] === byte)) copy.set(to, i);
  }
  return copy;
}

Deno.test("openParquet() reads what datasets wrote: names of labels, bytes and paths", async () => {
  using file = await openParquet(join(fixtures, "test-00000-of-00001.parquet"));
  assertEquals([file.rows, file.words], [4, ["fake", "real"]]);
  const rows = await Array.fromAsync(file.read());
  assertEquals(rows.map(({ row, bytes, path, word }) => [row, bytes?.length, path, word]), [
    [0, 69, "same.png", "fake"],
    [1, 75, "same.png", "real"],
    [2, 75, undefined, "fake"],
    [3, undefined, "gone.png", "fake"],
  ]);
});

Deno.test("unpackParquet() writes each image as it is, by split and the names of labels, and says what is none", async () => {
  await withFolder(async (root) => {
    const into = join(root, "out");
    const { counts, skipped } = await unpackParquet({ path: fixtures }, { into });
    assertEquals(counts, [
      { split: "test", label: 1, images: 2 },
      { split: "test", label: 0, images: 1 },
      { split: "train", label: 1, images: 3 },
      { split: "train", label: 0, images: 2 },
    ]);
    assertEquals(skipped, [{
      path: "test-00000-of-00001.parquet, row 3",
      reason: "no bytes, only the path gone.png",
    }]);
    using file = await openParquet(join(fixtures, "train-00000-of-00001.parquet"));
    for await (const { bytes, path, word } of file.read()) {
      assertEquals(await Deno.readFile(join(into, "train", word, path!)), bytes);
    }
    const { videos, layout } = await readSet({ name: "set", path: into, videos: "file" });
    assertEquals(layout, "folders of real and fake ones, splits from folders (train, test)");
    assertEquals(videos.length, 8);
    const { samples } = await readManifest(join(into, "manifest.csv"), { set: "set" });
    assertEquals(samples.length, 8);
    assertEquals(await Array.fromAsync(Deno.readDir(root), ({ name }) => name), ["out"]);
  });
});

Deno.test("unpackParquet() takes a split from the file's name or its folder, and keeps images of one name apart", async () => {
  await withFolder(async (root) => {
    const path = await copy(root, {
      "data/validation-00000-of-00002.parquet": "test",
      "data/validation-00001-of-00002.parquet": "test",
      "default/train/0000.parquet": "train",
      "rest.parquet": "test",
    });
    const into = join(root, "out");
    const { counts } = await unpackParquet({ path }, { into });
    assertEquals(counts.map(({ split, label, images }) => `${split} ${label} ${images}`), [
      ...["– 1 2", "– 0 1", "val 1 4", "val 0 2", "train 1 3", "train 0 2"],
    ]);
    const names = await Array.fromAsync(Deno.readDir(join(into, "val/fake")), ({ name }) => name);
    assertEquals(names.sort(), [
      "same.png",
      "same~validation-00001-of-00002-000000.png",
      "validation-00000-of-00002-000002.png",
      "validation-00001-of-00002-000002.png",
    ]);
  });
});

Deno.test("unpackParquet() refuses a folder that is in use, and begins anew what an earlier call left", async () => {
  await withFolder(async (root) => {
    const into = join(root, "out");
    await Deno.mkdir(`${into}.partial`);
    await assertRejects(
      () => unpackParquet({ path: fixtures }, { into }),
      InputError,
      "found another folder",
    );
    await Deno.remove(`${into}.partial`);
    const stop = new AbortController();
    await assertRejects(() =>
      unpackParquet({ path: fixtures }, {
        into,
        signal: stop.signal,
        onProgress: (done) => done === 3 && stop.abort(),
      })
    );
    assertEquals(await Array.fromAsync(Deno.readDir(root), ({ name }) => name), ["out.partial"]);
    assertEquals((await unpackParquet({ path: fixtures }, { into })).counts.length, 4);
    await assertRejects(
      () => unpackParquet({ path: fixtures }, { into }),
      InputError,
      "expected an empty folder",
    );
  });
});

Deno.test("unpackParquet() refuses a file that is none, and labels that it cannot know", async () => {
  await withFolder(async (root) => {
    const path = await copy(root, { "train.parquet": "train" });
    const bytes = await Deno.readFile(join(path, "train.parquet"));
    // The names of the labels in the file's metadata, as long as they were.
    const other = replaced(bytes, '["fake", "real"]', '["flux", "cats"]');
    await Deno.writeFile(join(path, "train.parquet"), other);
    const into = join(root, "out");
    await assertRejects(
      () => unpackParquet({ path }, { into }),
      InputError,
      "found flux, cats; say what each is, as in --labels flux=fake",
    );
    const { counts } = await unpackParquet({ path, labels: { flux: 1, cats: 0 } }, { into });
    assertEquals(counts.map(({ label, images }) => [label, images]), [[1, 3], [0, 2]]);
    // Without names a number is no label: by the alphabet 0 is fake.
    const bare = replaced(bytes, '"names"', '"nmaes"');
    await Deno.writeFile(join(path, "train.parquet"), bare);
    await assertRejects(
      () => unpackParquet({ path }, { into: join(root, "bare") }),
      InputError,
      "found 0, 1; say what each is, as in --labels 0=fake",
    );
    await Deno.writeFile(join(path, "train.parquet"), bytes.subarray(0, 900));
    await assertRejects(
      () => unpackParquet({ path }, { into: join(root, "cut") }),
      InputError,
      "expected a Parquet file with an image and a label in each row but found",
    );
  });
});

Deno.test("readSet() refuses Parquet files, and names the command that unpacks them", async () => {
  const hint = "unpack them once with deno task prepare --data set=";
  await assertRejects(() => readSet({ name: "set", path: fixtures }), InputError, hint);
  const path = join(fixtures, "train-00000-of-00001.parquet");
  await assertRejects(() => readSet({ name: "set", path }), InputError, hint);
});
