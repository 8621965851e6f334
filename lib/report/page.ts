/**
 * A run's report → report.html: one file with its sentences, tables, charts, images and configuration, that loads nothing.
 *
 * @module
 */
import { takeBreath } from "../base/breath.ts";
import { charts, type ChartSource, chartSource } from "./charts/mod.ts";
import { chartHtml, documentHtml, narrowWidth, openingHtml } from "./document.ts";
import { type Gallery, galleryHtml } from "./gallery.ts";
import { demoTitle, type Prediction, type ScoreReport } from "./report.ts";
import type { ChartOptions, ChartSpec } from "./style.ts";
import { summarySentences } from "./summary.ts";
import { escapeHtml, type Table, tableHtml } from "./table.ts";
import { probeSentences } from "./tables/probe.ts";
import { tables } from "./tables/mod.ts";

/**
 * The charts of a report that have something to show, in reading order.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { reportCharts, type RunReport } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const results = [{ ...test, metrics }];
 * const report: RunReport = {
 *   ...{ schemaVersion: 1, name: "first", createdAt: "2026-01-31", preset: "corrected", demo: false },
 *   ...{ head: "notebook head", encoder: "CLIP ViT-B-16, float32", config: {} },
 *   ...{ backend: { name: "wasm", device: "CPU", version: "4.22.0" }, warnings: [] },
 *   ...{ data: [], history: [], results },
 * };
 * assertEquals(reportCharts(report).length, 2); // metrics and confusion; the others need more
 * ```
 */
export function reportCharts(
  report: ScoreReport,
  { predictions = [], width }: { predictions?: readonly Prediction[]; width?: number } = {},
): ChartSpec[] {
  return chartsOf(chartSource(report, predictions), { demo: isDemo(report), width });
}

function chartsOf(source: ChartSource, options: ChartOptions): ChartSpec[] {
  return Object.values(charts).flatMap((draw) => draw(source, options) ?? []);
}

function isDemo({ demo, results }: ScoreReport): boolean {
  return demo || results.some((result) => result.demo);
}

/** The tables of a report that have something to say, in reading order. */
export function reportTables(report: ScoreReport): Table[] {
  return Object.values(namedTables(report));
}

function namedTables(report: ScoreReport): Partial<Record<keyof typeof tables, Table>> {
  const made = Object.entries(tables).map(([name, make]) => [name, make(report)] as const);
  return Object.fromEntries(made.filter(([, table]) => table !== null && table.rows.length > 0));
}

/**
 * The text of report.html: what the numbers say in three sentences, results by test, method and origin, charts, images, and the rest.
 *
 * It needs neither network nor script: charts are inline SVG, font and images travel in the file, and a content security policy
 * forbids any load. Every name from outside is escaped. Its size does not grow with the number of predictions.
 *
 * @param options.predictions for ROC, precision-recall and score charts, which are left out without them
 * @param options.gallery images of the test set, as `drawGallery()` makes them; none unless given
 * @param options.signal is heard between charts
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@forgelens/bench/metrics";
 * import { reportHtml, type RunReport } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const test = { set: "faces", split: "test", perturbation: "none", kind: "within", demo: false } as const;
 * const metrics = evaluateScores([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]);
 * const results = [{ ...test, metrics }];
 * const report: RunReport = {
 *   ...{ schemaVersion: 1, name: "first", createdAt: "2026-01-31", preset: "corrected", demo: false },
 *   ...{ head: "notebook head", encoder: "CLIP ViT-B-16, float32", config: {} },
 *   ...{ backend: { name: "wasm", device: "CPU", version: "4.22.0" }, warnings: [] },
 *   ...{ data: [], history: [], results },
 * };
 * const html = await reportHtml(report);
 * assertStringIncludes(html, "<h1>first</h1>");
 * ```
 */
export async function reportHtml(
  report: ScoreReport,
  { predictions = [], gallery = [], signal }: {
    predictions?: readonly Prediction[];
    gallery?: readonly Gallery[];
    signal?: AbortSignal;
  } = {},
): Promise<string> {
  const demo = isDemo(report);
  const source = chartSource(report, predictions);
  const narrow = chartsOf(source, { demo, width: narrowWidth });
  const charts = [];
  for (const [i, spec] of chartsOf(source, { demo }).entries()) {
    await takeBreath(signal);
    charts.push(await chartHtml(spec, narrow[i]));
  }
  const title = demoTitle(report.name, demo);
  const { results, probe, methods, origins, ...others } = namedTables(report);
  const { preset, encoder, steps, backend } = report;
  const facts = [
    ["Made", report.createdAt],
    ...(preset === undefined ? [] : [["Preset", preset]]),
    ...(encoder === undefined ? [] : [["Encoder", encoder]]),
    ["Model", report.head],
    ...(steps === undefined ? [] : [["Trained in", steps]]),
    ...(report.noProbe === undefined ? [] : [["Linear probe", `none beside it: ${report.noProbe}`]]),
    ...(backend ? [["Backend", `${backend.name} ${backend.version} on ${backend.device}`]] : []),
  ];
  const sections = [
    `<h1>${escapeHtml(title)}</h1>`,
    openingHtml({
      sentences: [...summarySentences(report), ...probeSentences(report.results)],
      warnings: report.warnings,
      demo,
    }),
    `<dl class="facts">${
      facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join("")
    }</dl>`,
    ...[results, probe, methods, origins].flatMap((table) => (table ? [tableHtml(table)] : [])),
    ...(charts.length > 0 ? [`<h2>Charts</h2>\n<div class="charts">\n${charts.join("\n")}\n</div>`] : []),
    ...(gallery.length > 0 ? [`<h2>${demoTitle("Images", demo)}</h2>`, ...gallery.map(galleryHtml)] : []),
    ...Object.values(others).map(tableHtml),
    `<details><summary><h2>Configuration</h2></summary>
<pre>${escapeHtml(JSON.stringify(report.config, null, 2))}</pre></details>`,
  ];
  return await documentHtml({ title, body: sections.filter((section) => section !== "").join("\n") });
}
