/**
 * What was found in a run's data → tables and a chart.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import type { CountRow, Inspection } from "../data/audit/inspect.ts";
import { SHORTCUT_AUC, shortcutNames } from "../data/audit/shortcuts.ts";
import { type ChartOptions, classScale, defaultWidth, frame, labelSpace, shortNames } from "./style.ts";
import type { Table } from "./table.ts";

/**
 * The tables that have something to say, in reading order.
 *
 * @example
 * ```ts
 * import { type Inspection, inspectionTables } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const kind = { set: "faces", split: "train", method: "youtube", label: "real" } as const;
 * const counts = [{ ...kind, videos: 7, images: 70, withoutFrames: 0 }];
 * const inspection: Inspection = { sets: [], counts, leaks: [], shortcuts: [], warnings: [], problems: [] };
 * assertEquals(inspectionTables(inspection).map(({ title }) => title), ["What is there"]);
 * ```
 */
export function inspectionTables(inspection: Inspection): Table[] {
  const { sets, counts, leaks, shortcuts } = inspection;
  const table = (
    title: string,
    columns: string,
    rows: readonly (readonly string[])[],
    notes: readonly string[] = [],
  ): Table => ({
    title,
    columns: columns.split("|").map((name) => ({
      name: name.replace(/^>/, ""),
      align: name.startsWith(">") ? "right" : "left",
    })),
    rows,
    notes,
  });
  return [
    table(
      "Sets",
      "Set|Layout|Crop|Folder",
      sets.map(({ set, layout, crop, root }) => [set, layout, crop, root]),
      sets.flatMap(({ set, notes }) => notes.map((note) => `${set}: ${note}`)),
    ),
    table(
      "What is there",
      "Set|Split|Class|Method|>Videos|>Images|>Without frames",
      counts.map((row) => [
        row.set,
        row.split,
        row.label,
        row.method,
        whole(row.videos),
        whole(row.images),
        whole(row.withoutFrames),
      ]),
    ),
    table(
      "What is missing",
      "Set|What|>Expected|>Found|>Missing|By|Examples",
      sets.flatMap(({ set, missing }) =>
        missing.map(({ what, expected, found, by, examples }) => [
          set,
          what,
          whole(expected),
          whole(found),
          whole(expected - found),
          by,
          examples.join(", "),
        ])
      ),
    ),
    table(
      "What is skipped",
      "Set|Why|>Files|Examples",
      sets.flatMap(({ set, skipped }) =>
        skipped.map(({ reason, files, examples }) => [set, reason, whole(files), examples.join(", ")])
      ),
    ),
    table(
      "What leaks",
      "Kind|What|In|And in",
      leaks.slice(0, 20).map(({ kind, what, where }) => [kind, what, where[0], where[1]]),
      leaks.length > 20 ? [`and ${leaks.length - 20} more`] : [],
    ),
    table(
      "Shortcuts: AUC by one property alone",
      ["Part", ...shortcutNames.map((name) => `>${name}`)].join("|"),
      shortcuts.map(({ name, shortcuts: each }) => [
        name,
        ...each.map(({ auc, warn }) => (auc === null ? "–" : `${auc.toFixed(2)}${warn ? " !" : ""}`)),
      ]),
      [`!: above ${SHORTCUT_AUC} and above chance: a detector can win on it. Fitted and tested on different videos.`],
    ),
  ].filter(({ rows }) => rows.length > 0);
}

/**
 * Images by set, split and method, real and fake; videos where there are no images yet.
 *
 * @example
 * ```ts
 * import { inspectionChart, renderChart } from "@forgelens/bench/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const kind = { set: "faces", split: "train", method: "youtube", label: "real" } as const;
 * const counts = [{ ...kind, videos: 7, images: 70, withoutFrames: 0 }];
 * const { text } = await renderChart(inspectionChart({ counts }, { demo: false }));
 * assertStringIncludes(text, "faces train, youtube: 70 real images");
 * ```
 */
export function inspectionChart(
  { counts }: Pick<Inspection, "counts">,
  { demo, width = defaultWidth }: ChartOptions,
): TopLevelSpec {
  const images = counts.some((row) => row.images > 0);
  const unit = images ? "images" : "videos";
  const full = (row: CountRow) => `${row.set} ${row.split}, ${row.method}`;
  const short = shortNames(counts.map(full), 0.4 * width);
  const values = counts.map((row) => ({ name: short(full(row)), label: row.label, count: row[unit] }));
  const most = Math.max(1, ...values.map(({ count }) => count));
  const y = {
    field: "name",
    type: "nominal" as const,
    title: null,
    sort: null,
    axis: { grid: false, ticks: false, domain: false, labelPadding: 8 },
  };
  const x = {
    field: "count",
    type: "quantitative" as const,
    title: unit,
    axis: { format: ",d", tickMinStep: 1, tickCount: 5 },
    scale: { domain: [0, most * 1.15], nice: false },
  };
  return {
    ...frame(
      "Data by set, split and method",
      { demo },
      counts.map((row) => `${full(row)}: ${row[unit]} ${row.label} ${unit}.`).join(" "),
    ),
    width: width - 20 - labelSpace(values.map(({ name }) => name)),
    height: { step: 22 },
    data: { values },
    encoding: { y, x },
    layer: [
      {
        mark: { type: "bar" },
        encoding: { color: { field: "label", type: "nominal", scale: classScale, title: null } },
      },
      {
        mark: { type: "text", align: "left", dx: 5, fontSize: 12 },
        encoding: { text: { field: "count", type: "quantitative", format: ",d" } },
      },
    ],
  };
}

function whole(value: number): string {
  return value.toLocaleString("en-US");
}
