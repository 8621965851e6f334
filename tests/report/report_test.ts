import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { parse } from "csv-parse/sync";
import sharp from "sharp";
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { csvRows } from "../../lib/base/csv.ts";
import { bootstrapIntervals } from "../../lib/metrics/bootstrap.ts";
import { jpegChart, perturbationChart, perturbationCharts } from "../../lib/report/charts/perturbation.ts";
import { metricsChart } from "../../lib/report/charts/metrics.ts";
import { perturbations } from "../../lib/images/perturbations/mod.ts";
import { confusionChart } from "../../lib/report/charts/confusion.ts";
import { rocChart } from "../../lib/report/charts/roc.ts";
import { scoreChart } from "../../lib/report/charts/scores.ts";
import { classBalanceChart } from "../../lib/report/charts/class_balance.ts";
import { trainingChart } from "../../lib/report/charts/training.ts";
import { reportCharts, reportHtml } from "../../lib/report/page.ts";
import { compareCalibration } from "../../lib/metrics/calibration.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { referenceFigures, referenceFor } from "../../lib/report/reference.ts";
import { displayable, displayBundle, renderChart, renderSvg } from "../../lib/report/render.ts";
import {
  type EpochRecord,
  estimate,
  type EvaluationResult,
  historyCsv,
  metricsJson,
  parseMetricsJson,
  type Prediction,
  predictionsCsv,
  type RunReport,
} from "../../lib/report/report.ts";
import {
  calibrationTable,
  falseAlarmTable,
  intervalTable,
  referenceTable,
  reportTables,
  resultsTable,
  type Table,
  tableHtml,
  tableMarkdown,
  tableText,
  thresholdTable,
} from "../../lib/report/tables.ts";

type Test = { set: string; kind: "within" | "cross"; perturbations: string[]; real: number; fake: number };
const tests: Test[] = [
  { set: "first", kind: "within", perturbations: ["none", "jpeg-90", "jpeg-30"], real: 30, fake: 50 },
  { set: "second", kind: "cross", perturbations: ["none"], real: 20, fake: 20 },
];

/** A whole report with its predictions; scores overlap more in later runs, so that runs differ. */
function makeReport(
  { demo = false, runs = 1, sets = tests }: { demo?: boolean; runs?: number; sets?: Test[] } = {},
): { report: RunReport; predictions: Prediction[] } {
  const predictions: Prediction[] = [];
  const results: EvaluationResult[] = [];
  for (const { set, kind, perturbations, real, fake } of sets) {
    for (const perturbation of perturbations) {
      const byRun = Array.from(
        { length: runs },
        (_, run) =>
          Array.from({ length: real + fake }, (_, i): Prediction => {
            const label = i < real ? 0 : 1;
            const spread = ((i * 37 + run * 11) % 100) / 100;
            return {
              set,
              split: "test",
              perturbation,
              video: `video ${i >> 2}`,
              method: label ? "blend" : "",
              label,
              score: 0.7 * spread + 0.3 * label,
              path: `${label ? "fake" : "real"}/${i}.png`,
              run,
            };
          }),
      );
      predictions.push(...byRun.flat());
      const measured = byRun.map((all) => evaluateScores(all.map((p) => p.label), all.map((p) => p.score)));
      const labels = byRun[0].map((p) => p.label);
      const scores = byRun[0].map((p) => p.score);
      results.push({
        set,
        split: "test",
        perturbation,
        kind: perturbation === "none" ? kind : "perturbed",
        demo,
        metrics: measured[0],
        intervals: bootstrapIntervals(labels, scores, { groups: byRun[0].map((p) => p.video), samples: 50 }),
        calibration: compareCalibration(labels, scores),
        ...(runs > 1 ? { runs: measured } : {}),
      });
    }
  }
  const history: EpochRecord[] = Array.from({ length: runs * 3 }, (_, i) => ({
    run: Math.floor(i / 3),
    epoch: i % 3 + 1,
    step: (i % 3 + 1) * 10,
    loss: 0.7 / (i % 3 + 1),
    valLoss: 0.72 / (i % 3 + 1),
    valAuc: 0.6 + 0.1 * (i % 3),
    seconds: 1.5,
    best: true,
  }));
  const report: RunReport = {
    schemaVersion: 1,
    name: "run-1",
    createdAt: "2025-01-02T03:04:05.000Z",
    preset: "corrected",
    demo,
    head: "notebook head",
    encoder: "CLIP ViT-B-16",
    config: { seed: 1, train: { real: "reals", fake: "fakes" } },
    backend: { name: "tensorflow", device: "CPU", version: "2.21.0" },
    data: sets.map(({ set, real, fake }) => ({ set, split: "test", real, fake, videos: 20, skipped: 1 })),
    history,
    results,
    warnings: ["1 file was skipped"],
  };
  return { report, predictions };
}

/** A result as good as the reference's counts need, with no scores behind it. */
function resultWithCounts(real: number, fake: number, perturbation: string, demo: boolean): EvaluationResult {
  const labels = Array.from({ length: real + fake }, (_, i) => i < real ? 0 : 1);
  const metrics = evaluateScores(labels, labels.map((label, i) => (label + (i % 7) / 7) / 2));
  return {
    set: "ours",
    split: "test",
    perturbation,
    kind: perturbation === "none" ? "within" : "perturbed",
    demo,
    metrics,
  };
}

function titleOf(spec: TopLevelSpec): string {
  return (spec.title as { text: string }).text;
}

function column(table: Table, name: string): string[] {
  const index = table.columns.findIndex((each) => each.name === name);
  assert(index >= 0, `no column ${name} in ${table.title}`);
  return table.rows.map((row) => row[index]);
}

for (const width of [380, 620]) {
  Deno.test(`every chart compiles without a warning at a width of ${width}, and fits it`, async () => {
    const { report, predictions } = makeReport({ demo: true, runs: 2 });
    const specs = reportCharts(report, { predictions, width });
    assertEquals(specs.length, 8);
    for (const spec of specs) {
      assertEquals(spec.$schema, "https://vega.github.io/schema/vega-lite/v5.json");
      const svg = await renderSvg(spec);
      const drawn = Number(/width="(\d+)"/.exec(svg)![1]);
      assert(drawn <= width + 60, `${titleOf(spec)} is ${drawn} wide`);
    }
  });
}

Deno.test("every chart and table of demo data says DEMO in its title, and no other does", () => {
  for (const demo of [true, false]) {
    const { report, predictions } = makeReport({ demo });
    const titles = [
      ...reportCharts(report, { predictions }).map(titleOf),
      ...reportTables(report).map((table) => table.title),
    ];
    assertEquals(titles.length, 8 + 7);
    for (const title of titles) assertEquals(title.startsWith("DEMO: "), demo, title);
  }
});

Deno.test("charts keep their own colours under a theme, as JupyterLab's dark one puts on them", async () => {
  const theirs = "#abcdef"; // what vega-themes' dark writes in white, on a chart that is white here
  const theme = {
    background: theirs,
    title: { color: theirs, subtitleColor: theirs },
    style: { "guide-label": { fill: theirs }, "guide-title": { fill: theirs } },
    axis: { domainColor: theirs, gridColor: theirs, tickColor: theirs },
  };
  const { report, predictions } = makeReport();
  for (const spec of reportCharts(report, { predictions })) {
    const { spec: compiled } = compile(spec, { config: theme });
    const svg = await new vega.View(vega.parse(compiled), { renderer: "none" }).toSVG();
    assertEquals(svg.includes(theirs), false, JSON.stringify(spec.title));
  }
});

Deno.test("charts draw what there is: one epoch, no validation, one class, nothing yet", async () => {
  const options = { demo: true };
  const epoch = { run: 0, epoch: 1, step: 10, loss: 0.7, seconds: 1, best: false };
  await renderSvg(trainingChart([], options));
  await renderSvg(trainingChart([epoch], options));
  await renderSvg(trainingChart([{ ...epoch, valLoss: 0.7, valAuc: 0.5 }], options));
  const { report, predictions } = makeReport({
    sets: [{ set: "fakes only", kind: "cross", perturbations: ["none", "jpeg-90"], real: 0, fake: 8 }],
  });
  for (const spec of reportCharts(report, { predictions })) await renderSvg(spec);
});

Deno.test("a chart that has nothing to show says what it expected", () => {
  const options = { demo: true };
  const { predictions } = makeReport({
    sets: [{ set: "fakes only", kind: "cross", perturbations: ["none"], real: 0, fake: 8 }],
  });
  assertThrows(() => rocChart(predictions, options), Error, "an unperturbed test with real and fake images");
  assertThrows(() => scoreChart([], options), Error, "expected predictions without perturbation");
  assertThrows(() => metricsChart([], options), Error, "expected an unperturbed test");
  assertThrows(() => confusionChart([], options), Error, "expected an unperturbed test");
  assertThrows(() => jpegChart([], options), Error, "expected a test under jpeg-…");
  assertThrows(() => classBalanceChart([], options), Error, "expected at least one split");
});

Deno.test("perturbationCharts() draws each family of two levels or more, from the mildest on", () => {
  const { jpeg } = perturbations;
  const draw = (...names: string[]) => {
    const { report: { results } } = makeReport({
      sets: [{ set: "first", kind: "within", perturbations: names, real: 30, fake: 50 }],
    });
    return { results, charts: perturbationCharts(results, { demo: false }) };
  };
  const { results, charts } = draw("jpeg-9", "none", "jpeg-90", "jpeg-100", "other-3", "other-4");
  assertEquals(charts, [jpegChart(results, { demo: false })]);
  const text = JSON.stringify(charts[0]);
  assertStringIncludes(
    text,
    '"sort":["none","100","90","9"],"title":"JPEG quality (none: not compressed again)"',
  );
  assert(!text.includes("other"), "a test under another perturbation is not in it");
  // Which end is the mildest is what the kind says.
  const rising = perturbationChart(results, { demo: false, kind: { ...jpeg, levels: [1, 2] } });
  assertStringIncludes(JSON.stringify(rising), '"sort":["none","9","90","100"]');
  // A level that changes nothing has the test without perturbation in its place.
  const [around] = draw("brightness-0.7", "none", "brightness-1.3", "brightness-1.1").charts;
  assertStringIncludes(JSON.stringify(around), '"sort":["0.7","none","1.1","1.3"]');
  assertEquals(draw("none", "jpeg-50").charts.length, 1);
  for (const names of [["none"], ["jpeg-50"], ["none", "other-3"]]) {
    assertEquals(draw(...names).charts, [], names.join());
  }
});

Deno.test("renderSvg() refuses a spec in which Vega-Lite finds fault", async () => {
  const spec = (channel: string): TopLevelSpec => ({
    title: "Odd",
    data: { values: [{ a: 1 }] },
    mark: "bar",
    encoding: { [channel]: { field: "a", type: "quantitative" } },
  });
  await renderSvg(spec("x"));
  await assertRejects(() => renderSvg(spec("nonsense")), Error, "Cannot draw 'Odd': expected a sound spec");
});

Deno.test("renderChart() writes text with the bundled font", async () => {
  const { report } = makeReport();
  const { png, svg, text } = await renderChart(classBalanceChart(report.data, { demo: false }), { scale: 1 });
  assertStringIncludes(svg, "Open Sans");
  assertEquals(text.split("\n")[0], "Class balance");
  const image = sharp(png);
  const { width } = await image.metadata();
  // The title is the only dark thing in the picture's top 30 rows: without a font they would be blank.
  const { data } = await image.extract({ left: 0, top: 0, width: width!, height: 30 }).greyscale().raw()
    .toBuffer({ resolveWithObject: true });
  assertGreater(data.filter((value) => value < 100).length, 100);
});

Deno.test("displayBundle() holds the spec, a PNG and text, and Deno's kernel finds it", async () => {
  const spec = trainingChart(makeReport({ demo: true }).report.history, { demo: true });
  const bundle = await displayBundle(spec);
  assertEquals(Object.keys(bundle), ["application/vnd.vegalite.v5+json", "image/png", "text/plain"]);
  assertEquals(bundle["application/vnd.vegalite.v5+json"], spec);
  assertStringIncludes(atob(bundle["image/png"]).slice(0, 8), "PNG");
  assertMatch(bundle["text/plain"], /^DEMO: Training by epoch\n.*validation AUC 0\.8000/);
  assertEquals(await displayable(spec)[Symbol.for("Jupyter.display")](), bundle);
});

Deno.test("tables hold the metrics, rounded", () => {
  const { report } = makeReport();
  const main = resultsTable(report.results);
  const further = thresholdTable(report.results);
  for (
    const [table, name, metric] of [
      [main, "AUC", "auc"],
      [main, "AP", "ap"],
      [main, "EER", "eer"],
      [main, "Bal. acc.", "balancedAccuracy"],
      [main, "Accuracy", "accuracy"],
      [main, "Majority", "majorityAccuracy"],
      [further, "Precision", "precision"],
      [further, "Recall", "recall"],
      [further, "F1", "f1"],
      [further, "MCC", "mcc"],
      [further, "Brier", "brier"],
      [further, "Log loss", "logLoss"],
    ] as const
  ) {
    assertEquals(column(table, name), report.results.map((result) => result.metrics[metric]!.toFixed(3)));
  }
  assertEquals(column(main, "Test"), [
    "first test",
    "first test, jpeg-90",
    "first test, jpeg-30",
    "second test",
  ]);
  assertEquals(column(main, "Fake"), ["50", "50", "50", "20"]);
});

const calibration = compareCalibration([0, 1], [0.2, 0.7]);

Deno.test("tables and charts show mean ± sd over several runs", () => {
  const { report } = makeReport({ runs: 3 });
  const [result] = report.results;
  const values = result.runs!.map((run) => run.auc!);
  const mean = (values[0] + values[1] + values[2]) / 3;
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2);
  assertGreater(sd, 0);
  assertAlmostEquals(estimate(result, "auc")!.sd!, sd, 1e-12);
  const table = resultsTable(report.results);
  assertEquals(column(table, "AUC")[0], `${mean.toFixed(3)} ± ${sd.toFixed(3)}`);
  assertStringIncludes(table.notes.join(), "over 3 runs");
  const chart = JSON.stringify(metricsChart(report.results, { demo: false }));
  assertStringIncludes(chart, `"high":${mean + sd}`);
  // Beside means, what is of the first run needs a word, and so do scores of all.
  assertStringIncludes(JSON.stringify(confusionChart(report.results, { demo: false })), "Of the first run");
  const { predictions } = makeReport({ runs: 3 });
  assertStringIncludes(JSON.stringify(scoreChart(predictions, { demo: false })), "All 3 runs together");
  // A deviation that reaches beyond 1 is cut there, and the axis with it.
  const runs = [0.5, 1].map((auc) => ({
    ...result.metrics,
    auc,
    ap: auc,
    balancedAccuracy: auc,
    accuracy: auc,
  }));
  const wide = [result, { ...result, perturbation: "jpeg-50" }].map((each) => ({ ...each, runs }));
  const { high } = /"domain":\[[^\]]+,(?<high>[\d.]+)\],"nice":true/.exec(
    JSON.stringify(jpegChart(wide, { demo: false })),
  )!.groups!;
  assertEquals(high, "1");
  // Beside a mean Brier score, that of the first run needs a word.
  const calibrated = report.results.map((each) => ({ ...each, calibration }));
  assertStringIncludes(calibrationTable(calibrated)!.notes.join(), "Of the first run");
});

Deno.test("an undefined metric is a dash, not a number", () => {
  const { report } = makeReport({
    sets: [{ set: "fakes", kind: "cross", perturbations: ["none"], real: 0, fake: 8 }],
  });
  assertEquals(column(resultsTable(report.results), "AUC"), ["–"]);
  assertEquals(column(resultsTable(report.results), "Bal. acc."), ["–"]);
});

Deno.test("falseAlarmTable() marks a rate that allows no false alarm, and has intervals of a single run only", () => {
  const sets: Test[] = [
    { set: "small", kind: "within", perturbations: ["none", "jpeg-90"], real: 99, fake: 40 },
    { set: "large", kind: "cross", perturbations: ["none"], real: 100, fake: 40 },
  ];
  const { report } = makeReport({ sets });
  const table = falseAlarmTable(report.results)!;
  const { metrics, intervals } = report.results[0];
  const { low, high } = intervals!.tprAt5!;
  assertEquals(
    column(table, "TPR at 5 %")[0],
    `${metrics.tprAt5!.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`,
  );
  assertEquals(column(table, "TPR at 1 %").map((text) => text.includes("*")), [true, true, false]);
  assertStringIncludes(table.notes.join(" "), "*: no false alarm allowed");
  assert(Math.max(...tableText(table).split("\n").slice(0, -3).map((line) => line.length)) <= 100);
  assert(!intervalTable(report.results)!.columns.some(({ name }) => name.startsWith("TPR")));
  assertEquals(falseAlarmTable(report.results.slice(2))!.notes.length, 1);

  const repeated = falseAlarmTable(makeReport({ sets, runs: 2 }).report.results)!;
  assertMatch(column(repeated, "TPR at 10 %")[0], /^0\.\d{3} ± 0\.\d{3}$/);
  const older = report.results.map(({ metrics, ...result }) => {
    const { tprAt1: _, tprAt5: __, tprAt10: ___, ...others } = metrics;
    return { ...result, metrics: others } as EvaluationResult;
  });
  assertEquals(falseAlarmTable(older), null);
});

Deno.test("a report that is older than a metric has no column, no interval and no point of it", () => {
  const { report: { results } } = makeReport();
  const older = results.map(({ metrics: { ap: _, ...metrics }, intervals, ...result }) => {
    const { ap: __, ...others } = intervals!;
    return { ...result, metrics, intervals: others } as EvaluationResult;
  });
  const heads = (table: Table | null) => table!.columns.map(({ name }) => name);
  const without = (names: string[]) => names.filter((name) => name !== "AP");
  assertEquals(heads(resultsTable(older)), without(heads(resultsTable(results))));
  assertEquals(heads(intervalTable(older)), without(heads(intervalTable(results))));
  const chart = JSON.stringify(metricsChart(older, { demo: false }));
  assert(chart.includes('"AUC"') && !chart.includes('"AP"'));
  // Beside a result that has it, there is a dash.
  assertEquals(column(resultsTable([results[0], older[1]]), "AP")[1], "–");
  assertEquals(column(intervalTable([results[0], older[1]])!, "AP")[1], "–");
});

Deno.test("the reference's figures and class counts agree with each other", () => {
  for (const { real, fake, accuracy, precision, recall, f1 } of referenceFigures) {
    const tp = Math.round(recall * fake);
    const fp = Math.round(tp / precision - tp);
    // float64 division printed in full by Python: only its last digit may differ.
    assertAlmostEquals(tp / fake, recall, 1e-15);
    assertAlmostEquals(tp / (tp + fp), precision, 1e-15);
    assertAlmostEquals((tp + real - fp) / (real + fake), accuracy, 1e-15);
    assertAlmostEquals(2 * tp / (2 * tp + fp + fake - tp), f1, 1e-15);
    assert(accuracy < fake / (real + fake), "the reference never beats 'always fake'");
  }
});

Deno.test("the reference's figures stand beside ours only on its class counts, never on demo data", () => {
  const { real, fake } = referenceFigures[0];
  const same = resultWithCounts(real, fake, "none", false);
  assertEquals(referenceFor(same), referenceFigures[0]);
  const table = referenceTable([same])!;
  assertEquals(column(table, "Whose"), ["ours", "reference"]);
  assertEquals(column(table, "AUC"), [same.metrics.auc!.toFixed(3), "0.586"]);
  const isReference = (spec: TopLevelSpec) => JSON.stringify(spec).includes(String(referenceFigures[0].auc));
  assert(isReference(metricsChart([same], { demo: false })));
  assertEquals(referenceFor(resultWithCounts(real, fake, "jpeg-50", false))?.auc, 0.5972607548697658);

  for (
    const other of [
      resultWithCounts(real, fake, "none", true),
      resultWithCounts(real, fake - 1, "none", false),
      resultWithCounts(real + 1, fake, "none", false),
      resultWithCounts(real, fake, "jpeg-40", false),
    ]
  ) {
    assertEquals(referenceFor(other), null);
    assertEquals(referenceTable([other]), null);
    const draw = other.perturbation === "none" ? metricsChart : jpegChart;
    assert(!isReference(draw([other], { demo: other.demo })));
  }
});

Deno.test("report.html loads nothing and escapes hostile names", async () => {
  const hostile = `<script>alert("x")</script>'&`;
  const { report, predictions } = makeReport({
    sets: [{ set: hostile, kind: "within", perturbations: ["none", "jpeg-90"], real: 9, fake: 9 }],
  });
  const html = await reportHtml({
    ...report,
    name: hostile,
    warnings: [hostile],
    config: { [hostile]: hostile },
  }, {
    predictions,
  });
  assertEquals(html.match(/<script/gi), null);
  assertStringIncludes(html, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;");
  // XML namespaces are names, not addresses; the spec's own $schema is not in the page.
  const addresses = (html.match(/(?:https?:)?\/\/[a-z][^"'\s<)]*/gi) ?? []).filter((each) =>
    !each.includes("w3.org")
  );
  assertEquals(addresses.filter((each) => /^https?:/.test(each)), []);
  assertEquals(html.match(/\b(?:src|href|srcset|action)\s*=|@import|url\((?!data:)/gi), null);
  assertStringIncludes(html, "default-src 'none'");
  assertEquals(html.match(/<svg/g)!.length, 8);
});

Deno.test("report.html shows the run's numbers, warnings and configuration, and says DEMO", async () => {
  const { report, predictions } = makeReport({ demo: true });
  const html = await reportHtml(report, { predictions });
  for (const table of reportTables(report)) assertStringIncludes(html, tableHtml(table));
  for (
    const text of [
      "1 file was skipped",
      "&quot;seed&quot;: 1",
      "<h1>DEMO: run-1</h1>",
      "tensorflow 2.21.0 on CPU",
    ]
  ) {
    assertStringIncludes(html, text);
  }
});

Deno.test("tableText() aligns wide characters and keeps control characters from the terminal", () => {
  const table: Table = {
    title: "T\u009b2J",
    columns: [{ name: "Set", align: "left" }, { name: "N", align: "right" }],
    rows: [["人脸", "1"], ["a\u001b[31mb", "23"]],
    notes: ["note\n\u001b]0;x\u0007"],
  };
  assertEquals(
    tableText(table),
    "T\\u009b2J\n\nSet            N\n────────────  ──\n人脸           1\na\\u001b[31mb  23\nnote\\u000a\\u001b]0;x\\u0007\n",
  );
});

Deno.test("tableMarkdown() escapes what Markdown and HTML would read as marks", () => {
  const table: Table = {
    title: "<b>*T*",
    columns: [{ name: "S_t", align: "left" }],
    rows: [["a|b_<c>"], ["$x$ ~~y~~ [z](w)"]],
    notes: ["<img src=x>\n\n# n"],
  };
  const text = tableMarkdown(table);
  for (
    const line of [
      "**\\<b\\>\\*T\\***",
      "| a\\|b\\_\\<c\\>              |",
      "| S\\_t                     |",
      "| \\$x\\$ \\~\\~y\\~\\~ \\[z\\](w) |",
      "*\\<img src=x\\>\\\\u000a\\\\u000a# n*",
    ]
  ) assertStringIncludes(text, line);
});

Deno.test("predictionsCsv() and historyCsv() read back as they were", () => {
  const { report, predictions } = makeReport();
  const odd = { ...predictions[0], set: 'a,"b"\nc', score: 1 / 3 };
  const [row] = parse(predictionsCsv([odd]), { columns: true }) as Record<string, string>[];
  assertEquals(row.set, odd.set);
  assertEquals(Number(row.score), odd.score);
  assertEquals(Object.keys(row), [
    "set",
    "split",
    "perturbation",
    "video",
    "method",
    "label",
    "score",
    "path",
    "run",
  ]);
  const epoch = { ...report.history[0], valLoss: undefined };
  const [line] = parse(historyCsv([epoch]), { columns: true }) as Record<string, string>[];
  assertEquals(line, {
    run: "0",
    epoch: "1",
    step: "10",
    loss: String(epoch.loss),
    valLoss: "",
    valAuc: "0.6",
    seconds: "1.5",
    best: "1",
  });
});

Deno.test("predictionsCsv() keeps names from spreadsheets that would run them, and csvRows() reads them back", async () => {
  const { predictions } = makeReport();
  const odd = { ...predictions[0], path: "=cmd|'/c calc'!A0.png", video: "@v", method: "-m", score: -1e-9 };
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, predictionsCsv([odd]));
    assertStringIncludes(await Deno.readTextFile(path), "'@v,'-m,");
    const [{ values }] = await Array.fromAsync(csvRows(path, { what: "predictions" }));
    assertEquals([values.path, values.video, values.method, Number(values.score)], [
      odd.path,
      odd.video,
      odd.method,
      odd.score,
    ]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("metricsJson() reads back whole, and another version is refused", () => {
  const { report } = makeReport({ runs: 2 });
  assertEquals(parseMetricsJson(metricsJson(report)), report);
  assertThrows(
    () => parseMetricsJson(JSON.stringify({ ...report, schemaVersion: 2 }), { path: "old/metrics.json" }),
    Error,
    "Cannot read old/metrics.json: expected schemaVersion 1 but found 2",
  );
  assertThrows(() => parseMetricsJson("{"), Error, "expected JSON");
});
