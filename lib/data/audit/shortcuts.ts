/**
 * How well a set's classes can be told apart without looking at a face: by file format, dimensions, file size, JPEG
 * quantisation tables or mean colour alone.
 *
 * @module
 */
import type { Sample } from "../sample.ts";
import type { ImageFacts } from "../../images/facts.ts";
import { createRandom } from "../../base/random.ts";
import { rocCurve } from "../../metrics/curves.ts";

/** The properties, each of which is tried alone. */
export const shortcutNames = ["format", "dimensions", "file size", "quantisation", "mean colour"] as const;
/** The name of a property. */
export type ShortcutName = typeof shortcutNames[number];

/** How far one property gets. */
export type Shortcut = {
  readonly property: ShortcutName;
  /** On videos that it was not fitted to; null with one class, or one video of a class. */
  readonly auc: number | null;
  /** Above {@link SHORTCUT_AUC}, and above what chance gives so few videos in 19 of 20 cases. */
  readonly warn: boolean;
};

/** From here on a detector can win on the property. */
export const SHORTCUT_AUC = 0.6;

const FOLDS = 5;
const BINS = 8;

/**
 * The AUC that each property alone reaches, by a naive Bayes classifier (categories counted, numbers in eight bins of
 * equal count, add-one smoothing), fitted and tested on different videos: the mean over five folds.
 *
 * @param facts by path; samples without any are left out
 *
 * @example
 * ```ts
 * import { auditShortcuts, type ImageFacts, type Sample } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const none = { tables: "", mean: [0, 0, 0], digest: "", look: "", grid: "" } as const;
 * const samples: Sample[] = [], facts = new Map<string, ImageFacts>();
 * for (let i = 0; i < 20; i++) {
 *   samples.push({ path: `${i}`, label: i < 10 ? 0 : 1, set: "faces" });
 *   facts.set(`${i}`, { ...none, bytes: 1, width: 1, height: 1, format: i < 10 ? "PNG" : "JPEG" });
 * }
 * const told = auditShortcuts(samples, facts).filter(({ warn }) => warn);
 * assertEquals(told, [{ property: "format", auc: 1, warn: true }]);
 * ```
 */
export function auditShortcuts(
  samples: readonly Sample[],
  facts: ReadonlyMap<string, ImageFacts>,
): Shortcut[] {
  const items = samples.flatMap(({ label, video, path }) => {
    const found = facts.get(path);
    return found && !found.fault ? [{ label, group: `${label} ${video ?? path}`, facts: found }] : [];
  });
  const dealt = dealFolds(items);
  const labels = items.map(({ label }) => label);
  const folds = Array.from({ length: dealt?.folds ?? 0 }, (_, fold) => {
    const isOutside = (i: number) => dealt!.foldOf[i] === fold;
    const indices = Int32Array.from(labels.keys());
    const outside = indices.filter(isOutside);
    return {
      inside: indices.filter((i) => !isOutside(i)),
      outside,
      labelsOutside: Array.from(outside, (i) => labels[i]),
    };
  });
  return shortcutNames.map((property): Shortcut => {
    if (folds.length === 0) return { property, auc: null, warn: false };
    const columns = columnsOf(property, items.map((item) => item.facts));
    const aucs = folds.map(({ inside, outside, labelsOutside }) =>
      areaUnder(labelsOutside, score(columns, { labels, inside, outside }))
    );
    const auc = aucs.reduce((sum, value) => sum + value, 0) / aucs.length;
    return { property, auc, warn: auc > SHORTCUT_AUC && auc > chance(items) };
  });
}

/** The warning for a set's shortcuts; none where there is nothing to warn of. */
export function shortcutWarning(name: string, shortcuts: readonly Shortcut[]): string | undefined {
  const found = shortcuts.filter(({ warn }) => warn);
  if (found.length === 0) return undefined;
  return `${name}: real and fake differ in ${
    found.map(({ property, auc }) => `${property} (AUC ${auc!.toFixed(2)} by it alone)`).join(", ")
  }: a detector can win on that instead of on faces`;
}

type Item = { readonly label: 0 | 1; readonly group: string };

/** How many folds there are and each item's, a video in one; undefined where a class has fewer than two videos. */
function dealFolds(
  items: readonly Item[],
): { readonly folds: number; readonly foldOf: readonly number[] } | undefined {
  const groups = ([0, 1] as const).map((label) => [
    ...new Set(items.filter((item) => item.label === label).map(({ group }) => group)),
  ]);
  const folds = Math.min(FOLDS, groups[0].length, groups[1].length);
  if (folds < 2) return undefined;
  const foldOfGroup = new Map<string, number>();
  for (const names of groups) {
    createRandom(0, "shortcut folds").shuffled(names.sort()).forEach((name, i) =>
      foldOfGroup.set(name, i % folds)
    );
  }
  return { folds, foldOf: items.map(({ group }) => foldOfGroup.get(group)!) };
}

/** The AUC that scores without any skill stay below in 19 of 20 cases, with a video as the unit (Mann–Whitney). */
function chance(items: readonly Item[]): number {
  const [real, fake] = [0, 1].map((label) =>
    new Set(items.filter((item) => item.label === label).map(({ group }) => group)).size
  );
  // With two videos of each class even a perfect order is chance; it is told all the same.
  return Math.min(0.99, 0.5 + 1.645 * Math.sqrt((real + fake + 1) / (12 * real * fake)));
}

function columnsOf(property: ShortcutName, facts: readonly ImageFacts[]): (readonly (string | number)[])[] {
  switch (property) {
    case "format":
      return [facts.map(({ format }) => format)];
    case "dimensions":
      return [
        facts.map(({ width }) => width),
        facts.map(({ height }) => height),
        facts.map(({ width, height }) => width / height),
      ];
    case "file size":
      return [facts.map(({ bytes }) => bytes)];
    case "quantisation":
      return [facts.map(({ tables }) => tables)];
    case "mean colour":
      return [0, 1, 2].map((c) => facts.map(({ mean }) => mean[c]));
  }
}

/** Log-odds of fake of the items `outside`, by what the items `inside` show. */
function score(
  columns: readonly (readonly (string | number)[])[],
  options: {
    readonly labels: readonly (0 | 1)[];
    readonly inside: Int32Array;
    readonly outside: Int32Array;
  },
): number[] {
  const { labels, inside, outside } = options;
  const totals = [0, 0];
  for (const i of inside) totals[labels[i]]++;
  const sums = Array.from(outside, () => 0);
  for (const column of columns) {
    const bin = binning(column, inside);
    const counts = new Map<string | number, [number, number]>();
    for (const i of inside) {
      const key = bin(column[i]);
      const pair = counts.get(key) ?? [0, 0];
      pair[labels[i]]++;
      counts.set(key, pair);
    }
    outside.forEach((i, place) => {
      const [real, fake] = counts.get(bin(column[i])) ?? [0, 0];
      // What was never seen says nothing.
      if (real + fake > 0) {
        sums[place] += Math.log((fake + 1) / (totals[1] + 2)) - Math.log((real + 1) / (totals[0] + 2));
      }
    });
  }
  return sums;
}

/** Values as they are where they are few or names; else which of the bins of equal count they fall in. */
function binning(
  column: readonly (string | number)[],
  inside: Int32Array,
): (value: string | number) => string | number {
  if (typeof column[0] === "string" || hasFew(column, inside)) return (value) => value;
  const sorted = Float64Array.from(inside, (i) => column[i] as number).sort();
  const edges = Array.from(
    { length: BINS - 1 },
    (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / BINS)],
  );
  return (value) => edges.findLastIndex((edge) => (value as number) >= edge) + 1;
}

/** Whether there are no more different values than bins. */
function hasFew(column: readonly (string | number)[], inside: Int32Array): boolean {
  const different = new Set<string | number>();
  return inside.every((i) => different.add(column[i]).size <= BINS);
}

function areaUnder(labels: readonly (0 | 1)[], scores: readonly number[]): number {
  const { fpr, tpr } = rocCurve(labels, scores);
  let area = 0;
  for (let i = 1; i < fpr.length; i++) area += ((fpr[i] - fpr[i - 1]) * (tpr[i] + tpr[i - 1])) / 2;
  return area;
}
