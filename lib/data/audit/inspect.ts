/**
 * What is there, what is missing, what was skipped and what would leak: counts of a run's data.
 *
 * @module
 */
import type { Sample, SkippedFile } from "../sample.ts";
import type { SetReading, Shortage } from "../layouts/layout.ts";
import type { Leak } from "./leaks.ts";
import type { Shortcut } from "./shortcuts.ts";

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
    let counted = rows.get(key);
    if (!counted) {
      const row = { ...options, label: label === 0 ? "real" : "fake", method: name } as const;
      counted = { row: { ...row, videos: 0, images: 0, withoutFrames: 0 }, videos: new Set(), images: 0 };
      rows.set(key, counted);
    }
    counted.videos.add(video ?? path);
    counted.images++;
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
