/**
 * How many fakes are found when few reals may be called fake.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { checkScores, classCounts, type Ranked, rankScores } from "./ranking.ts";

/**
 * The highest true positive rate, in [0, 1], of the thresholds that call at most the share `fpr` of the reals fake.
 *
 * A point of the ROC curve, without interpolation: with 40 reals, 1 % allows no false alarm and 5 % allows two. Predictions that tie
 * are called the same. 0 where even the highest score holds too many reals. Scores may be any finite numbers, logits too.
 *
 * @param fpr the share of reals that may be called fake, in [0, 1]
 * @throws {InputError} when `fpr` is outside [0, 1], or the labels are of one class only
 * @throws {Error} when the lengths differ, there is no sample, a label is neither 0 nor 1, or a score is not finite
 *
 * @example
 * ```ts
 * import { tprAtFpr } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const [labels, scores] = [[0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]];
 * assertEquals(tprAtFpr(labels, scores, 0), 0.5);
 * assertEquals(tprAtFpr(labels, scores, 0.5), 1); // where one of the two reals may be called fake
 * ```
 */
export function tprAtFpr(labels: ArrayLike<number>, scores: ArrayLike<number>, fpr: number): number {
  checkFpr(fpr, "measure the true positive rate");
  checkScores(labels, scores, "measure the true positive rate");
  const ranked = rankScores(labels, scores);
  const tpr = tprWithin(ranked, fpr);
  if (tpr === null) {
    const { real, fake } = classCounts(ranked);
    throw new InputError(
      `Cannot measure the true positive rate: expected real and fake samples but found ${real} real and ${fake} fake`,
    );
  }
  return tpr;
}

/** As {@link tprAtFpr}, of ranked predictions; null with one class only. */
export function tprWithin(ranked: Ranked, fpr: number): number | null {
  const { real, fake } = classCounts(ranked);
  if (real === 0 || fake === 0) return null;
  const steps = stepsWithin(ranked, fpr);
  return steps === 0 ? 0 : ranked.tps[steps - 1] / fake;
}

/** How many of the distinct scores, from the highest down, can be called fake until the false positive rate is more than `fpr`. */
export function stepsWithin(ranked: Ranked, fpr: number): number {
  const { fps } = ranked;
  const { real } = classCounts(ranked);
  // A quotient rounds to the rate it equals; a product, such as 0.29 · 100, may miss the count.
  let [within, end] = [0, fps.length];
  while (within < end) {
    const middle = (within + end) >> 1;
    if (fps[middle] / real <= fpr) within = middle + 1;
    else end = middle;
  }
  return within;
}

/**
 * Refuses what is no share.
 *
 * @throws {InputError} when `fpr` is outside [0, 1] or NaN
 */
export function checkFpr(fpr: number, purpose: string): void {
  if (fpr >= 0 && fpr <= 1) return;
  throw new InputError(`Cannot ${purpose}: expected a false positive rate in [0, 1] but found ${fpr}`);
}
