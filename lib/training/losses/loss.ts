/**
 * What every loss is: a function of what a detector says and of the labels.
 *
 * Shapes: B batch.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Output } from "../../model/detectors/detector.ts";

/** One for each image: 0 real, 1 fake. */
export type Labels = ArrayLike<number>;

/**
 * The log-probability of each image's label by a softmax of logits [B, 2], [B].
 *
 * @throws {Error} for logits of another shape, which would give a number all the same
 */
export function logLikelihood({ logits }: Pick<Output, "logits">, labels: Labels): tf.Tensor1D {
  if (logits.shape[1] !== 2) {
    throw new Error(
      `Cannot take the loss: expected two logits an image, of real and fake, but found ${logits.shape[1]}`,
    );
  }
  return tf.tidy(() => {
    const targets = tf.oneHot(tf.tensor1d(Int32Array.from(labels), "int32"), 2); // [B, 2]
    return tf.sum(tf.mul(targets, tf.logSoftmax(logits)), -1) as tf.Tensor1D; // [B]
  });
}

/** The mean over a batch of what is to be made small, a scalar that the caller disposes. */
export type Loss = (output: Output, labels: Labels) => tf.Scalar;
