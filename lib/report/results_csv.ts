/**
 * The numbers of metrics.json in long form, for spreadsheets and data frames: one value a row.
 *
 * @module
 */
import { csvText } from "../base/csv.ts";
import type { Interval, Intervals } from "../metrics/intervals/bootstrap.ts";
import type { Metrics } from "../metrics/evaluate.ts";
import type { RateName } from "../metrics/fairness.ts";
import {
  byLevel,
  type EvaluationResult,
  type GroupResult,
  type LevelledResult,
  type ProbeResult,
} from "./report.ts";

const columns: readonly string[] = [
  ...["set", "split", "perturbation", "kind", "level", "by", "group", "run"],
  ...["metric", "value", "low", "high"],
];

/** What values are of. */
type Place = { readonly by: string; readonly group: string; readonly run: number };

/** A number by its name, null where it is undefined, and the ends of its interval where it has one. */
type Value = { readonly metric: string; readonly value: number | null } & Partial<Interval>;

/**
 * The text of results.csv: one line per test, level, group, run and metric, in full precision.
 *
 * `by` is `all`, `method` or `origin`, and `group` the method's or the origin's name; `mean of methods` and `mean of origins` are over
 * all of them. By a column of groups `by` is `column NAME`, and `gap of NAME` for the two groups that are furthest apart. `run` is the index of the training seed or
 * repeat, from 0; intervals and calibration are of the first. Beside the metrics stand the counts, the answers (`trueReal`,
 * `falseFake`, `falseReal`, `trueFake`), what the intervals were drawn from (`intervals.units` …), `calibration.…`, `probe.…`, and
 * `chosen.NAME.…`: the answers at a threshold that was chosen before the test. What is undefined has an empty value.
 */
export function resultsCsv(results: readonly EvaluationResult[]): string {
  const rows = byLevel(results).flatMap((result) => {
    const { set, split, perturbation, kind, level } = result;
    return [...ofAll(result), ...ofGroups(result), ...ofColumns(result)].flatMap(({ place, values }) =>
      values.map(({ value, ...others }) => ({
        ...{ set, split, perturbation, kind, level },
        ...place,
        ...others,
        value: value ?? undefined,
      }))
    );
  });
  return csvText(rows, { columns });
}

/** The values of all predictions of a level; calibration is of images alone. */
function ofAll(result: LevelledResult): { readonly place: Place; readonly values: readonly Value[] }[] {
  const { intervals, calibration, chosen = [], probe, level } = result;
  const all = (run: number): Place => ({ by: "all", group: "", run });
  return [
    ...runsOf(result).map((metrics, run) => ({
      place: all(run),
      values: metricValues(metrics, run === 0 ? intervals : undefined),
    })),
    { place: all(0), values: intervals ? drawnValues(intervals) : [] },
    { place: all(0), values: level === "video" ? [] : numbersIn(calibration, "calibration.") },
    { place: all(0), values: probe ? probeValues(probe) : [] },
    ...chosen.map(({ by, ...answers }, run) => ({
      place: all(run),
      values: numbersIn(answers, `chosen.${by}.`),
    })),
  ];
}

/** The values of each group, which are at the upper level alone. */
function ofGroups(result: LevelledResult): { readonly place: Place; readonly values: readonly Value[] }[] {
  if (result.level === "frame") return [];
  const kinds = [
    ["method", result.methods, result.methodMeans],
    ["origin", result.origins, result.originMeans],
  ] as const;
  return kinds.flatMap(([by, groups = [], means = []]) => [
    ...groups.flatMap((group) =>
      runsOf(group).map((metrics, run) => ({
        place: { by, group: group.name, run },
        values: metricValues(metrics),
      }))
    ),
    ...means.map((mean, run) => ({
      place: { by: `mean of ${by}s`, group: "", run },
      values: numbersIn(mean),
    })),
  ]);
}

/** The rates of each group of a column and the gaps between them, which are of the first run at the upper level. */
function ofColumns(result: LevelledResult): { readonly place: Place; readonly values: readonly Value[] }[] {
  if (result.level === "frame") return [];
  return (result.groups ?? []).flatMap(({ column, groups, gaps, ...drawn }) => {
    const by = `column ${column}`;
    const spread = (
      interval: Interval | null,
    ) => (interval ? { low: interval.low, high: interval.high } : {});
    return [
      ...groups.map(({ name, intervals, ...rates }) => ({
        place: { by, group: name, run: 0 },
        values: numbersIn(rates).map((value) => ({
          ...value,
          ...spread(intervals[value.metric as RateName] ?? null),
        })),
      })),
      ...gaps.map(({ rate, highest, lowest, gap, interval }) => ({
        place: { by: `gap of ${column}`, group: `${highest} − ${lowest}`, run: 0 },
        values: [{ metric: rate, value: gap, ...spread(interval) }],
      })),
      { place: { by, group: "", run: 0 }, values: numbersIn(drawn) },
    ];
  });
}

/** One per training seed or repeat. */
function runsOf({ metrics, runs = [] }: Pick<GroupResult, "metrics" | "runs">): readonly Metrics[] {
  return runs.length > 0 ? runs : [metrics];
}

function metricValues({ confusion, ...numbers }: Metrics, intervals?: Intervals): Value[] {
  const [[trueReal, falseFake], [falseReal, trueFake]] = confusion;
  return numbersIn({ ...numbers, trueReal, falseFake, falseReal, trueFake }).map((value) => {
    const interval = intervals?.[value.metric as keyof Intervals];
    return isInterval(interval) ? { ...value, low: interval.low, high: interval.high } : value;
  });
}

/** The linear probe's AUC, and what the detector's has above it. */
function probeValues({ auc, interval, difference, differenceInterval }: ProbeResult): Value[] {
  return [
    { metric: "probe.auc", value: auc, ...interval },
    { metric: "probe.difference", value: difference, ...differenceInterval },
  ];
}

/** What intervals say beside their ends. */
function drawnValues(intervals: Intervals): Value[] {
  const others = Object.entries(intervals).filter(([, value]) => value !== null && !isInterval(value));
  return numbersIn(Object.fromEntries(others), "intervals.");
}

function isInterval(value: unknown): value is Interval {
  return typeof value === "object" && value !== null && "low" in value && "high" in value;
}

/** The numbers in a value, also those within others: `groups.real`. */
function numbersIn(value: object | undefined, before = ""): Value[] {
  return Object.entries(value ?? {}).flatMap(([key, inner]): Value[] => {
    const metric = `${before}${key}`;
    if (inner === null || typeof inner === "number") return [{ metric, value: inner }];
    return typeof inner === "object" ? numbersIn(inner, `${metric}.`) : [];
  });
}
