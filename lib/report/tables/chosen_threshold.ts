/**
 * The table of answers at two thresholds: the one that is given, and the one chosen on validation images.
 *
 * @module
 */
import { thresholdChoices, type ThresholdName } from "../../metrics/threshold.ts";
import {
  answersOf,
  byLevel,
  type EvaluationResult,
  type LevelledResult,
  meanAndSd,
  type ThresholdResult,
} from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, estimateCell, isOfDemo, levelColumns, tableOf } from "./column.ts";

/** A test at one of its levels and thresholds, its answers for each run. */
type Row = LevelledResult & { readonly answers: readonly ThresholdResult[] };

/**
 * Accuracy and the two rates of the unperturbed tests at 0.5, or what else was given, and at the threshold chosen on validation images; null where none was.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { chosenThresholdTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.3, 0.4, 0.9]);
 * const rates = { accuracy: 1, balancedAccuracy: 1, falsePositiveRate: 0, truePositiveRate: 1 };
 * const table = chosenThresholdTable([{ ...test, metrics, chosen: [{ by: "eer", threshold: 0.35, ...rates }] }])!;
 * assertEquals(table.rows.map(([, , threshold]) => threshold), ["0.500", "0.350"]);
 * assertEquals(chosenThresholdTable([{ ...test, metrics }]), null);
 * ```
 */
export function chosenThresholdTable(results: readonly EvaluationResult[]): Table | null {
  const measured = byLevel(results).filter(({ chosen, perturbation }) => chosen && perturbation === "none");
  if (measured.length === 0) return null;
  const rows = measured.flatMap((result): Row[] => [
    { ...result, answers: (result.runs ?? [result.metrics]).map((run) => answersOf(run, { by: "given" })) },
    { ...result, answers: result.chosen! },
  ]);
  const number = (name: string, key: keyof ThresholdResult): Column<Row> => ({
    name,
    align: "right",
    value: ({ answers }) => estimateCell(meanAndSd(answers.map((each) => each[key] as number | null))),
  });
  const runs = Math.max(1, ...measured.map(({ chosen }) => chosen!.length));
  return tableOf({
    title: "At 0.5 and at the threshold chosen on validation",
    demo: isOfDemo(results),
    columns: [
      ...levelColumns(rows) as readonly Column<Row>[],
      { name: "Threshold", align: "right", value: ({ answers }) => thresholdCell(answers) },
      { name: "Chosen by", align: "left", value: ({ answers: [{ by }] }) => titleOf(by) },
      number("Accuracy", "accuracy"),
      number("Bal. acc.", "balancedAccuracy"),
      number("False alarms", "falsePositiveRate"),
      number("Fakes found", "truePositiveRate"),
    ],
    rows,
    notes: [
      "False alarms and fakes found: shares of the reals and of the fakes called fake. A threshold is chosen for frames and for videos apart, on validation images alone.",
      ...(runs > 1 ? [`Mean ± standard deviation over ${runs} runs.`] : []),
    ],
  });
}

/** One that all runs share has no spread to show. */
function thresholdCell(answers: readonly ThresholdResult[]): string {
  const thresholds = answers.map(({ threshold }) => threshold);
  return estimateCell(meanAndSd(new Set(thresholds).size === 1 ? thresholds.slice(0, 1) : thresholds));
}

function titleOf(by: string): string {
  return Object.hasOwn(thresholdChoices, by) ? thresholdChoices[by as ThresholdName].title : by;
}
