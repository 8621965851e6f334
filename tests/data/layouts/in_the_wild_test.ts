import { assertEquals, assertRejects } from "@std/assert";
import { InputError } from "../../../lib/base/errors.ts";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { withTree } from "./with_tree.ts";

const read = (path: string, options: { methods?: string[] } = {}) =>
  readSet({ name: "set", path, ...options });

Deno.test("readSet() reads WildDeepfake's four parts, keeping the sequences of an archive together", async () => {
  await withTree([
    "real_train/0/real/1/10.png",
    "real_train/0/real/1/9.png",
    "real_train/0/real/2/0.png",
    "real test/0/real/1/0.png",
    "fake_train/5/fake/1/0.png",
    "notes/a.png",
  ], async (root) => {
    const { kind, videos, missing, skipped, isOfficialSplit } = await read(root);
    assertEquals([kind, isOfficialSplit], ["wilddeepfake", false]);
    assertEquals(videos.map(({ id, label, split, identities }) => [id, label, split, identities[0]]), [
      ["fake_train/5/fake/1", 1, "train", "wilddeepfake:fake_train/5"],
      ["real test/0/real/1", 0, "test", "wilddeepfake:real test/0"],
      ["real_train/0/real/1", 0, "train", "wilddeepfake:real_train/0"],
      ["real_train/0/real/2", 0, "train", "wilddeepfake:real_train/0"],
    ]);
    assertEquals(missing.map(({ what, found }) => [what, found]), [["fake_test (no folder)", 0], [
      "face sequences",
      4,
    ]]);
    assertEquals(skipped.map(({ path }) => path), ["notes"]);
  });
});

Deno.test("readSet() reads FFIW10K by split with the masks of its fakes, and says that its val is tested", async () => {
  await withTree([
    "source/train/videos/a.mp4",
    "source/val/b.mp4",
    "target/train/c.mp4",
    "target/val/d.mp4",
    "target/val/frames/d/0.png",
    "target_mask/val/d.mp4",
    "target_mask/train/c/0.png",
  ], async (root) => {
    const { kind, videos, warnings, missing } = await read(root);
    assertEquals(kind, "ffiw");
    assertEquals(
      videos.map((
        { id, label, split, masks, frames },
      ) => [id, label, split, masks?.slice(root.length + 1), frames]),
      [
        ["source/train/a", 0, "train", undefined, ""],
        ["source/val/b", 0, "val", undefined, ""],
        ["target/train/c", 1, "train", "target_mask/train/c", ""],
        ["target/val/d", 1, "val", "target_mask/val/d.mp4", "0.png"],
      ],
    );
    assertEquals(warnings.length, 1);
    assertEquals(missing.map(({ what, expected, found }) => [what, expected, found]), [
      ["source videos", 10000, 2],
      ["target videos", 10000, 2],
    ]);
  });
});

Deno.test("readSet() reads FakeAVCeleb's frames, with the persons of a name, and leaves out what only its voice makes fake", async () => {
  await withTree([
    "RealVideo-RealAudio/African/men/id00076/00109.mp4",
    "FakeVideo-RealAudio/African/men/id00076/00109_id00152_faceswap.mp4",
    "FakeVideo-FakeAudio/African/men/id00076/00109_id00152_wavtolip.mp4",
    "RealVideo-FakeAudio/African/men/id00076/00109_fake.mp4",
    "meta_data.csv",
  ], async (root) => {
    const { kind, videos, skipped, missing } = await read(root);
    assertEquals(kind, "fakeavceleb");
    assertEquals(videos.map(({ label, method, split, identities }) => [label, method, split, identities]), [
      [0, "real", undefined, ["fakeavceleb:id00076"]],
      [1, "faceswap", undefined, ["fakeavceleb:id00076", "fakeavceleb:id00152"]],
      [1, "wavtolip with a voice", undefined, ["fakeavceleb:id00076", "fakeavceleb:id00152"]],
    ]);
    assertEquals(skipped, [{
      path: "RealVideo-FakeAudio",
      reason: "real faces with another voice, which frames do not show: 1",
    }]);
    assertEquals(missing.map(({ what, expected, found }) => [what, expected, found]), [
      ["RealVideo-RealAudio videos", 500, 1],
    ]);
    assertEquals((await read(root, { methods: ["FaceSwap"] })).videos.length, 2);
    await assertRejects(() => read(root, { methods: ["fsgan"] }), InputError, "expected one of faceswap");
  });
});
