/**
 * The metrics that there are. Each gets its value in metrics.json, and what it declares of an interval, tables and charts.
 *
 * @module
 */
import { accuracy } from "./accuracy.ts";
import { auc } from "./auc.ts";
import { averagePrecision } from "./average_precision.ts";
import { balancedAccuracy } from "./balanced_accuracy.ts";
import { brier } from "./brier.ts";
import { equalErrorRate } from "./equal_error_rate.ts";
import { f1 } from "./f1.ts";
import { logLoss } from "./log_loss.ts";
import { matthews } from "./matthews.ts";
import { partialAuc } from "./partial_auc.ts";
import { precision } from "./precision.ts";
import { recall } from "./recall.ts";
import { tprAt1, tprAt10, tprAt5 } from "./tpr_at_fpr.ts";

/**
 * By their names in metrics.json, in the order of tables and charts.
 *
 * @example
 * ```ts
 * import { metrics } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const lowerIsBetter = Object.values(metrics).filter(({ better }) => better === "lower");
 * assertEquals(lowerIsBetter.map(({ title }) => title), ["EER", "Brier", "log loss"]);
 * ```
 */
export const metrics = {
  auc,
  ap: averagePrecision,
  eer: equalErrorRate,
  balancedAccuracy,
  accuracy,
  partialAuc,
  tprAt1,
  tprAt5,
  tprAt10,
  precision,
  recall,
  f1,
  mcc: matthews,
  brier,
  logLoss,
} as const;

/** A metric's name in metrics.json. */
export type MetricName = keyof typeof metrics;

/** All of them, in that order. */
export const metricNames: readonly MetricName[] = Object.keys(metrics) as MetricName[];

/** Those that get a bootstrap interval. */
export type IntervalName = {
  [Name in MetricName]: (typeof metrics)[Name]["interval"] extends true ? Name : never;
}[MetricName];

/** The value of every metric; null where the metric is undefined for the data. */
export type MetricValues = { readonly [Name in MetricName]: ReturnType<(typeof metrics)[Name]["measure"]> };
