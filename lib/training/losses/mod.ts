/**
 * The losses that `--loss` takes.
 *
 * @module
 */
import { dashed } from "../../base/dashed.ts";
import { crossEntropy } from "./cross_entropy.ts";
import { focal } from "./focal.ts";
import type { Loss } from "./loss.ts";

/**
 * The losses by name.
 *
 * @example
 * ```ts
 * import { initBackend, losses } from "@forgelens/bench";
 * import { assertAlmostEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const undecided = { logits: tf.zeros<tf.Rank.R2>([2, 2]) };
 * const loss = losses.crossEntropy(undecided, [0, 1]);
 * assertAlmostEquals(loss.dataSync()[0], Math.log(2), 1e-6); // float32
 * ```
 */
export const losses = {
  crossEntropy,
  focal,
} as const satisfies Readonly<Record<string, Loss>>;

/** The name of a loss as flags have it: `cross-entropy`. */
export type LossName = Dashed<keyof typeof losses>;

type Dashed<T extends string> = T extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First> ? `${First}${Dashed<Rest>}` : `-${Lowercase<First>}${Dashed<Rest>}`
  : T;

/** The names of all losses. */
export const lossNames = Object.keys(losses).map(dashed) as [LossName, ...LossName[]];

/** The loss of that name. */
export function lossNamed(name: LossName): Loss {
  const key = (Object.keys(losses) as (keyof typeof losses)[]).find((each) => dashed(each) === name)!;
  return losses[key];
}
