import { assert, assertEquals } from "@std/assert";
import { parse } from "csv-parse/sync";
import { metricNames } from "../../lib/metrics/metrics/mod.ts";
import type { EvaluationResult } from "../../lib/report/report.ts";
import { resultsCsv } from "../../lib/report/results_csv.ts";
import { fullReport } from "./full_report.ts";

type Row = Readonly<Record<string, string>>;
const rowsOf = (results: readonly EvaluationResult[]) =>
  parse(resultsCsv(results), { columns: true }) as Row[];

/** Every number of a value, and every null, with how often it is there. */
function numbersIn(value: unknown, found: Map<string, number> = new Map()): Map<string, number> {
  if (value === null || typeof value === "number") {
    const text = value === null ? "" : JSON.stringify(value);
    found.set(text, (found.get(text) ?? 0) + 1);
  } else if (typeof value === "object") {
    for (const inner of Object.values(value)) numbersIn(inner, found);
  }
  return found;
}

Deno.test("resultsCsv() has every number of the results in the digits of metrics.json, and none besides", () => {
  const { results } = fullReport();
  const found = new Map<string, number>();
  for (const { value, low, high } of rowsOf(results)) {
    for (const text of [value, ...(low === "" ? [] : [low, high])]) {
      found.set(text, (found.get(text) ?? 0) + 1);
    }
  }
  const expected = new Map<string, number>();
  for (
    const {
      metrics: _first,
      video,
      methods = [],
      origins = [],
      groups: columnGroups = [],
      intervals,
      ...others
    } of results
  ) {
    // The metrics of the first run stand in `runs` too, and an interval that there is not leaves two cells empty.
    const { metrics: _firstOfVideos, intervals: ofVideos, ...videoOthers } = video!;
    const groups = [...methods, ...origins].map(({ metrics, runs }) => runs ?? [metrics]);
    const columns = columnGroups.map(({ groups, ...rest }) => [
      groups.map(({ intervals, ...rates }) => [withoutNulls(intervals), rates]),
      { ...rest, gaps: rest.gaps.map(withoutNulls) },
    ]);
    numbersIn(
      [withoutNulls(intervals), others, withoutNulls(ofVideos), videoOthers, groups, columns],
      expected,
    );
  }
  const sorted = (counts: Map<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  assertEquals(sorted(found), sorted(expected));
});

function withoutNulls(value: object | undefined): object {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, inner]) => inner !== null));
}

Deno.test("resultsCsv() says of each value which test, level, group and run it is of", () => {
  const { results } = fullReport();
  const [result] = results;
  const rows = rowsOf(results);
  assertEquals(Object.keys(rows[0]), [
    ...["set", "split", "perturbation", "kind", "level", "by", "group", "run"],
    ...["metric", "value", "low", "high"],
  ]);
  const value = (level: string, by: string, group: string, run: number, metric: string) => {
    const found = rows.filter((row) =>
      row.level === level && row.by === by && row.group === group && row.run === `${run}` &&
      row.metric === metric
    );
    assertEquals(found.length, 1, `${level} ${by} ${group} ${run} ${metric}`);
    return found[0];
  };
  for (const metric of metricNames) {
    assertEquals(value("frame", "all", "", 1, metric).value, JSON.stringify(result.runs![1][metric]));
    assertEquals(value("video", "all", "", 0, metric).value, JSON.stringify(result.video!.metrics[metric]));
    for (const { name, metrics } of result.methods!) {
      assertEquals(value("video", "method", name, 0, metric).value, JSON.stringify(metrics[metric]));
    }
  }
  const { low, high } = value("frame", "all", "", 0, "auc");
  assertEquals({ low: Number(low), high: Number(high) }, result.intervals!.auc);
  assertEquals(value("frame", "all", "", 1, "auc").low, "", "intervals are of the first run");
  assertEquals(value("frame", "all", "", 0, "falseFake").value, `${result.metrics.confusion[0][1]}`);
  assertEquals(
    value("frame", "all", "", 0, "intervals.groups.real").value,
    `${result.intervals!.groups.real}`,
  );
  assertEquals(value("frame", "all", "", 0, "calibration.raw.ece").value, `${result.calibration!.raw.ece}`);
  assertEquals(value("video", "all", "", 0, "chosen.eer.threshold").value, "0.4");
  assertEquals(value("video", "all", "", 0, "chosen.eer.truePositiveRate").value, "");
});

Deno.test("resultsCsv() leaves an undefined metric empty, and keeps a set's name from running as a formula", () => {
  const { results: [{ video: _v, methods: _m, origins: _o, runs: _r, ...others }] } = fullReport();
  const one = { ...others, methodMeans: undefined, originMeans: undefined, groups: undefined };
  const result = { ...one, set: "=1+1", metrics: { ...one.metrics, auc: null } };
  const rows = rowsOf([result]);
  assertEquals(rows.find(({ metric }) => metric === "auc")?.value, "");
  assert(rows.every(({ set, level, by }) => set === "'=1+1" && level === "image" && by === "all"));
});
