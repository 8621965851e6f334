import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import sharp from "sharp";
import { initBackend } from "../../lib/backend.ts";
import { attribution, patchMask, pointingGame } from "../../lib/bench/attribution.ts";
import type { Sample } from "../../lib/data/dataset.ts";
import { createForgeLens, logits } from "../../lib/model/forgelens.ts";
import { writeFiles } from "../folders.ts";

await initBackend();

Deno.test("attribution() is what the margin gains per part by which a patch token grows", () => {
  const model = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 3);
  const tokens = tf.randomNormal([2, 5, 16], 0, 1, "float32", 7) as tf.Tensor3D;
  const map = attribution(model, tokens);
  assertEquals(map.shape, [2, 4]);
  /** logit(fake) − logit(real) of image `b` when its token `n` is scaled. */
  const margin = (b: number, n: number, scale: number) =>
    tf.tidy(() => {
      const scales = tf.buffer([2, 5, 1]);
      for (let i = 0; i < 2; i++) {
        for (let j = 0; j < 5; j++) scales.set(i === b && j === n ? scale : 1, i, j, 0);
      }
      const both = logits(model, tf.mul(tokens, scales.toTensor())).arraySync();
      return both[b][1] - both[b][0];
    });
  const values = map.arraySync();
  const step = 0.02;
  for (const [b, patch] of [[0, 0], [0, 3], [1, 1], [1, 2]]) {
    const slope = (margin(b, patch + 1, 1 + step) - margin(b, patch + 1, 1 - step)) / (2 * step);
    // A central difference is off by its third-order term and by float32's rounding over the step.
    assertAlmostEquals(values[b][patch], slope, 2e-3);
  }
  tf.dispose([tokens, map, ...model.weights.values()]);
});

Deno.test("attribution() leaves no tensor behind but its result", () => {
  const model = createForgeLens({ dim: 8, heads: 2, depth: 1, feedForward: 8, dropout: 0 }, 0);
  const tokens = tf.ones([1, 5, 8]) as tf.Tensor3D;
  const before = tf.memory().numTensors;
  const map = attribution(model, tokens);
  assertEquals(tf.memory().numTensors, before + 1);
  tf.dispose([tokens, map, ...model.weights.values()]);
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
