/**
 * The table of bootstrap intervals.
 *
 * @module
 */
import { hasInterval, type Interval, LEAST_GROUPS } from "../../metrics/intervals/bootstrap.ts";
import { metricNames, metrics } from "../../metrics/metrics/mod.ts";
import { byLevel, type EvaluationResult, type LevelledResult } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, decimals, isOfDemo, levelColumns, tableOf } from "./column.ts";
import { columnName } from "./metric_columns.ts";

/**
 * 95 % bootstrap intervals, or null where no result has any.
 *
 * @example
 * ```ts
 * import { bootstrapIntervals, evaluateScores } from "@forgelens/bench/metrics";
 * import { intervalTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const labels = Array.from({ length: 40 }, (_, i) => i % 2);
 * const scores = labels.map((label, i) => (label + (i % 7)) / 8);
 * const [metrics, intervals] = [evaluateScores(labels, scores), bootstrapIntervals(labels, scores)];
 * assertEquals(intervalTable([{ ...test, metrics, intervals }])?.rows[0].slice(-2), ["40", "1,000"]);
 * assertEquals(intervalTable([{ ...test, metrics }]), null);
 * ```
 */
export function intervalTable(results: readonly EvaluationResult[]): Table | null {
  const measured = byLevel(results).filter((result) => result.intervals);
  if (measured.length === 0) return null;
  const names = metricNames.filter(hasInterval).filter((name) =>
    metrics[name].table !== "fewFalseAlarms" && measured.some(({ intervals }) => name in intervals!)
  );
  const columns: Column<LevelledResult>[] = [
    ...levelColumns(measured),
    ...names.map((name): Column<LevelledResult> => ({
      name: columnName(name),
      align: "right",
      value: ({ intervals }) => range(intervals![name]),
    })),
    ...(measured.some(({ drawnBy }) => drawnBy)
      ? [{ name: "Drawn by", align: "left", value: ({ drawnBy = "" }) => drawnBy } as const]
      : []),
    { name: "Units", align: "right", value: ({ intervals }) => count(intervals!.units) },
    { name: "Resamples", align: "right", value: ({ intervals }) => count(intervals!.samples) },
  ];
  return tableOf({
    title: "95 % intervals",
    demo: isOfDemo(results),
    columns,
    rows: measured,
    notes: [
      `Percentile bootstrap of the first run. Units: what was resampled, videos where they are known${
        measured.some(({ drawnBy }) => drawnBy === "persons")
          ? "; persons: all videos that share a person or an original are drawn together, as they are not independent"
          : ""
      }.`,
      ...(measured.some(({ intervals }) => names.some((name) => !intervals![name]))
        ? [
          `–: too few for an interval (fewer than ${LEAST_GROUPS} units of a class), or every resample gave the same.`,
        ]
        : []),
    ],
  });
}

/** An interval as a cell: `0.91 to 0.97`; a dash where there is none. */
export function range(interval: Interval | null = null): string {
  return interval ? `${decimals(interval.low)} to ${decimals(interval.high)}` : "–";
}
