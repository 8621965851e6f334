/**
 * Whether one detector ranks the same predictions better than another, by DeLong's test.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { twoSidedP } from "./normal.ts";
import { checkScores, classCounts, type Ranked, rankScores } from "../ranking.ts";

/** Two AUCs on the same predictions. */
export type AucComparison = {
  /** The first AUC minus the second. */
  readonly difference: number;
  /** Of the difference; 0 where every prediction of a class is ranked as far apart by both. */
  readonly standardError: number;
  /**
   * Two-sided, of a difference at least so large between detectors that are equally good. Without a standard error 1 where there is
   * no difference, as between two perfect detectors, and NaN where there is one: nothing can be said of how sure it is.
   */
  readonly p: number;
};

/**
 * The paired test of two AUCs on the same predictions (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44, 837–845), with
 * unbiased covariances and the normal distribution, in O(n log n).
 *
 * It takes predictions as independent: give it videos, not frames, and where videos share persons quote
 * {@link compareByBootstrap} by person. With few predictions of a class p is too small.
 *
 * @param a the first detector's scores, any finite numbers, logits too
 * @param b the second's of the same predictions, on any scale
 * @throws {InputError} when `a` and `b` differ in length, or a class has fewer than two predictions
 * @throws {Error} when labels or scores are malformed: see {@link tprAtFpr}
 *
 * @example
 * ```ts
 * import { compareAucs } from "@forgelens/bench/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const labels = [0, 0, 1, 1];
 * const { difference } = compareAucs(labels, [0.1, 0.2, 0.8, 0.9], [0.1, 0.8, 0.2, 0.9]);
 * assertAlmostEquals(difference, 0.25); // 1 against 0.75
 * ```
 */
export function compareAucs(
  labels: ArrayLike<number>,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): AucComparison {
  checkPaired(labels, a, b);
  const [first, second] = [a, b].map((scores) => rankScores(labels, scores));
  const { real, fake } = classCounts(first);
  if (real < 2 || fake < 2) {
    throw new InputError(
      `Cannot compare the AUCs: expected at least two real and two fake samples but found ${real} real and ${fake} fake`,
    );
  }
  const placements = placeAll(first);
  const others = placeAll(second);
  for (let i = 0; i < placements.length; i++) placements[i] -= others[i];
  const ofClass = (label: number) => placements.filter((_, i) => labels[i] === label);
  const [reals, fakes] = [ofClass(0), ofClass(1)];
  const difference = sum(fakes) / (2 * real * fake);
  const standardError = Math.sqrt(
    variance(fakes) / (2 * real) ** 2 / fake + variance(reals) / (2 * fake) ** 2 / real,
  );
  if (standardError > 0) return { difference, standardError, p: twoSidedP(difference / standardError) };
  return { difference, standardError: 0, p: difference === 0 ? 1 : NaN };
}

/**
 * Refuses what are not two detectors' scores of the same predictions.
 *
 * @throws {InputError} when `a` and `b` differ in length
 * @throws {Error} as {@link checkScores}
 */
export function checkPaired(labels: ArrayLike<number>, a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length !== b.length) {
    throw new InputError(
      `Cannot compare the detectors: expected scores of the same samples but found ${a.length} and ${b.length}; compare only what both have scored`,
    );
  }
  checkScores(labels, a, "compare the first detector's scores");
  checkScores(labels, b, "compare the second detector's scores");
}

/**
 * Twice the number of the other class that each prediction is on the right side of, ties half: whole numbers, whose sum over a class
 * is twice the pairs in order.
 */
function placeAll(ranked: Ranked): Float64Array {
  const { labels, ranks, endsTie, fps, tps } = ranked;
  const { real } = classCounts(ranked);
  const byRank = new Float64Array(labels.length);
  let step = 0;
  for (let rank = 0; rank < labels.length; rank++) {
    const [fp, tp] = step === 0 ? [0, 0] : [fps[step - 1], tps[step - 1]];
    byRank[rank] = labels[rank] === 1 ? 2 * real - fps[step] - fp : tps[step] + tp;
    step += endsTie[rank];
  }
  const placements = new Float64Array(ranks.length);
  for (let i = 0; i < ranks.length; i++) placements[i] = byRank[ranks[i]];
  return placements;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** With n - 1; exactly 0 where all values are the same. */
function variance(values: Float64Array): number {
  if (values.every((value) => value === values[0])) return 0;
  const mean = sum(values) / values.length;
  return values.reduce((total, value) => total + (value - mean) ** 2, 0) / (values.length - 1);
}
