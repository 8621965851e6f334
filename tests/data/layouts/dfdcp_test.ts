import { assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { withTree } from "./with_tree.ts";

const entry = (label: string, set: string, target: string, swapped: string | null = null) => ({
  label,
  set,
  target_id: target,
  swapped_id: swapped,
  augmentations: [],
});
const list = {
  "original_videos/643049/643049_A_001.mp4": entry("real", "train", "643049"),
  "original_videos/100/100_B_000.mp4": entry("real", "test", "100"),
  "method_A/643049/643049_200_A_001.mp4": entry("fake", "train", "643049", "200"),
  "method_B/100/100_300_B_000.mp4": entry("fake", "test", "100", "300"),
  "method_B/100/100_300_B_001.mp4": entry("fake", "test", "100", "300"),
};
const read = (path: string, methods?: string[]) => readSet({ name: "dfdcp", path, methods });
const tree = (files: readonly string[], value: unknown = list) => ({
  ...Object.fromEntries(files.map((name) => [name, ""])),
  "dataset.json": JSON.stringify(value),
});

Deno.test("readSet() reads DFDC's preview as it is distributed, with the list's splits and persons", async () => {
  const files = [...Object.keys(list).slice(0, 4), "method_A/643049/extra.mp4"];
  await withTree(tree(files), async (root) => {
    const { videos, missing, skipped, kind, isOfficialSplit } = await read(root);
    assertEquals([kind, isOfficialSplit], ["dfdcp", true]);
    assertEquals(
      videos.map(({ id, label, method, split, identities }) => [id, label, method, split, identities]),
      [
        ["original_videos/643049/643049_A_001", 0, "original_videos", "train", ["dfdcp:643049"]],
        ["original_videos/100/100_B_000", 0, "original_videos", "test", ["dfdcp:100"]],
        ["method_A/643049/643049_200_A_001", 1, "method_A", "train", ["dfdcp:643049", "dfdcp:200"]],
        ["method_B/100/100_300_B_000", 1, "method_B", "test", ["dfdcp:100", "dfdcp:300"]],
      ],
    );
    assertEquals(missing, [{
      what: "method_B videos",
      expected: 2,
      found: 1,
      by: "dataset.json",
      examples: ["method_B/100/100_300_B_001"],
    }]);
    assertEquals(skipped, [{ path: "method_A/643049/extra.mp4", reason: "not in dataset.json" }]);
  });
});

Deno.test("readSet() reads DFDC's preview as DeepfakeBench has it, and takes frames of one name once", async () => {
  const two = { ...list, "method_A/9/643049_200_A_001.mp4": entry("fake", "test", "9", "8") };
  const files = [
    "original_videos/frames/643049_A_001/0.png",
    "method_A/frames/643049_200_A_001/0.png",
    "method_A/frames/643049_200_A_001/1.png",
    "method_A/frames/other/0.png",
    "method_A/landmarks/643049_200_A_001/0.npy",
  ];
  await withTree(tree(files, two), async (root) => {
    const { videos, skipped } = await read(root, ["METHOD_a"]);
    assertEquals(videos.map(({ id, frames }) => [id, frames]), [
      ["original_videos/643049/643049_A_001", "0.png"],
      ["method_A/643049/643049_200_A_001", "0.png\n1.png"],
    ]);
    assertEquals(skipped.map(({ path }) => path), [
      "method_A/9/643049_200_A_001",
      "method_A/frames/other",
    ]);
  });
});

Deno.test("readSet() finds DFDC's preview below videos/, as programs unpack it, at any depth", async () => {
  const deep = { "method_A/643049/200/x_A_001.mp4": entry("fake", "train", "643049", "200"), ...list };
  await withTree(
    tree(["method_A/videos/643049/200/x_A_001.mp4", "original_videos/videos/643049/643049_A_001.mp4"], deep),
    async (root) => {
      const { videos, skipped } = await read(root);
      assertEquals(videos.map(({ id }) => id), [
        "method_A/643049/200/x_A_001",
        "original_videos/643049/643049_A_001",
      ]);
      assertEquals(skipped, []);
    },
  );
});

Deno.test("readSet() refuses a list of DFDC's preview with a label that is missing, wrong or inverted, or a set that is none", async () => {
  const files = Object.keys(list);
  const key = files[0];
  const broken: readonly [unknown, string][] = [
    [{ ...list, [key]: { set: "train" } }, `for ${key} but found none`],
    [{ ...list, [key]: entry("genuine", "train", "1") }, 'found "genuine"'],
    [{ ...list, [key]: entry("real", "tset", "1") }, 'found "tset"'],
    [{ ...list, [key]: entry("fake", "train", "1") }, "found 1 of 5 videos the other way round"],
    [
      Object.fromEntries(
        Object.entries(list).map(([name, each]) => [
          name,
          { ...each, label: each.label === "real" ? "fake" : "real" },
        ]),
      ),
      "its labels are inverted",
    ],
    [[], "expected videos by path in JSON but found another form"],
  ];
  for (const [value, message] of broken) {
    await withTree(tree(files, value), async (root) => {
      await assertRejects(() => read(root), InputError, message);
    });
  }
});
