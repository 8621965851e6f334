/**
 * How far scores may be read as probabilities, and scores with another prior.
 *
 * @module
 */
import { evaluateScores } from "./evaluate.ts";
import { checkProbabilities } from "./ranking.ts";

/**
 * Expected calibration error: the mean, over samples, of how far their bin's mean score is from its share of fakes.
 *
 * The bins are of equal width over the probability of fake, closed below and open above (the last one closed). In
 * [0, 1]; 0 is calibrated. As torchmetrics' `BinaryCalibrationError(norm="l1")`, save that a score of exactly 1
 * belongs to the last bin here.
 *
 * @param options.bins 15 unless given
 * @throws {Error} when the input is malformed (see {@link evaluateScores}) or `bins` is not a positive integer
 *
 * @example
 * ```ts
 * import { calibrationError } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(calibrationError([0, 1], [0, 1]), 0);
 * assertEquals(calibrationError([0, 1], [0.25, 0.75]), 0.25);
 * ```
 */
export function calibrationError(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { bins = 15 }: { bins?: number } = {},
): number {
  checkProbabilities(labels, scores, "measure the calibration");
  if (!Number.isInteger(bins) || bins < 1) {
    throw new Error(`Cannot measure the calibration: expected a positive number of bins but found ${bins}`);
  }
  // The sum over a bin of (score - label) is its size times (mean score - share of fakes).
  const surplus = new Float64Array(bins);
  for (let i = 0; i < labels.length; i++) {
    surplus[Math.min(Math.floor(scores[i] * bins), bins - 1)] += scores[i] - labels[i];
  }
  return surplus.reduce((sum, value) => sum + Math.abs(value), 0) / labels.length;
}

/**
 * Puts the prior back: what scores learnt where a share `from` was fake become where a share `to` is.
 *
 * Bayes' rule: the odds of fake are the likelihood ratio times the prior odds, so they are multiplied by
 * `to/(1-to) ÷ from/(1-from)` (Elkan 2001, theorem 2; Saerens et al. 2002, equation 2.4). The order of the scores, and
 * with it AUC, AP and EER, stays; Brier score, log loss and calibration error change. `from` is 0.5 after training on
 * balanced batches; `to` is the share of fakes where the detector is used.
 *
 * @returns scores in [0, 1], in the order given
 * @throws {Error} when a prior is not strictly between 0 and 1, or a score is NaN or outside [0, 1]
 *
 * @example
 * ```ts
 * import { shiftPrior } from "@forgelens/bench/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * // Trained on as many fakes as reals, used where one image of ten is fake.
 * const [undecided, sure] = shiftPrior([0.5, 0.9], { to: 0.1 });
 * assertAlmostEquals(undecided, 0.1);
 * assertAlmostEquals(sure, 0.5);
 * ```
 */
export function shiftPrior(
  scores: ArrayLike<number>,
  { from = 0.5, to }: { from?: number; to: number },
): Float64Array {
  for (const [name, prior] of [["from", from], ["to", to]] as const) {
    if (!(prior > 0 && prior < 1)) {
      throw new Error(
        `Cannot shift the prior: expected '${name}' strictly between 0 and 1 but found ${prior}`,
      );
    }
  }
  const fakeWeight = to / from;
  const realWeight = (1 - to) / (1 - from);
  return Float64Array.from(scores, (score, i) => {
    if (!(score >= 0 && score <= 1)) {
      throw new Error(`Cannot shift the prior: expected a score in [0, 1] but found ${score} at index ${i}`);
    }
    const fake = score * fakeWeight;
    return fake / (fake + (1 - score) * realWeight);
  });
}

/** How well scores serve as probabilities. */
export type Calibration = { readonly brier: number; readonly logLoss: number; readonly ece: number };

/** The same with the prior of the data put back, beside the scores as they are. */
export type CalibrationComparison = {
  /** The share of fakes that is put back. */
  readonly prior: number;
  /** As the scores are. */
  readonly raw: Calibration;
  /** With the prior put back; null with one class only. */
  readonly shifted: Calibration | null;
};

/**
 * Brier score, log loss and expected calibration error, as the scores are and with the prior of the data put back.
 *
 * The prior put back is the data's own share of fakes, which a deployed detector would have to know or guess.
 *
 * @param options.from the share of fakes in training; 0.5 (balanced) unless given
 * @returns `shifted` is null with one class only, where there is no prior to put back
 * @throws {Error} when the input is malformed (see {@link evaluateScores})
 *
 * @example
 * ```ts
 * import { compareCalibration } from "@forgelens/bench/metrics";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const { prior, raw, shifted } = compareCalibration([0, 0, 0, 1], [0.2, 0.3, 0.4, 0.9]);
 * assertEquals(prior, 0.25);
 * assert(shifted && shifted.brier < raw.brier);
 * ```
 */
export function compareCalibration(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { from = 0.5 }: { from?: number } = {},
): CalibrationComparison {
  const measure = (probabilities: ArrayLike<number>): Calibration => {
    const { brier, logLoss } = evaluateScores(labels, probabilities);
    return { brier, logLoss, ece: calibrationError(labels, probabilities) };
  };
  const raw = measure(scores);
  const prior = Array.from(labels).reduce((sum, label) => sum + label, 0) / labels.length;
  const shifted = prior > 0 && prior < 1 ? measure(shiftPrior(scores, { from, to: prior })) : null;
  return { prior, raw, shifted };
}
