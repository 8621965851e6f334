import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../../lib/base/errors.ts";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { withTree } from "./with_tree.ts";

const images = ["real/000", "real/003", "DF/000_003", "NT/010_011"]
  .flatMap((video) => [`datasets/FF/${video}/9.png`, `datasets/FF/${video}/10.png`]);
const lines = (...videos: string[]) =>
  videos.flatMap((video) => [`datasets/FF/${video}/10.png`, `datasets/FF/${video}/9.png`]).join("\n");
const lists: Record<string, string> = {
  "config/datasets/FF/test/real.txt": lines("real/000"),
  "config/datasets/FF/test/DF.txt": `${lines("DF/000_003")}\ndatasets/FF/DF/000_003/11.png\n`,
  "config/datasets/FF/train/real.txt": `${lines("real/003")}\n`,
  "config/datasets/FF/train/NT.txt": lines("NT/010_011", "NT/020_021"),
};
const tree = (more: Readonly<Record<string, string>> = {}) => ({
  ...Object.fromEntries(images.map((name) => [name, ""])),
  ...lists,
  ...more,
});
const read = (
  path: string,
  options: { labels?: Record<string, 0 | 1>; root?: string; methods?: string[] } = {},
) => readSet({ name: "set", path, ...options });

Deno.test("readSet() reads GenD's lists from their folder or its program's, with originals, persons and what is not there", async () => {
  await withTree(tree(), async (root) => {
    for (const path of [root, join(root, "config/datasets/FF")]) {
      const { kind, layout, videos, missing, skipped } = await read(path);
      assertEquals([kind, layout], ["gend", "GenD's lists of FF, splits from their folders"]);
      assertEquals(
        videos.map(({ id, label, split, frames, identities, original }) => [
          ...[id, label, split, frames, identities.join(" "), original],
        ]),
        [
          ["DF/000_003", 1, "test", "9.png\n10.png", "ffpp:000 ffpp:003", "real/000"],
          ["real/000", 0, "test", "9.png\n10.png", "ffpp:000", undefined],
          ["NT/010_011", 1, "train", "9.png\n10.png", "ffpp:010 ffpp:011", undefined],
          ["real/003", 0, "train", "9.png\n10.png", "ffpp:003", undefined],
        ],
      );
      assertEquals(missing.map(({ expected, found, examples }) => [expected, found, examples]), [
        [2, 1, ["NT/020_021"]],
      ]);
      assertEquals(skipped.map(({ reason }) => reason), ["1 listed frames are not there"]);
    }
  });
});

Deno.test("readSet() puts a video that two of GenD's lists name in both splits, and leaves out lists of no split", async () => {
  const more = {
    "config/datasets/FF/val/DF.txt": lines("DF/000_003"),
    "config/datasets/FF/all/real.txt": lines("real/000", "real/003"),
  };
  await withTree(tree(more), async (root) => {
    const { videos, skipped } = await read(join(root, "config/datasets/FF"));
    assertEquals(videos.filter(({ id }) => id === "DF/000_003").map(({ split }) => split), ["test", "val"]);
    assertEquals(skipped[0], {
      path: "all/real.txt",
      reason: "a list of no split, beside lists that are of one",
    });
  });
});

Deno.test("readSet() refuses GenD's lists of several sets, with a wrong label, an unclear source, or whose images are nowhere", async () => {
  const other = { "config/datasets/CDFv2/test/Celeb-real.txt": "datasets/CDFv2/Celeb-real/id0_0000/000.png" };
  await withTree(tree(other), async (root) => {
    await assertRejects(
      () => read(root),
      InputError,
      "expected the lists of one set but found those of CDFv2, FF",
    );
  });
  await withTree(
    tree({ "config/datasets/FF/val/real.txt": lines("real/000", "DF/000_003") }),
    async (root) => {
      await assertRejects(
        () => read(root),
        InputError,
        "expected reals in a list of that name but found datasets/FF/DF/000_003",
      );
    },
  );
  const unclear = {
    "config/datasets/FF/test/WhichIsReal.txt": "datasets/FF/WhichIsReal/a/0.png",
    "datasets/FF/WhichIsReal/a/0.png": "",
  };
  await withTree(tree(unclear), async (root) => {
    await assertRejects(
      () => read(root),
      InputError,
      "found WhichIsReal; say what it is, as in --labels WhichIsReal=fake",
    );
    const { videos } = await read(root, { labels: { whichisreal: 1 } });
    assertEquals(videos.find(({ method }) => method === "WhichIsReal")?.label, 1);
  });
  await withTree(lists, async (root) => {
    await assertRejects(() => read(root), InputError, "say where its paths lie here with --root");
  });
});

Deno.test("readSet() finds the images of GenD's lists elsewhere by --root", async () => {
  const moved = Object.fromEntries(images.map((name) => [`elsewhere/${name}`, ""]));
  await withTree({ ...moved, ...lists }, async (root) => {
    const path = join(root, "config/datasets/FF");
    for (const to of [`datasets=${root}/elsewhere/datasets`, join(root, "elsewhere")]) {
      assertEquals((await read(path, { root: to })).videos.length, 4);
    }
  });
});
