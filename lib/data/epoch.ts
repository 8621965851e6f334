/**
 * What an epoch of training draws of its samples: in which order, how much of each training set, and how often each class.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { createRandom, type Random } from "../base/random.ts";
import { byName, type Sample } from "./sample.ts";

/** How an epoch draws its samples. */
export type Drawing = {
  /** Real and fake, and each method within the fakes, equally often: within each set where there are several. */
  readonly balance: boolean;
  /** By set, how often its images are drawn beside those of the others, 1 unless given; without any, samples are as of one set. */
  readonly weights?: ReadonlyMap<string, number>;
  /** With replacement: an image may come again at once, and another not at all; not unless given. */
  readonly replaced?: boolean;
};

/** What an epoch takes of one training set. */
export type SetShare = {
  readonly set: string;
  /** The set's samples, as indices. */
  readonly indices: readonly number[];
  /** How many images of an epoch are of it. */
  readonly count: number;
};

/**
 * How many images of an epoch are of each training set: an epoch has as many as there are samples, and a set's part of them is in
 * proportion to its number of samples times its weight. With equal weights each has as many as it has samples.
 *
 * @param weights above 0, by set; 1 unless given
 * @throws {InputError} where a set would have fewer than two images, one of a class
 */
export function setShares(samples: readonly Sample[], weights: ReadonlyMap<string, number>): SetShare[] {
  const bySet = Map.groupBy(samples.keys(), (i) => samples[i].set);
  const weighted = [...bySet].map(([set, indices]) => (weights.get(set) ?? 1) * indices.length);
  const total = weighted.reduce((sum, value) => sum + value, 0);
  const exact = weighted.map((value) => samples.length * value / total);
  const counts = exact.map(Math.floor);
  const left = samples.length - counts.reduce((sum, count) => sum + count, 0);
  // The images that rounding down leaves go to the sets that it took the most of.
  const byRest = [...exact.keys()].sort((a, b) => exact[b] - counts[b] - (exact[a] - counts[a]) || a - b);
  for (const i of byRest.slice(0, left)) counts[i]++;
  return [...bySet].map(([set, indices], i) => {
    if (counts[i] < 2) {
      throw new InputError(
        `Cannot mix the training sets: expected at least 2 images of ${set} in an epoch of ${samples.length} but found ${
          counts[i]
        }, by its weight of ${weights.get(set) ?? 1}; give it a greater weight, or the others smaller ones`,
      );
    }
    return { set, indices, count: counts[i] };
  });
}

/**
 * The order in which an epoch visits samples, as indices; as many as there are samples, a function of seed and epoch.
 *
 * Plain: a permutation, as PyTorch's `shuffle=True`. Balanced: half real, half fake, and the fakes' half spread evenly over
 * methods; a smaller group is cycled through before any of its samples comes again. With weights each set has its part of the epoch,
 * as {@link setShares} says, and is drawn from in the same way. With replacement each place draws for itself: balanced a class, of the
 * fakes a method, and then a sample.
 *
 * @throws {InputError} for samples of one class that are to be balanced, or of a set of which too few would be drawn
 *
 * @example
 * ```ts
 * import { epochOrder, type Sample } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const samples = [0, 1, 1, 1].map((label, i) => ({ path: `${i}.png`, label, set: "faces" }) as Sample);
 * const order = epochOrder(samples, { seed: 0, epoch: 1, balance: true });
 * assertEquals(order.filter((i) => samples[i].label === 0), [0, 0]); // the one real image comes twice
 * ```
 */
export function epochOrder(
  samples: readonly Sample[],
  options: Drawing & { readonly seed: number; readonly epoch: number },
): number[] {
  const { seed, epoch, balance, weights, replaced } = options;
  const random = createRandom(seed, "order", epoch);
  const chosen: number[] = [];
  for (const { set, indices, count } of weights ? setShares(samples, weights) : [wholeOf(samples)]) {
    const drawn = balance
      ? drawBalanced(samples, { indices, count, random, replaced, of: weights && ` of ${set}` })
      : replaced
      ? Array.from({ length: count }, () => drawOne(indices, random))
      : weights
      ? draw(indices, count, random)
      : indices;
    for (const i of drawn) chosen.push(i); // too many for a call's arguments
  }
  return random.shuffled(chosen);
}

/** All samples, as of one set. */
function wholeOf(samples: readonly Sample[]): SetShare {
  return { set: "", indices: [...samples.keys()], count: samples.length };
}

/** So many of a group, none again before all have come. */
function draw(group: readonly number[], count: number, random: Random): number[] {
  const taken: number[] = [];
  while (taken.length < count) {
    for (const i of random.shuffled(group).slice(0, count - taken.length)) taken.push(i);
  }
  return taken;
}

/** Any one of a group. */
function drawOne<T>(group: readonly T[], random: Random): T {
  return group[random.integer(group.length)];
}

/** Half real, half fake, the fakes spread evenly over methods. */
function drawBalanced(
  samples: readonly Sample[],
  options: {
    readonly indices: readonly number[];
    readonly count: number;
    readonly random: Random;
    readonly replaced?: boolean;
    /** Of which set, for the message. */
    readonly of?: string;
  },
): number[] {
  const { indices, count, random, replaced = false, of = "" } = options;
  if (new Set(indices.map((i) => samples[i].label)).size < 2) {
    throw new InputError(
      `Cannot balance an epoch: expected real and fake training images${of} but found one class; give both, or --no-balance`,
    );
  }
  const half = Math.ceil(count / 2);
  const reals = indices.filter((i) => samples[i].label === 0);
  const methods = new Map<string, number[]>();
  for (const i of indices) {
    if (samples[i].label === 0) continue;
    const method = samples[i].method ?? "fake";
    const group = methods.get(method);
    if (group) group.push(i);
    else methods.set(method, [i]);
  }
  if (replaced) {
    const groups = [...methods.values()];
    const group = () => random.integer(2) === 0 ? reals : drawOne(groups, random);
    return Array.from({ length: count }, () => drawOne(group(), random));
  }
  const chosen = draw(reals, half, random);
  const fakes = count - half;
  const groups = random.shuffled([...methods.keys()].sort(byName)); // which methods get the odd ones changes by epoch
  for (const [i, method] of groups.entries()) {
    const share = Math.floor(fakes / groups.length) + (i < fakes % groups.length ? 1 : 0);
    for (const index of draw(methods.get(method)!, share, random)) chosen.push(index);
  }
  return chosen;
}

/**
 * How much each sample counts so that sets, classes and the methods of the fakes count as {@link epochOrder} draws them; 1 on average.
 * Undefined where all count alike.
 */
export function sampleWeights(
  samples: readonly Sample[],
  { balance, weights }: Drawing,
): Float64Array | undefined {
  if (!balance && !weights) return undefined;
  const counted = new Float64Array(samples.length);
  for (const { indices, count } of weights ? setShares(samples, weights) : [wholeOf(samples)]) {
    const own = indices.map((i) => samples[i]);
    const drawn = balance ? balancedCounts(own, count) : own.map(() => count / own.length);
    for (const [i, index] of indices.entries()) counted[index] = drawn[i];
  }
  return counted;
}

/** How often each sample of one set is drawn, on average, where so many of the set are. */
function balancedCounts(samples: readonly Sample[], count: number): number[] {
  const nameOfGroup = ({ label, method = "fake" }: Sample) => label === 0 ? "real" : `fake ${method}`;
  const counts = new Map<string, number>();
  for (const sample of samples) counts.set(nameOfGroup(sample), (counts.get(nameOfGroup(sample)) ?? 0) + 1);
  const methods = counts.size - (counts.has("real") ? 1 : 0);
  return samples.map((sample) => {
    const share = sample.label === 0 ? 1 / 2 : 1 / 2 / methods;
    return count * share / counts.get(nameOfGroup(sample))!;
  });
}

/** The share of fakes among what an epoch draws; undefined of no samples. */
export function fakeShare(samples: readonly Sample[], { balance, weights }: Drawing): number | undefined {
  if (balance) return 0.5;
  if (samples.length === 0) return undefined;
  const shares = weights ? setShares(samples, weights) : [wholeOf(samples)];
  const fakes = shares.reduce(
    (sum, { indices, count }) =>
      sum + count * indices.filter((i) => samples[i].label === 1).length / indices.length,
    0,
  );
  return fakes / samples.length;
}
