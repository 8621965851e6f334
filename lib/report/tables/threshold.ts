/**
 * The table of further metrics.
 *
 * @module
 */
import { byLevel, type EvaluationResult } from "../report.ts";
import type { Table } from "../table.ts";
import { isOfDemo, levelColumns, tableOf } from "./column.ts";
import { metricColumns, metricNotes } from "./metric_columns.ts";

/**
 * What the main table leaves out: precision, recall, F1, MCC, Brier score, log loss and what else is listed as further.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { thresholdTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const { columns, rows: [row] } = thresholdTable([{ ...test, metrics }]);
 * assertEquals(row[columns.findIndex(({ name }) => name === "Precision")], "0.500");
 * ```
 */
export function thresholdTable(results: readonly EvaluationResult[]): Table {
  const rows = byLevel(results);
  const thresholds = [...new Set(results.map((result) => result.metrics.threshold))].join(", ");
  return tableOf({
    title: "Further metrics",
    demo: isOfDemo(results),
    columns: [...levelColumns(rows), ...metricColumns(results, "further")],
    rows,
    notes: metricNotes(rows, { table: "further", note: `Fake from a score of ${thresholds}.` }),
  });
}
