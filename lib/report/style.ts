/**
 * The house style of the charts: colours, fonts, titles, and the names of data sets at a length that fits.
 *
 * Real is blue, fake is vermilion, and further series take Okabe and Ito's colours, which the colour-blind can tell
 * apart; a series is also known by its dash or shape.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { demoTitle } from "./report.ts";

/** A chart as Vega-Lite (v5) draws it, its data within. */
export type ChartSpec = TopLevelSpec;

/** What every chart has beside its data and marks. */
export type ChartFrame = Pick<
  ChartSpec,
  "$schema" | "title" | "description" | "background" | "padding" | "config"
>;

/** What every chart can be given: whether its data is the procedural set, and how wide to be (620 unless given). */
export type ChartOptions = { readonly demo: boolean; readonly width?: number };

/** How wide a chart is unless given, in pixels: what a notebook in JupyterLab shows beside a file browser. */
export const defaultWidth = 620;
/** Okabe and Ito 2008, "Color universal design"; without yellow, which is faint on white. */
export const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/** A dash for each of the colours: the lengths drawn and left out, in turn. */
export const dashes = [[1, 0], [8, 3], [2, 2], [8, 3, 2, 3], [12, 3], [4, 4], [5, 2, 1, 2]];
/** A shape for each of the colours; the diamond is left for what stands beside the data. */
export const shapes = [
  "circle",
  "square",
  "triangle-up",
  "cross",
  "triangle-down",
  "triangle-right",
  "stroke",
];
/** The colours of the two classes. */
export const classScale = { domain: ["real", "fake"], range: ["#0072b2", "#d55e00"] };
/** Of text. */
export const ink = "#1b1f23";
/** For what stands behind the data: subtitles, axis titles, counts. */
export const grey = "#5f6b76";
/** Of the grid. */
export const grid = "#e3e7eb";
/** Of axes, and of the line of chance. */
export const rule = "#9aa5b1";
/** Long enough to show a dash. */
export const lineLegend = { symbolType: "stroke", symbolSize: 700 } as const;

/** Title, description and house style; every chart starts from it. */
export function frame(
  title: string,
  { demo, subtitle = "" }: { demo: boolean; subtitle?: string | string[] },
  description: string,
): ChartFrame {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    title: { text: demoTitle(title, demo), ...(subtitle.length > 0 ? { subtitle } : {}) },
    description,
    background: "white",
    padding: 10,
    config: {
      font: "Open Sans, system-ui, sans-serif",
      view: { stroke: null },
      // Said outright, as a dark theme would otherwise write in white on our white.
      style: { "guide-label": { fill: ink }, "guide-title": { fill: grey }, "group-title": { fill: ink } },
      title: {
        color: ink,
        anchor: "start",
        frame: "bounds",
        fontSize: 16,
        fontWeight: 600,
        subtitleFontSize: 12,
        subtitleColor: grey,
        subtitlePadding: 5,
        offset: 14,
      },
      axis: {
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: 400,
        titleColor: grey,
        labelLimit: 0,
        titleLimit: 0,
        titlePadding: 8,
        gridColor: grid,
        domainColor: rule,
        tickColor: rule,
      },
      axisX: { labelFlush: false },
      header: { labelColor: ink, labelFontSize: 13, labelFontWeight: 600, labelLimit: 0 },
      legend: {
        orient: "bottom",
        labelFontSize: 12,
        titleFontSize: 12,
        labelLimit: 0,
        symbolStrokeWidth: 2.5,
        symbolSize: 90,
        columnPadding: 18,
      },
      line: { strokeWidth: 2 },
    },
  };
}

/** Names in at most so many pixels, the middle left out of longer ones; different names stay different. */
export function shortNames(names: readonly string[], width: number): (name: string) => string {
  const most = Math.max(12, Math.floor(width / 6.6));
  const short = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of new Set(names)) {
    const characters = [...name];
    const half = Math.floor((most - 1) / 2);
    const cut = characters.length <= most
      ? name
      : `${characters.slice(0, half).join("")}…${characters.slice(-half).join("")}`;
    let unique = cut;
    for (let i = 2; taken.has(unique); i++) unique = `${cut} (${i})`;
    taken.add(unique);
    short.set(name, unique);
  }
  return (name) => short.get(name) ?? name;
}

/**
 * The same in one line or two of at most so many pixels each, as {@link inLines} draws them: broken where a word ends, else where the
 * line does.
 */
export function twoLineNames(names: readonly string[], width: number): (name: string) => string {
  const short = shortNames(names, 2 * width);
  const most = Math.max(6, Math.floor(width / 6.6));
  return (name) => {
    const characters = [...short(name)];
    if (characters.length <= most) return characters.join("");
    const ends = characters.slice(0, most).findLastIndex((each) => /[\s,/_−-]/.test(each)) + 1;
    const end = characters.length - ends <= most ? ends : most;
    return `${characters.slice(0, end).join("")}\n${characters.slice(end).join("")}`;
  };
}

/** One small chart per set, in the order of the data. */
export function bySet(
  values: readonly { set: string }[],
): { field: "set"; type: "nominal"; title: null; sort: string[] } {
  return { field: "set", type: "nominal", title: null, sort: [...new Set(values.map((each) => each.set))] };
}

/** A band of rows per set, one below the other in the order of the data, with a gap between them. */
export function setRows(): {
  field: "set";
  type: "nominal";
  title: null;
  sort: null;
  axis: { grid: false; ticks: false; domain: false; labelPadding: number };
  scale: { paddingInner: number };
} {
  return {
    field: "set",
    type: "nominal",
    title: null,
    sort: null,
    axis: { grid: false, ticks: false, domain: false, labelPadding: 8 },
    scale: { paddingInner: 0.3 },
  };
}

/** Whether a chart is drawn for a phone, where a row's name has two lines and an axis few ticks. */
export function isNarrow(width: number): boolean {
  return width < 480;
}

/** What draws a label on as many lines as it has; a label of one line as it is. */
export const inLines = { labelExpr: "split(datum.label, '\\n')" } as const;

/** The space that axis labels need, at about 6.6 pixels a character. */
export function labelSpace(labels: readonly string[]): number {
  return 15 + 6.6 * Math.max(0, ...labels.flatMap((label) => label.split("\n")).map((line) => line.length));
}

/** A scale over the values, ending at round numbers. */
export function scaleOver(values: readonly (number | undefined)[]): { domain: [number, number]; nice: true } {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return { domain: [0, 1], nice: true };
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return { domain: low < high ? [low, high] : [low - 0.05, high + 0.05], nice: true };
}

/** So many colours, dashes or shapes, from the first again where there are more series than those. */
export function cycle<T>(range: readonly T[], length: number): T[] {
  return Array.from({ length }, (_, i) => range[i % range.length]);
}
