/**
 * The tables by group of persons, and of the widest gaps between groups.
 *
 * @module
 */
import { type GroupRates, type RateGap, type RateName, rateNames } from "../../metrics/fairness.ts";
import { type Interval, LEAST_GROUPS } from "../../metrics/intervals/bootstrap.ts";
import { type EvaluationResult, type GroupColumnResult, testName } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, decimals, isOfDemo, tableOf } from "./column.ts";

/** How the rates are headed. */
export const rateTitles: { readonly [Rate in RateName]: string } = { auc: "AUC", fpr: "FPR", tpr: "TPR" };

type Row<Of> = { readonly test: string; readonly column: string; readonly item: Of };

/**
 * AUC, false and true positive rate by group, the lowest AUC first; null where no test has groups.
 *
 * @example
 * ```ts
 * import { evaluateScores, measureFairness } from "@forgelens/bench/metrics";
 * import { fairnessTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "unknown", demo: false } as const;
 * const [labels, scores] = [[0, 1, 0, 1], [0.1, 0.9, 0.7, 0.6]];
 * const groups = [{ column: "age", ...measureFairness({ labels, scores, groups: ["old", "old", "young", "young"] }) }];
 * const { rows } = fairnessTable([{ ...test, metrics: evaluateScores(labels, scores), groups }])!;
 * assertEquals(rows.map((row) => row.slice(2, 6)), [["young", "1", "1", "0.000"], ["old", "1", "1", "1.000"]]);
 * ```
 */
export function fairnessTable(results: readonly EvaluationResult[]): Table | null {
  const rows = rowsOf(results, ({ groups }) => groups);
  if (rows.length === 0) return null;
  const unknown = columnsOf(results).filter(({ unknown }) => unknown > 0);
  return tableOf({
    title: "By group",
    demo: isOfDemo(results),
    columns: [
      ...placeColumns<GroupRates>(),
      { name: "Group", align: "left", value: ({ item }) => item.name },
      { name: "Real", align: "right", value: ({ item }) => count(item.real) },
      { name: "Fake", align: "right", value: ({ item }) => count(item.fake) },
      ...rateNames.flatMap((rate): Column<Row<GroupRates>>[] => [
        { name: rateTitles[rate], align: "right", value: ({ item }) => decimals(item[rate]) },
        {
          name: `${rateTitles[rate]}, 95 %`,
          align: "right",
          value: ({ item }) => range(item.intervals[rate]),
        },
      ]),
    ],
    rows,
    notes: [
      ...notesOf(
        results,
        `FPR and TPR: shares of the reals and of the fakes called fake, from a score of ${
          results.find(({ groups }) => groups !== undefined)!.metrics.threshold
        }.`,
      ),
      ...(unknown.length > 0
        ? [
          `Left out, as their group is not said: ${
            unknown.map(({ test, column, unknown }) => `${count(unknown)} by ${column} (${test})`).join(", ")
          }.`,
        ]
        : []),
    ],
  });
}

/**
 * The two groups that are furthest apart in each rate; null where no test has two groups.
 *
 * @example
 * ```ts
 * import { evaluateScores, measureFairness } from "@forgelens/bench/metrics";
 * import { gapTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "unknown", demo: false } as const;
 * const [labels, scores] = [[0, 1, 0, 1], [0.1, 0.9, 0.7, 0.6]];
 * const groups = [{ column: "age", ...measureFairness({ labels, scores, groups: ["old", "old", "young", "young"] }) }];
 * const { rows } = gapTable([{ ...test, metrics: evaluateScores(labels, scores), groups }])!;
 * assertEquals(rows[1].slice(1), ["age", "FPR", "1.000", "–", "young", "old"]);
 * ```
 */
export function gapTable(results: readonly EvaluationResult[]): Table | null {
  const rows = rowsOf(results, ({ gaps }) => gaps);
  if (rows.length === 0) return null;
  return tableOf({
    title: "Widest gaps between groups",
    demo: isOfDemo(results),
    columns: [
      ...placeColumns<RateGap>(),
      { name: "Rate", align: "left", value: ({ item }) => rateTitles[item.rate] },
      { name: "Gap", align: "right", value: ({ item }) => decimals(item.gap) },
      { name: "Gap, 95 %", align: "right", value: ({ item }) => range(item.interval) },
      { name: "Highest", align: "left", value: ({ item }) => item.highest },
      { name: "Lowest", align: "left", value: ({ item }) => item.lowest },
    ],
    rows,
    notes: notesOf(
      results,
      "The two groups are those that these data have furthest apart. The interval is of that pair alone, resampled together: the choice leans to a gap, so that some two groups of many are apart by chance.",
    ),
  });
}

function columnsOf(results: readonly EvaluationResult[]): (GroupColumnResult & { readonly test: string })[] {
  return results.flatMap((result) =>
    (result.groups ?? []).map((column) => ({
      test: `${testName(result)}${result.video ? ", videos" : ""}`,
      ...column,
    }))
  );
}

function rowsOf<Of>(
  results: readonly EvaluationResult[],
  itemsOf: (column: GroupColumnResult) => readonly Of[],
): Row<Of>[] {
  return columnsOf(results).flatMap((each) =>
    itemsOf(each).map((item) => ({ test: each.test, column: each.column, item }))
  );
}

function placeColumns<Of>(): readonly Column<Row<Of>>[] {
  return [
    { name: "Test", align: "left", value: ({ test }) => test },
    { name: "By", align: "left", value: ({ column }) => column },
  ];
}

function notesOf(results: readonly EvaluationResult[], ...notes: readonly string[]): string[] {
  const ofFirst = results.some(({ groups, runs = [] }) => groups !== undefined && runs.length > 1);
  return [
    ...(ofFirst ? ["Of the first run."] : []),
    ...notes,
    `– as interval: too few for one (fewer than ${LEAST_GROUPS} units of a class), or every resample gave the same.`,
  ];
}

function range(interval: Interval | null): string {
  return interval ? `${decimals(interval.low)} to ${decimals(interval.high)}` : "–";
}
