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

/** Says of which class clearly fewer frames were made, and whose crops are smaller, blurred, or cut off by the frame. */
export function lopsided(coverage: readonly Coverage[]): string[] {
  const [real, fake] = (["real", "fake"] as const).map((label) =>
    coverage.filter((row) => row.label === label)
  );
  if (real.length === 0 || fake.length === 0) return [];
  const percent = (value: number) => `${Math.round(value * 100)} %`;
  const warnings: string[] = [];
  const made = [real, fake].map((rows) => sumOf(rows, "got") / sumOf(rows, "wanted"));
  if (Math.abs(made[0] - made[1]) >= LEAST_SHARE) {
    warnings.push(
      `${percent(made[0])} of the real frames were made and ${percent(made[1])} of the fake ones`,
    );
  }
  const cropped = [real, fake].map((rows) => rows.filter(({ cutOff }) => cutOff !== undefined));
  if (cropped.some((rows) => rows.length < LEAST_VIDEOS)) return warnings;
  const cut = cropped.map((rows) => sumOf(rows, "cutOff") / sumOf(rows, "got"));
  if (Math.abs(cut[0] - cut[1]) >= LEAST_SHARE) {
    warnings.push(
      `${percent(cut[0])} of the real crops are cut off by the frame and ${percent(cut[1])} of the fake ones`,
    );
  }
  for (
    const [key, what] of [["side", "side of the faces, in pixels,"], [
      "sharpness",
      "sharpness of the crops",
    ]] as const
  ) {
    const [a, b] = cropped.map((rows) => medianOf(rows.map((row) => row[key] ?? 0)));
    if (Math.max(a, b) < LEAST_TIMES * Math.min(a, b)) continue;
    warnings.push(
      `the ${what} differs between the classes: its median is ${a} of real videos and ${b} of fake ones`,
    );
  }
  return warnings;
}

function sumOf(rows: readonly Coverage[], key: "got" | "wanted" | "cutOff"): number {
  return rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
