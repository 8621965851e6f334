/**
 * Focal loss.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Output } from "../../model/detectors/detector.ts";
import { type Labels, logLikelihood, type LossKind } from "./loss.ts";

/** Focal loss as one of the list of losses. */
export const focalKind = {
  about: "cross-entropy that counts an image the less the surer its label already is",
  settings: [],
  create: () => focal,
} as const satisfies LossKind;

/** γ of the paper's best model. */
const GAMMA = 2;

/**
 * Cross-entropy that counts an image the less the surer its label already is: the mean of (1 − p)^γ · (−log p), where p is the
 * label's probability and γ = 2 (Lin et al. 2017, "Focal loss for dense object detection", equation 4: without α).
 *
 * @throws {InputError} for logits that are not [B, 2]
 */
export function focal(output: Pick<Output, "logits">, labels: Labels): tf.Scalar {
  return tf.tidy(() => {
    const logP = logLikelihood(output, labels); // [B]
    const doubt = tf.pow(tf.sub(1, tf.exp(logP)), GAMMA); // [B]
    return tf.neg(tf.mean(tf.mul(doubt, logP))) as tf.Scalar;
  });
}
