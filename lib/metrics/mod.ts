/**
 * Metrics: labels and scores → numbers, curves and intervals.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(evaluateScores([0, 1, 1], [0.1, 0.7, 0.4]).auc, 1);
 * ```
 *
 * @module
 */
export { bootstrapIntervals, type Interval, type Intervals } from "./intervals/bootstrap.ts";
export {
  type ByGroup,
  type GroupedScores,
  type GroupMetrics,
  metricsByMethod,
  metricsByOrigin,
} from "./by_group.ts";
export {
  type Calibration,
  type CalibrationComparison,
  calibrationError,
  compareCalibration,
  shiftPrior,
} from "./calibration.ts";
export { type AucComparison, compareAucs } from "./compare/aucs.ts";
export { type BootstrapComparison, compareByBootstrap } from "./compare/by_bootstrap.ts";
export { type ConformalThresholds, conformalThresholds, type Verdict, verdictOf } from "./conformal.ts";
export { type PrCurve, prCurve, type RocCurve, rocCurve } from "./curves.ts";
export { evaluateScores, type Metrics } from "./evaluate.ts";
export {
  type Fairness,
  type GroupRates,
  measureFairness,
  type PredictionsOfGroups,
  type RateGap,
  type RateName,
} from "./fairness.ts";
export { groupsOf } from "./intervals/groups_of.ts";
export {
  type FrameScore,
  valuesByVideo,
  type VideoLevel,
  videoLevels,
  type VideoScores,
  videoScores,
} from "./levels.ts";
export { type IntervalName, type MetricName, metrics, type MetricValues } from "./metrics/mod.ts";
export type { Confusion } from "./ranking.ts";
export { chooseThreshold, type ThresholdChoice, thresholdChoices, type ThresholdName } from "./threshold.ts";
export { tprAtFpr } from "./tpr_at_fpr.ts";
