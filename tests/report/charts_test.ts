import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { charts, chartSource } from "../../lib/report/charts/mod.ts";
import type { Prediction } from "../../lib/report/report.ts";
import { parseMetricsJson } from "../../lib/report/schema.ts";
import * as vega from "vega";
import { compile } from "vega-lite";
import { jpegChart, perturbationChart, perturbationCharts } from "../../lib/report/charts/perturbation.ts";
import { metricsChart } from "../../lib/report/charts/metrics.ts";
import { perturbations } from "../../lib/images/perturbations/mod.ts";
import { confusionChart } from "../../lib/report/charts/confusion.ts";
import { rocChart } from "../../lib/report/charts/roc.ts";
import { scoreChart } from "../../lib/report/charts/scores.ts";
import { classBalanceChart } from "../../lib/report/charts/class_balance.ts";
import { trainingChart } from "../../lib/report/charts/training.ts";
import { reportCharts } from "../../lib/report/page.ts";
import { renderSvg } from "../../lib/report/render.ts";
import { twoLineNames } from "../../lib/report/style.ts";
import { makeReport, titleOf } from "./made_report.ts";

// A metrics.json with the metrics of 2026: a metric that is newer is in none of the pictures.
const folder = new URL("../fixtures/charts/", import.meta.url);
const report = parseMetricsJson(await Deno.readTextFile(new URL("report.json", folder)));
const predictions = ["ffpp", "celeb-df"].flatMap((set) =>
  Array.from({ length: 12 }, (_, i): Prediction => ({
    set,
    split: "test",
    perturbation: "none",
    video: `video ${i >> 1}`,
    method: i % 3 ? "blend" : "",
    label: i % 3 ? 1 : 0,
    score: ((i * 5) % 12) / 12,
    path: `${i}.png`,
    run: 0,
  }))
);
const source = chartSource(report, predictions);
const rewrite = Deno.env.get("WRITE_CHARTS") !== undefined;

for (const [name, draw] of Object.entries(charts)) {
  Deno.test(`the ${name} chart has the spec of tests/fixtures/charts/${name}.json`, async () => {
    const file = new URL(`${name}.json`, folder);
    const spec = JSON.stringify(draw(source, { demo: report.demo }), null, 1);
    if (rewrite) await Deno.writeTextFile(file, spec + "\n");
    const kept = await Deno.readTextFile(file).catch(() => "null");
    try {
      assertEquals(JSON.parse(spec), JSON.parse(kept));
    } catch (error) {
      throw new Error(
        `${
          (error as Error).message
        }\nWhere this is meant, write the specs anew and look at what changed:\nWRITE_CHARTS=1 deno test -A tests/report/charts_test.ts`,
      );
    }
  });
}

Deno.test("tests/fixtures/charts holds a spec for each chart, and none besides", () => {
  const files = [...Deno.readDirSync(folder)].map((file) => file.name).sort();
  assertEquals(files, [...Object.keys(charts), "report"].map((name) => `${name}.json`).sort());
});

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
  assertEquals(draw("none", "jpeg-50").charts.length, 1);
  for (const names of [["none"], ["jpeg-50"], ["none", "other-3"]]) {
    assertEquals(draw(...names).charts, [], names.join());
  }
});

Deno.test("on a phone a row has its set on one line and split, level and kind on the next", async () => {
  const set = "a-set-of-a-rather-long-name-of-which-the-middle-is-left-out";
  const { report: { results } } = makeReport({
    sets: ["within", "cross"].map((kind) => ({
      ...{ set: kind === "cross" ? set : "first", kind: kind as "within" | "cross" },
      ...{ perturbations: ["none"], real: 30, fake: 50 },
    })),
  });
  const svg = await renderSvg(metricsChart(results, { demo: false, width: 350 }));
  for (const text of ["first", "test, within", "test, across"]) assertStringIncludes(svg, `>${text}</`);
  assertEquals(svg.includes(set), false);
});

Deno.test("twoLineNames() breaks a long name where a word ends, and tells names apart", () => {
  const names = [
    "short",
    "clip-vit-l14 linear probe",
    "abcdefghijklmnopqrstuvwxyz",
    "x".repeat(80),
    "x".repeat(81),
  ];
  const lines = names.map(twoLineNames(names, 100)); // 15 characters a line
  assertEquals(lines.slice(0, 3), ["short", "clip-vit-l14 \nlinear probe", "abcdefghijklmno\npqrstuvwxyz"]);
  assertEquals(new Set(lines).size, names.length);
});
