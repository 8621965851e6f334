/**
 * Who a detector errs on: its rates by group, and how far the groups are apart.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { type Interval, LEAST_GROUPS, middle95 } from "./intervals/bootstrap.ts";
import {
  checkSamples,
  drawUnits,
  numberUnits,
  type Resampled,
  resampled,
  unitsByClass,
} from "./intervals/resample.ts";
import { auc } from "./metrics/auc.ts";
import { checkProbabilities, classCounts, confusionAt, type Ranked, rankScores } from "./ranking.ts";

/** What groups are compared by: the AUC, the share of reals called fake (FPR), and the share of fakes called fake (TPR). */
export type RateName = "auc" | "fpr" | "tpr";

/** All of them, in the order in which they are shown. */
export const rateNames: readonly RateName[] = ["auc", "fpr", "tpr"];

/** The rates of one group; null where they are undefined: FPR without reals, TPR without fakes, AUC without either. */
export type GroupRates = { readonly [Rate in RateName]: number | null } & {
  readonly name: string;
  /** Number of its predictions of each class. */
  readonly real: number;
  readonly fake: number;
  /** 95 % intervals; null where a class that the rate is of has fewer than {@link LEAST_GROUPS} units, or all resamples agree. */
  readonly intervals: { readonly [Rate in RateName]: Interval | null };
};

/** How far apart the two groups are that differ most in a rate. */
export type RateGap = {
  readonly rate: RateName;
  /** The groups with the most and the least. */
  readonly highest: string;
  readonly lowest: string;
  /** The highest less the lowest, in [0, 1]. */
  readonly gap: number;
  /** The 95 % interval of the same two groups' difference, each resample drawn for both; null where either has none. */
  readonly interval: Interval | null;
};

/** The rates of all groups. */
export type Fairness = {
  /** Lowest AUC first; those without one last. */
  readonly groups: readonly GroupRates[];
  /** One for each rate that two groups or more have. */
  readonly gaps: readonly RateGap[];
  /** Predictions of no known group, which are left out. */
  readonly unknown: number;
  /** Number of resamples drawn, and of things resampled. */
  readonly samples: number;
  readonly units: number;
};

/** Predictions and the group that each is of; "" where that is unknown. */
export type PredictionsOfGroups = {
  /** 0 real, 1 fake. */
  readonly labels: ArrayLike<number>;
  /** Probabilities of fake, in [0, 1]. */
  readonly scores: ArrayLike<number>;
  readonly groups: readonly string[];
};

/**
 * AUC, false and true positive rate of each group, and the widest gaps between groups, with bootstrap intervals.
 *
 * Every resample draws units (videos, or persons) for all groups at once. The two groups of a gap are those that these data have
 * furthest apart; its interval is of that pair, chosen by the data, and so leans to a gap: with groups enough, some two are apart by
 * chance alone.
 *
 * @param options.threshold from which score on a prediction counts as fake; 0.5 unless given
 * @param options.units what is drawn, one per prediction; each prediction is a unit of its own unless given
 * @param options.samples number of resamples; 1000 unless given
 * @param options.seed the same seed gives the same intervals; 0 unless given
 * @throws {InputError} when there are fewer or more groups than predictions
 * @throws {Error} when labels or scores are malformed, `units` has another length, or `samples` is not a positive integer
 *
 * @example
 * ```ts
 * import { measureFairness } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const groups = ["a", "a", "b", "b"];
 * const { gaps } = measureFairness({ labels: [0, 1, 0, 1], scores: [0.1, 0.9, 0.7, 0.8], groups });
 * assertEquals(gaps.map(({ rate, highest, gap }) => [rate, highest, gap])[1], ["fpr", "b", 1]);
 * ```
 */
export function measureFairness(
  { labels, scores, groups }: PredictionsOfGroups,
  options: {
    readonly threshold?: number;
    readonly units?: ArrayLike<string | number>;
    readonly samples?: number;
    readonly seed?: number;
  } = {},
): Fairness {
  const purpose = "measure by group";
  const { threshold = 0.5, samples = 1000, seed = 0 } = options;
  checkProbabilities(labels, scores, purpose);
  checkSamples(samples, purpose);
  if (groups.length !== labels.length) {
    throw new InputError(
      `Cannot ${purpose}: expected one group per score but found ${groups.length} groups and ${labels.length} scores`,
    );
  }
  const units = numberUnits(labels, { groups: options.units, purpose });
  const members = membersOf(groups);
  const measured = [...members].map(([name, items]): Measured => {
    const own = Uint8Array.from(items, (i) => labels[i]);
    const unitOf = Uint32Array.from(items, (i) => units.unitOf[i]);
    const ranked = rankScores(own, Float64Array.from(items, (i) => scores[i]));
    const { real, fake } = unitsByClass(own, { unitOf, count: units.count });
    const [reals, fakes] = [real >= LEAST_GROUPS, fake >= LEAST_GROUPS];
    return {
      ...{ name, ...classCounts(ranked), rates: ratesOf(ranked, threshold) },
      enough: { auc: reals && fakes, fpr: reals, tpr: fakes },
      drawn: byRate(() => new Float64Array(samples)),
      resampled: resampled(ranked, { unitOf }),
    };
  }).sort(({ rates: a }, { rates: b }) =>
    a.auc === null || b.auc === null ? Number(a.auc === null) - Number(b.auc === null) : a.auc - b.auc
  );
  let sample = 0;
  for (const counts of drawUnits(units, { samples, seed })) {
    for (const { resampled: { ranked, count }, drawn } of measured) {
      count(counts);
      const rates = ratesOf(ranked, threshold);
      for (const rate of rateNames) drawn[rate][sample] = rates[rate] ?? NaN;
    }
    sample++;
  }
  return {
    groups: measured.map(({ name, real, fake, rates, enough, drawn }): GroupRates => ({
      ...{ name, real, fake, ...rates },
      intervals: byRate((rate) => (enough[rate] ? intervalOf(drawn[rate]) : null)),
    })),
    gaps: rateNames.flatMap((rate) => widestGap(measured, rate) ?? []),
    unknown: groups.filter((name) => name === "").length,
    samples,
    units: units.count,
  };
}

/** A group: its rates, and those of each resample, NaN where they are undefined. */
type Measured = {
  readonly name: string;
  readonly real: number;
  readonly fake: number;
  readonly rates: { readonly [Rate in RateName]: number | null };
  /** Whether there are units enough for an interval. */
  readonly enough: { readonly [Rate in RateName]: boolean };
  readonly drawn: { readonly [Rate in RateName]: Float64Array };
  readonly resampled: Resampled;
};

function byRate<Value>(valueOf: (rate: RateName) => Value): { readonly [Rate in RateName]: Value } {
  return { auc: valueOf("auc"), fpr: valueOf("fpr"), tpr: valueOf("tpr") };
}

/** The indices of each known group's predictions. */
function membersOf(groups: readonly string[]): Map<string, number[]> {
  const members = new Map<string, number[]>();
  for (const [i, name] of groups.entries()) {
    if (name === "") continue;
    const items = members.get(name);
    if (items) items.push(i);
    else members.set(name, [i]);
  }
  return members;
}

function ratesOf(ranked: Ranked, threshold: number): Measured["rates"] {
  const [[trueReal, falseFake], [falseReal, trueFake]] = confusionAt(ranked, threshold);
  const share = (part: number, other: number) => (part + other === 0 ? null : part / (part + other));
  return { auc: auc.measure(ranked), fpr: share(falseFake, trueReal), tpr: share(trueFake, falseReal) };
}

function intervalOf(values: Float64Array): Interval | null {
  return middle95([...values].filter((value) => !Number.isNaN(value)));
}

/** The two groups that differ most in a rate; undefined where fewer than two have it. */
function widestGap(measured: readonly Measured[], rate: RateName): RateGap | undefined {
  const defined = measured.filter(({ rates }) => rates[rate] !== null)
    .sort(({ rates: a }, { rates: b }) => a[rate]! - b[rate]!);
  if (defined.length < 2) return undefined;
  const [lowest, highest] = [defined[0], defined[defined.length - 1]];
  const isKnown = lowest.enough[rate] && highest.enough[rate];
  return {
    rate,
    highest: highest.name,
    lowest: lowest.name,
    gap: highest.rates[rate]! - lowest.rates[rate]!,
    interval: isKnown
      ? intervalOf(highest.drawn[rate].map((value, i) => value - lowest.drawn[rate][i]))
      : null,
  };
}
