import { assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { readParts } from "../../../lib/data/split/parts.ts";
import { withTree } from "./with_tree.ts";

const real = "FaceForensics++/original_sequences/youtube/c23/frames";
const celeb = [
  "Celeb-DF-v2/Celeb-real/frames/id0_0000/0.png",
  "Celeb-DF-v2/YouTube-real/frames/00043/0.png",
];
const files = [
  ...["000", "003", "010", "011", "020"].map((id) => `${real}/${id}/0.png`),
  ...celeb,
  "DF40_train/simswap/frames/010_011/0.png",
  "DF40_train/simswap/frames/010_011/1.png",
  "DF40_train/uniface/ff/frames/011_010/0.png",
  "DF40_train/StyleGAN2/010/seed0188.png",
  "DF40/simswap/ff/frames/000_003/0.png",
  "DF40/simswap/ff/landmarks/000_003/0.npy",
  "DF40/simswap/ff/masks/000_003/0.png",
  "DF40/simswap/cdf/frames/id0_id1_0000/0.png",
  "DF40/DiT/cdf/YouTube-real/00043/458.png",
  "DF40/e4e/ff/inversions/000_12.png",
  "DF40/whichfaceisreal/fake/a.png",
  "DF40/whichfaceisreal/real/b.png",
];
const read = (path: string, methods?: string[]) => readSet({ name: "df40", path, methods });

Deno.test("readSet() reads DF40 and its training data with the reals beside them, each method and domain a test", async () => {
  await withTree(files, async (root) => {
    const { videos, layout, kind, skipped, missing } = await read(root);
    assertEquals([kind, layout], ["df40", "DF40, 6 methods, test and train"]);
    const fakes = videos.filter(({ label }) => label === 1);
    assertEquals(fakes.map(({ id, split, tests, identities }) => [id, split, tests, identities]), [
      ["test/DiT/cdf/YouTube-real/00043", "test", ["DiT_cdf"], ["celebdf:YouTube-real/00043"]],
      ["test/e4e/ff/000_12", "test", ["e4e_ff"], ["df40:test/e4e/ff/000_12"]],
      ["test/simswap/cdf/id0_id1_0000", "test", ["simswap_cdf"], ["celebdf:id0_0000"]],
      ["test/simswap/ff/000_003", "test", ["simswap_ff"], ["ffpp:000", "ffpp:003"]],
      ["test/whichfaceisreal/fake/a", "test", ["whichfaceisreal"], ["df40:test/whichfaceisreal/fake/a"]],
      ["train/simswap/010_011", "train", ["simswap_ff"], ["ffpp:010", "ffpp:011"]],
      ["train/StyleGAN2/010", "train", ["StyleGAN2_ff"], ["ffpp:010"]],
      ["train/uniface/ff/011_010", "train", ["uniface_ff"], ["ffpp:011", "ffpp:010"]],
    ]);
    assertEquals(fakes[5].frames, "0.png\n1.png");
    const reals = videos.filter(({ label }) => label === 0);
    assertEquals(reals.map(({ id, split, tests }) => [id, split, tests?.join(" ")]), [
      ["test/whichfaceisreal/real/b", "test", "whichfaceisreal"],
      ["youtube/000", "test", "e4e_ff simswap_ff StyleGAN2_ff uniface_ff"],
      ["youtube/003", "test", "e4e_ff simswap_ff StyleGAN2_ff uniface_ff"],
      ["youtube/010", "train", "e4e_ff simswap_ff StyleGAN2_ff uniface_ff"],
      ["youtube/011", "train", "e4e_ff simswap_ff StyleGAN2_ff uniface_ff"],
      ["Celeb-real/id0_0000", "test", "DiT_cdf simswap_cdf"],
      ["YouTube-real/00043", "test", "DiT_cdf simswap_cdf"],
    ]);
    assertEquals(skipped, [{ path: `${real}/020`, reason: "in no split that has fakes" }]);
    assertEquals(missing.map(({ what, expected, found }) => [what, expected, found]), [["methods", 40, 6]]);
  });
});

Deno.test("readSet() tests DF40's methods one by one beside the reals that each is made of", async () => {
  await withTree(files, async (root) => {
    const { videos } = await read(root, ["SimSwap"]);
    assertEquals([...new Set(videos.map(({ method }) => method))].sort(), [
      "Celeb-real",
      "YouTube-real",
      "simswap",
      "youtube",
    ]);
    const problems: string[] = [];
    const { sets } = await readParts({
      tests: [{ kind: "layout", name: "df40", path: root }],
      choice: { strict: false, videos: "auto" },
      dealing: { valShare: 0.1, testShare: 0.1, seed: 0, needsVal: false, allowLeak: false },
    }, { facts: new Map(), quick: true, problems, cacheDir: root });
    const counts = (label: 0 | 1) =>
      sets.map(({ set, samples }) => [set, samples.filter((sample) => sample.label === label).length]);
    assertEquals(counts(1), [
      ["df40/DiT_cdf", 1],
      ["df40/e4e_ff", 1],
      ["df40/simswap_cdf", 1],
      ["df40/simswap_ff", 1],
      ["df40/whichfaceisreal", 1],
    ]);
    assertEquals(counts(0).map(([, count]) => count), [2, 2, 2, 2, 1]);
    assertEquals(problems, []);
  });
});

Deno.test("readSet() takes the split files of FaceForensics++ for DF40's reals, and leaves their validation videos out", async () => {
  const lists = {
    "FaceForensics++/train.json": '[["010","011"]]',
    "FaceForensics++/val.json": '[["020","021"]]',
    "FaceForensics++/test.json": '[["000","003"],["010","011"]]',
  };
  const tree = { ...Object.fromEntries(files.map((name) => [name, ""])), ...lists };
  await withTree(tree, async (root) => {
    const { videos, skipped, lists } = await read(root);
    const splits = videos.filter(({ method }) => method === "youtube").map(({ id, split }) =>
      `${id} ${split}`
    );
    assertEquals(splits, [
      "youtube/000 test",
      "youtube/003 test",
      // In two of the split files is in two splits.
      "youtube/010 train",
      "youtube/010 test",
      "youtube/011 train",
      "youtube/011 test",
    ]);
    assertEquals(skipped, [{ path: `${real}/020`, reason: "in no split that has fakes" }]);
    assertEquals(lists, [
      "FaceForensics++/train.json",
      "FaceForensics++/val.json",
      "FaceForensics++/test.json",
    ]);
  });
});

Deno.test("readSet() refuses DF40's fakes without the reals that they are made of, unless others are chosen", async () => {
  await withTree(files.filter((name) => !name.startsWith("FaceF")), async (root) => {
    await assertRejects(
      () => read(root),
      InputError,
      "Cannot read the fakes of e4e_ff, simswap_ff, StyleGAN2_ff, …",
    );
    const { videos } = await read(root, ["DiT", "whichfaceisreal"]);
    assertEquals(videos.length, 5);
    await assertRejects(() => read(root, ["fsgan"]), InputError, "expected one of DiT, e4e");
  });
});
