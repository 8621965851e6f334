/**
 * The columns of metrics, and what is to be known of them.
 *
 * @module
 */
import type { Metric } from "../../metrics/metric.ts";
import { type MetricName, metrics } from "../../metrics/metrics/mod.ts";
import { estimate, type EvaluationResult, hasConvention, metricsIn } from "../report.ts";
import { type Column, estimateCell } from "./column.ts";

/** The columns of the metrics that a table shows, those that any of the results has. */
export function metricColumns(
  results: readonly EvaluationResult[],
  table: Metric["table"],
): Column<EvaluationResult>[] {
  return namesIn(results, table).map((name) => ({
    name: columnName(name),
    align: "right",
    value: (result) => metricCell(result, name),
  }));
}

/** The notes of a table of metrics: its own with what is to be known of them, and what several runs do to their cells. */
export function metricNotes(
  results: readonly EvaluationResult[],
  options: { readonly table: Metric["table"]; readonly note: string },
): string[] {
  const { table, note } = options;
  const names = namesIn(results, table);
  const listed = names.map((name): Metric => metrics[name]);
  const lower = listed.filter(({ better }) => better === "lower").map(({ title }) => title);
  const sentences = [
    note,
    ...listed.flatMap(({ note }) => note ?? []),
    ...(names.some((name) => results.some((result) => hasConvention(result, name)))
      ? ["–: undefined, a share of nothing; metrics.json has 0 there, as scikit-learn."]
      : []),
    ...(lower.length > 0 ? [`${capitalised(and.format(lower))}: lower is better.`] : []),
  ];
  const runs = Math.max(0, ...results.map((result) => result.runs?.length ?? 1));
  const spread = runs > 1 ? [`Mean ± standard deviation over ${runs} runs.`] : [];
  return [sentences.join(" "), ...spread];
}

/** How the column of a metric is headed. */
export function columnName(name: MetricName): string {
  const { title, column = capitalised(title) }: Metric = metrics[name];
  return column;
}

/** A metric of a result as a cell: its value, or mean ± standard deviation over several runs. */
export function metricCell(result: EvaluationResult, name: MetricName): string {
  return estimateCell(estimate(result, name));
}

function namesIn(results: readonly EvaluationResult[], table: Metric["table"]): MetricName[] {
  return metricsIn(results).filter((name) => metrics[name].table === table);
}

const and = new Intl.ListFormat("en-GB");

function capitalised(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
