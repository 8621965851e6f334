import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import sharp from "sharp";
import { initBackend } from "../../../lib/backend/start.ts";
import { attribution, patchMask, pointingGame } from "../../../lib/model/detectors/attribution.ts";
import type { Sample } from "../../../lib/data/sample.ts";
import { createForgeLens, headDetector, logits } from "../../../lib/model/detectors/notebook_head.ts";
import { dispose } from "../../../lib/backend/tensors.ts";
import { writeFiles } from "../../folders.ts";

await initBackend();

Deno.test("attribution() shares out the logit difference among patches and class token", () => {
  const model = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 3);
  const tokens = tf.randomNormal([2, 5, 16], 0, 1, "float32", 7) as tf.Tensor3D;
  const shares = attribution(headDetector(model), tokens);
  assertEquals([shares.patches.shape, shares.classToken.shape], [[2, 4], [2]]);
  const both = tf.tidy(() => logits(model, tokens).arraySync());
  const patches = shares.patches.arraySync();
  for (const b of [0, 1]) {
    const [classToken, logit] = [shares.classToken, shares.logit].map((x) => x.dataSync()[b]);
    assertAlmostEquals(logit, both[b][1] - both[b][0], 1e-5); // float32 sums in another order
    assertAlmostEquals(patches[b].reduce((sum, x) => sum + x, classToken), logit, 1e-5);
  }
  dispose([tokens, shares, model]);
});

Deno.test("attribution() shares the logit of an image of equal tokens equally among its patches", () => {
  const model = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 3);
  const tokens = tf.tile(tf.randomNormal([1, 1, 16], 0, 1, "float32", 1), [1, 5, 1]) as tf.Tensor3D;
  const shares = attribution(headDetector(model), tokens);
  const [logit] = shares.logit.dataSync();
  for (const share of shares.patches.dataSync()) assertAlmostEquals(share, logit / 4, 1e-5);
  assertAlmostEquals(shares.classToken.dataSync()[0], 0, 1e-5);
  dispose([tokens, shares, model]);
});

Deno.test("attribution() gives patches alike the same share, and another to the one that differs", () => {
  const model = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 3);
  const one = tf.randomNormal([1, 1, 16], 0, 1, "float32", 1);
  const odd = tf.randomNormal([1, 1, 16], 0, 3, "float32", 2);
  const tokens = tf.concat([one, one, one, odd, one], 1) as tf.Tensor3D; // the third patch
  const shares = attribution(headDetector(model), tokens);
  const [patches] = shares.patches.arraySync();
  for (const i of [1, 3]) assertAlmostEquals(patches[i], patches[0], 1e-5); // the head knows no places
  assertGreater(Math.abs(patches[2] - patches[0]), 0.01);
  dispose([one, odd, tokens, shares, model]);
});

Deno.test("attribution() leaves no tensor behind but its results", () => {
  const model = createForgeLens({ dim: 8, heads: 2, depth: 1, feedForward: 8, dropout: 0 }, 0);
  const tokens = tf.ones([1, 5, 8]) as tf.Tensor3D;
  const before = tf.memory().numTensors;
  const shares = attribution(headDetector(model), tokens);
  assertEquals(tf.memory().numTensors, before + 3);
  dispose([tokens, shares, model]);
});

Deno.test("pointingGame() counts peaks in the mask, beside the mean share of patches in it", () => {
  const mask = [1, 0.5, 0.4, 0];
  const pairs = [
    { map: [3, 1, 2, 0], mask }, // peak in a whole patch
    { map: [0, 4, 2, 0], mask }, // peak in a patch of half
    { map: [0, 1, 9, 0], mask: [1, 0, 0.4, 0] }, // peak outside
    { map: [-5, -1, -2, -3], mask: [0, 1, 1, 1] }, // the largest value, not the largest size
    { map: [1, 0, 0, 0], mask: [0.4, 0, 0, 0] }, // nothing in the mask by half: left out
  ];
  assertEquals(pointingGame(pairs), { images: 4, hits: 3, chance: (0.5 + 0.5 + 0.25 + 0.75) / 4 });
  assertEquals(pointingGame([]), { images: 0, hits: 0, chance: 0 });
});

Deno.test("patchMask() gives each patch's share of the mask beside a fake, and undefined where there is none", async () => {
  const root = await Deno.makeTempDir();
  try {
    const bytes = new Uint8Array(8 * 8);
    for (let y = 0; y < 4; y++) for (let x = 0; x < 2; x++) bytes[8 * y + x] = 255; // half of the first of 2×2 patches
    const png = await sharp(bytes, { raw: { width: 8, height: 8, channels: 1 } }).png().toBuffer();
    await writeFiles(root, { "mask/warp/id1/000.png": new Uint8Array(png) });
    const sample = (source: string, label: 0 | 1): Sample => ({
      path: join(root, source),
      label,
      set: "demo",
      source,
    });
    assertEquals([...(await patchMask(sample("fake/warp/id1/000.jpg", 1), 2))!], [0.5, 0, 0, 0]);
    assertEquals(await patchMask(sample("fake/warp/id1/001.jpg", 1), 2), undefined);
    assertEquals(await patchMask(sample("real/id1/000.jpg", 0), 2), undefined);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
