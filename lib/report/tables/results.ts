/**
 * The table of results.
 *
 * @module
 */
import { byLevel, type EvaluationResult, type LevelledResult } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, decimals, isOfDemo, levelColumns, tableOf } from "./column.ts";
import { metricColumns, metricNotes } from "./metric_columns.ts";

/**
 * The main table: one row per test, ranking metrics first, the majority-class line beside accuracy.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { resultsTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const { columns, rows: [row] } = resultsTable([{ ...test, metrics }]);
 * assertEquals(row[columns.findIndex(({ name }) => name === "AUC")], "0.750");
 * ```
 */
export function resultsTable(results: readonly EvaluationResult[]): Table {
  const rows = byLevel(results);
  const columns: Column<LevelledResult>[] = [
    ...levelColumns(rows),
    { name: "Real", align: "right", value: ({ metrics }) => count(metrics.real) },
    { name: "Fake", align: "right", value: ({ metrics }) => count(metrics.fake) },
    ...metricColumns(results, "results"),
    { name: "Majority", align: "right", value: ({ metrics }) => decimals(metrics.majorityAccuracy) },
  ];
  const note = "Majority: the accuracy of always answering the larger class.";
  return tableOf({
    title: "Results",
    demo: isOfDemo(results),
    columns,
    rows,
    notes: metricNotes(results, { table: "results", note }),
  });
}
