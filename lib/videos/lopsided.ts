/**
 * Differences between the classes that were made by preparing them: a detector can learn these instead of faces.
 *
 * @module
 */
import type { Coverage } from "./coverage.ts";

/** Shares that differ by as much are told of. */
const LEAST_SHARE = 0.05;
/** Measures that differ by so many times are told of. */
const LEAST_TIMES = 1.5;
/** Fewer videos of a class say nothing of its measures. */
const LEAST_VIDEOS = 5;
/** What has a median, and its name. */
const measures = [["side", "side of the faces, in pixels,"], [
  "sharpness",
  "sharpness of the crops",
]] as const;

/** A difference, by what differs. */
type Difference = { readonly what: string; readonly text: string };

/**
 * Says of which class clearly fewer frames were made, and whose crops are smaller, blurred, or cut off by the frame; and of each method of
 * several what all fakes together hide.
 */
export function lopsided(coverage: readonly Coverage[]): string[] {
  const real = coverage.filter(({ label }) => label === "real");
  const fake = coverage.filter(({ label }) => label === "fake");
  const found = differences(real, fake, "fake");
  const methods = Map.groupBy(fake, ({ method }) => method);
  const ofMethods = methods.size < 2
    ? []
    : [...methods].flatMap(([method, rows]) =>
      differences(real, rows, method).filter(({ what }) => found.every((other) => other.what !== what))
    );
  return [...found, ...ofMethods].map(({ text }) => text);
}

function differences(real: readonly Coverage[], fake: readonly Coverage[], name: string): Difference[] {
  if (real.length === 0 || fake.length === 0) return [];
  const found: Difference[] = [];
  const shares = (what: string, [a, b]: readonly number[], say: (a: string, b: string) => string) => {
    if (Math.abs(a - b) < LEAST_SHARE) return;
    found.push({ what, text: say(`${Math.round(a * 100)} %`, `${Math.round(b * 100)} %`) });
  };
  const made = [real, fake].map((rows) => sumOf(rows, "got") / sumOf(rows, "wanted"));
  shares("made", made, (a, b) => `${a} of the real frames were made and ${b} of the ${name} ones`);
  const cropped = [real, fake].map((rows) => rows.filter(({ cutOff }) => cutOff !== undefined));
  if (cropped.some((rows) => rows.length < LEAST_VIDEOS)) return found;
  const cut = cropped.map((rows) => sumOf(rows, "cutOff") / sumOf(rows, "got"));
  shares(
    "cut",
    cut,
    (a, b) => `${a} of the real crops are cut off by the frame and ${b} of the ${name} ones`,
  );
  for (const [key, what] of measures) {
    const [a, b] = cropped.map((rows) => medianOf(rows.map((row) => row[key] ?? 0)));
    if (Math.max(a, b) < LEAST_TIMES * Math.min(a, b)) continue;
    found.push({
      what,
      text:
        `the ${what} differs between the classes: its median is ${a} of real videos and ${b} of ${name} ones`,
    });
  }
  return found;
}

function sumOf(rows: readonly Coverage[], key: "got" | "wanted" | "cutOff"): number {
  return rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
