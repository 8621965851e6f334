/**
 * What is there, what is missing, what was skipped and what would leak: counts of a run's data → tables, a chart, JSON.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import type { Sample, SkippedFile } from "../sample.ts";
import type { SetReading, Shortage } from "../layouts/layout.ts";
import type { Leak } from "./leaks.ts";
import {
  type ChartOptions,
  classScale,
  defaultWidth,
  frame,
  labelSpace,
  shortNames,
} from "../../report/style.ts";
import { type Shortcut, SHORTCUT_AUC, shortcutNames } from "./shortcuts.ts";
import type { Table } from "../../report/tables.ts";

/** Videos and images of one set, split, class and method. */
export type CountRow = {
  readonly set: string;
  /** `train`, `val` or `test`; `–` for what is in none. */
  readonly split: string;
  readonly label: "real" | "fake";
  readonly method: string;
  readonly videos: number;
  readonly images: number;
  /** Videos among them that have no frames; `deno task prepare` makes them. */
  readonly withoutFrames: number;
};

/** Where a set is and what it was taken for. */
export type SetSummary = {
  readonly set: string;
  readonly layout: string;
  readonly root: string;
  /** How its faces were cut out, or that they were not, as far as is known. */
  readonly crop: string;
  readonly missing: readonly Shortage[];
  readonly skipped: readonly {
    readonly reason: string;
    readonly files: number;
    readonly examples: readonly string[];
  }[];
  readonly notes: readonly string[];
};

/** All that is said of a run's data before it is used. */
export type Inspection = {
  readonly sets: readonly SetSummary[];
  readonly counts: readonly CountRow[];
  readonly leaks: readonly Leak[];
  readonly shortcuts: readonly { readonly name: string; readonly shortcuts: readonly Shortcut[] }[];
  readonly warnings: readonly string[];
  /** Why the data cannot be used as they are. */
  readonly problems: readonly string[];
};

/** Counts samples by set, split, class and method. */
export function countSamples(
  samples: readonly Sample[],
  options: { readonly set: string; readonly split: string },
): CountRow[] {
  const rows = new Map<string, { row: CountRow; videos: Set<string>; images: number }>();
  for (const { label, method, video, path } of samples) {
    const name = method ?? (label === 0 ? "real" : "fake");
    const key = `${label} ${name}`;
    let at = rows.get(key);
    if (!at) {
      const row = { ...options, label: label === 0 ? "real" : "fake", method: name } as const;
      at = { row: { ...row, videos: 0, images: 0, withoutFrames: 0 }, videos: new Set(), images: 0 };
      rows.set(key, at);
    }
    at.videos.add(video ?? path);
    at.images++;
  }
  return [...rows.values()].map(({ row, videos, images }) => ({ ...row, videos: videos.size, images }));
}

/** Counts the videos of a set that have no frames, so that no sample tells of them. */
export function countUnframed(reading: SetReading, set: string): CountRow[] {
  const rows = new Map<string, CountRow>();
  for (const { label, method, split = "–", frames } of reading.videos) {
    if (frames !== "") continue;
    const key = `${split} ${label} ${method}`;
    const row = rows.get(key) ??
      {
        set,
        split,
        label: label === 0 ? "real" : "fake",
        method,
        videos: 0,
        images: 0,
        withoutFrames: 0,
      } as const;
    rows.set(key, { ...row, videos: row.videos + 1, withoutFrames: row.withoutFrames + 1 });
  }
  return [...rows.values()];
}

/** Rows of the same set, split, class and method as one, in the order of sets and splits. */
export function mergeCounts(rows: readonly CountRow[]): CountRow[] {
  const merged = new Map<string, CountRow>();
  for (const row of rows) {
    const key = [row.set, row.split, row.label, row.method].join("\n");
    const before = merged.get(key);
    merged.set(key, {
      ...row,
      videos: row.videos + (before?.videos ?? 0),
      images: row.images + (before?.images ?? 0),
      withoutFrames: row.withoutFrames + (before?.withoutFrames ?? 0),
    });
  }
  const sets = [...new Set(rows.map(({ set }) => set))];
  const splits = ["train", "val", "test"];
  const rank = (row: CountRow) => [
    sets.indexOf(row.set),
    splits.indexOf(row.split) < 0 ? 3 : splits.indexOf(row.split),
    row.label === "real" ? 0 : 1,
  ];
  return [...merged.values()].sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || (a.method < b.method ? -1 : 1);
  });
}

/** Skipped files by reason, most first, with three examples each. */
export function groupSkipped(
  skipped: readonly Pick<SkippedFile, "path" | "reason">[],
): SetSummary["skipped"] {
  const groups = new Map<string, { reason: string; files: number; examples: string[] }>();
  for (const { path, reason } of skipped) {
    const group = groups.get(reason) ?? { reason, files: 0, examples: [] };
    group.files++;
    if (group.examples.length < 3) group.examples.push(path);
    groups.set(reason, group);
  }
  return [...groups.values()].sort((a, b) => b.files - a.files);
}

/** The tables that have something to say, in reading order. */
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

/** Images by set, split and method, real and fake; videos where there are no images yet. */
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
