/**
 * What every layout is read into: videos, each a video file, a folder of frames, or both; and videos → samples.
 *
 * @module
 */
import { basename, extname } from "node:path";
import { byName, imageSuffixes, type Sample, type SkippedFile } from "../sample.ts";
import { below, type JoinedNames, joinNames, namesIn, type Tree } from "../scan.ts";
import { createSharedNames } from "../shared_names.ts";
import type { VideosChoice } from "./vocabulary.ts";

/** One video of a set, as it lies on disk. */
export type Video = {
  /** 0 real, 1 fake. */
  readonly label: 0 | 1;
  /** How it was made, or where a real one is from: `Deepfakes`, `youtube`, `Celeb-real`. */
  readonly method: string;
  /** Unique within the set: `Deepfakes/000_003`. */
  readonly id: string;
  readonly split?: "train" | "val" | "test";
  /** What must not be in two splits: the persons of an FF++ pair, a DFDC fake's original, the video itself. */
  readonly identities: readonly string[];
  /** Folder of the frames, absolute. */
  readonly folder: string;
  /** Names of the frames in `folder`, in the order of their numbers. */
  readonly frames: JoinedNames;
  /** The video file, absolute, where there is one. */
  readonly file?: string;
  /** The id of the real video whose frames a fake was made of, where the set says it: the target's, whose head and background stay. */
  readonly original?: string;
  /** Where a fake's masks of what was changed are: a video of as many frames as `file`, or a folder of images by the numbers of the frames; absolute. */
  readonly masks?: string;
  /** Where each generator of a set is tested on by itself, those whose test it is of: a real image may be of several. */
  readonly tests?: readonly string[];
};

/** A count that is short of what there should be. */
export type Shortage = {
  readonly what: string;
  readonly expected: number;
  readonly found: number;
  /** Where the expected number is from: `official`, or a file of the set. */
  readonly by: string;
  /** Some of what is not there. */
  readonly examples: readonly string[];
};

/** What a layout says of a set. */
export type SetReading = {
  /** The layout's name. */
  readonly kind: string;
  /** The layout in words, and what it was told by: `FaceForensics++, c23, splits from splits/*.json`. */
  readonly layout: string;
  /** What its videos are taken for: `raw`, `c0`, `c23` or `c40`; missing where nothing says it. */
  readonly compression?: string;
  /** Whether its splits are by the official list, in full; missing where the layout has none. */
  readonly isOfficialSplit?: boolean;
  /** Absolute. */
  readonly root: string;
  readonly videos: readonly Video[];
  /** Its lists of labels and splits, relative to the root. */
  readonly lists: readonly string[];
  readonly missing: readonly Shortage[];
  readonly skipped: readonly Pick<SkippedFile, "path" | "reason">[];
  /** Those of `skipped` that the disk did not let be read. */
  readonly unreadable?: readonly Pick<SkippedFile, "path" | "reason">[];
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  /** Whether it is of images of anything, and not of faces in videos. */
  readonly isOfImages?: boolean;
};

/** What of a set is wanted. */
export type Selection = {
  /** `raw`, `c23` or `c40`; needed where a set has several. */
  readonly compression?: string;
  /** Names of the fakes' methods; all unless given. */
  readonly methods?: readonly string[];
  /** Where the paths of a list lie on this machine: `NEW`, or `OLD=NEW` for paths that begin with `OLD`. */
  readonly root?: string;
  /** What names a video in plain folders; `auto` unless given. */
  readonly videos?: VideosChoice;
  /** What the words are that a set has for labels, in lower case, where they are not the usual ones: `simswap` → 1. */
  readonly labels?: Readonly<Record<string, 0 | 1>>;
};

/** How a set is read. */
export type ReadOptions = Selection & {
  /** The set's name, for messages. */
  readonly name: string;
  /** Whether the user, or `prepare.json`, said that the layout is this one; else its look did. */
  readonly isSaid: boolean;
  readonly signal?: AbortSignal;
};

/** A layout of data sets on disk: how one is known by its look, and how it is read. */
export type Layout = {
  /** What messages call it: `FaceForensics++`. */
  readonly title: string;
  /** The options that select something in such a set. */
  readonly selects: readonly (keyof Selection)[];
  /**
   * Whether a tree looks like one.
   *
   * @param options.name the set's name
   * @param options.faults gains why a file that could be this layout's cannot be read
   * @param options.labels what the user says of label words
   */
  looksLike(
    tree: Tree,
    options: { readonly name: string; readonly faults: string[] } & Pick<Selection, "labels">,
  ): boolean | Promise<boolean>;
  /**
   * Reads a tree in this layout.
   *
   * @throws {InputError} when it contradicts itself or lacks what is selected.
   */
  read(tree: Tree, options: ReadOptions): Promise<SetReading>;
  /**
   * Reads a set that is one `.json` file, where this layout has such.
   *
   * @throws {InputError} as `read()` does.
   */
  readFile?(path: string, options: Selection): Promise<SetReading>;
};

const videoSuffixes = new Set([
  ...[".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"],
  ...[".3gp", ".3g2", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv"],
]);
/** Where tools put the frames of `videos`, the likeliest first. */
const frameFolders = ["frames", "faces", "crops", "images", "videos"];

/** True for a name that an image or a video may have. */
export function isImage(name: string): boolean {
  return imageSuffixes.has(extname(name).toLowerCase());
}

/** True for a name that a video may have. */
export function isVideo(name: string): boolean {
  return videoSuffixes.has(extname(name).toLowerCase());
}

/** A name without its suffix, when the suffix is an image's or a video's. */
export function stem(name: string): string {
  return isImage(name) || isVideo(name) ? basename(name, extname(name)) : name;
}

/** The number of a frame by the last digits of its name; undefined without any. */
export function frameNumber(name: string): number | undefined {
  const digits = /(\d+)\D*$/.exec(stem(name))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * The first of these names that is free: the stem, the name itself, then `name~2` and so on. Two videos of one stem
 * (`a.mp4`, `a.webm`) are two.
 */
export function freeName(name: string, taken: (name: string) => boolean): string {
  const [short, full] = [stem(name), name];
  if (!taken(short)) return short;
  if (!taken(full)) return full;
  let count = 2;
  while (taken(`${full}~${count}`)) count++;
  return `${full}~${count}`;
}

/** A video as {@link findVideos} sees it: `folder` and `file` relative to the tree. */
export type FoundVideo = { name: string; folder: string; frames: JoinedNames; file?: string };

/**
 * The videos of one folder, by name: video files in it or in `videos/` (of two with one stem the second keeps its suffix), and frames in `frames/<video>/` (or `faces`,
 * `crops`, `images`) or `<video>/`, or, where there are no such folders, images by their names without a frame number.
 * `masks` and `landmarks` are never looked into.
 */
export function findVideos(tree: Tree, base: string): Map<string, FoundVideo> {
  const found = new Map<string, FoundVideo>();
  const videoOf = (name: string) => found.get(name) ?? { name, folder: "", frames: joinNames([]) };
  const here = tree.folders.get(base);
  if (!here) return found;
  for (const folder of [base, below(base, "videos")]) {
    const names = namesIn(tree.folders.get(folder)?.files);
    // Sets are handed out as .mp4: of two with one stem that one has the name that lists use.
    const first = (name: string) => (name.endsWith(".mp4") ? 0 : 1);
    for (const name of names.sort((a, b) => first(a) - first(b))) {
      if (!isVideo(name)) continue;
      const own = freeName(name, (each) => found.has(each));
      found.set(own, { ...videoOf(own), file: below(folder, name) });
    }
  }
  const others = new Set([...frameFolders, "masks", "mask", "landmarks", "boxes"]);
  const inside = namesIn(here.folders);
  const holders = frameFolders.filter((name) => inside.includes(name)).map((name) => below(base, name));
  for (const holder of holders.length > 0 ? holders : [base]) {
    for (const name of namesIn(tree.folders.get(holder)?.folders)) {
      if (holder === base && others.has(name)) continue;
      const folder = below(holder, name);
      const frames = namesIn(tree.folders.get(folder)?.files).filter(isImage);
      // An empty folder among the frames is a video without any, and is told of.
      if ((frames.length > 0 || holder !== base) && videoOf(name).frames === "") {
        found.set(name, { ...videoOf(name), folder, frames: joinNames(frames) });
      }
    }
    const loose = new Map<string, string[]>();
    for (const name of namesIn(tree.folders.get(holder)?.files).filter(isImage)) {
      const video = stem(name).replace(/[-_. ]*(?:frame|img|f)?[-_. ]*\d+$/i, "") || stem(name);
      loose.set(video, [...(loose.get(video) ?? []), name]);
    }
    for (const [name, frames] of loose) {
      if (videoOf(name).frames === "") {
        found.set(name, { ...videoOf(name), folder: holder, frames: joinNames(frames) });
      }
    }
  }
  return found;
}

/** Videos of which each fake has the id of its original, where that is a real video among them. */
export function withOriginals(
  videos: readonly Video[],
  originalOf: (fake: Video) => string | undefined,
): Video[] {
  const reals = new Set(videos.filter(({ label }) => label === 0).map(({ id }) => id));
  return videos.map((video) => {
    const original = video.label === 1 ? originalOf(video) : undefined;
    return original !== undefined && reals.has(original) ? { ...video, original } : video;
  });
}

/** `count` of `items`, evenly spaced from the first to the last; all when there are no more, the middle one for 1. */
export function evenly<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  if (count === 1) return [items[Math.floor((items.length - 1) / 2)]];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * (items.length - 1)) / (count - 1))]);
}

/** The frames of videos as samples, reals first, videos by name and frames by number; `framesPerVideo` evenly spaced ones of each, or all. */
export function samplesOf(
  reading: Pick<SetReading, "videos" | "root">,
  options: { readonly set: string; readonly framesPerVideo?: number },
): Sample[] {
  const { set, framesPerVideo = Infinity } = options;
  const samples: Sample[] = [];
  const shared = createSharedNames();
  const videos = [...reading.videos].sort((a, b) => a.label - b.label || byName(a.id, b.id));
  for (const { label, method, id, split, identities, folder, frames } of videos) {
    // Inside the root by a relative path, so that a digest of the samples is the same on another machine.
    const inside = folder.startsWith(`${reading.root}/`) ? folder.slice(reading.root.length + 1) : folder;
    const [before, beforeInside] = [`${folder}/`, below(inside, "")];
    for (const each of evenly(namesIn(frames), framesPerVideo)) {
      const name = shared(each);
      samples.push({
        path: before + name,
        label,
        set,
        split,
        video: id,
        method,
        source: beforeInside + name,
        identities,
      });
    }
  }
  return samples;
}
