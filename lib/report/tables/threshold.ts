/**
 * The table of further metrics.
 *
 * @module
 */
import { byLevel, type EvaluationResult } from "../report.ts";
import type { Table } from "../table.ts";
import { isOfDemo, levelColumns, tableOf } from "./column.ts";
import { metricColumns, metricNotes } from "./metric_columns.ts";

/** What the main table leaves out: precision, recall, F1, MCC, Brier score, log loss and what else is listed as further. */
export function thresholdTable(results: readonly EvaluationResult[]): Table {
  const rows = byLevel(results);
  const thresholds = [...new Set(results.map((result) => result.metrics.threshold))].join(", ");
  return tableOf({
    title: "Further metrics",
    demo: isOfDemo(results),
    columns: [...levelColumns(rows), ...metricColumns(results, "further")],
    rows,
    notes: metricNotes(results, { table: "further", note: `Fake from a score of ${thresholds}.` }),
  });
}
