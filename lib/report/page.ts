/**
 * A run's report → report.html: one file with its charts, tables, configuration and font, that loads nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { takeBreath } from "../base/breath.ts";
import { charts } from "./charts/mod.ts";
import { chartText, fontPath, renderSvg } from "./render.ts";
import { demoTitle, type Prediction, type RunReport } from "./report.ts";
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
  report: RunReport,
  { predictions = [], width }: { predictions?: readonly Prediction[]; width?: number } = {},
): ChartSpec[] {
  const demo = report.demo || report.results.some((result) => result.demo);
  return Object.values(charts).flatMap((draw) => draw({ ...report, predictions }, { demo, width }) ?? []);
}

/** The tables of a report that have something to say, in reading order. */
export function reportTables(report: RunReport): Table[] {
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
  report: RunReport,
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
  const title = escapeHtml(demoTitle(report.name, demo));
  const [first, ...others] = reportTables(report);
  const facts = [
    ["Made", report.createdAt],
    ["Preset", report.preset],
    ["Encoder", report.encoder],
    ["Model", report.head],
    ["Backend", `${report.backend.name} ${report.backend.version} on ${report.backend.device}`],
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; font-src data:">
<title>${title}</title>
<style>
${await fontFace(400, "OpenSans-Regular-latin.woff2")}
${await fontFace(600, "OpenSans-SemiBold-latin.woff2")}
${style}
</style>
</head>
<body>
<main>
<h1>${title}</h1>
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
<pre>${escapeHtml(JSON.stringify(report.config, null, 2))}</pre>
</main>
</body>
</html>
`;
}

/** How a warning is drawn: what no number may be read without as strongly as DEMO. */
function bannerOf(warning: string): "demo" | "warning" {
  return /^NOT CLIP|with random weights/.test(warning) ? "demo" : "warning";
}

async function fontFace(weight: number, file: string): Promise<string> {
  const base64 = Buffer.from(await Deno.readFile(fontPath(file))).toString("base64");
  return `@font-face { font-family: "Open Sans"; font-weight: ${weight}; src: url(data:font/woff2;base64,${base64}) format("woff2"); }`;
}

const style = `
body { margin: 0; background: #f6f7f9; color: #1b1f23; font: 15px/1.5 "Open Sans", system-ui, sans-serif; }
main { max-width: 1380px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 12px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0 0 16px; }
dt { color: #5f6b76; } dd { margin: 0; overflow-wrap: anywhere; }
.demo, .warning { padding: 10px 14px; border-left: 4px solid #e69f00; background: #fff6e0; margin: 12px 0; overflow-wrap: anywhere; }
.demo { border-color: #d55e00; background: #fdeee3; font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 600px), 1fr)); gap: 16px; margin-top: 28px; align-items: start; }
figure { margin: 0; padding: 8px; background: white; border: 1px solid #e3e7eb; border-radius: 6px; overflow-x: auto; }
figure svg { max-width: max(100%, 440px); height: auto; display: block; }
.wide { overflow-x: auto; background: white; border: 1px solid #e3e7eb; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; border-bottom: 1px solid #eef0f3; white-space: nowrap; }
th { font-weight: 600; background: #f0f2f5; }
.left { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 72px; } .left:first-child { min-width: 150px; } .right { text-align: right; }
.note { color: #5f6b76; font-size: 13px; margin: 6px 0; }
pre { background: white; border: 1px solid #e3e7eb; border-radius: 6px; padding: 12px; overflow-x: auto; font-size: 13px; }
@media print { body { background: white; } .charts { display: block; } figure { break-inside: avoid; margin-bottom: 12px; } }
`.trim();
