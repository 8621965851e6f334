/**
 * The table of our figures beside the reference's.
 *
 * @module
 */
import { type ReferenceFigure, referenceFor } from "../reference.ts";
import type { EvaluationResult } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, decimals, tableOf, testColumns } from "./column.ts";
import { columnName, metricCell } from "./metric_columns.ts";

/** A test with our figures, or with those that the reference printed for it. */
type Row = EvaluationResult & { readonly printed: ReferenceFigure | null };

const printedMetrics = ["auc", "accuracy", "precision", "recall", "f1"] as const;

const columns: readonly Column<Row>[] = [
  { name: "Whose", align: "left", value: ({ printed }) => printed ? "reference" : "ours" },
  ...printedMetrics.map((name): Column<Row> => ({
    name: columnName(name),
    align: "right",
    value: (row) => row.printed ? decimals(row.printed[name]) : metricCell(row, name),
  })),
  { name: "Majority", align: "right", value: ({ metrics }) => decimals(metrics.majorityAccuracy) },
];

/**
 * Our figures beside those that the reference printed, where they are comparable; null where none is.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { referenceTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * assertEquals(referenceTable([{ ...test, metrics }]), null); // it has no test of four images
 * ```
 */
export function referenceTable(results: readonly EvaluationResult[]): Table | null {
  const rows = results.flatMap((result): Row[] => {
    const printed = referenceFor(result);
    return printed ? [{ ...result, printed: null }, { ...result, printed }] : [];
  });
  if (rows.length === 0) return null;
  return tableOf({
    title: "Beside the reference's printed figures",
    demo: false, // the reference has none for demo data
    columns: [...testColumns(rows), ...columns],
    rows,
    notes: ["Only tests with the reference's own class counts. The images themselves may still differ."],
  });
}
