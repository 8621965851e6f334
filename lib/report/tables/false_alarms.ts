/**
 * The table of fakes found with few false alarms.
 *
 * @module
 */
import { hasInterval } from "../../metrics/intervals/bootstrap.ts";
import type { Metric } from "../../metrics/metric.ts";
import { type MetricName, metrics } from "../../metrics/metrics/mod.ts";
import { byLevel, type EvaluationResult, type LevelledResult, metricsIn } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, decimals, isOfDemo, levelColumns, tableOf } from "./column.ts";
import { columnName, metricCell } from "./metric_columns.ts";

/**
 * The fakes found when few reals may be called fake, with their intervals; null where none was measured.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { falseAlarmTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const { columns, rows: [row] } = falseAlarmTable([{ ...test, metrics }])!;
 * assertEquals(columns.at(-1)?.name, "TPR at 10 %");
 * assertEquals(row.at(-1), "0.500*"); // with two reals it allows no false alarm
 * ```
 */
export function falseAlarmTable(results: readonly EvaluationResult[]): Table | null {
  const names = metricsIn(results).filter((name) => metrics[name].table === "fewFalseAlarms");
  if (results.length === 0 || names.length === 0) return null;
  const rows = byLevel(results);
  const remarks = new Set(rows.flatMap((row) => names.flatMap((name) => remarkOn(row, name) ?? [])));
  const several = results.some(({ runs = [] }) => runs.length > 1);
  const columns: Column<LevelledResult>[] = [
    ...levelColumns(rows),
    ...names.map((name): Column<LevelledResult> => ({
      name: columnName(name),
      align: "right",
      value: (row) => {
        const value = metricCell(row, name) + (remarkOn(row, name) ? "*" : "");
        const interval = hasInterval(name) ? row.intervals?.[name] : null;
        // Beside a mean over runs, the first run's interval would be read as the mean's.
        return interval && !several
          ? `${value} (${decimals(interval.low)}–${decimals(interval.high)})`
          : value;
      },
    })),
  ];
  return tableOf({
    title: "Fakes found with few false alarms",
    demo: isOfDemo(results),
    columns,
    rows,
    notes: [
      `TPR: the share of fakes called fake where at most so large a share of the reals is${
        several ? "" : ", with its 95 % interval"
      }.`,
      ...[...remarks].map((remark) => `*: ${remark}.`),
    ],
  });
}

function remarkOn({ metrics: { real, fake } }: EvaluationResult, name: MetricName): string | undefined {
  return (metrics[name] as Metric).remark?.({ real, fake });
}
