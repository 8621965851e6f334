/**
 * What reading every kind of data needs: checking and choosing the images, dealing splits, refusing.
 *
 * @module
 */
import { byName, checkImages, type Sample, type SampleList } from "../sample.ts";
import { ffppPersons } from "../layouts/ffpp_names.ts";
import { evenly } from "../layouts/layout.ts";
import { joinCopies } from "../audit/copies.ts";
import type { Groups } from "../../base/groups.ts";
import { groupSamples } from "./groups.ts";
import { splitByVideo } from "../order.ts";
import { dataFolder } from "../../base/cache.ts";
import { InputError } from "../../base/errors.ts";
import type { Dealing, PartsOptions } from "./request.ts";

/**
 * Opens every image once, with what is known from before; those that cannot be read are skipped.
 */
export async function check(
  list: SampleList,
  options: PartsOptions & { readonly strict: boolean },
): Promise<SampleList> {
  const { strict, facts, signal, report, quick, problems } = options;
  if (quick || list.samples.length === 0) return list;
  try {
    return await checkImages(list, {
      strict,
      facts,
      cacheDir: options.cacheDir ?? dataFolder(),
      signal,
      onProgress: (done: number, total: number) =>
        report?.({ type: "progress", task: "Checking the images", unit: "images", done, total }),
      onNote: (message: string) => report?.({ type: "note", message }),
    });
  } catch (error) {
    if (!problems || !(error instanceof InputError)) throw error;
    problems.push(error.message);
    return list;
  }
}

/** Samples by part, and what is to be said of the dealing. */
export type Dealt = Record<"train" | "val" | "test", Sample[]> & { readonly notes: readonly string[] };

/**
 * Holds out validation and test videos where they are not given. Videos of one person, or that show the same picture, go to
 * one part; pictures are compared where their facts are known.
 *
 * @param samples the caller's own, which are put into their splits where they are
 * @param options.images all images of the samples, with the sample's index; the samples themselves unless given
 */
export async function deal(
  samples: readonly Sample[],
  dealing: Dealing,
  options: PartsOptions & {
    readonly hasVal: boolean;
    readonly hasTest: boolean;
    readonly images?: readonly { readonly path: string; readonly item: number }[];
  },
): Promise<Dealt> {
  const val = options.hasVal ? 0 : dealing.valShare;
  const test = options.hasTest ? 0 : dealing.testShare;
  try {
    if (!options.hasVal && val === 0 && dealing.needsVal) {
      throw new InputError(
        "Cannot choose the best epoch: expected validation images but found --val-share 0; give them, or --select last",
      );
    }
    if (!options.hasTest && test === 0) {
      throw new InputError(
        "Cannot test the detector: expected test images but found --test-share 0; give --test-real and --test-fake",
      );
    }
    if (val + test >= 1) {
      throw new InputError(
        `Cannot hold out images: expected --val-share and --test-share below 1 together but found ${
          val + test
        }`,
      );
    }
    const shares = { train: 1 - val - test, val, test };
    const split = (groups: Groups) => splitByVideo(samples, { shares, seed: dealing.seed, groups });
    const { groups, notes } = val + test === 0
      ? { groups: groupSamples(samples), notes: [] }
      : await groupCopies(samples, options);
    const parts = dealing.allowLeak ? splitAnyway(samples, groups, split) : split(groups);
    for (const [split, own] of Object.entries(parts)) for (const sample of own) putInSplit(sample, split);
    return { train: parts.train, val: parts.val, test: parts.test, notes };
  } catch (error) {
    if (!options.problems || !(error instanceof InputError)) throw error;
    options.problems.push(error.message);
    return { train: [...samples], val: [], test: [], notes: [] };
  }
}

/** With leaks allowed, copies are kept together only where that leaves enough groups. */
function splitAnyway<T>(samples: readonly Sample[], groups: Groups, split: (groups: Groups) => T): T {
  try {
    return split(groups);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return split(groupSamples(samples));
  }
}

async function groupCopies(
  samples: readonly Sample[],
  options: PartsOptions & { readonly images?: readonly { readonly path: string; readonly item: number }[] },
): Promise<{ groups: Groups; notes: string[] }> {
  const groups = groupSamples(samples);
  if (options.quick) {
    options.onBlindDeal?.();
    return {
      groups,
      notes: ["--quick: copies of a picture were not looked for, which may change how videos are dealt"],
    };
  }
  const { facts, signal, report, images = samples.map(({ path }, item) => ({ path, item })) } = options;
  const { pairs, complete } = await joinCopies(groups, {
    images,
    facts,
    signal,
    onProgress: (done, total) =>
      report?.({ type: "progress", task: "Looking for copies", unit: "passes", done, total }),
  });
  const notes = pairs.length === 0 ? [] : [
    `${pairs.length} pairs of videos show the same picture (such as ${
      pairs[0].join(" and ")
    }) and were dealt into one split each`,
  ];
  if (!complete) notes.push("too many pictures are alike to compare all; some copies may be in two splits");
  return { groups, notes };
}

/** Puts a sample that nobody else knows into a split, where it is: a million copies beside their samples are a lot. */
export function putInSplit(sample: { split?: string }, split: string | undefined): void {
  sample.split = split;
}

/** The sample itself where it is in the split already: a million copies are a lot. */
export function inSplit(sample: Sample, split: string | undefined): Sample {
  return sample.split === split ? sample : { ...sample, split };
}

/** Fewer videos of a class than these say little of a detector. */
const FEW_VIDEOS = 5;

/** A warning for a set with too few videos of a class to tell anything. */
export function fewVideos(videos: Iterable<Pick<Sample, "label" | "video">>, set: string): string[] {
  const found = [new Set<string | undefined>(), new Set<string | undefined>()] as const;
  for (const { label, video } of videos) found[label].add(video);
  const few = found.flatMap(({ size }, label) =>
    size > 0 && size < FEW_VIDEOS ? `${size} ${label ? "fake" : "real"} video${size === 1 ? "" : "s"}` : []
  );
  return few.length === 0
    ? []
    : [`${set}: only ${few.join(" and ")}, too few to tell a detector from chance`];
}

/** Throws, or where all is to be said adds to the problems. */
export function refuse(message: string, { problems }: PartsOptions): void {
  if (!problems) throw new InputError(message);
  problems.push(message);
}

/** Reals first, as they were within each class. */
export function inOrder(samples: readonly Sample[]): Sample[] {
  return [...samples].sort((a, b) => a.label - b.label);
}

/** Evenly spaced frames of each video, by the order of their numbers. */
export function thin(samples: readonly Sample[], framesPerVideo?: number): readonly Sample[] {
  if (framesPerVideo === undefined) return samples;
  const videos = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { label, set, split, method, video, path } = sample;
    const key = [label, set, split, method, video ?? path].join("\0"); // methods make videos of one name
    const frames = videos.get(key);
    if (frames) frames.push(sample);
    else videos.set(key, [sample]);
  }
  return [...videos.values()].flatMap((frames) =>
    evenly(frames.sort((a, b) => byName(a.path, b.path)), framesPerVideo)
  );
}

/** Adds FaceForensics++'s persons, as far as the names of a set's videos tell: `071` and `071_054`. */
export function withPersons(samples: readonly Sample[]): readonly Sample[] {
  const videos = new Map<string, Sample>();
  for (const sample of samples) {
    const key = `${sample.label} ${sample.video}`;
    if (sample.video !== undefined && !videos.has(key)) videos.set(key, sample);
  }
  const persons = ffppPersons([...videos.values()].map(({ label, video }) => ({ label, id: video! })));
  if (persons === undefined) return samples;
  const known = new Map<string, readonly string[]>();
  for (const [i, [key, { identities = [] }]] of [...videos].entries()) {
    if (persons[i].length > 0) known.set(key, [...identities, ...persons[i]]);
  }
  return samples.map((sample) => ({
    ...sample,
    identities: known.get(`${sample.label} ${sample.video}`) ?? sample.identities,
  }));
}
