/**
 * Cross-entropy.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Output } from "../../model/detectors/detector.ts";
import { type Labels, logLikelihood } from "./loss.ts";

/**
 * The mean cross-entropy of logits [B, 2] against labels [B], as `torch.nn.CrossEntropyLoss()`.
 *
 * @throws {Error} for logits of another shape
 */
export function crossEntropy(output: Pick<Output, "logits">, labels: Labels): tf.Scalar {
  return tf.tidy(() => tf.neg(tf.mean(logLikelihood(output, labels))) as tf.Scalar);
}
