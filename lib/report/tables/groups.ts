/**
 * The tables by method of the fakes and by origin of the reals.
 *
 * @module
 */
import type { MetricName } from "../../metrics/metrics/mod.ts";
import { type Estimate, type EvaluationResult, type GroupResult, meanAndSd, testName } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, estimateCell, isOfDemo, tableOf } from "./column.ts";
import { columnName } from "./metric_columns.ts";

/**
 * Each method's fakes against all reals, worst first, with the mean over methods; null where no test has several.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { methodTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 1], [0.1, 0.9]);
 * const methods = [{ name: "a", metrics }, { name: "b", metrics }];
 * const table = methodTable([{ ...test, metrics, methods }])!;
 * assertEquals(table.rows.map(([, name]) => name), ["a", "b", "mean"]);
 * ```
 */
export function methodTable(results: readonly EvaluationResult[]): Table | null {
  return groupTable(results, {
    title: "By method",
    groupsOf: ({ methods }) => methods,
    name: "Method",
    note: "One method's fakes against all reals, worst AUC first.",
  });
}

/**
 * Each origin's reals against all fakes, worst first, with the mean over origins; null where no test has several.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { originTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 1], [0.1, 0.9]);
 * const origins = [{ name: "a", metrics }, { name: "b", metrics }];
 * const table = originTable([{ ...test, metrics, origins }])!;
 * assertEquals(table.rows.map(([, name]) => name), ["a", "b", "mean"]);
 * ```
 */
export function originTable(results: readonly EvaluationResult[]): Table | null {
  return groupTable(results, {
    title: "By origin of the reals",
    groupsOf: ({ origins }) => origins,
    name: "Origin",
    note: "One origin's reals against all fakes, worst AUC first.",
  });
}

/** A row: a group of a test, or the mean over its groups, which has no counts of its own. */
type Row = {
  readonly test: string;
  readonly name: string;
  readonly real?: number;
  readonly fake?: number;
  readonly values: { readonly [Name in ShownName | "falseAlarms"]: Estimate | null };
};

const shown = ["auc", "ap", "eer", "recall"] as const satisfies readonly MetricName[];
type ShownName = (typeof shown)[number];

function groupTable(
  results: readonly EvaluationResult[],
  options: {
    readonly title: string;
    readonly name: string;
    readonly note: string;
    readonly groupsOf: (result: EvaluationResult) => readonly GroupResult[] | undefined;
  },
): Table | null {
  const { title, name, note, groupsOf } = options;
  const grouped = results.filter((result) => groupsOf(result));
  if (grouped.length === 0) return null;
  const runs = Math.max(...grouped.map((result) => groupsOf(result)![0].runs?.length ?? 1));
  const rows = grouped.flatMap((result): Row[] => {
    const groups = groupsOf(result)!;
    const test = `${testName(result)}${result.video ? ", videos" : ""}`;
    const byRun = groups.map(({ metrics, runs = [metrics] }) => runs.map(valuesOf));
    const meanOver = (name: keyof Row["values"], run: number) =>
      meanAndSd(byRun.map((runs) => runs[run][name]))?.mean ?? null;
    return [
      ...groups.map(({ name, metrics: { real, fake } }, i): Row => ({
        test,
        name,
        real,
        fake,
        values: estimates((value) => byRun[i].map((run) => run[value])),
      })),
      {
        test,
        name: "mean",
        values: estimates((value) => byRun[0].map((_, run) => meanOver(value, run))),
      },
    ];
  });
  const number = (value: keyof Row["values"], heading: string): Column<Row> => ({
    name: heading,
    align: "right",
    value: ({ values }) => estimateCell(values[value]),
  });
  const counted = (key: "real" | "fake", heading: string): Column<Row> => ({
    name: heading,
    align: "right",
    value: ({ [key]: number }) => (number === undefined ? "" : count(number)),
  });
  return tableOf({
    title,
    demo: isOfDemo(results),
    columns: [
      { name: "Test", align: "left", value: ({ test }) => test },
      { name, align: "left", value: ({ name }) => name },
      counted("real", "Real"),
      counted("fake", "Fake"),
      ...shown.map((name) => number(name, columnName(name))),
      number("falseAlarms", "False alarms"),
    ],
    rows,
    notes: [
      `${note} Recall and false alarms: shares of the fakes and of the reals called fake, from a score of ${
        grouped[0].metrics.threshold
      }.`,
      ...(runs > 1 ? [`Mean ± standard deviation over ${runs} runs.`] : []),
    ],
  });
}

function valuesOf(metrics: GroupResult["metrics"]): { [Name in ShownName | "falseAlarms"]: number | null } {
  const { auc, ap, eer, recall, real, confusion: [[, falseFake]] } = metrics;
  return { auc, ap, eer, recall, falseAlarms: real === 0 ? null : falseFake / real };
}

function estimates(values: (name: ShownName | "falseAlarms") => readonly (number | null)[]): Row["values"] {
  const names = [...shown, "falseAlarms"] as const;
  return Object.fromEntries(names.map((name) => [name, meanAndSd(values(name))])) as Row["values"];
}
