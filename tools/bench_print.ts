/**
 * Numbers of the bench as text and as a chart.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import { colours, frame, grey } from "../lib/report/style.ts";

/** The middle value; of an even number, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A Markdown table, the last column aligned right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((text, i) => Math.max(text.length, 3, ...rows.map((row) => row[i].length)));
  const line = (row: readonly string[]) =>
    `| ${
      row.map((text, i) => i < row.length - 1 ? text.padEnd(widths[i]) : text.padStart(widths[i])).join(" | ")
    } |`;
  const rule = widths.map((width, i) =>
    i < widths.length - 1 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** Ratios as bars, 1 marked: the peer, or the peak. */
export function barChart(rows: readonly (readonly [string, number])[]): string {
  const width = 40;
  const most = Math.max(1, ...rows.map(([, value]) => value));
  const label = Math.max(...rows.map(([name]) => name.length));
  const one = Math.round(width / most);
  return rows.map(([name, value]) => {
    const length = Math.max(1, Math.round(value / most * width));
    const bar = Array.from(
      { length: Math.max(length, one) },
      (_, i) => i === one - 1 ? "│" : i < length ? "█" : " ",
    );
    return `${name.padEnd(label)} ${bar.join("")} ${value.toFixed(2)}`;
  }).join("\n");
}

/** Ratios as bars from 0, in the house style, with 1 marked. */
export function ratioChart(
  rows: readonly { readonly title: string; readonly value: number }[],
  { subtitle }: { readonly subtitle: string },
): TopLevelSpec {
  const words = rows.map(({ title, value }) => `${title}: ${value.toFixed(2)}.`).join(" ");
  return {
    ...frame("Speed on the same machine, as a ratio", { demo: false, subtitle: linesOf(subtitle) }, words),
    width: 440,
    height: { step: 26 },
    data: { values: [...rows] },
    encoding: {
      y: {
        field: "title",
        type: "nominal",
        title: null,
        sort: null,
        // minExtent: where Open Sans is not to be had, a wider font takes its place.
        axis: { grid: false, ticks: false, domain: false, labelPadding: 8, labelLimit: 500, minExtent: 480 },
      },
    },
    layer: [
      {
        mark: { type: "bar", height: 14, color: colours[0] },
        encoding: { x: { field: "value", type: "quantitative", title: "times as fast" } },
      },
      {
        transform: [{ calculate: "max(datum.value, 1)", as: "end" }], // beyond the mark at 1
        mark: { type: "text", align: "left", dx: 4, fontSize: 11, color: grey },
        encoding: {
          x: { field: "end", type: "quantitative" },
          text: { field: "value", format: ".2f" },
        },
      },
      {
        mark: { type: "rule", color: "black" },
        encoding: { x: { datum: 1 }, y: { value: 0 }, y2: { value: "height" } },
      },
    ],
  };
}

/** Parts between semicolons, three to a line. */
function linesOf(text: string): string[] {
  const parts = text.split("; ");
  return Array.from(
    { length: Math.ceil(parts.length / 3) },
    (_, i) => parts.slice(3 * i, 3 * i + 3).join("; "),
  );
}
