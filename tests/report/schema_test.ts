import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { metricNames } from "../../lib/metrics/metrics/mod.ts";
import { metricsJson, type ScoreReport } from "../../lib/report/report.ts";
import { parseMetricsJson } from "../../lib/report/schema.ts";
import { metricsSchemaText } from "../../tools/metrics_schema.ts";
import { fullReport } from "./full_report.ts";
import { makeReport } from "./made_report.ts";

const file = new URL("../../docs/metrics.schema.json", import.meta.url);
const published = JSON.parse(await Deno.readTextFile(file));
const validate = new Ajv2020({ strict: true, strictRequired: false, strictTuples: false }).compile(published);

/** What a JSON Schema validator has against a report: the place and the fault of each. */
function faultsOf(report: unknown): string[] {
  return validate(JSON.parse(JSON.stringify(report)))
    ? []
    : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

Deno.test("docs/metrics.schema.json is what tools/metrics_schema.ts writes from the schema", () => {
  assertEquals(
    published,
    JSON.parse(metricsSchemaText()),
    "Cannot use docs/metrics.schema.json: expected the schema's keys but found others; to write it: deno run -A tools/metrics_schema.ts",
  );
});

Deno.test("docs/metrics.schema.json describes every metric, by its title", () => {
  const { properties } = published.$defs.Metrics;
  for (const name of metricNames) assertStringIncludes(properties[name].description, "is better");
});

Deno.test("docs/metrics.schema.json holds for made reports, older ones, and scores of another program", async () => {
  const full = fullReport();
  assertEquals(faultsOf(full), []);
  assertEquals(faultsOf(makeReport({ runs: 1 }).report), []);
  const { preset: _p, encoder: _e, backend: _b, ...scores } = full;
  assertEquals(faultsOf(scores), []);
  const old = new URL("../fixtures/charts/report.json", import.meta.url); // without the metrics that came later
  assertEquals(faultsOf(JSON.parse(await Deno.readTextFile(old))), []);
  assertEquals(faultsOf({ ...full, added: "by a later version" }), []);
});

/** A copy of a report in which the value at a path is another, or gone. */
function damaged(report: ScoreReport, path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(report);
  // deno-lint-ignore no-explicit-any
  const owner = path.slice(0, -1).reduce((object: any, key) => object[key], copy);
  if (value === undefined) delete owner[path.at(-1)!];
  else owner[path.at(-1)!] = value;
  return copy;
}

const damages: readonly (readonly [path: readonly (string | number)[], value: unknown, text: string])[] = [
  [["results", 0, "metrics", "auc"], "high", 'expected number at results[0].metrics.auc but found "high"'],
  [
    ["results", 0, "metrics", "auc"],
    undefined,
    "expected number at results[0].metrics.auc but found nothing",
  ],
  [["results", 0, "metrics", "ap"], 1.5, "at results[0].metrics.ap but found 1.5"],
  [["results", 0, "metrics", "mcc"], -2, "at results[0].metrics.mcc but found -2"],
  [["results", 0, "metrics", "tprAt5"], [], "at results[0].metrics.tprAt5 but found []"],
  [["results", 0, "metrics", "n"], 2.5, "at results[0].metrics.n but found 2.5"],
  [["results", 0, "metrics", "confusion", 1], [1], "results[0].metrics.confusion[1]"],
  [["results", 0, "intervals", "auc", "low"], null, "results[0].intervals.auc.low but found null"],
  [["results", 0, "video", "how"], "least", 'results[0].video.how but found "least"'],
  [["results", 0, "methods", 1, "name"], 3, "expected string at results[0].methods[1].name but found 3"],
  [["results", 0, "chosen", 0, "threshold"], "0.5", 'results[0].chosen[0].threshold but found "0.5"'],
  [["results", 0, "calibration", "raw", "ece"], -1, "results[0].calibration.raw.ece but found -1"],
  [["history", 2, "loss"], undefined, "expected number at history[2].loss but found nothing"],
  [["data", 0, "real"], -1, "data[0].real but found -1"],
  [["warnings"], "none", 'expected array at warnings but found "none"'],
];

Deno.test("a damaged metrics.json is refused by the published schema and by parseMetricsJson(), which name the key", () => {
  const report = fullReport();
  assertEquals(parseMetricsJson(metricsJson(report)), JSON.parse(JSON.stringify(report)));
  for (const [path, value, text] of damages) {
    const copy = damaged(report, path, value);
    const found = faultsOf(copy).join("\n");
    assertStringIncludes(found, value === undefined ? `'${path.at(-1)}'` : `/${path.join("/")}`);
    assertThrows(
      () => parseMetricsJson(JSON.stringify(copy), { path: "runs/a/metrics.json" }),
      Error,
      text,
    );
  }
});
