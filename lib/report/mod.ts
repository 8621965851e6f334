/**
 * Reports: results → tables, charts and report.html.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { resultsTable, tableText } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const text = tableText(resultsTable([{ ...test, metrics }]));
 * assertStringIncludes(text, "0.750");
 * ```
 *
 * @module
 */
export type { CountRow, Inspection, SetSummary } from "../data/audit/inspect.ts";
export type { Leak } from "../data/audit/leaks.ts";
export { type Shortcut, type ShortcutName, shortcutNames } from "../data/audit/shortcuts.ts";
export type { Shortage } from "../data/layouts/layout.ts";
export type { Interval, Intervals } from "../metrics/intervals/bootstrap.ts";
export type { Calibration, CalibrationComparison } from "../metrics/calibration.ts";
export type { Metrics } from "../metrics/evaluate.ts";
export type { Fairness, GroupRates, RateGap, RateName } from "../metrics/fairness.ts";
export { type IntervalName, type MetricName, metrics, type MetricValues } from "../metrics/metrics/mod.ts";
export type { Confusion } from "../metrics/ranking.ts";
export { classBalanceChart } from "./charts/class_balance.ts";
export { confusionChart } from "./charts/confusion.ts";
export { fairnessCharts } from "./charts/fairness.ts";
export { metricsChart } from "./charts/metrics.ts";
export { jpegChart } from "./charts/perturbation.ts";
export { prChart } from "./charts/precision_recall.ts";
export { rocChart } from "./charts/roc.ts";
export { scoreChart } from "./charts/scores.ts";
export { type StepLoss, trainingChart } from "./charts/training.ts";
export type { Gallery, Photo } from "./gallery.ts";
export type {
  BootstrapDifference,
  ComparedInput,
  ComparedTest,
  Comparison,
  Drawn,
  FigureBeside,
  InputResult,
  PairResult,
} from "./comparison.ts";
export { comparisonCharts, comparisonSentences, comparisonTables } from "./comparison_page.ts";
export { inspectionChart, inspectionTables } from "./inspection.ts";
export { mapMost, mapPicture } from "./map_picture.ts";
export { sumText, trustText } from "./map_text.ts";
export { reportCharts, reportHtml } from "./page.ts";
export type { Picture } from "./pictures.ts";
export {
  type KnownSet,
  type PublishedFigure,
  publishedFigures,
  type PublishedSet,
  publishedSetOf,
  type TrainingSet,
} from "./published.ts";
export { displayable, type DisplayBundle, displayBundle, renderChart, type RenderedChart } from "./render.ts";
export type { ChosenThreshold, ThresholdChoices } from "./measure.ts";
export type {
  DataSummary,
  EpochRecord,
  Estimate,
  EvaluationResult,
  GroupColumnResult,
  GroupResult,
  LevelResult,
  Prediction,
  ProbeResult,
  RunReport,
  ScoreReport,
  ThresholdResult,
} from "./report.ts";
export type {
  CleanThreshold,
  FamilyScore,
  RobustnessLevel,
  RobustnessRateName,
  RobustnessRates,
  RobustnessReport,
  RobustnessResult,
  RobustnessScore,
} from "./robustness/robustness.ts";
export { type OurTest, type Standing, standing } from "./standing.ts";
export type { ChartOptions, ChartSpec } from "./style.ts";
export { type Table, tableMarkdown, tableText } from "./table.ts";
export { calibrationTable } from "./tables/calibration.ts";
export { chosenThresholdTable } from "./tables/chosen_threshold.ts";
export { dataTable } from "./tables/data.ts";
export { fairnessTable, gapTable } from "./tables/fairness.ts";
export { falseAlarmTable } from "./tables/false_alarms.ts";
export { methodTable, originTable } from "./tables/groups.ts";
export { historyTable } from "./tables/history.ts";
export { intervalTable } from "./tables/intervals.ts";
export { referenceTable } from "./tables/reference.ts";
export { resultsTable } from "./tables/results.ts";
export { thresholdTable } from "./tables/threshold.ts";
