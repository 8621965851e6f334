import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { dashed } from "../../../lib/base/dashed.ts";
import { InputError } from "../../../lib/base/errors.ts";
import { crossEntropy, smoothedCrossEntropy } from "../../../lib/training/losses/cross_entropy.ts";
import { losses, lossKind, lossNames } from "../../../lib/training/losses/mod.ts";
import { tensorTest, worstDifference } from "../../tensors.ts";
import { reference } from "../options.ts";

tensorTest("crossEntropy() is the mean negative log-probability of the label", () => {
  const x = tf.tensor2d([[0, Math.log(3)], [1, 1]]);
  const loss = crossEntropy({ logits: x }, [1, 0]);
  assertAlmostEquals(loss.dataSync()[0], (Math.log(4 / 3) + Math.log(2)) / 2, 1e-6);
  tf.dispose([x, loss]);
});

tensorTest("crossEntropy() refuses one logit an image, which would be no loss at all", () => {
  const logits = tf.tensor2d([[1], [2]]);
  assertThrows(() => crossEntropy({ logits }, [0, 1]), InputError, "expected two logits an image");
  logits.dispose();
});

tensorTest("smoothedCrossEntropy() and its gradient are CrossEntropyLoss(label_smoothing)'s", () => {
  const { labels, two, losses: { smoothed } } = reference;
  const logits = tf.tensor2d([...two], [two.length / 2, 2]);
  const loss = smoothedCrossEntropy(0.2);
  const { value, grad } = tf.valueAndGrad((x) => loss({ logits: x as tf.Tensor2D }, labels))(logits);
  assertAlmostEquals(value.dataSync()[0], smoothed.loss, 1e-6); // float32
  assertLess(worstDifference(grad, smoothed.gradients[0]), 1e-7); // gradients of at most 1/12
  tf.dispose([logits, value]);
});

Deno.test("the losses that flags name are those that the library has, and cross-entropy stays the one that accelerators take", () => {
  assertEquals(Object.keys(losses).map(dashed), lossNames);
  const settings = { labelSmoothing: 0, alignment: 0.1, uniformity: 0.5 };
  assertEquals(lossKind("cross-entropy").create(settings), losses.crossEntropy);
});
