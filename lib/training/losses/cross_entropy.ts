/**
 * Cross-entropy.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Output } from "../../model/detectors/detector.ts";
import { type Labels, logLikelihood, type Loss, type LossKind } from "./loss.ts";

/** Cross-entropy as one of the list of losses. */
export const crossEntropyKind = {
  about: "the mean surprise at the labels, of two logits",
  settings: ["labelSmoothing"],
  create: ({ labelSmoothing }) => labelSmoothing === 0 ? crossEntropy : smoothedCrossEntropy(labelSmoothing),
} as const satisfies LossKind;

/**
 * The mean cross-entropy of logits [B, 2] against labels [B], as `torch.nn.CrossEntropyLoss()`.
 *
 * @throws {InputError} for logits of another shape
 */
export function crossEntropy(output: Pick<Output, "logits">, labels: Labels): tf.Scalar {
  return tf.tidy(() => tf.neg(tf.mean(logLikelihood(output, labels))) as tf.Scalar);
}

/** The same against labels of which a share goes to both classes alike, as `torch.nn.CrossEntropyLoss(label_smoothing=smoothing)`. */
export function smoothedCrossEntropy(smoothing: number): Loss {
  return (output, labels) =>
    tf.tidy(() => tf.neg(tf.mean(logLikelihood(output, labels, { smoothing }))) as tf.Scalar);
}
