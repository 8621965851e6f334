import { assertAlmostEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { crossEntropy } from "../../../lib/training/losses/cross_entropy.ts";
import { tensorTest } from "../../tensors.ts";

tensorTest("crossEntropy() is the mean negative log-probability of the label", () => {
  const x = tf.tensor2d([[0, Math.log(3)], [1, 1]]);
  const loss = crossEntropy({ logits: x }, [1, 0]);
  assertAlmostEquals(loss.dataSync()[0], (Math.log(4 / 3) + Math.log(2)) / 2, 1e-6);
  tf.dispose([x, loss]);
});

tensorTest("crossEntropy() refuses one logit an image, which would be no loss at all", () => {
  const logits = tf.tensor2d([[1], [2]]);
  assertThrows(() => crossEntropy({ logits }, [0, 1]), Error, "expected two logits an image");
  logits.dispose();
});
