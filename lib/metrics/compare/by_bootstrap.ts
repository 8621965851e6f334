/**
 * How far two detectors are apart in any metric, and how far that might move with another test set of the same kind.
 *
 * @module
 */
import { enoughGroups, type Interval, middle95 } from "../intervals/bootstrap.ts";
import { checkPaired } from "./aucs.ts";
import { type MetricName, metrics } from "../metrics/mod.ts";
import { checkProbabilities, rankScores } from "../ranking.ts";
import { checkSamples, drawUnits, numberUnits, resampled } from "../intervals/resample.ts";

/** The difference of a metric between two detectors. */
export type BootstrapComparison = {
  readonly metric: MetricName;
  /** The first detector's value minus the second's; null where the metric is undefined. */
  readonly difference: number | null;
  /** The middle 95 % of the resamples' differences; null as {@link Intervals} has it, so too where the two never differ. */
  readonly interval: Interval | null;
  /** Number of resamples drawn. */
  readonly samples: number;
  /** Number of things resampled: groups where groups are given, else predictions. */
  readonly units: number;
  /** Those that hold a real one, and those that hold a fake. */
  readonly groups: { readonly real: number; readonly fake: number };
};

/**
 * The paired percentile bootstrap of the difference of a metric: each resample holds the same groups for both detectors.
 *
 * With `groups` as {@link groupsOf} gives them, persons who are in several videos are drawn with all of them. The resamples are those
 * of {@link bootstrapIntervals} with the same groups, samples and seed.
 *
 * @param a the first detector's scores, in [0, 1]
 * @param b the second's of the same predictions
 * @param options.groups one per prediction, for instance its video or its group of persons
 * @param options.samples number of resamples; 1000 unless given
 * @param options.seed the same seed gives the same interval; 0 unless given
 * @param options.metric by its name in metrics.json; `auc` unless given
 * @param options.thresholds from which score on a prediction counts as fake, for the first and the second; 0.5 unless given
 * @throws {InputError} when `a` and `b` differ in length
 * @throws {Error} when labels or scores are malformed, `groups` has another length, or `samples` is not a positive integer
 *
 * @example
 * ```ts
 * import { compareByBootstrap } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const labels = Array.from({ length: 40 }, (_, i) => i % 2);
 * const good = labels.map((label, i) => (label + i / 40) / 2);
 * const poor = labels.map((_, i) => ((7 * i) % 40) / 40);
 * const { difference } = compareByBootstrap(labels, good, poor, { samples: 200 });
 * assertEquals(difference! > 0, true);
 * ```
 */
export function compareByBootstrap(
  labels: ArrayLike<number>,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { groups, samples = 1000, seed = 0, metric = "auc", thresholds = [0.5, 0.5] }: {
    readonly groups?: ArrayLike<string | number>;
    readonly samples?: number;
    readonly seed?: number;
    readonly metric?: MetricName;
    readonly thresholds?: readonly [number, number];
  } = {},
): BootstrapComparison {
  const purpose = "bootstrap the difference";
  checkPaired(labels, a, b);
  for (const scores of [a, b]) checkProbabilities(labels, scores, purpose);
  const units = numberUnits(labels, { groups, purpose });
  checkSamples(samples, purpose);

  const both = [a, b].map((scores) => resampled(rankScores(labels, scores), units));
  const differ = (): number | null => {
    const [first, second] = both.map(({ ranked }, i) =>
      metrics[metric].measure(ranked, { threshold: thresholds[i] })
    );
    return first === null || second === null ? null : first - second;
  };
  const difference = differ();
  const differences: number[] = [];
  if (enoughGroups(units.groups)) {
    for (const drawn of drawUnits(units, { samples, seed })) {
      for (const { count } of both) count(drawn);
      const found = differ();
      if (found !== null) differences.push(found);
    }
  }
  return {
    metric,
    difference,
    interval: middle95(differences),
    samples,
    units: units.count,
    groups: units.groups,
  };
}
