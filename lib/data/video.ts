/**
 * Videos → evenly spaced frames on disk, whole or cropped to the face, in the layout of the set that they are from.
 *
 * @module
 */
import { stringify } from "csv-stringify/sync";
import { parse } from "csv-parse/sync";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import sharp from "sharp";
import { InputError, reasonOf } from "../errors.ts";
import { landmarksFolder, readBoxes, readLandmarks, type VideoBoxes } from "./boxes.ts";
import { type Box, cropSquare, type PrepareSettings, settingsName } from "./crop.ts";
import { byName } from "./dataset.ts";
import { extractFrames, findFfmpeg, probeVideo } from "./ffmpeg.ts";
import { evenly, frameNumber, type SetReading, type Video } from "./layout_videos.ts";
import { mp4Fault } from "./mp4.ts";
import { namesIn, replaceFile } from "./scan.ts";

/** What became of one video. */
export type Coverage = {
  readonly video: string;
  readonly label: "real" | "fake";
  readonly method: string;
  /** Frames that were to be made. */
  readonly wanted: number;
  readonly got: number;
  /** Why there are fewer, or none; or what else is odd. */
  readonly note: string;
};

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
  const coverage: Coverage[] = new Array(videos.length);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < videos.length) {
      signal?.throwIfAborted();
      const i = next++;
      const video = videos[i];
      const folder = outFolder(video, { reading, into });
      const known = before.get(keyOf(video));
      if (known && known.got > 0 && (await Deno.stat(folder).catch(() => undefined))?.isDirectory) {
        coverage[i] = known;
      } else {
        coverage[i] = await prepareOne(video, {
          ...options,
          frames,
          margin,
          keep,
          folder,
          boxes: await boxesOf(i),
        });
        await Deno.writeTextFile(
          join(into, coverageName),
          stringify([coverage[i]], { columns: [...columns] }),
          {
            append: true,
          },
        );
      }
      options.onProgress?.(++done, videos.length);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.max(1, workers) }, worker));
  for (const each of ended) if (each.status === "rejected") throw each.reason;
  const sorted = [...coverage].sort((a, b) => byName(`${a.label} ${a.video}`, `${b.label} ${b.video}`));
  await replaceFile(join(into, coverageName), stringify(sorted, { header: true, columns: [...columns] }));
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

/** Boxes count in the frames of the video; landmarks in the frames beside them, where there are any. */
function sourceOf(video: Video, options: Pick<PrepareOptions, "landmarks">): "file" | "frames" {
  return video.file !== undefined && !(options.landmarks && video.frames !== "") ? "file" : "frames";
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
    await replaceFile(path, text);
    await Deno.writeTextFile(join(into, coverageName), stringify([columns]));
  }
  for (const list of reading.lists) {
    await replaceFile(join(into, list), await Deno.readTextFile(join(reading.root, list)));
  }
}

async function readCoverage(into: string): Promise<Map<string, Coverage>> {
  const text = await Deno.readTextFile(join(into, coverageName)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  // A line that a killed process did not finish has too few values.
  const rows: Record<string, string>[] = parse(text, { columns: true, skip_records_with_error: true });
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

type One = Omit<PrepareOptions, "boxes"> & {
  readonly frames: number;
  readonly margin: number;
  readonly keep: readonly string[];
  readonly folder: string;
  /** Undefined: whole frames. */
  readonly boxes?: VideoBoxes;
};

async function prepareOne(video: Video, options: One): Promise<Coverage> {
  const { frames, folder, boxes, signal } = options;
  const row = {
    video: video.id,
    label: video.label === 0 ? "real" : "fake",
    method: video.method,
    wanted: frames,
  } as const;
  const work = join(dirname(folder), `.${basename(folder)}.partial`);
  await Deno.remove(work, { recursive: true }).catch(() => {}); // of a killed process
  await Deno.mkdir(work, { recursive: true });
  try {
    const { got, note } = sourceOf(video, options) === "file"
      ? await fromVideo(video, { ...options, work })
      : await fromFrames(video, { ...options, work });
    if (got > 0) {
      await Deno.remove(folder, { recursive: true }).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
      await Deno.rename(work, folder);
    }
    return { ...row, got, note: boxes?.size === 0 ? "no boxes" : note };
  } catch (error) {
    signal?.throwIfAborted();
    return { ...row, got: 0, note: reasonOf(error) };
  } finally {
    await Deno.remove(work, { recursive: true }).catch(() => {}); // renamed by now when all went well
  }
}

type Made = { readonly got: number; readonly note: string };

async function fromVideo(video: Video, options: One & { readonly work: string }): Promise<Made> {
  const { frames, keep, work, boxes, signal } = options;
  const path = video.file!;
  const { frames: there, claimed } = await probeVideo(path, { signal }).catch(async (error) => {
    signal?.throwIfAborted();
    throw new Error([await mp4Fault(path), reasonOf(error)].filter((text) => text).join("; "));
  });
  const notes = claimed !== undefined && there < claimed
    ? [`truncated: ${there} of ${claimed} frames are there`]
    : [];
  const all = Array.from({ length: there }, (_, i) => i);
  const chosen = evenly(boxes ? all.filter((number) => boxes.has(number)) : all, frames);
  if (chosen.length === 0) {
    return { got: 0, note: [...notes, boxes ? "no frame has a box" : "no frames"].join("; ") };
  }
  const { files, fault } = await extractFrames(path, { numbers: chosen, into: work, keep, signal });
  if (fault) notes.push(fault);
  let got = 0;
  for (const [i, file] of files.entries()) {
    const number = chosen[i];
    const target = join(work, `${String(number).padStart(3, "0")}.png`);
    if (!boxes) {
      await Deno.rename(file, target);
      got++;
      continue;
    }
    if (options.landmarks && await looksLikeCrop(file, boxes)) {
      return { got: 0, note: "the landmarks are those of a 256-pixel crop, not of this video's frames" };
    }
    if (await cutOut(file, { target, box: boxes.get(number)!, ...options })) got++;
    await Deno.remove(file);
  }
  return { got, note: noteOf(notes, { got, wanted: frames, there, boxes }) };
}

async function fromFrames(video: Video, options: One & { readonly work: string }): Promise<Made> {
  const { frames, work, boxes } = options;
  const names = namesIn(video.frames);
  const boxOf = (name: string) => boxes?.get(frameNumber(name) ?? -1);
  const chosen = evenly(boxes ? names.filter((name) => boxOf(name) !== undefined) : names, frames);
  let got = 0;
  for (const name of chosen) {
    const file = join(video.folder, name);
    if (!boxes) {
      await Deno.copyFile(file, join(work, name));
      got++;
    } else {
      const target = join(work, `${basename(name, extname(name))}.png`);
      if (await cutOut(file, { target, box: boxOf(name)!, ...options })) got++;
    }
  }
  return { got, note: noteOf([], { got, wanted: frames, there: names.length, boxes }) };
}

function noteOf(
  notes: readonly string[],
  counts: {
    readonly got: number;
    readonly wanted: number;
    readonly there: number;
    readonly boxes?: VideoBoxes;
  },
): string {
  const { got, wanted, there, boxes } = counts;
  if (got >= wanted) return notes.join("; ");
  const why = there < wanted
    ? `only ${there} frames`
    : boxes && boxes.size < wanted
    ? `only ${boxes.size} boxes`
    : "";
  return [...notes, why].filter((text) => text !== "").join("; ");
}

/** Landmarks of the aligned 256-pixel crops that DeepfakeBench makes, beside a video of larger frames. */
async function looksLikeCrop(file: string, boxes: VideoBoxes): Promise<boolean> {
  const { width, height } = await sharp(file).metadata();
  const ends = [...boxes.values()].map((box) => Math.max(box.x + box.width, box.y + box.height));
  return Math.min(width, height) >= 400 && Math.max(...ends) <= 270;
}

async function cutOut(
  file: string,
  options: { readonly target: string; readonly box: Box; readonly margin: number },
): Promise<boolean> {
  const { target, box, margin } = options;
  const { width, height } = await sharp(file).metadata();
  const square = cropSquare(box, { width, height, margin });
  if (!square) return false;
  await sharp(file).extract({ left: square.x, top: square.y, width: square.width, height: square.height })
    .png({ compressionLevel: 6 }).toFile(target);
  return true;
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
