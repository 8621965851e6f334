/**
 * Verdicts with a guarantee: fake, real, or not sure, with a bound on how often either class is called the other.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { checkScores } from "./ranking.ts";

/** What an answer says. */
export type Verdict = "fake" | "real" | "not sure";

/** From where on a score speaks against a class, and what that promises. */
export type ConformalThresholds = {
  /** The risk: at most this share of reals is called fake, and of fakes real, among data like the calibration's. */
  readonly alpha: number;
  /** A score above this is no real's; null where there are too few reals to promise it, and nothing is called fake. */
  readonly notRealAbove: number | null;
  /** A score below this is no fake's; null where there are too few fakes to promise it, and nothing is called real. */
  readonly notFakeBelow: number | null;
  /** The scores of each class that it stands on. */
  readonly counts: { readonly real: number; readonly fake: number };
};

/** How many scores of a class it takes to promise a risk: ⌈1/α⌉ − 1. */
export function leastForRisk(alpha: number): number {
  checkAlpha(alpha);
  return Math.ceil(1 / alpha - ROUNDING) - 1;
}

/** 1/0.05 and its like are whole numbers, which a division may miss by one unit in the last place. */
const ROUNDING = 1e-9;

function checkAlpha(alpha: number): void {
  if (!(alpha > 0 && alpha < 1)) {
    throw new InputError(
      `Cannot give verdicts: expected a risk alpha between 0 and 1, both left out, but found ${alpha}`,
    );
  }
}

/**
 * Two split-conformal thresholds, one for each class by itself (Vovk 2012, "Conditional validity of inductive conformal predictors",
 * label-conditional): of n scores of reals the ⌈(n + 1)(1 − α)⌉-th lowest, and of m scores of fakes the ⌊(m + 1)α⌋-th lowest.
 *
 * A further real scores above the first with a probability of at most α, on average over calibration sets, whatever the detector and
 * the distribution of its scores, as long as it and the calibration's are exchangeable: drawn alike, and each on its own. Frames of one
 * video are not: give a score a video. Data of another source are not either, and for them nothing is promised.
 *
 * @param labels 0 real, 1 fake; of videos that neither trained the detector nor chose its epoch
 * @param scores any finite numbers, higher is more likely fake
 * @param options.alpha the risk, 0.05 unless given
 * @throws {InputError} when alpha is not between 0 and 1
 * @throws {Error} when the lengths differ, there is no score, a label is neither 0 nor 1, or a score is not finite
 *
 * @example
 * ```ts
 * import { conformalThresholds, verdictOf } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const [labels, scores] = [[0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]];
 * const thresholds = conformalThresholds(labels, scores, { alpha: 0.25 });
 * assertEquals([0.2, 0.5, 0.8].map((score) => verdictOf(score, thresholds)), ["real", "not sure", "fake"]);
 * assertEquals(conformalThresholds(labels, scores).notRealAbove, null); // three are too few for 5 %
 * ```
 */
export function conformalThresholds(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  options: { readonly alpha?: number } = {},
): ConformalThresholds {
  const { alpha = 0.05 } = options;
  checkAlpha(alpha);
  checkScores(labels, scores, "give verdicts");
  const sorted = (label: number) => Float64Array.from(scores).filter((_, i) => labels[i] === label).sort();
  const [reals, fakes] = [sorted(0), sorted(1)];
  const [n, m] = [reals.length, fakes.length];
  const fromTop = Math.floor((n + 1) * alpha + ROUNDING); // (n + 1) − ⌈(n + 1)(1 − α)⌉
  const fromBottom = Math.floor((m + 1) * alpha + ROUNDING);
  return {
    alpha,
    notRealAbove: fromTop === 0 ? null : reals[n - fromTop],
    notFakeBelow: fromBottom === 0 ? null : fakes[fromBottom - 1],
    counts: { real: n, fake: m },
  };
}

/**
 * Where the risk of one calibration lies in 95 of 100 cases: what is promised holds on average over calibrations, and that of a single one
 * is a Beta(k, n + 1 − k) of the rank k that its threshold has (Vovk 2012).
 *
 * @param n scores of the class
 * @returns null where they are too few to promise the risk
 */
export function riskRange(n: number, alpha: number): readonly [number, number] | null {
  checkAlpha(alpha);
  const rank = Math.floor((n + 1) * alpha + ROUNDING);
  return rank === 0 ? null : [betaQuantile(0.025, { rank, n }), betaQuantile(0.975, { rank, n })];
}

/** The quantile of Beta(k, n + 1 − k): the share at which k or more of n cases are as likely as that. */
function betaQuantile(
  probability: number,
  { rank, n }: { readonly rank: number; readonly n: number },
): number {
  let [low, high] = [0, 1];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (atLeast(rank, { n, share: middle }) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The probability that `count` or more of n cases happen, each with the probability `share`. */
function atLeast(count: number, { n, share }: { readonly n: number; readonly share: number }): number {
  let log = n * Math.log1p(-share); // of none
  let fewer = 0;
  for (let k = 0; k < count; k++) {
    fewer += Math.exp(log);
    log += Math.log((n - k) / (k + 1)) + Math.log(share) - Math.log1p(-share);
  }
  return 1 - fewer;
}

/**
 * What a score says by such thresholds: a class where the other one alone is out of the question, else `not sure`.
 *
 * @example
 * ```ts
 * import { verdictOf } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const thresholds = { notRealAbove: 0.7, notFakeBelow: 0.3 };
 * assertEquals([0.2, 0.5, 0.9].map((score) => verdictOf(score, thresholds)), ["real", "not sure", "fake"]);
 * ```
 */
export function verdictOf(
  score: number,
  thresholds: Pick<ConformalThresholds, "notRealAbove" | "notFakeBelow">,
): Verdict {
  const { notRealAbove, notFakeBelow } = thresholds;
  const notReal = notRealAbove !== null && score > notRealAbove;
  const notFake = notFakeBelow !== null && score < notFakeBelow;
  // Between thresholds that a good detector crosses lies what is like neither class.
  if (notReal === notFake) return "not sure";
  return notReal ? "fake" : "real";
}

/** How often a class got which verdict. */
export type VerdictCounts = Readonly<Record<Verdict, number>> & {
  /** Of the class. */
  readonly total: number;
};

/**
 * Counts verdicts by class: `real.fake` are reals called fake.
 *
 * @throws {Error} when the lengths differ, there is no score, a label is neither 0 nor 1, or a score is not finite
 */
export function countVerdicts(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  thresholds: Pick<ConformalThresholds, "notRealAbove" | "notFakeBelow">,
): { readonly real: VerdictCounts; readonly fake: VerdictCounts } {
  checkScores(labels, scores, "count verdicts");
  const counts = [0, 1].map(() => ({ fake: 0, real: 0, "not sure": 0, total: 0 }));
  for (let i = 0; i < labels.length; i++) {
    counts[labels[i]][verdictOf(scores[i], thresholds)]++;
    counts[labels[i]].total++;
  }
  return { real: counts[0], fake: counts[1] };
}
