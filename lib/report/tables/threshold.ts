/**
 * The table of further metrics.
 *
 * @module
 */
import type { EvaluationResult } from "../report.ts";
import type { Table } from "../table.ts";
import { isOfDemo, tableOf, testColumns } from "./column.ts";
import { metricColumns, metricNotes } from "./metric_columns.ts";

/** What the main table leaves out: precision, recall, F1, MCC, Brier score, log loss and what else is listed as further. */
export function thresholdTable(results: readonly EvaluationResult[]): Table {
  const thresholds = [...new Set(results.map((result) => result.metrics.threshold))].join(", ");
  return tableOf({
    title: "Further metrics",
    demo: isOfDemo(results),
    columns: [...testColumns, ...metricColumns(results, "further")],
    rows: results,
    notes: metricNotes(results, { table: "further", note: `Fake from a score of ${thresholds}.` }),
  });
}
