/**
 * The losses that `--loss` takes.
 *
 * @module
 */
import { binaryCrossEntropy, binaryCrossEntropyKind } from "./binary_cross_entropy.ts";
import { crossEntropy, crossEntropyKind } from "./cross_entropy.ts";
import { focal, focalKind } from "./focal.ts";
import type { LossKind } from "./loss.ts";
import { uniformityAlignment, uniformityAlignmentKind } from "./uniformity_alignment.ts";

/** The losses by name, as flags set them. */
export const lossKinds = {
  "cross-entropy": crossEntropyKind,
  "binary-cross-entropy": binaryCrossEntropyKind,
  focal: focalKind,
  "uniformity-alignment": uniformityAlignmentKind,
} as const satisfies Readonly<Record<string, LossKind>>;

/** The name of a loss, as flags have it. */
export type LossName = keyof typeof lossKinds;

/** The names of all losses. */
export const lossNames = Object.keys(lossKinds) as [LossName, ...LossName[]];

/** The loss of that name. */
export function lossKind(name: LossName): LossKind {
  return lossKinds[name];
}

/**
 * The losses to call: each takes a detector's output and labels, but for those that are first given how much their parts count.
 *
 * @example
 * ```ts
 * import { initBackend, losses } from "@forgelens/bench";
 * import { assertAlmostEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const undecided = { logits: tf.zeros<tf.Rank.R2>([2, 2]), embedding: tf.tensor2d([[3, 0], [0, 4]]) };
 * const loss = losses.crossEntropy(undecided, [0, 1]);
 * assertAlmostEquals(loss.dataSync()[0], Math.log(2), 1e-6); // float32
 * // Of length 1 the embeddings are √2 apart, and no label has two of them.
 * const spread = losses.uniformityAlignment({ alignment: 0.1, uniformity: 0.5 })(undecided, [0, 1]);
 * assertAlmostEquals(spread.dataSync()[0], Math.log(2) + 0.5 * -4, 1e-6);
 * ```
 */
export const losses = { crossEntropy, binaryCrossEntropy, focal, uniformityAlignment } as const;
