import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { InputError } from "../../../lib/base/errors.ts";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { withTree } from "./with_tree.ts";

/** A list with one video, of one frame that is there, under each of the labels. */
function list(labels: readonly string[]): Record<string, string> {
  const videos = labels.map((label) => [
    label,
    { test: { [`${label}-1`]: { label, frames: [`frames/${label}/0.png`] } } },
  ]);
  return {
    "list.json": JSON.stringify({ set: Object.fromEntries(videos) }),
    ...Object.fromEntries(labels.map((label) => [`frames/${label}/0.png`, ""])),
  };
}

const labelsOf = async (root: string, labels?: Record<string, 0 | 1>) => {
  const { videos } = await readSet({ name: "set", path: join(root, "list.json"), labels });
  return Object.fromEntries(videos.map(({ method, label }) => [method, label]));
};

Deno.test("readSet() knows the labels of every list that DeepfakeBench and DF40 write", async () => {
  // label_dict of their test_config.yaml
  const known = {
    ...{ DFD_fake: 1, DFD_real: 0, "FF-SH": 1, "FF-F2F": 1, "FF-DF": 1, "FF-FS": 1, "FF-NT": 1, "FF-FH": 1 },
    ...{ "FF-real": 0, CelebDFv1_real: 0, CelebDFv1_fake: 1, CelebDFv2_real: 0, CelebDFv2_fake: 1 },
    ...{ DFDCP_Real: 0, DFDCP_FakeA: 1, DFDCP_FakeB: 1, DFDC_Fake: 1, DFDC_Real: 0, DF_fake: 1, DF_real: 0 },
    ...{ UADFV_Fake: 1, UADFV_Real: 0, roop_Real: 0, roop_Fake: 1, whichisreal_Fake: 1, whichisreal_Real: 0 },
    ...{ "sd2.1_Fake": 1, "sd2.1_Real": 0, EFSAll_Fake: 1, one_shot_free_Real: 0 },
  };
  const names = {
    "FF-DF": "Deepfakes",
    "FF-F2F": "Face2Face",
    "FF-FS": "FaceSwap",
    "FF-NT": "NeuralTextures",
  };
  const methods: Record<string, string> = { ...names, "FF-FH": "FaceShifter", "FF-SH": "FaceShifter" };
  methods.DFD_fake = "DeepFakeDetection";
  await withTree(list(Object.keys(known)), async (root) => {
    const expected = Object.entries(known).map(([word, label]) => [methods[word] ?? word, label]);
    assertEquals(await labelsOf(root), Object.fromEntries(expected));
  });
});

Deno.test("readSet() refuses label words of a list that nobody knows, names them, and takes what --labels says", async () => {
  await withTree(list(["simswap", "whichisreal", "FF-real"]), async (root) => {
    await assertRejects(
      () => labelsOf(root),
      InputError,
      "found simswap, whichisreal; say what each is, as in --labels simswap=fake",
    );
    assertEquals(await labelsOf(root, { simswap: 1, whichisreal: 1 }), {
      simswap: 1,
      whichisreal: 1,
      "FF-real": 0,
    });
    await assertRejects(
      () => labelsOf(root, { simswap: 1, whichisreal: 1, "ff-real": 1 }),
      InputError,
      "expected what FF-real is in DeepfakeBench's lists, real, but found the opposite",
    );
  });
});

Deno.test("readSet() takes folders of other names for what --labels says, each fake's as its method", async () => {
  await withTree([
    "test/pristine/000/0.png",
    "test/simswap/000_003/0.png",
    "test/blendface/000_003/0.png",
  ], async (root) => {
    const read = (labels?: Record<string, 0 | 1>) => readSet({ name: "set", path: root, labels });
    await assertRejects(() => read(), InputError, "--labels test=fake");
    const { videos, skipped } = await read({ pristine: 0, simswap: 1 });
    assertEquals(videos.map(({ id, label, method, split }) => [id, label, method, split]), [
      ["pristine/000", 0, "pristine", "test"],
      ["simswap/000_003", 1, "simswap", "test"],
    ]);
    assertStringIncludes(skipped[0].reason, "--labels WORD=real or WORD=fake");
    const both = await read({ pristine: 0, simswap: 1, blendface: 1 });
    assertEquals(both.videos.map(({ id }) => id).slice(1), ["blendface/000_003", "simswap/000_003"]);
  });
});

Deno.test("readSet() says that --labels says nothing of a set with labels of its own", async () => {
  await withTree(["Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4"], async (root) => {
    const { notes } = await readSet({ name: "set", path: root, labels: { simswap: 1 } });
    assertEquals(notes, ["labels of simswap say nothing here: this layout has its own"]);
  });
});
