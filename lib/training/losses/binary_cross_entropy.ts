/**
 * Cross-entropy of one logit.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../base/errors.ts";
import type { Output } from "../../model/detectors/detector.ts";
import type { Labels, Loss, LossKind } from "./loss.ts";

/** Binary cross-entropy as one of the list of losses. */
export const binaryCrossEntropyKind = {
  about: "the same of one logit",
  settings: ["labelSmoothing"],
  create: ({ labelSmoothing }) => smoothedBinaryCrossEntropy(labelSmoothing),
} as const satisfies LossKind;

/**
 * The mean cross-entropy of the sigmoid of logits [B, 1] against labels [B], as `torch.nn.BCEWithLogitsLoss()`.
 *
 * @throws {InputError} for logits of another shape
 */
export function binaryCrossEntropy(output: Pick<Output, "logits">, labels: Labels): tf.Scalar {
  return smoothedBinaryCrossEntropy(0)(output, labels);
}

/** The same against labels of which the share `smoothing` goes to both classes alike: 0 becomes half of it, 1 what that lacks of 1. */
export function smoothedBinaryCrossEntropy(smoothing: number): Loss {
  return ({ logits }, labels) => {
    if (logits.shape[1] !== 1) {
      throw new InputError(
        `Cannot take the loss: expected one logit an image, of fake, but found ${
          logits.shape[1]
        }; take cross-entropy`,
      );
    }
    return tf.tidy(() => {
      const given = Float32Array.from(labels, (label) => label * (1 - smoothing) + smoothing / 2);
      const targets = tf.tensor2d(given, [given.length, 1]); // [B, 1]
      // −t·log σ(z) − (1 − t)·log(1 − σ(z)) without a logarithm of 0.
      return tf.mean(tf.sub(tf.softplus(logits), tf.mul(targets, logits))) as tf.Scalar;
    });
  };
}
