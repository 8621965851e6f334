import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { parse } from "csv-parse/sync";
import { perturbations } from "../../../lib/images/perturbations/mod.ts";
import { robustnessChart, robustnessCharts } from "../../../lib/report/charts/robustness.ts";
import { renderSvg } from "../../../lib/report/render.ts";
import { measureRobustness } from "../../../lib/report/robustness/measure.ts";
import { robustnessHtml, robustnessSentences } from "../../../lib/report/robustness/page.ts";
import {
  quotedResults,
  robustnessCsv,
  robustnessJson,
  robustnessRateNames,
} from "../../../lib/report/robustness/robustness.ts";
import { escapeHtml } from "../../../lib/report/table.ts";
import { robustnessTable } from "../../../lib/report/tables/robustness.ts";
import { column } from "../made_report.ts";
import { images, makeRobustness } from "./made.ts";

Deno.test("measureRobustness() counts rates at the fixed threshold, and their drift from the clean test", () => {
  const { results } = makeRobustness();
  const at = (perturbation: string, level: string) =>
    results.find((result) => result.perturbation === perturbation && result.level === level)!;
  assertEquals(results.length, 12); // six tests, by video and by frame
  const clean = at("none", "video");
  assertEquals([clean.auc?.mean, clean.falsePositiveRate?.mean, clean.truePositiveRate?.mean], [1, 0, 1]);
  assertEquals([clean.real, clean.fake, clean.family, clean.severity], [2, 2, "none", null]);
  assertEquals(robustnessRateNames.map((name) => clean.drift[name]?.mean), [0, 0, 0]);
  const mild = at("jpeg-90", "video");
  assertEquals([mild.auc, mild.family, mild.severity], [{ mean: 0.75, sd: null }, "jpeg", 90]);
  assertEquals([mild.falsePositiveRate?.mean, mild.truePositiveRate?.mean], [0.5, 0.5]);
  assertEquals(robustnessRateNames.map((name) => mild.drift[name]?.mean), [-0.25, 0.5, -0.5]);
  const strong = at("jpeg-30", "frame");
  assertEquals([strong.real, strong.fake, strong.auc?.mean, strong.falsePositiveRate?.mean], [4, 4, 0, 1]);
  // The threshold is the first score that counts as fake.
  const [one] = measureRobustness(
    { set: "s", split: "test", images },
    [{ perturbation: "none", scored: [new Float64Array(8).fill(0.5)] }],
    { thresholds: [0.5], how: "mean" },
  );
  assertEquals([one.falsePositiveRate?.mean, one.truePositiveRate?.mean, one.auc?.mean], [1, 1, 0.5]);
});

Deno.test("measureRobustness() leaves out the video level where every image is a video, and AUC with one class", () => {
  const single = ["a", "b"].map((video) => ({ label: 0 as const, video }));
  const [result, ...others] = measureRobustness(
    { set: "s", split: "test", images: single },
    [{ perturbation: "none", scored: [Float64Array.of(0.2, 0.9)] }],
    { thresholds: [0.5], how: "mean" },
  );
  assertEquals([others.length, result.level, result.auc, result.truePositiveRate], [0, "image", null, null]);
  assertEquals(result.falsePositiveRate?.mean, 0.5);
});

Deno.test("measureRobustness() refuses to tell a drift without the clean test first", () => {
  assertThrows(
    () =>
      measureRobustness(
        { set: "s", split: "test", images },
        [{ perturbation: "jpeg-90", scored: [new Float64Array(8)] }],
        { thresholds: [0.5], how: "mean" },
      ),
    Error,
    "expected the clean test first",
  );
});

Deno.test("the robustness score is the mean over families of the mean over levels, without those that change nothing", () => {
  const [{ score, clean, families, worst, level }] = makeRobustness().scores;
  // JPEG (0.75 + 0) / 2, brightness (0.75 + 1) / 2 without its factor of 1.
  assertEquals(families, [
    { family: "jpeg", levels: 2, auc: { mean: 0.375, sd: null } },
    { family: "brightness", levels: 2, auc: { mean: 0.875, sd: null } },
  ]);
  assertEquals([score, clean, worst, level], [
    { mean: 0.625, sd: null },
    { mean: 1, sd: null },
    "jpeg",
    "video",
  ]);
});

Deno.test("several seeds give mean and standard deviation, the score's by seed", () => {
  const { scores: [{ score, families }], results } = makeRobustness({ seeds: 2 });
  // The second seed answers as if nothing was done: 1 in each family. Sd of two numbers: their difference over √2.
  const close = (actual: number | null | undefined, expected: number) =>
    assert(Math.abs(actual! - expected) < 1e-12, `${actual} for ${expected}`); // sums of few floats round
  close(score?.mean, (0.625 + 1) / 2);
  close(score?.sd, 0.375 / Math.SQRT2);
  close(families[0].auc?.sd, 0.625 / Math.SQRT2);
  const mild = results.find(({ perturbation }) => perturbation === "jpeg-90")!;
  close(mild.drift.falsePositiveRate?.mean, 0.25);
  close(mild.drift.falsePositiveRate?.sd, 0.5 / Math.SQRT2);
  assertEquals(mild.runs.map(({ auc }) => auc), [0.75, 1]);
});

Deno.test("JSON, CSV, table and page of a robustness run agree", async () => {
  for (const seeds of [1, 2]) {
    const report = makeRobustness({ seeds });
    assertEquals(JSON.parse(robustnessJson(report)), report);
    const rows: Record<string, string>[] = parse(robustnessCsv(report), { columns: true, bom: true });
    assertEquals(rows.length, report.results.length);
    for (const [i, result] of report.results.entries()) {
      assertEquals(rows[i].perturbation, result.perturbation);
      assertEquals(rows[i].severity, `${result.severity ?? ""}`);
      assertEquals(rows[i].level, result.level);
      for (const name of robustnessRateNames) {
        assertEquals(Number(rows[i][name]), result[name]!.mean);
        assertEquals(rows[i][`${name}Sd`], `${result[name]!.sd ?? ""}`);
        assertEquals(Number(rows[i][`${name}Drift`]), result.drift[name]!.mean);
      }
    }
    const table = robustnessTable(report);
    const cells = quotedResults(report.results).map(({ auc }) =>
      auc!.sd === null ? auc!.mean.toFixed(3) : `${auc!.mean.toFixed(3)} ± ${auc!.sd.toFixed(3)}`
    );
    assertEquals(column(table, "Video AUC"), cells);
    assertEquals(column(table, "Frame AUC"), cells); // both frames of a video have its score
    const drifts = ["AUC drift", "FPR drift", "TPR drift"].flatMap((name) => column(table, name));
    assert(drifts.some((cell) => cell.startsWith("−")) && drifts.some((cell) => cell.startsWith("+")));
    for (const cell of drifts) assertMatch(cell, /^(([+−](?!0\.000)\d\.\d{3}|0\.000)( ± \d\.\d{3})?)?$/);
    const html = await robustnessHtml(report);
    for (const row of table.rows) for (const cell of row) assertStringIncludes(html, `>${cell}</t`);
    for (const note of [...table.notes, ...robustnessSentences(report), report.definition]) {
      assertStringIncludes(html, escapeHtml(note));
    }
    assert(!html.includes("<faces>"), "a name from outside is escaped");
    assertEquals(html.match(/<figure/g)?.length, 2);
    assertStringIncludes(html, '<div class="charts">');
  }
});

Deno.test("a robustness run opens with three sentences made from its numbers", () => {
  assertEquals(robustnessSentences(makeRobustness()), [
    "At video level the AUC on <faces> test is 1.000 clean and 0.625 on average over 2 families of perturbations, which is its robustness score. The worst family is JPEG with 0.375; the lowest AUC of all is 0.000, under jpeg-30. At the threshold 0.500, fixed on clean validation, the share of reals called fake goes from 0.000 clean to between 0.000 (brightness-1) and 1.000 (jpeg-30), that of fakes called fake from 1.000 clean to between 0.000 (jpeg-30) and 1.000 (brightness-1.1).",
  ]);
  const { threshold, ...others } = makeRobustness({ names: ["none", "jpeg-90"] });
  const [text] = robustnessSentences({ ...others, threshold: { ...threshold, by: "none", level: null } });
  assertStringIncludes(text, "is 1.000 clean and 0.750 under jpeg-90, which is its robustness score. At the");
  assertStringIncludes(text, "goes from 0.000 clean to 0.500 (jpeg-90), that of");
  assertStringIncludes(text, "At the threshold 0.500, chosen on nothing");
});

Deno.test("robustnessCharts() draws one chart a family, with the clean test at its place among the levels", async () => {
  const charts = robustnessCharts(makeRobustness({ seeds: 2 }), { width: 620 });
  assertEquals(charts.length, 2);
  const [jpeg, brightness] = charts.map((spec) => JSON.stringify(spec));
  assertStringIncludes(jpeg, '"sort":["clean","90","30"]');
  assertStringIncludes(brightness, '"sort":["0.9","clean","1","1.1"]');
  assertStringIncludes(`${charts[0].description}`, "90: AUC 0.875, FPR 0.250, TPR 0.750.");
  const svg = await renderSvg(charts[0]);
  for (const text of ["Robustness to JPEG", "JPEG quality", "FPR: reals called fake", "± sd over 2 seeds"]) {
    assertStringIncludes(svg, text);
  }
  const { scores: [test] } = makeRobustness();
  assertThrows(
    () => robustnessChart(makeRobustness(), { kind: perturbations.webp, test }),
    Error,
    "expected a test under webp-… but found none",
  );
});

Deno.test("a robustness run says which threshold is of which seed, and where everything gets one answer", () => {
  const report = makeRobustness({ names: ["none", "jpeg-30", "brightness-0.9"] });
  const rate = (mean: number) => ({ mean, sd: null });
  const results = report.results.map((result) =>
    result.family === "jpeg"
      ? { ...result, falsePositiveRate: rate(0.98), truePositiveRate: rate(1) }
      : result
  );
  const [text] = robustnessSentences({
    ...report,
    results,
    threshold: { ...report.threshold, values: [0.262, 0.398] },
  });
  assertStringIncludes(text, "The worst family is JPEG with the lowest AUC of all, 0.000, under jpeg-30.");
  assertStringIncludes(
    text,
    "At the thresholds 0.262 and 0.398, one for each seed, fixed on clean validation,",
  );
  assertStringIncludes(text, "Under jpeg-30 nearly everything is called fake.");
  assertEquals(column(robustnessTable(report), "AUC drift"), ["", "−1.000", "−0.250"]);
});
