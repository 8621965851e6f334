/**
 * Samples → splits that keep a video together, and batches of pixels.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";
import { byName, type Sample } from "./sample.ts";
import type { Groups } from "../base/groups.ts";
import { groupSamples, nameOf } from "./split/groups.ts";
import type { Fit } from "../images/fits/mod.ts";
import { loadImage } from "../images/image.ts";
import type { Perturbation } from "../images/perturbations/perturbation.ts";

/**
 * Deals samples into named parts, a video wholly in one of them, with about the wanted share of each class's videos.
 *
 * Videos of one group stay together: of the same name (the leaf folder's) across classes and methods, or that share an
 * identity, directly or by way of others, or what else joined them. The dealing is a function of the names and the seed.
 *
 * Where a class's videos are partly in groups with the other class, the part of them that is too few to be dealt stays in the
 * first part.
 *
 * @param options.groups of the samples by their index; {@link groupSamples} unless given
 * @throws {InputError} when a class has fewer groups of videos than there are parts.
 *
 * @example
 * ```ts
 * import { type Sample, splitByVideo } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const samples = Array.from({ length: 40 }, (_, i): Sample => {
 *   const video = `v${i >> 1}`; // of two frames each
 *   return { path: `${video}/${i % 2}.png`, label: i < 20 ? 0 : 1, set: "faces", video };
 * });
 * const { train, val } = splitByVideo(samples, { shares: { train: 0.8, val: 0.2 }, seed: 0 });
 * assertEquals([train.length, val.length], [32, 8]);
 * ```
 */
export function splitByVideo(
  samples: readonly Sample[],
  options: {
    readonly shares: Readonly<Record<string, number>>;
    readonly seed: number;
    readonly groups?: Groups;
  },
): Record<string, Sample[]> {
  const groups = membersOf(samples, options.groups ?? groupSamples(samples));
  const strata = new Map<string, number[]>();
  for (const group of groups.names.keys()) {
    const labels = new Set<number>();
    for (const index of groups.members(group)) labels.add(samples[index].label);
    const kind = [...labels].sort().join();
    const alike = strata.get(kind);
    if (alike) alike.push(group); // not copied: there may be a million
    else strata.set(kind, [group]);
  }
  const parts = Object.entries(options.shares).filter(([, share]) => share > 0);
  /** The samples of each part by index. */
  const dealt = new Map(Object.keys(options.shares).map((name): [string, number[]] => [name, []]));
  const put = (part: string, group: number) => {
    const own = dealt.get(part)!;
    for (const index of groups.members(group)) own.push(index);
  };
  const enough = [...strata].filter(([, alike]) => alike.length >= parts.length).flatMap(([kind]) =>
    kind.split(",")
  );
  for (const [kind, alike] of strata) {
    const tooFew = alike.length < parts.length;
    if (tooFew && kind.split(",").every((label) => enough.includes(label))) {
      // Others of their class go to every part, so these few can all stay in the first.
      for (const group of alike) put(parts[0][0], group);
      continue;
    }
    if (tooFew) {
      const what = kind === "0" ? "real" : kind === "1" ? "fake" : "real and fake";
      throw new InputError(
        `Cannot split the ${what} images into ${
          parts.map(([name]) => name).join(", ")
        }: expected at least ${parts.length} videos but found ${alike.length} ${
          few(alike, { samples, groups })
        }; give more of them, or a split: beside --real and --fake, separate folders with --val-real, --val-fake, --test-real and --test-fake; in a set of --data, its own lists, or folders named train, val and test`,
      );
    }
    const ordered = alike.sort((a, b) => byName(groups.names[a], groups.names[b]));
    const shuffled = createRandom(options.seed, "split", kind).shuffled(ordered);
    const total = parts.reduce((sum, [, share]) => sum + share, 0);
    let from = 0;
    parts.forEach(([part, share], i) => {
      const left = parts.length - 1 - i; // every later part gets at least one video
      const wanted = Math.max(1, Math.round((shuffled.length * share) / total));
      const to = left === 0 ? shuffled.length : Math.min(from + wanted, shuffled.length - left);
      for (const group of shuffled.slice(from, to)) put(part, group);
      from = to;
    });
  }
  const isOrdered = areOrdered(samples);
  const sampleOf = (index: number) => samples[index];
  return Object.fromEntries(
    [...dealt].map(([part, indices]) => [
      part,
      isOrdered
        ? Array.from(Int32Array.from(indices).sort(), sampleOf)
        : indices.map(sampleOf).sort((a, b) => a.label - b.label || byName(sortedBy(a), sortedBy(b))),
    ]),
  );
}

/** Whether reals come first and each class by name, as folders are listed: then there is nothing to sort. */
function areOrdered(samples: readonly Sample[]): boolean {
  let [label, name] = [0, ""];
  return samples.every((sample) => {
    const before = { label, name };
    // Compared as a new text of two parts, the engine puts these together and not the name itself, which it would keep as another text.
    [label, name] = [sample.label, `/${sortedBy(sample)}`];
    return before.name === "" || before.label < label ||
      (before.label === label && byName(before.name, name) < 0);
  });
}

function sortedBy({ source, path }: Sample): string {
  return source ?? path;
}

/** Groups, numbered in the order of their first samples. */
type Members = {
  /** The name of one of the group's videos, that of its first sample. */
  readonly names: readonly string[];
  /** The indices of a group's samples. */
  members(group: number): Int32Array;
};

/** The members of all groups in one array: as many pictures of their own would be as many small arrays. */
function membersOf(samples: readonly Sample[], groups: Groups): Members {
  const numbers = new Map<number, number>();
  const names: string[] = [];
  const sizes: number[] = [];
  const groupOf = new Int32Array(samples.length);
  for (const [i, sample] of samples.entries()) {
    const key = groups.groupOf(i);
    let group = numbers.get(key);
    if (group === undefined) {
      group = names.length;
      numbers.set(key, group);
      names.push(nameOf(sample));
      sizes.push(0);
    }
    groupOf[i] = group;
    sizes[group]++;
  }
  const begins = new Int32Array(names.length + 1);
  for (const [group, size] of sizes.entries()) begins[group + 1] = begins[group] + size;
  const next = begins.slice();
  const members = new Int32Array(samples.length);
  for (const [i, group] of groupOf.entries()) members[next[group]++] = i;
  return { names, members: (group) => members.subarray(begins[group], begins[group + 1]) };
}

/** Names in brackets, and of how many videos they stand where groups were joined. */
function few(
  alike: readonly number[],
  { samples, groups }: { readonly samples: readonly Sample[]; readonly groups: Members },
): string {
  const videos = new Set(
    alike.flatMap((group) =>
      Array.from(groups.members(group), (index) => {
        const { label, video, path } = samples[index];
        return `${label} ${video ?? path}`;
      })
    ),
  );
  const list = alike.length > 0 ? `(${alike.map((group) => groups.names[group]).join(", ")})` : "";
  if (videos.size === alike.length) return list;
  return `${
    alike.length === 1 ? "group" : "groups"
  } of videos that share a person or a picture ${list}, ${videos.size} videos in all`;
}

/** A batch of images: RGB bytes [size, size, 3] each, and their samples. */
export type ImageBatch = { readonly images: readonly Uint8Array[]; readonly samples: readonly Sample[] };

/**
 * Loads batches in order, the next ones while the caller works on the current one; at most `ahead` (default 2) wait.
 *
 * @example
 * ```ts
 * import { imageBatches, type Sample } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const path = await Deno.makeTempFile({ suffix: ".png" });
 * await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } }).toFile(path);
 * const samples: Sample[] = Array(5).fill({ path, label: 0, set: "faces" });
 * const batches = await Array.fromAsync(imageBatches(samples, { batchSize: 2, size: 4 }));
 * assertEquals(batches.map(({ images }) => images.length), [2, 2, 1]);
 * await Deno.remove(path);
 * ```
 */
export async function* imageBatches(
  samples: readonly Sample[],
  options: {
    readonly batchSize: number;
    readonly size?: number;
    readonly fit?: Fit;
    readonly perturbation?: Perturbation;
    readonly ahead?: number;
  },
): AsyncGenerator<ImageBatch> {
  const { batchSize, size, fit, perturbation, ahead } = options;
  const load = ({ path }: Sample) => loadImage(path, { size, fit, perturbation });
  for await (const { items, samples: batch } of batchesAhead(samples, { batchSize, ahead, load })) {
    yield { images: items, samples: batch };
  }
}

/** Loads something of each sample, batch by batch and in order, as `imageBatches()` loads images. */
export async function* batchesAhead<T>(
  samples: readonly Sample[],
  options: {
    readonly batchSize: number;
    readonly ahead?: number;
    /** `index` is the sample's place among the samples. */
    readonly load: (sample: Sample, index: number) => Promise<T>;
  },
): AsyncGenerator<{ readonly items: readonly T[]; readonly samples: readonly Sample[] }> {
  const { batchSize, ahead = 2, load } = options;
  const waiting: Promise<T[]>[] = [];
  for (let from = 0, taken = 0; taken < samples.length; taken += batchSize) {
    for (; waiting.length <= ahead && from < samples.length; from += batchSize) {
      const first = from;
      const batch = Promise.all(
        samples.slice(first, first + batchSize).map((sample, i) => load(sample, first + i)),
      );
      batch.catch(() => {}); // seen when it is awaited below; a consumer that stops early must not crash on it
      waiting.push(batch);
    }
    yield { items: await waiting.shift()!, samples: samples.slice(taken, taken + batchSize) };
  }
}
