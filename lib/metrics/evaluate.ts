/**
 * Labels and scores → every metric, as scikit-learn defines them.
 *
 * @module
 */
import { metricNames, metrics, type MetricValues } from "./metrics/mod.ts";
import { checkProbabilities, classCounts, type Confusion, confusionAt, rankScores } from "./ranking.ts";

/** The metrics of one set of predictions, and the counts behind them. */
export type Metrics = MetricValues & {
  /** Number of samples, of real ones and of fake ones. */
  readonly n: number;
  readonly real: number;
  readonly fake: number;
  /** Scores of at least this count as fake. */
  readonly threshold: number;
  /** Accuracy of always answering the larger class: what accuracy has to beat. */
  readonly majorityAccuracy: number;
  /** `[[true real, false fake], [false real, true fake]]`: rows are the truth, columns the answer. */
  readonly confusion: Confusion;
};

/**
 * Measures scores in [0, 1] against labels, with scikit-learn's definitions.
 *
 * @param options.threshold from which score on a sample counts as fake; 0.5 unless given
 * @throws {Error} when the lengths differ, there is no sample, a label is neither 0 nor 1, or a score is NaN or outside [0, 1]
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { auc, accuracy, confusion } = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * assertEquals(auc, 0.75); // three of the four pairs of a real and a fake are in order
 * assertEquals(accuracy, 0.5);
 * assertEquals(confusion, [[1, 1], [1, 1]]);
 * ```
 */
export function evaluateScores(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { threshold = 0.5 }: { threshold?: number } = {},
): Metrics {
  checkProbabilities(labels, scores, "evaluate the scores");
  if (Number.isNaN(threshold)) {
    throw new Error("Cannot evaluate the scores: expected a threshold but found NaN");
  }
  const ranked = rankScores(labels, scores);
  const { real, fake } = classCounts(ranked);
  const n = real + fake;
  const values = Object.fromEntries(
    metricNames.map((name) => [name, metrics[name].measure(ranked, { threshold })]),
  );
  return {
    n,
    real,
    fake,
    threshold,
    majorityAccuracy: Math.max(real, fake) / n,
    ...values as MetricValues,
    confusion: confusionAt(ranked, threshold),
  };
}
