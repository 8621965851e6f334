/**
 * The table of calibration.
 *
 * @module
 */
import type { Calibration } from "../../metrics/calibration.ts";
import type { EvaluationResult } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, decimals, isOfDemo, tableOf, testColumns } from "./column.ts";

/** A test with one of its two priors. */
type Row = EvaluationResult & { readonly prior: string; readonly measured: Calibration | null };

const columns: readonly Column<Row>[] = [
  { name: "Share fake", align: "right", value: ({ calibration }) => decimals(calibration!.prior) },
  { name: "Prior", align: "right", value: ({ prior }) => prior },
  { name: "Brier", align: "right", value: ({ measured }) => decimals(measured?.brier ?? null) },
  { name: "Log loss", align: "right", value: ({ measured }) => decimals(measured?.logLoss ?? null) },
  { name: "ECE", align: "right", value: ({ measured }) => decimals(measured?.ece ?? null) },
];

/**
 * Brier score, log loss and calibration error with and without the prior put back, or null where not measured.
 *
 * @example
 * ```ts
 * import { compareCalibration, evaluateScores } from "@forgelens/bench/metrics";
 * import { calibrationTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const [labels, scores] = [[0, 0, 0, 1], [0.2, 0.3, 0.4, 0.9]];
 * const metrics = evaluateScores(labels, scores);
 * const calibration = compareCalibration(labels, scores);
 * assertEquals(calibrationTable([{ ...test, metrics, calibration }])?.rows.length, 2); // raw, shifted
 * assertEquals(calibrationTable([{ ...test, metrics }]), null);
 * ```
 */
export function calibrationTable(results: readonly EvaluationResult[]): Table | null {
  const measured = results.filter((result) => result.calibration);
  if (measured.length === 0) return null;
  return tableOf({
    title: "Calibration",
    demo: isOfDemo(results),
    columns: [...testColumns(measured), ...columns],
    rows: measured.flatMap((result): Row[] => [
      { ...result, prior: "as trained", measured: result.calibration!.raw },
      { ...result, prior: "put back", measured: result.calibration!.shifted },
    ]),
    notes: [
      ...(measured.some(({ video }) => video) ? ["Of the scores of frames."] : []),
      "Put back: scores shifted by Bayes' rule from the training prior to the test's own share of fakes.",
      ...(measured.some(({ runs = [] }) => runs.length > 1) ? ["Of the first run."] : []),
    ],
  });
}
