/**
 * A page of its own: one HTML file with its styles, its font and its script, that loads nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { sha256 } from "../base/checksum.ts";
import { pageStyle } from "./page_style.ts";
import { chartText, fontPath, renderSvg } from "./render.ts";
import type { ChartSpec } from "./style.ts";
import { escapeHtml } from "./table.ts";
import { tableScript } from "./table_script.ts";

/**
 * The text of a page. Its content security policy forbids any load and any script but its own, which sorts and filters tables and
 * without which everything still reads; the font travels in the file.
 *
 * @param options.title of the window, as plain text
 * @param options.body HTML, in which every name from outside is escaped
 */
export async function documentHtml(
  { title, body }: { readonly title: string; readonly body: string },
): Promise<string> {
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    "font-src data:",
    "img-src data:",
    `script-src 'sha256-${Buffer.from(sha256(tableScript), "hex").toString("base64")}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escapeHtml(title)}</title>
<style>
${await fontFace(400, "OpenSans-Regular-latin.woff2")}
${await fontFace(600, "OpenSans-SemiBold-latin.woff2")}
${pageStyle}
</style>
</head>
<body>
<main>
${body}
</main>
<script>${tableScript}</script>
</body>
</html>
`;
}

/** What stands above every number of the demo data, in pages and in Markdown. */
export const demoText =
  "DEMO: procedural images. These numbers show that the bench works; they say nothing about real faces.";

/** The sentences that a page opens with, and what a reader must know: of the demo data first, the rest below them. */
export function openingHtml(
  { sentences, warnings, demo }: {
    readonly sentences: readonly string[];
    readonly warnings: readonly string[];
    readonly demo: boolean;
  },
): string {
  const paragraph = (text: string, kind?: string) =>
    `<p${kind ? ` class="${kind}"` : ""}>${escapeHtml(text)}</p>`;
  return [
    ...(demo ? [paragraph(demoText, "demo")] : []),
    ...warnings.filter(isGrave).map((text) => paragraph(text, "demo")),
    ...(sentences.length > 0
      ? [`<div class="summary">${sentences.map((text) => paragraph(text)).join("\n")}</div>`]
      : []),
    ...warnings.filter((text) => !isGrave(text)).map((text) => paragraph(text, "warning")),
  ].join("\n");
}

/** Whether no number may be read without a warning: it is drawn as strongly as DEMO. */
function isGrave(warning: string): boolean {
  return /^NOT CLIP|with random weights/.test(warning);
}

/**
 * A chart in a page, with its text for those who do not see it.
 *
 * @param narrow the same chart drawn for a phone, about {@link narrowWidth} wide; without it a phone scrolls the chart
 * @throws {Error} when Vega-Lite finds fault with a spec
 */
export async function chartHtml(spec: ChartSpec, narrow?: ChartSpec): Promise<string> {
  const small = narrow ? (await renderSvg(narrow)).replace("<svg", '<svg class="small"') : "";
  const svg = await renderSvg(spec);
  // A chart that is narrower than its column does not grow to letters larger than the page's.
  const most = Math.round(LARGEST * Number(/ width="([0-9.]+)"/.exec(svg)![1]));
  return `<figure role="img" aria-label="${escapeHtml(chartText(spec))}">${small}${
    svg.replace("<svg", `<svg style="max-width: ${most}px"`)
  }</figure>`;
}

/** How much larger than drawn a chart is shown at most. */
const LARGEST = 1.1;

/** How wide a chart is drawn for a phone, in pixels. */
export const narrowWidth = 350;

async function fontFace(weight: number, file: string): Promise<string> {
  const base64 = Buffer.from(await Deno.readFile(fontPath(file))).toString("base64");
  return `@font-face { font-family: "Open Sans"; font-weight: ${weight}; src: url(data:font/woff2;base64,${base64}) format("woff2"); }`;
}
