/**
 * The table of a detector beside the linear probe of its run.
 *
 * @module
 */
import {
  byLevel,
  type EvaluationResult,
  type LevelledResult,
  type ProbeResult,
  testName,
} from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, decimals, isOfDemo, levelColumns, signed, tableOf } from "./column.ts";
import { signedRange } from "./comparison.ts";
import { range } from "./intervals.ts";

type Row = LevelledResult & { readonly probe: ProbeResult };

/** Tests that a probe stands beside, at all of their levels. */
function besideProbe(results: readonly EvaluationResult[]): Row[] {
  return byLevel(results).filter((result): result is Row => typeof result.probe?.difference === "number");
}

/** What a difference says of the probe; it is told apart where its interval is above 0. */
function verdictOf({ difference, differenceInterval }: ProbeResult): string {
  if (difference! <= 0) return "as good or better";
  if (differenceInterval === undefined) return "worse";
  return differenceInterval && differenceInterval.low > 0 ? "worse" : "not told apart";
}

/** AUC with intervals, beside that of a linear probe, and the difference; null where there is no probe. */
export function probeTable(results: readonly EvaluationResult[]): Table | null {
  const rows = besideProbe(results);
  if (rows.length === 0) return null;
  const number = (name: string, value: (row: Row) => string): Column<Row> => ({
    name,
    align: "right",
    value,
  });
  return tableOf({
    title: "Beside a linear probe",
    demo: isOfDemo(results),
    columns: [
      ...levelColumns(rows) as readonly Column<Row>[],
      number("AUC", ({ metrics }) => decimals(metrics.auc)),
      number("95 %", ({ intervals }) => range(intervals?.auc)),
      number("Probe's AUC", ({ probe }) => decimals(probe.auc)),
      number("95 % of it", ({ probe }) => range(probe.interval)),
      number("Difference", ({ probe }) => signed(probe.difference)),
      number("95 % of it, paired", ({ probe }) => signedRange(probe.differenceInterval ?? null)),
      { name: "The probe is", align: "left", value: ({ probe }) => verdictOf(probe) },
    ],
    rows,
    notes: [
      `The probe: a logistic regression on the encoder's class token, fitted to the same training images${
        rows.some(({ runs }) => runs) ? "; beside the first run" : ""
      }. Not told apart: the paired interval of the difference holds 0, or there are too few for one. Perturbed tests have no intervals.`,
    ],
  });
}

const and = new Intl.ListFormat("en-GB");

/** On which unperturbed tests the probe is as good or better, at their upper level; none without a probe. */
export function probeSentences(results: readonly EvaluationResult[]): string[] {
  const rows = besideProbe(results.filter(({ perturbation }) => perturbation === "none"))
    .filter(({ level }) => level !== "frame");
  if (rows.length === 0) return [];
  const name = (row: Row) =>
    `${testName(row)} (AUC ${decimals(row.probe.auc)} against ${decimals(row.metrics.auc)})`;
  const ofVerdict = (verdict: string) => rows.filter(({ probe }) => verdictOf(probe) === verdict);
  const [better, close] = [ofVerdict("as good or better"), ofVerdict("not told apart")];
  const parts = [
    ...(better.length > 0 ? [`the probe is as good or better on ${and.format(better.map(name))}`] : []),
    ...(close.length > 0 ? [`it is not told apart from the detector on ${and.format(close.map(name))}`] : []),
  ];
  if (parts.length === 0) {
    parts.push(`the probe is worse on ${rows.length === 1 ? name(rows[0]) : `all ${rows.length} tests`}`);
  }
  return [`Beside a linear probe on the class token: ${parts.join("; ")}.`];
}
