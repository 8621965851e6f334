import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { readSet } from "../../../lib/data/layouts/mod.ts";
import { withTree } from "./with_tree.ts";

/** Each fake's original and masks, the latter relative to the root. */
async function pairs(root: string, options: { name?: string; compression?: string } = {}) {
  const { videos } = await readSet({ name: "set", path: root, ...options });
  return Object.fromEntries(
    videos.filter(({ label }) => label === 1).map(({ id, original, masks }) => [
      id,
      [original, masks?.slice(root.length + 1)],
    ]),
  );
}

Deno.test("readSet() names the target of each of FaceForensics++'s fakes, and the masks of its video", async () => {
  const fakes = "manipulated_sequences";
  await withTree([
    ...["000", "003"].map((id) => `original_sequences/youtube/c23/videos/${id}.mp4`),
    `original_sequences/youtube/c40/videos/000.mp4`,
    ...["000_003", "003_000", "004_000"].map((id) => `${fakes}/Deepfakes/c23/videos/${id}.mp4`),
    `${fakes}/Deepfakes/masks/videos/000_003.mp4`,
    `${fakes}/Face2Face/c23/videos/000_003.mp4`,
    `${fakes}/Face2Face/masks/000_003/000.png`,
    // Cut out with the faces, which is not the geometry of the video.
    `${fakes}/FaceSwap/c23/videos/000_003.mp4`,
    `${fakes}/FaceSwap/c23/masks/000_003/000.png`,
    `${fakes}/NeuralTextures/c23/frames/000_003/000.png`,
    `${fakes}/NeuralTextures/c23/masks/000_003/000.png`,
    `${fakes}/NeuralTextures/masks/videos/000_003.mp4`,
  ], async (root) => {
    assertEquals(await pairs(root, { compression: "c23" }), {
      "Deepfakes/000_003": ["youtube/000", `${fakes}/Deepfakes/masks/videos/000_003.mp4`],
      "Deepfakes/003_000": ["youtube/003", undefined],
      "Deepfakes/004_000": [undefined, undefined],
      "Face2Face/000_003": ["youtube/000", `${fakes}/Face2Face/masks/000_003`],
      "FaceSwap/000_003": ["youtube/000", undefined],
      "NeuralTextures/000_003": ["youtube/000", `${fakes}/NeuralTextures/c23/masks/000_003`],
    });
  });
});

Deno.test("readSet() names the scene of the first actor as a DFD fake's original", async () => {
  const fake = "01_02__outside_talking_still_laughing__YVGY8LOK";
  await withTree([
    "original_sequences/actors/c23/videos/01__outside_talking_still_laughing.mp4",
    "original_sequences/actors/c23/videos/02__outside_talking_still_laughing.mp4",
    `manipulated_sequences/DeepFakeDetection/c23/videos/${fake}.mp4`,
    `manipulated_sequences/DeepFakeDetection/masks/videos/${fake}.mp4`,
  ], async (root) => {
    assertEquals(await pairs(root), {
      [`DeepFakeDetection/${fake}`]: [
        "actors/01__outside_talking_still_laughing",
        `manipulated_sequences/DeepFakeDetection/masks/videos/${fake}.mp4`,
      ],
    });
  });
});

Deno.test("readSet() names the target of Celeb-DF's fakes where it is there", async () => {
  await withTree([
    "Celeb-real/id0_0000.mp4",
    "Celeb-real/id1_0000.mp4",
    "YouTube-real/00000.mp4",
    "Celeb-synthesis/id0_id1_0000.mp4",
    "Celeb-synthesis/id0_id1_0009.mp4",
  ], async (root) => {
    assertEquals(await pairs(root), {
      "Celeb-synthesis/id0_id1_0000": ["Celeb-real/id0_0000", undefined],
      "Celeb-synthesis/id0_id1_0009": [undefined, undefined],
    });
  });
});

Deno.test("readSet() names the original of DFDC's fakes, in another part too", async () => {
  await withTree({
    "dfdc_train_part_0/metadata.json": JSON.stringify({
      "real.mp4": { label: "REAL", split: "train" },
      "fake.mp4": { label: "FAKE", split: "train", original: "real.mp4" },
    }),
    "dfdc_train_part_1/metadata.json": JSON.stringify({
      "other.mp4": { label: "FAKE", split: "train", original: "real.mp4" },
      "lone.mp4": { label: "FAKE", split: "train", original: "gone.mp4" },
    }),
    "dfdc_train_part_0/real.mp4": "",
    "dfdc_train_part_0/fake.mp4": "",
    "dfdc_train_part_1/other.mp4": "",
    "dfdc_train_part_1/lone.mp4": "",
  }, async (root) => {
    assertEquals(await pairs(root), {
      "dfdc_train_part_0/fake": ["dfdc_train_part_0/real", undefined],
      "dfdc_train_part_1/other": ["dfdc_train_part_0/real", undefined],
      "dfdc_train_part_1/lone": [undefined, undefined],
    });
  });
});

Deno.test("readSet() names the originals in DeepfakeBench's lists, and the masks that they have", async () => {
  const folder = (name: string) => `rgb/${name}`;
  const video = (label: string, path: string, masks: string[] = []) => ({
    label,
    frames: [`./${folder(path)}/000.png`],
    masks,
  });
  const fake = "manipulated_sequences/Deepfakes/c23";
  const real = "original_sequences/youtube/c23/frames";
  const lists = {
    "FF-DF": {
      "FF-real": { train: { c23: { "000": video("FF-real", `${real}/000`) } } },
      "FF-DF": {
        train: {
          c23: {
            "000_003": video("FF-DF", `${fake}/frames/000_003`, [`./rgb/${fake}/masks/000_003/000.png`]),
          },
        },
      },
    },
    simswap_ff: {
      "simswap_Real": { test: { "003": video("simswap_Real", `${real}/003`) } },
      "simswap_Fake": { test: { "003_000": video("simswap_Fake", "DF40/simswap/ff/frames/003_000") } },
    },
    "Celeb-DF-v2": {
      "CelebDFv2_real": { test: { id0_0000: video("CelebDFv2_real", "Celeb-real/frames/id0_0000") } },
      "CelebDFv2_fake": {
        test: { id0_id1_0000: video("CelebDFv2_fake", "Celeb-synthesis/frames/id0_id1_0000") },
      },
    },
  };
  const files = [
    `${real}/000`,
    `${real}/003`,
    "DF40/simswap/ff/frames/003_000",
    `${fake}/frames/000_003`,
    `${fake}/masks/000_003`,
    "Celeb-real/frames/id0_0000",
    "Celeb-synthesis/frames/id0_id1_0000",
  ].map((path) => [`${folder(path)}/000.png`, ""]);
  await withTree({
    ...Object.fromEntries(files),
    ...Object.fromEntries(
      Object.entries(lists).map(([name, value]) => [`${name}.json`, JSON.stringify({ [name]: value })]),
    ),
  }, async (root) => {
    const read = async (name: string) => {
      const { videos } = await readSet({ name, path: join(root, `${name}.json`) });
      return videos.map(({ id, original, masks, identities }) => [
        id,
        original,
        masks?.slice(root.length + 1),
        identities,
      ]);
    };
    assertEquals(await read("FF-DF"), [
      ["FF-real/000", undefined, undefined, ["ffpp:000"]],
      ["Deepfakes/000_003", "FF-real/000", `rgb/${fake}/masks/000_003`, ["ffpp:000", "ffpp:003"]],
    ]);
    assertEquals(await read("simswap_ff"), [
      ["simswap_Real/003", undefined, undefined, ["ffpp:003"]],
      ["simswap_Fake/003_000", undefined, undefined, ["ffpp:003", "ffpp:000"]],
    ]);
    assertEquals(await read("Celeb-DF-v2"), [
      ["CelebDFv2_real/id0_0000", undefined, undefined, ["celebdf:id0_0000"]],
      ["CelebDFv2_fake/id0_id1_0000", "CelebDFv2_real/id0_0000", undefined, ["celebdf:id0_0000"]],
    ]);
  });
});
