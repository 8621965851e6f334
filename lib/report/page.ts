/**
 * A run's report → report.html: one file with its charts, tables, configuration and font, that loads nothing.
 *
 * @module
 */
import { takeBreath } from "../base/breath.ts";
import { charts, chartSource } from "./charts/mod.ts";
import { documentHtml } from "./document.ts";
import { chartText, renderSvg } from "./render.ts";
import { demoTitle, type Prediction, type ScoreReport } from "./report.ts";
import type { ChartSpec } from "./style.ts";
import { escapeHtml, type Table, tableHtml } from "./table.ts";
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
  const demo = report.demo || report.results.some((result) => result.demo);
  const source = chartSource(report, predictions);
  return Object.values(charts).flatMap((draw) => draw(source, { demo, width }) ?? []);
}

/** The tables of a report that have something to say, in reading order. */
export function reportTables(report: ScoreReport): Table[] {
  return Object.values(tables).map((make) => make(report)).filter((table) => table !== null)
    .filter((table) => table.rows.length > 0);
}

/**
 * The text of report.html. It needs neither network nor script: charts are inline SVG, the font travels in the file,
 * and a content security policy forbids any load. Every name from outside is escaped.
 *
 * @param options.predictions for ROC, precision-recall and score charts, which are left out without them
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
  { predictions = [], signal }: { predictions?: readonly Prediction[]; signal?: AbortSignal } = {},
): Promise<string> {
  const charts = [];
  for (const spec of reportCharts(report, { predictions })) {
    await takeBreath(signal);
    charts.push(
      `<figure role="img" aria-label="${escapeHtml(chartText(spec))}">${await renderSvg(spec)}</figure>`,
    );
  }
  const demo = report.demo || report.results.some((result) => result.demo);
  const title = demoTitle(report.name, demo);
  const [first, ...others] = reportTables(report);
  const { preset, encoder, backend } = report;
  const facts = [
    ["Made", report.createdAt],
    ...(preset === undefined ? [] : [["Preset", preset]]),
    ...(encoder === undefined ? [] : [["Encoder", encoder]]),
    ["Model", report.head],
    ...(backend ? [["Backend", `${backend.name} ${backend.version} on ${backend.device}`]] : []),
  ];
  const body = `<h1>${escapeHtml(title)}</h1>
${
    demo
      ? '<p class="demo">DEMO: procedural images. These numbers show that the bench works; they say nothing about real faces.</p>'
      : ""
  }
<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join("")}</dl>
${report.warnings.map((text) => `<p class="${bannerOf(text)}">${escapeHtml(text)}</p>`).join("\n")}
${first ? tableHtml(first) : ""}
<div class="charts">
${charts.join("\n")}
</div>
${others.map(tableHtml).join("\n")}
<h2>Configuration</h2>
<pre>${escapeHtml(JSON.stringify(report.config, null, 2))}</pre>`;
  return await documentHtml({ title, body });
}

/** How a warning is drawn: what no number may be read without as strongly as DEMO. */
function bannerOf(warning: string): "demo" | "warning" {
  return /^NOT CLIP|with random weights/.test(warning) ? "demo" : "warning";
}
