import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { dispose } from "../../../lib/backend/tensors.ts";
import { encodeEntering } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { clsAttention } from "../../../lib/model/encoders/cls_attention.ts";
import { layerNorm, linear } from "../../../lib/model/layers.ts";
import { tensorTest } from "../../tensors.ts";

const sizes = { width: 32, layers: 2, heads: 2, imageSize: 32, patchSize: 16, embedDim: 8 };
const options = { activation: "quickgelu", attendAcross: "tokens", heads: 2 } as const;

tensorTest("clsAttention() gives the shares that softmax of the class token's likenesses gives", () => {
  const clip = bindClip(randomClip(sizes, 1), options);
  const pixels = tf.randomNormal<tf.Rank.R4>([2, 32, 32, 3], 0, 1, "float32", 2);
  const shares = clsAttention(clip, pixels, { block: 1 });
  assertEquals(shares.shape, [2, 4]);
  // The same by hand, for the first image.
  const qkv = tf.tidy(() => {
    const { ln1, attn } = clip.params.blocks[1];
    return linear(attn.inProj, layerNorm(ln1, encodeEntering(clip, pixels, { block: 1 })));
  });
  const [rows] = qkv.arraySync(); // [N, 3D]
  const expected = [0, 0, 0, 0, 0];
  for (let head = 0; head < 2; head++) {
    const likenesses = rows.map((row) => {
      let sum = 0;
      for (let i = 16 * head; i < 16 * (head + 1); i++) sum += rows[0][i] * row[32 + i];
      return Math.exp(sum / 4);
    });
    const total = likenesses.reduce((a, b) => a + b, 0);
    likenesses.forEach((each, n) => expected[n] += each / total / 2);
  }
  // float32
  shares.arraySync()[0].forEach((share, i) => assertAlmostEquals(share, expected[i + 1], 1e-6));
  for (const each of shares.arraySync()) assertLess(each.reduce((a, b) => a + b, 0), 1);
  const last = clsAttention(clip, pixels);
  assertEquals(last.dataSync(), shares.dataSync());
  dispose([clip, pixels, shares, qkv, last]);
});

tensorTest("clsAttention() refuses attention across the batch", () => {
  const clip = bindClip(randomClip(sizes, 1), { ...options, attendAcross: "batch" });
  const pixels = tf.zeros<tf.Rank.R4>([1, 32, 32, 3]);
  assertThrows(() => clsAttention(clip, pixels), Error, "expected attention across the tokens");
  dispose([clip, pixels]);
});
