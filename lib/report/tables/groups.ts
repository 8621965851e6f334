/**
 * The tables by method of the fakes and by origin of the reals.
 *
 * @module
 */
import { metricNames } from "../../metrics/metrics/mod.ts";
import { type EvaluationResult, type GroupResult, meanAndSd, testName } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, decimals, isOfDemo, tableOf } from "./column.ts";
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
  readonly metrics: Partial<GroupResult["metrics"]>;
  readonly falseAlarms?: number;
};

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
  const rows = grouped.flatMap((result): Row[] => {
    const groups = groupsOf(result)!;
    const test = `${testName(result)}${result.video ? ", videos" : ""}`;
    const mean = metricNames.map((metric) => {
      const all = meanAndSd(groups.map(({ metrics }) => metrics[metric] ?? null));
      return [metric, all?.mean ?? null] as const;
    });
    return [
      ...groups.map(({ name, metrics }) => {
        const [[trueReal, falseFake]] = metrics.confusion;
        return { test, name, metrics, falseAlarms: falseFake / (trueReal + falseFake) };
      }),
      { test, name: "mean", metrics: Object.fromEntries(mean) },
    ];
  });
  const number = (metric: "auc" | "ap" | "eer" | "recall"): Column<Row> => ({
    name: columnName(metric),
    align: "right",
    value: ({ metrics }) => decimals(metrics[metric] ?? null),
  });
  const counted = (key: "real" | "fake", heading: string): Column<Row> => ({
    name: heading,
    align: "right",
    value: ({ metrics }) => (metrics[key] === undefined ? "" : count(metrics[key])),
  });
  return tableOf({
    title,
    demo: isOfDemo(results),
    columns: [
      { name: "Test", align: "left", value: ({ test }) => test },
      { name, align: "left", value: ({ name }) => name },
      counted("real", "Real"),
      counted("fake", "Fake"),
      number("auc"),
      number("ap"),
      number("eer"),
      number("recall"),
      {
        name: "False alarms",
        align: "right",
        value: ({ falseAlarms }) => (falseAlarms === undefined ? "" : decimals(falseAlarms)),
      },
    ],
    rows,
    notes: [
      ...(grouped.some(({ runs = [] }) => runs.length > 1) ? ["Of the first run."] : []),
      `${note} Recall and false alarms: shares of the fakes and of the reals called fake, from a score of ${
        grouped[0].metrics.threshold
      }.`,
    ],
  });
}
