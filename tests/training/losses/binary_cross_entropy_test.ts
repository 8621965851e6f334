import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../../lib/base/errors.ts";
import {
  binaryCrossEntropy,
  smoothedBinaryCrossEntropy,
} from "../../../lib/training/losses/binary_cross_entropy.ts";
import { smoothedCrossEntropy } from "../../../lib/training/losses/cross_entropy.ts";
import { tensorTest, worstDifference } from "../../tensors.ts";
import { reference } from "../options.ts";

const { labels, one, losses: { binary } } = reference;

tensorTest("binaryCrossEntropy() and its gradient are BCEWithLogitsLoss()'s", () => {
  const logits = tf.tensor2d([...one], [one.length, 1]);
  const { value, grad } = tf.valueAndGrad((x) => binaryCrossEntropy({ logits: x as tf.Tensor2D }, labels))(
    logits,
  );
  assertAlmostEquals(value.dataSync()[0], binary.loss, 1e-6); // float32
  assertLess(worstDifference(grad, binary.gradients[0]), 1e-7); // gradients of at most 1/12
  tf.dispose([logits, value]);
});

tensorTest("binaryCrossEntropy() stays exact for logits that a sigmoid would round to 0 and 1", () => {
  const logits = tf.tensor2d([[200], [-200]]);
  const [right, wrong] = [[1, 0], [0, 1]].map((labels) => binaryCrossEntropy({ logits }, labels));
  assertEquals([right.dataSync()[0], wrong.dataSync()[0]], [0, 200]);
  tf.dispose([logits, right, wrong]);
});

tensorTest("smoothed labels of one logit are those of two, of which the other is 0", () => {
  const logits = tf.tensor2d([[0.5], [-2]]);
  const both = tf.tensor2d([[0, 0.5], [0, -2]]);
  const found = smoothedBinaryCrossEntropy(0.2)({ logits }, [1, 1]);
  const wanted = smoothedCrossEntropy(0.2)({ logits: both }, [1, 1]);
  assertAlmostEquals(found.dataSync()[0], wanted.dataSync()[0], 1e-6);
  tf.dispose([logits, both, found, wanted]);
});

tensorTest("binaryCrossEntropy() refuses two logits an image", () => {
  const logits = tf.zeros<tf.Rank.R2>([3, 2]);
  assertThrows(
    () => binaryCrossEntropy({ logits }, [0, 1, 0]),
    InputError,
    "expected one logit an image, of fake, but found 2; take cross-entropy",
  );
  logits.dispose();
});
