import { assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { dispose } from "../../../lib/backend/tensors.ts";
import { type Clip, embedPatches, encodeEntering } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { attentionShares } from "../../../lib/model/encoders/cls_attention.ts";
import { createForgeLens, headDetector } from "../../../lib/model/detectors/notebook_head.ts";
import { rollout } from "../../../lib/model/maps/rollout.ts";
import { tensorTest } from "../../tensors.ts";

const sizes = { width: 32, layers: 1, heads: 2, imageSize: 32, patchSize: 16, embedDim: 8 };
const options = { activation: "quickgelu", attendAcross: "tokens", heads: 2 } as const;

/** The class token's row, class token first, as rollout gives it of a tower alone. */
function rowsOf(clip: Clip, pixels: tf.Tensor4D): number[][] {
  const scorer = headDetector(
    createForgeLens({ dim: 32, heads: 2, depth: 1, feedForward: 8, dropout: 0 }, 0),
  );
  const map = rollout.draw({ clip, scorer, tap: "tokens" }, pixels);
  const rows = map.patches.arraySync().map((row, i) => [map.classToken.dataSync()[i], ...row]);
  for (const total of map.total.dataSync()) assertAlmostEquals(total, 1, 1e-6);
  assertEquals([...map.even.dataSync()], rows.map(() => 0));
  scorer.close();
  dispose(map);
  return rows;
}

tensorTest("rollout of one block is half its class token's attention, and half itself", () => {
  const clip = bindClip(randomClip(sizes, 1), options);
  const pixels = tf.randomNormal<tf.Rank.R4>([2, 32, 32, 3], 0, 1, "float32", 2);
  const entering = embedPatches(clip, pixels);
  const shares = attentionShares(clip, entering, { block: 0, of: "clsToken" }); // [B, 1, N]
  const expected = shares.arraySync().map(([row]) => row.map((share, i) => share / 2 + (i === 0 ? 0.5 : 0)));
  rowsOf(clip, pixels).forEach((row, b) =>
    row.forEach((share, i) => assertAlmostEquals(share, expected[b][i], 1e-6))
  );
  dispose([clip, pixels, entering, shares]);
});

tensorTest("rollout of two blocks is the product of both, multiplied by hand", () => {
  const clip = bindClip(randomClip({ ...sizes, layers: 2 }, 1), options);
  const pixels = tf.randomNormal<tf.Rank.R4>([1, 32, 32, 3], 0, 1, "float32", 3);
  const half = [0, 1].map((block) => {
    const entering = encodeEntering(clip, pixels, { block });
    const shares = attentionShares(clip, entering, { block, of: "tokens" });
    const [rows] = shares.arraySync();
    dispose([entering, shares]);
    return rows.map((row, n) => row.map((share, m) => share / 2 + (n === m ? 0.5 : 0)));
  });
  const expected = half[0].map((_, m) =>
    half[1][0].reduce((sum, share, n) => sum + share * half[0][n][m], 0)
  );
  const [row] = rowsOf(clip, pixels);
  row.forEach((share, i) => assertAlmostEquals(share, expected[i], 1e-6)); // float32
  assertEquals(row.filter((share) => share < 0), []);
  assertAlmostEquals(row.reduce((a, b) => a + b, 0), 1, 1e-6);
  dispose([clip, pixels]);
});

tensorTest(
  "rollout sees the guidance modules of a tower through the attention of the blocks after them",
  () => {
    const clip = bindClip(randomClip({ ...sizes, layers: 2 }, 1), options);
    const pixels = tf.randomNormal<tf.Rank.R4>([1, 32, 32, 3], 0, 1, "float32", 3);
    const weights = [[8, 32], [8, 8], [32, 8]].map(([out, width], i) => ({
      weight: tf.randomNormal<tf.Rank.R2>([out, width], 0, 1, "float32", i + 1),
      bias: tf.zeros<tf.Rank.R1>([out]),
    }));
    const [down, middle, up] = weights;
    const guided: Clip = { ...clip, params: { ...clip.params, guidance: [{ down, middle, up }] } };
    const [[before], [after]] = [rowsOf(clip, pixels), rowsOf(guided, pixels)];
    assertNotEquals(after, before);
    assertAlmostEquals(after.reduce((a, b) => a + b, 0), 1, 1e-6);
    dispose([clip, pixels, weights]);
  },
);
