/**
 * One video, or the frames that lie in its place → evenly spaced frames, whole or cropped.
 *
 * @module
 */
import { basename, dirname, extname, join } from "node:path";
import sharp from "sharp";
import { reasonOf } from "../base/errors.ts";
import type { VideoBoxes } from "./boxes.ts";
import { type Box, cropSquare } from "./crop.ts";
import { extractFrames, probeVideo } from "./ffmpeg.ts";
import { holdPixels } from "./image.ts";
import { evenly, frameNumber, type Video } from "./layout_videos.ts";
import { mp4Fault } from "./mp4.ts";
import { namesIn } from "./scan.ts";

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

/** How one video is prepared. */
export type FrameOptions = {
  /** Evenly spaced frames. */
  readonly frames: number;
  /** Side of the crop over the longer side of the box. */
  readonly margin: number;
  /** Whether the boxes are landmarks'. */
  readonly landmarks?: boolean;
  /** Arguments that keep every frame, from `findFfmpeg()`. */
  readonly keep: readonly string[];
  /** Where the frames go. */
  readonly folder: string;
  /** Undefined: whole frames. */
  readonly boxes?: VideoBoxes;
  readonly signal?: AbortSignal;
};

/** Whether a video's boxes count in its file, or, as landmarks do, in the frames beside it, where there are any. */
export function sourceOf(video: Video, options: Pick<FrameOptions, "landmarks">): "file" | "frames" {
  return video.file !== undefined && !(options.landmarks && video.frames !== "") ? "file" : "frames";
}

/**
 * Makes the frames of one video in `folder`, which appears when they are complete.
 *
 * @returns what became of it; what is wrong with the video is in `note`
 * @throws the signal's reason when it fires
 */
export async function framesOf(video: Video, options: FrameOptions): Promise<Coverage> {
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

async function fromVideo(video: Video, options: FrameOptions & { readonly work: string }): Promise<Made> {
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

async function fromFrames(video: Video, options: FrameOptions & { readonly work: string }): Promise<Made> {
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
  using _held = await holdPixels({ width, height });
  await sharp(file).extract({ left: square.x, top: square.y, width: square.width, height: square.height })
    .png({ compressionLevel: 6 }).toFile(target);
  return true;
}
