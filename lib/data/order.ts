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
  const groups = membersByName(samples, options.groups ?? groupSamples(samples));
  const strata = new Map<string, string[]>();
  for (const [name, members] of groups) {
    const kind = [...new Set(members.map((member) => member.label))].sort().join();
    strata.set(kind, [...(strata.get(kind) ?? []), name]);
  }
  const parts = Object.entries(options.shares).filter(([, share]) => share > 0);
  const result: Record<string, Sample[]> = Object.fromEntries(
    Object.keys(options.shares).map((name) => [name, []]),
  );
  const enough = [...strata].filter(([, names]) => names.length >= parts.length).flatMap(([kind]) =>
    kind.split(",")
  );
  for (const [kind, names] of strata) {
    const tooFew = names.length < parts.length;
    if (tooFew && kind.split(",").every((label) => enough.includes(label))) {
      // Others of their class go to every part, so these few can all stay in the first.
      for (const name of names) result[parts[0][0]].push(...groups.get(name)!);
      continue;
    }
    if (tooFew) {
      const what = kind === "0" ? "real" : kind === "1" ? "fake" : "real and fake";
      throw new InputError(
        `Cannot split the ${what} images into ${
          parts.map(([name]) => name).join(", ")
        }: expected at least ${parts.length} videos but found ${names.length} ${
          few(names, groups)
        }; give more of them, or a split: beside --real and --fake, separate folders with --val-real, --val-fake, --test-real and --test-fake; in a set of --data, its own lists, or folders named train, val and test`,
      );
    }
    const shuffled = createRandom(options.seed, "split", kind).shuffled(names.sort(byName));
    const total = parts.reduce((sum, [, share]) => sum + share, 0);
    let from = 0;
    parts.forEach(([part, share], i) => {
      const left = parts.length - 1 - i; // every later part gets at least one video
      const wanted = Math.max(1, Math.round((shuffled.length * share) / total));
      const to = left === 0 ? shuffled.length : Math.min(from + wanted, shuffled.length - left);
      for (const name of shuffled.slice(from, to)) result[part].push(...groups.get(name)!);
      from = to;
    });
  }
  for (const part of Object.values(result)) {
    part.sort((a, b) => a.label - b.label || byName(a.source ?? a.path, b.source ?? b.path));
  }
  return result;
}

/** Samples by the name of one of their group's videos, that of its first sample. */
function membersByName(samples: readonly Sample[], groups: Groups): Map<string, Sample[]> {
  const found = new Map<number, { name: string; members: Sample[] }>();
  for (const [i, sample] of samples.entries()) {
    const group = found.get(groups.groupOf(i));
    if (group) group.members.push(sample);
    else found.set(groups.groupOf(i), { name: nameOf(sample), members: [sample] });
  }
  return new Map([...found.values()].map(({ name, members }) => [name, members]));
}

/** Names in brackets, and of how many videos they stand where groups were joined. */
function few(names: readonly string[], groups: ReadonlyMap<string, readonly Sample[]>): string {
  const videos = new Set(
    names.flatMap((name) => groups.get(name)!.map(({ label, video, path }) => `${label} ${video ?? path}`)),
  );
  const list = names.length > 0 ? `(${names.join(", ")})` : "";
  if (videos.size === names.length) return list;
  return `${
    names.length === 1 ? "group" : "groups"
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
