/**
 * Vega-Lite specs → pictures, without a browser and without any font on the machine; and → Jupyter displays.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { fileURLToPath } from "node:url";
// @ts-types="@types/opentype.js"
import * as opentype from "opentype.js";
import type { ChartSpec } from "./style.ts";

/** A chart as pictures and as text. */
export type RenderedChart = { readonly svg: string; readonly png: Uint8Array; readonly text: string };

/** A MIME bundle, of which a Jupyter front end shows the richest form that it knows. */
export type DisplayBundle = {
  readonly "application/vnd.vegalite.v5+json": ChartSpec;
  readonly "image/png": string;
  readonly "text/plain": string;
};

/** Pixels of a chart's PNG per unit of its spec. */
export const chartScale = 2;

const fontFiles = { regular: "OpenSans-Regular.ttf", semiBold: "OpenSans-SemiBold.ttf" };

/**
 * Draws a chart.
 *
 * @param options.scale pixels of the PNG per unit of the spec; 2 unless given
 * @returns `text` is the title and the description of the spec
 * @throws {Error} when Vega-Lite finds fault with the spec, in a warning or an error
 *
 * @example
 * ```ts
 * import { classBalanceChart, renderChart } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const train = { set: "faces", split: "train", real: 700, fake: 2800, videos: 350, skipped: 2 };
 * const { svg, png } = await renderChart(classBalanceChart([train], { demo: false }));
 * assertEquals(svg.slice(0, 4), "<svg");
 * assertEquals([...png.slice(1, 4)].map((byte) => String.fromCharCode(byte)).join(""), "PNG");
 * ```
 */
export async function renderChart(
  spec: ChartSpec,
  { scale = chartScale }: { scale?: number } = {},
): Promise<RenderedChart> {
  const svg = await renderSvg(spec);
  return { svg, png: await rasterise(svg, { scale }), text: chartText(spec) };
}

/** Draws an SVG on white as PNG, its text in the bundled font, `scale` pixels a unit. */
export async function rasterise(svg: string, { scale }: { readonly scale: number }): Promise<Uint8Array> {
  const { Resvg } = await import("@resvg/resvg-js");
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scale },
    background: "white",
    font: {
      fontFiles: Object.values(fontFiles).map(fontPath),
      defaultFontFamily: "Open Sans",
      // Other scripts, in a data set's name for instance, are drawn with what the machine has.
      loadSystemFonts: !(await loadFonts()).covers(svg),
    },
  });
  return new Uint8Array(image.render().asPng());
}

/**
 * Draws a chart as SVG alone; it names the font Open Sans, which the reader's page provides.
 *
 * @throws {Error} when Vega-Lite finds fault with the spec, in a warning or an error
 */
export async function renderSvg(spec: ChartSpec): Promise<string> {
  const { vega, vegaLite } = await loadVega();
  const faults: string[] = [];
  const logger = vega.logger(vega.Warn);
  logger.warn = (...messages) => (faults.push(messages.join(" ")), logger);
  logger.error = logger.warn;
  let svg = "";
  try {
    const view = new vega.View(vega.parse(vegaLite.compile(spec, { logger }).spec), {
      renderer: "none",
      logger,
    });
    svg = await view.toSVG();
    view.finalize();
  } catch (error) {
    faults.push((error as Error).message);
  }
  if (faults.length > 0) {
    const name = chartText(spec).split("\n")[0];
    throw new Error(`Cannot draw '${name}': expected a sound spec but Vega found: ${faults.join("; ")}`);
  }
  return svg;
}

/**
 * A chart as Jupyter shows it: JupyterLab and VS Code draw the spec, GitHub and exported HTML the PNG.
 *
 * @throws {Error} as {@link renderChart} does
 *
 * @example
 * ```ts
 * import { classBalanceChart, displayBundle } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const train = { set: "faces", split: "train", real: 700, fake: 2800, videos: 350, skipped: 2 };
 * const bundle = await displayBundle(classBalanceChart([train], { demo: false }));
 * assertEquals(Object.keys(bundle), ["application/vnd.vegalite.v5+json", "image/png", "text/plain"]);
 * ```
 */
export async function displayBundle(spec: ChartSpec): Promise<DisplayBundle> {
  const { png, text } = await renderChart(spec);
  return {
    "application/vnd.vegalite.v5+json": spec,
    "image/png": Buffer.from(await inFewColours(png)).toString("base64"),
    "text/plain": text,
  };
}

/** A PNG with a palette, a third of the size: charts have few colours, and a notebook holds many charts. */
async function inFewColours(png: Uint8Array): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  return new Uint8Array(
    await sharp(png).png({ palette: true, colours: 128, effort: 8, dither: 0 }).toBuffer(),
  );
}

/**
 * A chart that Deno's Jupyter kernel displays when it is the last value of a cell.
 *
 * @example
 * ```ts
 * import { classBalanceChart, displayable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const train = { set: "faces", split: "train", real: 700, fake: 2800, videos: 350, skipped: 2 };
 * const spec = classBalanceChart([train], { demo: false });
 * assertEquals(displayable(spec).spec, spec); // as the last value of a cell it is the chart
 * ```
 */
export function displayable(
  spec: ChartSpec,
): { readonly spec: ChartSpec; [key: symbol]: () => Promise<DisplayBundle> } {
  return { spec, [Symbol.for("Jupyter.display")]: () => displayBundle(spec) };
}

/** The title and the description of a chart, for those who do not see it. */
export function chartText(spec: ChartSpec): string {
  const title = typeof spec.title === "object" && "text" in spec.title ? spec.title.text : spec.title;
  return [title, spec.description].filter((line) => line).join("\n");
}

/** The absolute path of a file in assets/fonts. */
export function fontPath(name: string): string {
  return fileURLToPath(new URL(`../../assets/fonts/${name}`, import.meta.url));
}

type Fonts = { regular: opentype.Font; semiBold: opentype.Font; covers(text: string): boolean };
let fonts: Promise<Fonts> | undefined;

function loadFonts(): Promise<Fonts> {
  fonts ??= (async () => {
    const read = async (name: string) => opentype.parse((await Deno.readFile(fontPath(name))).buffer);
    const [regular, semiBold] = await Promise.all([read(fontFiles.regular), read(fontFiles.semiBold)]);
    const covers = (text: string) =>
      [...new Set(text)].every((character) => character < " " || regular.charToGlyphIndex(character) !== 0);
    return { regular, semiBold, covers };
  })();
  return fonts;
}

type Libraries = { vega: typeof import("vega"); vegaLite: typeof import("vega-lite") };
let libraries: Promise<Libraries> | undefined;

/** Loads Vega when the first chart is drawn, and has it measure text with the bundled font. */
function loadVega(): Promise<Libraries> {
  libraries ??= (async () => {
    const { regular, semiBold } = await loadFonts();
    // Vega's loader brings an HTTP client, unused here, that warns of a deprecated module when it is imported.
    const before = process.noDeprecation;
    process.noDeprecation = true;
    const [vega, vegaLite] = await Promise.all([import("vega"), import("vega-lite")]).finally(() => {
      process.noDeprecation = before;
    });
    const { textMetrics } = vega as unknown as {
      textMetrics: {
        width(item: { fontSize?: number; fontWeight?: string | number }, text?: string): number;
      };
    };
    textMetrics.width = ({ fontSize = 11, fontWeight }, text) => {
      const font = fontWeight === "bold" || Number(fontWeight) >= 600 ? semiBold : regular;
      return font.getAdvanceWidth(String(text ?? ""), fontSize);
    };
    return { vega, vegaLite };
  })();
  return libraries;
}
