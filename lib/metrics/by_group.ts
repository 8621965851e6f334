/**
 * Metrics by the group that predictions are of: by the method that made the fakes, by the origin of the reals.
 *
 * One number for all of them can hide a method that is never found, or an origin whose reals are called fake.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { evaluateScores, type Metrics } from "./evaluate.ts";
import { metricNames, type MetricValues } from "./metrics/mod.ts";
import { checkProbabilities } from "./ranking.ts";

/** Predictions, and what each of them is: of a fake its method, of a real its origin; "" where that is unknown. */
export type GroupedScores = {
  /** 0 real, 1 fake. */
  readonly labels: ArrayLike<number>;
  /** Probabilities of fake, in [0, 1]. */
  readonly scores: ArrayLike<number>;
  readonly methods: ArrayLike<string>;
};

/** The metrics of one method's fakes against all reals, or of one origin's reals against all fakes. */
export type GroupMetrics = {
  /** The method or origin. */
  readonly name: string;
  /** Number of predictions: those of the group and all of the other class. */
  readonly n: number;
  readonly metrics: Metrics;
  /** Which predictions these are, by index, in the order given. */
  readonly items: Uint32Array;
};

/** Metrics by group and what they are on average. */
export type ByGroup = {
  /** Worst AUC first; those that tie, or have none, in the order in which they first appear. */
  readonly groups: readonly GroupMetrics[];
  /** The mean of each metric over the groups, each of which counts the same; null where it is undefined for one of them. */
  readonly macro: MetricValues;
};

/**
 * All reals against one method's fakes, for each method.
 *
 * @param options.threshold from which score on a prediction counts as fake; 0.5 unless given
 * @throws {InputError} when `methods` has another length, or there is no fake
 * @throws {Error} when labels or scores are malformed (see {@link evaluateScores})
 *
 * @example
 * ```ts
 * import { metricsByMethod } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const methods = ["youtube", "actors", "swap", "blend"];
 * const { groups, macro } = metricsByMethod({ labels: [0, 0, 1, 1], scores: [0.1, 0.6, 0.4, 0.9], methods });
 * assertEquals(groups.map(({ name, metrics }) => [name, metrics.auc]), [["swap", 0.5], ["blend", 1]]);
 * assertEquals(macro.auc, 0.75);
 * ```
 */
export function metricsByMethod(
  predictions: GroupedScores,
  { threshold = 0.5 }: { readonly threshold?: number } = {},
): ByGroup {
  return metricsByGroup(predictions, { label: 1, threshold, purpose: "measure by method" });
}

/**
 * One origin's reals against all fakes, for each origin.
 *
 * @param options.threshold from which score on a prediction counts as fake; 0.5 unless given
 * @throws {InputError} when `methods` has another length, or there is no real
 * @throws {Error} when labels or scores are malformed (see {@link evaluateScores})
 *
 * @example
 * ```ts
 * import { metricsByOrigin } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const methods = ["youtube", "actors", "swap", "blend"];
 * const { groups, macro } = metricsByOrigin({ labels: [0, 0, 1, 1], scores: [0.1, 0.6, 0.4, 0.9], methods });
 * assertEquals(groups.map(({ name, metrics }) => [name, metrics.auc]), [["actors", 0.5], ["youtube", 1]]);
 * assertEquals(macro.auc, 0.75);
 * ```
 */
export function metricsByOrigin(
  predictions: GroupedScores,
  { threshold = 0.5 }: { readonly threshold?: number } = {},
): ByGroup {
  return metricsByGroup(predictions, { label: 0, threshold, purpose: "measure by origin" });
}

function metricsByGroup(
  { labels, scores, methods }: GroupedScores,
  { label, threshold, purpose }: { label: 0 | 1; threshold: number; purpose: string },
): ByGroup {
  checkProbabilities(labels, scores, purpose);
  if (methods.length !== labels.length) {
    throw new InputError(
      `Cannot ${purpose}: expected one method per score but found ${methods.length} methods and ${labels.length} scores`,
    );
  }
  const others: number[] = [];
  const members = new Map<string, number[]>();
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== label) {
      others.push(i);
      continue;
    }
    const group = members.get(methods[i]);
    if (group) group.push(i);
    else members.set(methods[i], [i]);
  }
  if (members.size === 0) {
    throw new InputError(
      `Cannot ${purpose}: expected ${label === 1 ? "fake" : "real"} samples but found none`,
    );
  }
  const groups = [...members].map(([name, group]): GroupMetrics => {
    const items = Uint32Array.from(group.concat(others)).sort();
    const metrics = evaluateScores(
      Uint8Array.from(items, (i) => labels[i]),
      Float64Array.from(items, (i) => scores[i]),
      { threshold },
    );
    return { name, n: items.length, metrics, items };
  });
  return { groups: groups.sort(worstFirst), macro: macroAverage(groups) };
}

function worstFirst({ metrics: a }: GroupMetrics, { metrics: b }: GroupMetrics): number {
  // Without the other class none has an AUC.
  return a.auc === null || b.auc === null ? 0 : a.auc - b.auc;
}

function macroAverage(groups: readonly GroupMetrics[]): MetricValues {
  const means = metricNames.map((name) => {
    const values = groups.map(({ metrics }) => metrics[name]);
    if (values.some((value) => value === null)) return [name, null];
    return [name, values.reduce<number>((sum, value) => sum + value!, 0) / values.length];
  });
  return Object.fromEntries(means) as MetricValues;
}
