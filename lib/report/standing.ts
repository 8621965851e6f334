/**
 * How a published figure stands to a test of ours: as one that ours reproduces, or beside it.
 *
 * @module
 */
import { type KnownSet, officialTests, type PublishedFigure, type TrainingSet } from "./published.ts";

/** What is known of a test of ours. */
export type OurTest = {
  /** The procedural data set, which stands beside nothing. */
  readonly demo: boolean;
  readonly known: KnownSet;
  readonly split: string;
  /** Whether the test is by the set's official list; missing where that is not known. */
  readonly officialSplit?: boolean;
  /** FaceForensics++'s and DFD's; missing where it is not known. */
  readonly compression?: string;
  readonly level: "frame" | "video" | "image";
  /** Number of videos, or of images where every image is one of its own. */
  readonly real: number;
  readonly fake: number;
  /** Of each video, where all have as many. */
  readonly frames?: number;
  /** Missing where it is not known. */
  readonly trainedOn?: TrainingSet;
  /** The detector, by the name that the figure has where it is that one; missing where it is not known. */
  readonly detector?: string;
};

/** How a figure stands to a test of ours. */
export type Standing = {
  /** `reproduction` only where data, split, level, training set and detector agree. */
  readonly kind: "reproduction" | "beside";
  /** What differs or is not known; nothing for a reproduction. */
  readonly differs: readonly string[];
};

/**
 * How a published figure stands to a test of ours; null where it may not stand beside it: the test is of another set, or of demo
 * data.
 *
 * @example
 * ```ts
 * import { publishedFigures, standing } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const known = { set: "DFD", by: "name" } as const;
 * const ours = { demo: false, known, split: "test", level: "video", real: 363, fake: 3068 } as const;
 * const figure = publishedFigures.find(({ model, set }) => model === "SBI" && set === "DFD")!;
 * assertEquals(standing(ours, figure)!.kind, "beside");
 * assertEquals(standing({ ...ours, demo: true }, figure), null);
 * ```
 */
export function standing(ours: OurTest, figure: PublishedFigure): Standing | null {
  if (ours.demo || ours.known.set !== figure.set) return null;
  const differs = [
    ...otherData(ours, figure),
    ...otherSplit(ours),
    ...otherLevel(ours, figure),
    ...otherTraining(ours.trainedOn, figure.trainedOn),
    ...otherDetector(ours, figure),
  ];
  return { kind: differs.length === 0 ? "reproduction" : "beside", differs };
}

function otherData(ours: OurTest, { set, trainedOn }: PublishedFigure): string[] {
  const { known: { by }, compression } = ours;
  const differs = by === "name" ? ["set known by its name alone"] : [];
  // Both versions have the same folders; the number of test videos tells them apart.
  if (set === "Celeb-DF v2" && by === "methods" && !isOfficial(ours)) differs.push("v1 or v2 not known");
  if (set === "UniversalFakeDetect") differs.push("a mean over 19 sets");
  if (set !== "FF++" && set !== "DFD") return differs;
  // The field tests FaceForensics++ in the compression that it trains in.
  if (compression === undefined) differs.push("compression of the test not known");
  else if (compression !== trainedOn?.compression) differs.push(`tested on ${compression}`);
  return differs;
}

function isOfficial({ known, real, fake }: OurTest): boolean {
  const official = officialTests[known.set];
  return real === official?.real && fake === official?.fake;
}

function otherSplit(ours: OurTest): string[] {
  const { known: { set }, split, officialSplit, level, real, fake } = ours;
  const official = officialTests[set];
  if (!official) return [set === "DFD" ? "no official split" : "official split not known"];
  const counts = `${real} and ${fake} ${
    level === "image" ? "images" : "videos"
  }, the official test has ${official.real} and ${official.fake}`;
  const isTest = /^test/i.test(split);
  const differs = split === ""
    ? ["split not known"]
    : !isTest || officialSplit === false
    ? ["split not the official one"]
    : [];
  if (!isOfficial(ours)) return [...differs, `n differs (${counts})`];
  // As many videos may have been dealt.
  return isTest && officialSplit === undefined ? ["whether it is the official split not known"] : differs;
}

function otherLevel({ level, frames }: OurTest, figure: PublishedFigure): string[] {
  const differs = figure.level === "unknown"
    ? ["level not known"]
    : figure.level === level
    ? []
    : [`${figure.level} level`];
  if (figure.frames !== undefined && figure.frames !== frames) {
    differs.push(`of ${figure.frames} frames a video`);
  }
  return differs;
}

function otherTraining(ours: TrainingSet | undefined, theirs: TrainingSet | undefined): string[] {
  if (!theirs) return ["its training set not known"];
  if (!ours) return ["our training set not known"];
  if (ours.set !== theirs.set) return [`other training set (ours: ${ours.set})`];
  if (theirs.compression === undefined) return ["its training set's compression not known"];
  if (ours.compression === undefined) return ["our training set's compression not known"];
  return ours.compression === theirs.compression
    ? []
    : [`other training set (ours: ${ours.set} ${ours.compression})`];
}

function otherDetector({ detector }: OurTest, { model }: PublishedFigure): string[] {
  if (detector === undefined) return ["whether it is the same detector not known"];
  return detector === model ? [] : ["another detector"];
}
