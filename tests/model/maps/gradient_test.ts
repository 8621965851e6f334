import { assertAlmostEquals, assertEquals, assertGreater, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { dispose } from "../../../lib/backend/tensors.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { fakeLogit } from "../../../lib/model/detectors/detector.ts";
import { knn } from "../../../lib/model/detectors/knn.ts";
import { linearProbe } from "../../../lib/model/detectors/linear_probe.ts";
import { createForgeLens, headDetector } from "../../../lib/model/detectors/notebook_head.ts";
import { type Clip, clsTokenOf, embedPatches, encodeTokens } from "../../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../../lib/model/encoders/clip_weights.ts";
import { gradient } from "../../../lib/model/maps/gradient.ts";
import { towerFeatures } from "../../../lib/model/maps/map.ts";
import { tensorTest, worstDifference } from "../../tensors.ts";

const sizes = { width: 32, layers: 3, heads: 2, imageSize: 32, patchSize: 8, embedDim: 8 };
const options = { activation: "quickgelu", attendAcross: "tokens", heads: 2 } as const;

function probe(dim: number) {
  const weight = Float32Array.from({ length: dim }, (_, i) => Math.sin(3 * i + 1));
  return linearProbe.bind(
    new Map([
      ["head.weight", { dtype: "float32", shape: [1, dim], data: weight }],
      ["head.bias", { dtype: "float32", shape: [1], data: Float32Array.of(0.3) }],
    ]),
  );
}

function pixelsOf(seed: number, B = 2): tf.Tensor4D {
  return tf.randomNormal([B, 32, 32, 3], 0, 1, "float32", seed);
}

const taps = [["clsToken", 32], ["embedding", 8], ["clsTokens", 96], ["embeddings", 24]] as const;

for (const [tap, dim] of taps) {
  tensorTest(`gradient shares out the logit of a probe on ${tap} through the tower`, () => {
    const clip = bindClip(randomClip(sizes, 1), options);
    const scorer = probe(dim);
    const pixels = pixelsOf(2);
    const map = gradient.draw({ clip, scorer, tap }, pixels);
    assertEquals([map.patches.shape, map.classToken.shape, map.even.shape], [[2, 16], [2], [2]]);
    const logit = tf.tidy(() => {
      const features = towerFeatures(clip, embedPatches(clip, pixels), { tap });
      return fakeLogit(scorer.logits!(features)).dataSync();
    });
    const sum = tf.tidy(() => tf.addN([tf.sum(map.patches, 1), map.classToken, map.even]));
    assertEquals(worstDifference(map.total, logit), 0);
    assertEquals(worstDifference(sum, logit) < 1e-5, true); // float32 sums in another order
    assertGreater(Math.max(...map.patches.dataSync().map(Math.abs)), 1e-4); // gradients do reach the patches
    scorer.close();
    dispose([clip, pixels, map]);
  });
}

tensorTest(
  "gradient's even part is near the logit of equal tokens, which its sum over steps only approximates",
  () => {
    const clip = bindClip(randomClip({ ...sizes, layers: 2 }, 1), options); // so that tokens enter the first block
    const scorer = probe(32);
    const pixels = pixelsOf(3);
    const map = gradient.draw({ clip, scorer, tap: "clsToken" }, pixels);
    const even = tf.tidy(() => {
      const tokens = embedPatches(clip, pixels);
      const mean = tf.mean(tf.slice(tokens, [0, 1, 0], [-1, -1, -1]), 1, true);
      const features = towerFeatures(clip, tf.add(tf.zerosLike(tokens), mean), { tap: "clsToken" });
      return fakeLogit(scorer.logits!(features)).dataSync();
    });
    const [size] = tf.tidy(() => tf.max(tf.abs(map.total)).dataSync());
    assertEquals(worstDifference(map.even, even) < 0.05 * size, true); // of 8 midpoints
    scorer.close();
    dispose([clip, pixels, map.patches, map.classToken, map.total]);
  },
);

tensorTest("gradient gives an image alone what it gives it in a batch", () => {
  const clip = bindClip(randomClip(sizes, 1), options);
  const head = headDetector(createForgeLens({ dim: 32, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 3));
  const subject = { clip, scorer: head, tap: "tokens" } as const;
  const both = pixelsOf(4);
  const second = tf.slice(both, [1, 0, 0, 0], [1, -1, -1, -1]);
  const [inBatch, alone] = [gradient.draw(subject, both), gradient.draw(subject, second)];
  const row = tf.slice(inBatch.patches, [1, 0], [1, -1]);
  assertEquals(worstDifference(alone.patches, row.dataSync()) < 1e-5, true); // float32 sums in another order
  head.close();
  dispose([clip, both, second, inBatch, alone.classToken, alone.even, alone.total, row]);
});

tensorTest("gradient refuses neighbours, which have no gradient, and attention across the batch", () => {
  const clip = bindClip(randomClip(sizes, 1), options);
  const features = Float32Array.of(...new Float32Array(32).fill(1), ...new Float32Array(32).fill(-1));
  const neighbours = knn.fit({ tap: "clsToken", neighbours: 1 }, {
    ...{ features, shape: [32], labels: Uint8Array.of(0, 1) },
  });
  const pixels = pixelsOf(1, 1);
  assertThrows(
    () => gradient.draw({ clip, scorer: neighbours, tap: "clsToken" }, pixels),
    InputError,
    "Cannot say what drives a knn: expected a detector that gradients pass through but found one without; take the rollout",
  );
  const mixing: Clip = { ...clip, config: { ...clip.config, attendAcross: "batch" } };
  assertThrows(
    () => gradient.draw({ clip: mixing, scorer: neighbours, tap: "clsToken" }, pixels),
    InputError,
    "expected attention across the tokens of an image",
  );
  neighbours.close();
  dispose([clip, pixels]);
});

tensorTest("towerFeatures() gives what the encoder gives at each tap", () => {
  const clip = bindClip(randomClip(sizes, 1), options);
  const pixels = pixelsOf(5);
  const entering = embedPatches(clip, pixels);
  const tokens = encodeTokens(clip, pixels);
  assertEquals(worstDifference(towerFeatures(clip, entering, { tap: "tokens" }), tokens.dataSync()), 0);
  const clsToken = clsTokenOf(tokens);
  // The layer norm of one token alone sums in another order.
  assertEquals(
    worstDifference(towerFeatures(clip, entering, { tap: "clsToken" }), clsToken.dataSync()) < 1e-6,
    true,
  );
  const all = towerFeatures(clip, entering, { tap: "clsTokens" });
  assertEquals(all.shape, [2, 3, 32]);
  assertAlmostEquals(all.dataSync()[64], clsToken.dataSync()[0], 1e-6);
  dispose([clip, pixels, entering, tokens, clsToken, all]);
});
