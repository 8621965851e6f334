/**
 * Videos → evenly spaced frames on disk, whole or cropped to the face, in the layout of the set that they are from.
 *
 * @module
 */
import { parse } from "csv-parse/sync";
import { basename, dirname, join, relative, resolve } from "node:path";
import { csvText, unguarded } from "../base/csv.ts";
import { InputError } from "../base/errors.ts";
import { writeWhole } from "../base/files.ts";
import { inParallel } from "../base/pool.ts";
import { landmarksFolder, readBoxes, readLandmarks, type VideoBoxes } from "./boxes.ts";
import { type PrepareSettings, settingsName } from "./crop.ts";
import { byName } from "./dataset.ts";
import { findFfmpeg } from "./ffmpeg.ts";
import type { SetReading, Video } from "./layout_videos.ts";
import { type Coverage, framesOf, sourceOf } from "./video_frames.ts";

/** What `prepareVideos()` can be told. */
export type PrepareOptions = {
  /** Where the frames go; not within the set. */
  readonly into: string;
  /** Evenly spaced frames of each video; 32 unless given. */
  readonly frames?: number;
  /** CSV of boxes: `video,frame,x,y,w,h`. */
  readonly boxes?: string;
  /** Takes boxes around the `.npy` landmarks beside videos or frames. */
  readonly landmarks?: boolean;
  /** Side of the crop over the longer side of the box; 1.3 unless given. */
  readonly margin?: number;
  /** Videos at a time; as many as there are cores unless given. */
  readonly workers?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
};

const coverageName = "coverage.csv";
const columns = ["video", "label", "method", "wanted", "got", "note"] as const;

/**
 * Extracts evenly spaced frames of every video of a set, and crops them by one rule for both classes; copies the set's lists
 * of labels and splits beside them, so that the folder is a set of the same layout. The set itself is never written to.
 *
 * A video's folder appears when it is complete. Called again after an interruption it goes on; `coverage.csv` has a line for
 * each video. With boxes, frames without one are left out before the spacing.
 *
 * @returns what became of each video, and what to know
 * @throws InputError when there is no ffmpeg, one class has no boxes, or the folder was prepared with other settings.
 */
export async function prepareVideos(
  reading: SetReading,
  options: PrepareOptions,
): Promise<{ readonly coverage: Coverage[]; readonly warnings: string[] }> {
  const { into, frames = 32, margin = 1.3, workers = navigator.hardwareConcurrency, signal } = options;
  const videos = onceEach(reading);
  checkOptions(reading, options);
  const keep = videos.some((video) => sourceOf(video, options) === "file") ? await findFfmpeg() : [];
  const { boxesOf, warnings } = await openBoxes(videos, { reading, ...options });
  const crop = options.boxes !== undefined ? "boxes" : options.landmarks ? "landmarks" : "none";
  const settings: PrepareSettings = { version: 1, frames, crop, margin, layout: reading.kind };
  await openFolder(into, { reading, settings });
  const before = await readCoverage(into);
  let done = 0;
  const coverage = await inParallel(videos, async (video, i) => {
    const folder = outFolder(video, { reading, into });
    const known = before.get(keyOf(video));
    let made = known;
    if (!known || known.got === 0 || !(await Deno.stat(folder).catch(() => undefined))?.isDirectory) {
      made = await framesOf(video, { ...options, frames, margin, keep, folder, boxes: await boxesOf(i) });
      await Deno.writeTextFile(join(into, coverageName), csvText([made!], { columns, header: false }), {
        append: true,
      });
    }
    options.onProgress?.(++done, videos.length);
    return made!;
  }, { workers, signal });
  const sorted = [...coverage].sort((a, b) => byName(`${a.label} ${a.video}`, `${b.label} ${b.video}`));
  await writeWhole(join(into, coverageName), csvText(sorted, { columns }));
  return { coverage: sorted, warnings: [...warnings, ...lopsided(sorted)] };
}

/** The videos of a reading, one that is in two splits once. */
function onceEach(reading: SetReading): Video[] {
  const seen = new Map<string, Video>();
  for (const video of reading.videos) if (!seen.has(keyOf(video))) seen.set(keyOf(video), video);
  return [...seen.values()];
}

function keyOf(video: Pick<Video, "id" | "label">): string {
  return `${video.label === 0 ? "real" : "fake"} ${video.id}`;
}

function checkOptions(reading: SetReading, options: PrepareOptions): void {
  const { into, frames = 32, margin = 1.3 } = options;
  const inside = relative(reading.root, resolve(into));
  if (inside === "" || !inside.startsWith("..")) {
    throw new InputError(
      `Cannot prepare into ${into}: expected a folder outside the set ${reading.root} but found one in it`,
    );
  }
  if (reading.kind === "deepfakebench") {
    throw new InputError(
      "Cannot prepare a list of DeepfakeBench's: expected a folder of videos or frames but found a list of frames that are crops already",
    );
  }
  if (!Number.isInteger(frames) || frames < 1) {
    throw new InputError(`Cannot prepare: expected --frames of at least 1 but found ${frames}`);
  }
  if (!(margin >= 1 && margin <= 10)) {
    throw new InputError(`Cannot prepare: expected a --margin from 1 to 10 but found ${margin}`);
  }
  if (options.boxes !== undefined && options.landmarks) {
    throw new InputError("Cannot prepare: expected --boxes or --landmarks but found both");
  }
}

async function openBoxes(
  videos: readonly Video[],
  options: PrepareOptions & { readonly reading: SetReading },
): Promise<{ boxesOf: (index: number) => Promise<VideoBoxes | undefined>; warnings: string[] }> {
  if (options.boxes === undefined && !options.landmarks) {
    return { boxesOf: () => Promise.resolve(undefined), warnings: [] };
  }
  const warnings: string[] = [];
  let boxesOf: (index: number) => Promise<VideoBoxes | undefined>;
  const counts = [0, 0];
  if (options.boxes !== undefined) {
    const { boxes, unknown } = await readBoxes(options.boxes, { videos, root: options.reading.root });
    if (unknown > 0) warnings.push(`${unknown} boxes are for videos that the set does not have`);
    boxesOf = (index) => Promise.resolve(boxes.get(index) ?? new Map());
    for (const index of boxes.keys()) counts[videos[index].label]++;
  } else {
    boxesOf = async (index) => await readLandmarks(landmarksFolder(videos[index])) ?? new Map();
    for (const video of videos) {
      if ((await Deno.stat(landmarksFolder(video)).catch(() => undefined))?.isDirectory) {
        counts[video.label]++;
      }
    }
  }
  const what = options.boxes ?? "landmarks/";
  if (counts[0] === 0 || counts[1] === 0) {
    const [has, lacks] = counts[0] === 0 ? ["fake", "real"] : ["real", "fake"];
    throw new InputError(
      `Cannot crop by ${what}: expected boxes for both classes, so that one rule crops them alike, but found ${
        counts[0] + counts[1] === 0
          ? "none for any video"
          : `${counts[0] + counts[1]} ${has} videos with and no ${lacks} one`
      }`,
    );
  }
  return { boxesOf, warnings };
}

/** Writes the settings and the set's lists, or finds the ones of an earlier call. */
async function openFolder(
  into: string,
  options: { readonly reading: SetReading; readonly settings: PrepareSettings },
): Promise<void> {
  const { reading, settings } = options;
  const path = join(into, settingsName);
  const before = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (before !== undefined && before !== text) {
    const { frames, crop, margin, layout } = JSON.parse(before);
    throw new InputError(
      `Cannot go on in ${into}: expected the settings that it was begun with (${layout}, ${frames} frames, crop ${crop}, margin ${margin}) but found others (${settings.layout}, ${settings.frames} frames, crop ${settings.crop}, margin ${settings.margin}); take another --into`,
    );
  }
  if (before === undefined) {
    const there = await Array.fromAsync(Deno.readDir(into)).catch(() => []);
    if (there.length > 0) {
      throw new InputError(
        `Cannot prepare into ${into}: expected an empty folder, or one that prepare began, but found ${
          there[0].name
        }`,
      );
    }
    await writeWhole(path, text);
    await Deno.writeTextFile(join(into, coverageName), csvText([], { columns }));
  }
  for (const list of reading.lists) {
    await writeWhole(join(into, list), await Deno.readTextFile(join(reading.root, list)));
  }
}

async function readCoverage(into: string): Promise<Map<string, Coverage>> {
  const text = await Deno.readTextFile(join(into, coverageName)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  // A line that a killed process did not finish has too few values.
  const rows: Record<string, string>[] = parse(text, {
    columns: true,
    skip_records_with_error: true,
    cast: unguarded,
  });
  return new Map(rows.map((row) => {
    const label = row.label === "fake" ? "fake" : "real";
    const { video, method, note } = row;
    return [`${label} ${video}`, {
      video,
      label,
      method,
      wanted: Number(row.wanted),
      got: Number(row.got),
      note,
    }];
  }));
}

/** Where a video's frames go: the place that its layout has for them. */
function outFolder(video: Video, options: { readonly reading: SetReading; readonly into: string }): string {
  const { reading, into } = options;
  const name = video.id.split("/").at(-1)!;
  if (video.file === undefined) {
    const inside = relative(reading.root, video.folder);
    // Frames of several videos may lie in one folder.
    return join(into, basename(inside) === name ? inside : join(inside, name));
  }
  const inside = relative(reading.root, dirname(video.file));
  if (reading.kind === "folders") return join(into, inside, name);
  const base = basename(inside) === "videos" ? dirname(inside) : inside;
  return join(into, base, "frames", name);
}

/** A class of which clearly fewer frames were made is itself a hint. */
function lopsided(coverage: readonly Coverage[]): string[] {
  const share = (label: string) => {
    const rows = coverage.filter((row) => row.label === label);
    const wanted = rows.reduce((sum, row) => sum + row.wanted, 0);
    return wanted === 0 ? undefined : rows.reduce((sum, row) => sum + row.got, 0) / wanted;
  };
  const [real, fake] = [share("real"), share("fake")];
  if (real === undefined || fake === undefined || Math.abs(real - fake) < 0.05) return [];
  const percent = (value: number) => `${Math.round(value * 100)} %`;
  return [`${percent(real)} of the real frames were made and ${percent(fake)} of the fake ones`];
}
