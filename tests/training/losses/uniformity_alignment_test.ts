import { assertAlmostEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../../lib/base/errors.ts";
import type { LossSettings } from "../../../lib/training/losses/loss.ts";
import { uniformityAlignment } from "../../../lib/training/losses/uniformity_alignment.ts";
import { tensorTest, worstDifference } from "../../tensors.ts";
import { reference } from "../options.ts";

const { labels, two, embedding, losses: { uniformityAlignment: wanted } } = reference;

/** The loss of such embeddings, with logits that say nothing. */
function lossOf(
  rows: number[][],
  labels: readonly number[],
  weights: Pick<LossSettings, "alignment" | "uniformity">,
): number {
  const loss = tf.tidy(() => {
    const logits = tf.zeros<tf.Rank.R2>([rows.length, 2]);
    return uniformityAlignment(weights)({ logits, embedding: tf.tensor2d(rows) }, labels);
  });
  const [value] = loss.dataSync();
  loss.dispose();
  return value - Math.log(2);
}

tensorTest(
  "uniformityAlignment() and its gradients are those of PyTorch's pdist() on normalised embeddings",
  () => {
    const inputs = [tf.tensor2d([...two], [12, 2]), tf.tensor2d([...embedding], [12, 5])];
    const loss = uniformityAlignment({ alignment: 0.1, uniformity: 0.5 });
    const { value, grads } = tf.valueAndGrads((logits, embedding) =>
      loss({ logits: logits as tf.Tensor2D, embedding: embedding as tf.Tensor2D }, labels)
    )(inputs);
    assertAlmostEquals(value.dataSync()[0], wanted.loss, 1e-6); // float32
    grads.forEach((grad, i) => assertLess(worstDifference(grad, wanted.gradients[i]), 1e-6));
    tf.dispose([inputs, value]);
  },
);

tensorTest("uniformityAlignment() counts each two images once, whatever the embeddings' length", () => {
  // Two of one label at a right angle, squared distance 2; the third lies on the first, squared distances 0 and 2.
  const rows = [[2, 0], [0, 3], [0.1, 0]];
  assertAlmostEquals(lossOf(rows, [1, 1, 0], { alignment: 1, uniformity: 0 }), 2, 1e-6);
  const closeness = Math.log((2 * Math.exp(-4) + 1) / 3);
  assertAlmostEquals(lossOf(rows, [1, 1, 0], { alignment: 0, uniformity: 1 }), closeness, 1e-6);
});

tensorTest(
  "uniformityAlignment() has no alignment without two of a label, and for one image nothing but cross-entropy",
  () => {
    assertAlmostEquals(lossOf([[1, 0], [0, 1]], [0, 1], { alignment: 1, uniformity: 0 }), 0, 1e-6);
    assertAlmostEquals(lossOf([[1, 0]], [0], { alignment: 1, uniformity: 1 }), 0, 1e-6);
    // One label alone: all pairs are aligned.
    assertAlmostEquals(lossOf([[1, 0], [-1, 0]], [1, 1], { alignment: 1, uniformity: 0 }), 4, 1e-6);
  },
);

tensorTest(
  "uniformityAlignment() takes embeddings that are opposite, the farthest there are, and ones of zeros",
  () => {
    const weights = { alignment: 0, uniformity: 1 };
    assertAlmostEquals(lossOf([[1, 0], [-1, 0]], [0, 1], weights), -8, 1e-5);
    const zeros = tf.zeros<tf.Rank.R2>([2, 3]);
    const logits = tf.zeros<tf.Rank.R2>([2, 2]);
    const gradient = tf.grad((embedding) =>
      uniformityAlignment(weights)({ logits, embedding: embedding as tf.Tensor2D }, [0, 1])
    )(zeros);
    assertLess(worstDifference(gradient, [0, 0, 0, 0, 0, 0]), 1e-6);
    tf.dispose([zeros, logits]);
  },
);

tensorTest("uniformityAlignment() refuses a detector without an embedding", () => {
  const logits = tf.zeros<tf.Rank.R2>([2, 2]);
  assertThrows(
    () => uniformityAlignment({ alignment: 0.1, uniformity: 0.5 })({ logits }, [0, 1]),
    InputError,
    "expected a detector that has an embedding but found one without",
  );
  logits.dispose();
});
