/**
 * Tries a section's points until its time is over, spread over all of them, and says how many that were.
 *
 * @module
 */
import { inParallel } from "../../lib/base/pool.ts";
import type { Check } from "./check.ts";

/** One point: what is done to a run, and what is wrong after it, nothing when all is well. */
export type Trial = { readonly name: string; readonly run: () => Promise<readonly string[]> };

/** A section's points in their order; `workers` are tried at a time, 2 unless given. */
export type Section = { readonly trials: readonly Trial[]; readonly workers?: number };

/**
 * Tries the first point, the last, and as many between as are begun before `until`.
 *
 * @param options.until when to begin no more, in milliseconds as `performance.now()` counts
 * @param options.start by how many points those between are moved on
 */
export async function tryAll(
  name: string,
  options: {
    readonly section: Section;
    readonly check: Check;
    readonly until: number;
    readonly start: number;
  },
): Promise<void> {
  const { section: { trials, workers = 2 }, check, until, start } = options;
  const began = performance.now();
  let tried = 0;
  await inParallel(evenly(trials.length, { start }), async (at, i) => {
    if (i > 1 && performance.now() > until) return;
    tried++;
    await check(trials[at].name, trials[at].run);
  }, { workers });
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(`${name}: ${tried} of ${trials.length} points in ${seconds} s`);
}

/**
 * Indexes below `count` in an order of which every beginning is spread over all: the first, the last, then those between in
 * the order of their bits from the last: halves, quarters, eighths.
 *
 * @param options.start moves those between on by so many, those at the end to the front
 */
export function evenly(count: number, { start }: { readonly start: number }): number[] {
  const inner = count - 2;
  if (inner <= 0) return Array.from({ length: count }, (_, i) => i);
  const bits = Math.ceil(Math.log2(inner));
  const reversed = (i: number) =>
    bits === 0 ? 0 : parseInt(i.toString(2).padStart(bits, "0").split("").reverse().join(""), 2);
  const between = Array.from({ length: 2 ** bits }, (_, i) => reversed(i)).filter((at) => at < inner);
  return [0, count - 1, ...between.map((at) => 1 + (at + start) % inner)];
}
