/**
 * What every loss is: a function of what a detector says and of the labels.
 *
 * Shapes: B batch.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../base/errors.ts";
import type { Output } from "../../model/detectors/detector.ts";

/** One for each image: 0 real, 1 fake. */
export type Labels = ArrayLike<number>;

/** The mean over a batch of what is to be made small, a scalar that the caller disposes. */
export type Loss = (output: Output, labels: Labels) => tf.Scalar;

/** What losses can be set to; each takes its own. */
export type LossSettings = {
  /** The share of a label that goes to both classes alike, in [0, 1]. */
  readonly labelSmoothing: number;
  /** How much the distance of images with the same label counts. */
  readonly alignment: number;
  /** How much it counts how close images lie. */
  readonly uniformity: number;
};

/** A loss of the list, which flags set. */
export type LossKind = {
  /** For the help and the README. */
  readonly about: string;
  /** Those of the settings that it takes. */
  readonly settings: readonly (keyof LossSettings)[];
  /** The loss with its settings. */
  create(settings: LossSettings): Loss;
};

/**
 * The log-probability of each image's label by a softmax of logits [B, 2], [B].
 *
 * @param options.smoothing the share of each label that goes to both classes alike, 0 unless given
 * @throws {InputError} for logits of another shape, which would give a number all the same
 */
export function logLikelihood(
  { logits }: Pick<Output, "logits">,
  labels: Labels,
  { smoothing = 0 }: { readonly smoothing?: number } = {},
): tf.Tensor1D {
  if (logits.shape[1] !== 2) {
    throw new InputError(
      `Cannot take the loss: expected two logits an image, of real and fake, but found ${
        logits.shape[1]
      }; take binary-cross-entropy`,
    );
  }
  return tf.tidy(() => {
    const [other, own] = [smoothing / 2, 1 - smoothing / 2];
    const rows = Array.from(labels, (label) => label === 1 ? [other, own] : [own, other]);
    const targets = tf.tensor2d(rows, [rows.length, 2]); // [B, 2]
    return tf.sum(tf.mul(targets, tf.logSoftmax(logits)), -1) as tf.Tensor1D; // [B]
  });
}
