/**
 * What a bootstrap draws: whole groups of predictions, such as the frames of a video.
 *
 * @module
 */
import { createRandom } from "../../base/random.ts";
import { type Ranked, recount } from "../ranking.ts";

/** Predictions by the unit that they are drawn with. */
export type Units = {
  /** The number of each prediction's unit, by index: its group's in the order in which groups are met, or its own. */
  readonly unitOf: Uint32Array;
  /** Number of units. */
  readonly count: number;
  /** Those that hold a real one, and those that hold a fake. */
  readonly groups: { readonly real: number; readonly fake: number };
};

/**
 * Numbers what is to be drawn.
 *
 * @param options.groups one per prediction; each prediction is a unit of its own unless given
 * @param options.purpose what cannot be done, for the message: "bootstrap the intervals"
 * @throws {Error} when `groups` has another length
 */
export function numberUnits(
  labels: ArrayLike<number>,
  { groups, purpose }: { readonly groups?: ArrayLike<string | number>; readonly purpose: string },
): Units {
  const n = labels.length;
  if (groups && groups.length !== n) {
    throw new Error(
      `Cannot ${purpose}: expected one group per score but found ${groups.length} groups and ${n} scores`,
    );
  }
  const unitOf = new Uint32Array(n);
  if (groups === undefined) {
    for (let i = 0; i < n; i++) unitOf[i] = i;
    return { unitOf, count: n, groups: unitsByClass(labels, { unitOf, count: n }) };
  }
  const numbers = new Map<string | number, number>();
  for (let i = 0; i < n; i++) {
    let number = numbers.get(groups[i]);
    if (number === undefined) numbers.set(groups[i], number = numbers.size);
    unitOf[i] = number;
  }
  const count = numbers.size;
  return { unitOf, count, groups: unitsByClass(labels, { unitOf, count }) };
}

/** How many units hold a real prediction, and how many a fake one. */
export function unitsByClass(
  labels: ArrayLike<number>,
  { unitOf, count }: Pick<Units, "unitOf" | "count">,
): Units["groups"] {
  const seen = [new Uint8Array(count), new Uint8Array(count)];
  const units = [0, 0];
  for (let i = 0; i < unitOf.length; i++) {
    const [label, unit] = [labels[i], unitOf[i]];
    units[label] += 1 - seen[label][unit];
    seen[label][unit] = 1;
  }
  return { real: units[0], fake: units[1] };
}

/**
 * Draws as many units as there are, with replacement, again and again: how often each was drawn, in one array that is written anew.
 *
 * @param options.samples number of resamples
 * @param options.seed the same seed gives the same resamples, whatever is measured on them
 */
export function* drawUnits(
  { count }: Pick<Units, "count">,
  { samples, seed }: { readonly samples: number; readonly seed: number },
): Generator<Uint32Array> {
  const random = createRandom(seed, "bootstrap");
  const drawn = new Uint32Array(count);
  for (let sample = 0; sample < samples; sample++) {
    drawn.fill(0);
    for (let draw = 0; draw < count; draw++) drawn[random.integer(count)]++;
    yield drawn;
  }
}

/**
 * Refuses what is no number of resamples.
 *
 * @throws {Error} when `samples` is not a positive integer
 */
export function checkSamples(samples: number, purpose: string): void {
  if (Number.isInteger(samples) && samples >= 1) return;
  throw new Error(`Cannot ${purpose}: expected a positive number of samples but found ${samples}`);
}

/** Ranked predictions that count as often as their unit was drawn, which `count` says anew for each resample. */
export type Resampled = { readonly ranked: Ranked; readonly count: (drawn: Uint32Array) => void };

/** Makes ranked predictions ready to be resampled: sorted once, as a resample only changes how often each of them counts. */
export function resampled(ranked: Ranked, { unitOf }: Pick<Units, "unitOf">): Resampled {
  const unitByRank = new Uint32Array(unitOf.length);
  for (let i = 0; i < unitOf.length; i++) unitByRank[ranked.ranks[i]] = unitOf[i];
  return {
    ranked,
    count: (drawn) => {
      for (let rank = 0; rank < unitByRank.length; rank++) ranked.counts[rank] = drawn[unitByRank[rank]];
      recount(ranked);
    },
  };
}
