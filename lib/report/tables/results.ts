/**
 * The table of results.
 *
 * @module
 */
import { byLevel, type EvaluationResult, type LevelledResult } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, decimals, isOfDemo, levelColumns, tableOf } from "./column.ts";
import { metricColumns, metricNotes } from "./metric_columns.ts";

/** The main table: one row per test, ranking metrics first, the majority-class line beside accuracy. */
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
