/**
 * The charts of a report.
 *
 * @module
 */
import type { EvaluationResult, Prediction, RunReport } from "../report.ts";
import type { ChartOptions, ChartSpec } from "../style.ts";
import { classBalanceChart } from "./class_balance.ts";
import { confusionChart } from "./confusion.ts";
import { apart, topLevel, topPredictions } from "./levels.ts";
import { fairnessCharts } from "./fairness.ts";
import { metricsChart } from "./metrics.ts";
import { perturbationCharts } from "./perturbation.ts";
import { prChart } from "./precision_recall.ts";
import { rocChart } from "./roc.ts";
import { scoreChart } from "./scores.ts";
import { trainingChart } from "./training.ts";

/** What a report's charts are drawn from; the predictions may be none. */
export type ChartSource = Pick<RunReport, "results" | "history" | "data"> & {
  /** The results at video level, where there is one. */
  readonly top: readonly EvaluationResult[];
  /** At the same level. */
  readonly predictions: readonly Prediction[];
};

/** A report and its predictions as charts take them. */
export function chartSource(
  { results, history, data }: Pick<RunReport, "results" | "history" | "data">,
  predictions: readonly Prediction[],
): ChartSource {
  const rename = apart(results);
  const named = results.map(rename);
  return {
    results: named,
    history,
    data,
    top: topLevel(named),
    predictions: topPredictions(predictions.map(rename), named),
  };
}

/** A chart of a report, or several of one kind; null where the report has nothing that it could show. */
export type Chart = (source: ChartSource, options: ChartOptions) => ChartSpec | readonly ChartSpec[] | null;

/** In reading order; a report sets them two abreast, so that both curves stand side by side. */
export const charts = {
  metrics: ({ results }, options) => results.some(isUnperturbed) ? metricsChart(results, options) : null,
  confusion: ({ top }, options) => top.some(isUnperturbed) ? confusionChart(top, options) : null,
  roc: (source, options) => hasCurves(source) ? rocChart(source.predictions, options) : null,
  precisionRecall: (source, options) => hasCurves(source) ? prChart(source.predictions, options) : null,
  scores: ({ results, predictions }, options) =>
    predictions.some(isUnperturbed)
      ? scoreChart(predictions, { ...options, threshold: results[0]?.metrics.threshold })
      : null,
  fairness: ({ results }, options) => fairnessCharts(results, options),
  perturbations: ({ top }, options) => perturbationCharts(top, options),
  training: ({ history }, options) => history.length > 0 ? trainingChart(history, options) : null,
  classBalance: ({ data }, options) => data.length > 0 ? classBalanceChart(data, options) : null,
} as const satisfies Readonly<Record<string, Chart>>;

function isUnperturbed({ perturbation }: Pick<EvaluationResult, "perturbation">): boolean {
  return perturbation === "none";
}

function hasCurves({ results, predictions }: ChartSource): boolean {
  return predictions.some(isUnperturbed) &&
    results.some((result) => isUnperturbed(result) && result.metrics.real > 0 && result.metrics.fake > 0);
}
