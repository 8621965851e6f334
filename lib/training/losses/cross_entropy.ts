/**
 * Cross-entropy.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Output } from "../../model/detectors/detector.ts";
import type { Labels } from "./loss.ts";

/** The mean cross-entropy of logits [B, 2] against labels [B], as `torch.nn.CrossEntropyLoss()`. */
export function crossEntropy({ logits }: Pick<Output, "logits">, labels: Labels): tf.Scalar {
  return tf.tidy(() => {
    const targets = tf.oneHot(tf.tensor1d(Int32Array.from(labels), "int32"), 2); // [B, 2]
    return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), -1))) as tf.Scalar;
  });
}
