import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "csv-parse/sync";
import { comparisonChart, differenceChart } from "../../lib/report/charts/comparison.ts";
import {
  comparedMetrics,
  type ComparedTest,
  type Comparison,
  comparisonCsv,
  comparisonJson,
} from "../../lib/report/comparison.ts";
import {
  comparisonCharts,
  comparisonHtml,
  comparisonMarkdown,
  comparisonSentences,
  comparisonTables,
} from "../../lib/report/comparison_page.ts";
import { publishedFigures } from "../../lib/report/published.ts";
import { renderSvg } from "../../lib/report/render.ts";
import { signed } from "../../lib/report/tables/column.ts";
import { comparisonTable, pairTable, pText } from "../../lib/report/tables/comparison.ts";
import { publishedTable } from "../../lib/report/tables/published.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { column } from "./made_report.ts";

const labels = Array.from({ length: 40 }, (_, i) => i % 2);
const measured = (seed: number) =>
  evaluateScores(labels, labels.map((label, i) => (0.5 * label + ((i * seed + 3) % 41) / 41) / 1.5));
const figures = publishedFigures.filter(({ set }) => set === "DFD");

const test: ComparedTest = {
  set: "dfd",
  split: "test",
  level: "video",
  videoScore: "mean",
  demo: false,
  real: 20,
  fake: 20,
  drawn: "persons",
  inputs: [
    { input: "first", metrics: measured(7), interval: { low: 0.6, high: 0.95 }, leftOut: 0 },
    { input: "<b>", metrics: measured(11), interval: null, runs: [measured(11), measured(13)], leftOut: 2 },
  ],
  pairs: [{
    first: "first",
    second: "<b>",
    difference: -0.0714,
    deLong: { difference: -0.0714, standardError: 0.03, p: 0.0004321 },
    holm: null,
    byVideo: { interval: { low: -0.12, high: -0.01 }, units: 40, samples: 1000 },
    byPersons: { interval: { low: -0.15, high: 0.02 }, units: 12, samples: 1000 },
  }],
  published: figures.map((figure) => ({
    ...figure,
    standings: [
      { input: "first", kind: "beside", differs: ["no official split", "other training set (ours: mine)"] },
      { input: "<b>", kind: "beside", differs: ["no official split"] },
    ],
  })),
};
const comparison: Comparison = {
  schemaVersion: 1,
  createdAt: "2026-01-02T03:04:05.000Z",
  demo: false,
  inputs: [
    { name: "first", path: "runs/first", detector: "linear probe", trainedOn: { set: "mine" } },
    { name: "<b>", path: "b.csv" },
  ],
  tests: [test],
  warnings: ["dfd test: <2> left out"],
};

const rewrite = Deno.env.get("WRITE_CHARTS") !== undefined;
const specs = {
  comparison: comparisonChart(test, { demo: false }),
  differences: differenceChart([test], { demo: false }),
};

for (const [name, chart] of Object.entries(specs)) {
  Deno.test(`the chart has the spec of tests/fixtures/comparison/${name}.json`, async () => {
    const file = new URL(`../fixtures/comparison/${name}.json`, import.meta.url);
    const spec = JSON.stringify(chart, null, 1);
    if (rewrite) await Deno.writeTextFile(file, spec + "\n");
    assertEquals(JSON.parse(spec), JSON.parse(await Deno.readTextFile(file)));
  });
}

Deno.test("the charts of a comparison compile without a warning and fit their width", async () => {
  for (const width of [380, 620]) {
    for (
      const chart of [
        comparisonChart(test, { demo: true, width }),
        differenceChart([test], { demo: true, width }),
      ]
    ) {
      const drawn = Number(/width="(\d+)"/.exec(await renderSvg(chart!))![1]);
      assert(drawn <= width + 60, `${drawn} at ${width}`);
    }
  }
  const alone = { ...comparison, tests: [{ ...test, pairs: [], published: [] }] };
  assertEquals(comparisonCharts(alone).length, 1);
});

Deno.test("comparison.csv and comparison.json hold the same numbers, all their digits", () => {
  const rows: Record<string, string>[] = parse(comparisonCsv(comparison), { columns: true });
  const back: Comparison = JSON.parse(comparisonJson(comparison));
  assertEquals(back.tests[0], JSON.parse(JSON.stringify(test)));
  const own = rows.filter(({ kind, name }) => kind === "result" && name === "first");
  assertEquals(
    Object.fromEntries(own.map(({ metric, value }) => [metric, Number(value)])),
    Object.fromEntries(comparedMetrics.map((name) => [name, back.tests[0].inputs[0].metrics[name]!])),
  );
  const pairs = rows.filter(({ kind }) => kind === "pair");
  assertEquals(pairs.map(({ drawn, value, low, units, deLongP }) => [drawn, value, low, units, deLongP]), [
    ["persons", "-0.0714", "-0.15", "12", "0.0004321"],
    ["videos", "-0.0714", "-0.12", "40", "0.0004321"],
  ]);
  const published = rows.filter(({ kind }) => kind === "published");
  assertEquals(
    published.map(({ name, value, source, level }) => [name, Number(value), source, level]),
    figures.map(({ model, value, source, level }) => [model, value, source, level]),
  );
});

Deno.test("the tables quote the bootstrap by persons, mark seeds, and say once what differs of all figures", () => {
  const results = comparisonTable(comparison);
  assertEquals(column(results, "Left out"), ["0", "2"]);
  assertEquals(column(results, "AUC")[0], measured(7).auc!.toFixed(3));
  assert(/^0\.\d{3} ± 0\.\d{3}$/.test(column(results, "AUC")[1]));
  const pairs = pairTable(comparison)!;
  assertEquals([column(pairs, "First − second"), column(pairs, "95 %"), column(pairs, "DeLong's p")], [
    ["−0.071"],
    ["−0.150 to +0.020"],
    ["< 0.001"],
  ]);
  assertStringIncludes(pairs.notes.join(), "the interval by groups of persons is the one to quote");
  const published = publishedTable(comparison)!;
  assertEquals(published.notes[0], "For all figures beside dfd test: no official split.");
  assertEquals(
    column(published, "Stands"),
    figures.map(() => "beside: first: other training set (ours: mine)"),
  );
  const value = column(published, "Value")[column(published, "Model").indexOf("GenD")];
  assertEquals(value, "0.965–0.970");
  assertEquals(publishedTable({ ...comparison, tests: [{ ...test, published: [] }] }), null);
  assertEquals(pairTable({ ...comparison, tests: [{ ...test, pairs: [] }] }), null);
});

Deno.test("comparisonSentences() names the highest AUC, how sure the difference is, and what stands beside it", () => {
  const seeds = [measured(11).auc!, measured(13).auc!];
  const [mean, sd] = [(seeds[0] + seeds[1]) / 2, Math.abs(seeds[0] - seeds[1]) / Math.SQRT2];
  const first = measured(7).auc!;
  assert(first !== mean);
  const [best, next] = first > mean
    ? [`first's, ${first.toFixed(3)} (95 % 0.600 to 0.950)`, `<b> has ${mean.toFixed(3)}`]
    : [`<b>'s, ${mean.toFixed(3)} ± ${sd.toFixed(3)}`, `first has ${first.toFixed(3)}`];
  assertEquals(comparisonSentences(comparison), [
    `The highest AUC is ${best}, on dfd test, video level, 20 real and 20 fake; ${next} (first − <b>: −0.071; 95 % −0.150 to +0.020 by groups of persons, DeLong's p < 0.001, with the first seed of each).`,
    `${figures.length} published figures stand beside these; none was measured in the same way, so none is reproduced here.`,
  ]);
  const again = comparisonSentences({ ...comparison, tests: [test, test] });
  assertStringIncludes(
    again[1],
    "Of the 2 differences, each of two detectors on one test, none has a 95 % interval",
  );
  const oneClass = {
    ...test,
    inputs: test.inputs.map((each) => ({ ...each, metrics: evaluateScores([1], [1]), runs: undefined })),
  };
  assertStringIncludes(
    comparisonSentences({ ...comparison, tests: [oneClass] })[0],
    "No AUC can be measured",
  );
});

Deno.test("comparison.html and comparison.md show the same cells as the tables, names escaped, and load nothing", async () => {
  const html = await comparisonHtml(comparison);
  const markdown = comparisonMarkdown(comparison);
  for (const cell of comparisonTables(comparison).flatMap(({ rows }) => rows.flat())) {
    if (/^[\d.+−–]/.test(cell)) {
      assertStringIncludes(html, `>${cell}</td>`);
      assertStringIncludes(markdown, cell);
    }
  }
  assertEquals([html.includes("<b>"), /<script [^>]*src|https?:\/\/(?!www\.w3\.org)/.test(html)], [
    false,
    false,
  ]);
  assertStringIncludes(html, "dfd test: &lt;2&gt; left out");
  assertStringIncludes(html, '<div class="charts">');
  const demo = await comparisonHtml({ ...comparison, demo: true });
  assertStringIncludes(demo, "<h1>DEMO: first and &lt;b&gt;</h1>");
});

Deno.test("signed() and pText() write small values without losing what they say", () => {
  assertEquals([0.0425, -0.0425, 0.0001, -0.0001, null].map((value) => signed(value)), [
    "+0.043",
    "−0.043",
    "0.000",
    "0.000",
    "–",
  ]);
  assertEquals([0.125, -0.125, 0.004].map((value) => signed(value, 2)), ["+0.13", "−0.13", "0.00"]);
  assertEquals([0.0009, 0.001, 1, null].map(pText), ["< 0.001", "0.001", "1.000", "–"]);
});
