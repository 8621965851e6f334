/**
 * One video, or the frames that lie in its place → evenly spaced frames, whole or cropped.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import sharp from "sharp";
import { reasonOf } from "../base/errors.ts";
import { misfit, type VideoBoxes } from "./boxes.ts";
import { containerFault } from "../data/container.ts";
import type { Coverage } from "./coverage.ts";
import type { Box } from "../images/box.ts";
import { cropSquare } from "./crop.ts";
import { extractFrames, type Extraction, probeVideo, type VideoInfo } from "./ffmpeg.ts";
import { type Recompressed, recompressVideo } from "./recompress.ts";
import { holdPixels } from "../images/image.ts";
import { evenly, frameNumber, type Video } from "../data/layouts/layout.ts";
import { namesIn } from "../data/scan.ts";
import { orOutputError, OutputError, putFolder, sealPng, writeFrame } from "./whole_frames.ts";

/** How one video is prepared. */
export type FrameOptions = {
  /** Evenly spaced frames. */
  readonly frames: number;
  /** Side of the crop over the longer side of the box. */
  readonly margin: number;
  /** Whether the boxes are landmarks'. */
  readonly landmarks?: boolean;
  /** The constant rate factor that the whole video is compressed with as H.264 first; not done unless given. */
  readonly recompress?: number;
  /** Arguments that keep every frame, from `findFfmpeg()`. */
  readonly keep: readonly string[];
  /** Where the frames go. */
  readonly folder: string;
  /** Where they are made; on the same disk, and nobody else's. */
  readonly work: string;
  /** Reads the video's boxes, and says what is wrong with some of them; undefined: whole frames. */
  readonly readBoxes?: () => Promise<{ readonly boxes: VideoBoxes; readonly faults: readonly string[] }>;
  readonly signal?: AbortSignal;
};

/** Whether a video's boxes count in its file, or, as landmarks do, in the frames beside it, where there are any. */
export function sourceOf(video: Video, options: Pick<FrameOptions, "landmarks">): "file" | "frames" {
  return video.file !== undefined && !(options.landmarks && video.frames !== "") ? "file" : "frames";
}

/**
 * Makes the frames of one video in `folder`, which appears when they are complete and on the disk.
 *
 * @returns what became of it; what is wrong with the video is in `note`
 * @throws {OutputError} when frames cannot be written; the signal's reason when it fires.
 */
export async function framesOf(video: Video, options: FrameOptions): Promise<Omit<Coverage, "folder">> {
  const { frames, folder, work, signal } = options;
  const row = {
    video: video.id,
    label: video.label === 0 ? "real" : "fake",
    method: video.method,
    wanted: frames,
  } as const;
  await orOutputError(`Cannot make ${work}`, () => Deno.mkdir(work, { recursive: true }));
  try {
    const { boxes, faults = [] } = await options.readBoxes?.() ?? {};
    const { got, note } = sourceOf(video, options) === "file"
      ? await fromVideo(video, { ...options, boxes })
      : await fromFrames(video, { ...options, boxes });
    if (got > 0) await putFolder(work, folder);
    const unread = faults.length === 0
      ? ""
      : `${faults.length} landmark files cannot be read, such as ${faults[0]}`;
    const why = boxes?.size === 0 ? "no boxes" : note;
    return { ...row, got, note: [why, unread].filter((text) => text !== "").join("; ") };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof OutputError) throw error;
    return { ...row, got: 0, note: reasonOf(error) };
  } finally {
    await Deno.remove(work, { recursive: true }).catch(() => {}); // renamed by now when all went well
    await Deno.remove(recompressedPath(work)).catch(() => {}); // mostly not there
  }
}

type Made = { readonly got: number; readonly note: string };
type MakeOptions = FrameOptions & { readonly boxes?: VideoBoxes };

async function fromVideo(video: Video, options: MakeOptions): Promise<Made> {
  const { frames: wanted, work, boxes, signal } = options;
  const path = video.file!;
  const damage = await containerFault(path);
  const info = await probeVideo(path, { signal }).catch((error) => {
    signal?.throwIfAborted();
    throw new Error([damage, reasonOf(error)].filter((text) => text).join("; "));
  });
  const made = await recompressed(path, options);
  const { numbers, files, frames, fault = made?.fault } = await takeEvenly(
    made ? recompressedPath(work) : path,
    { ...options, guess: made?.frames ?? info.packets, size: made?.size },
  );
  const notes = [shortOf(info, { frames, wanted, damage }), fault && `ffmpeg: ${fault}`, made?.note]
    .filter((text) => text !== undefined && text !== "") as string[];
  if (made && frames !== made.frames) {
    const counts = `${frames} frames once recompressed and ${made.frames} before`;
    return { got: 0, note: [...notes, `${counts}, so that their numbers no longer fit`].join("; ") };
  }
  if (numbers.length === 0) {
    return { got: 0, note: [...notes, boxes && frames > 0 ? "no frame has a box" : "no frames"].join("; ") };
  }
  if (boxes) {
    const size = await sharp(files[0]).metadata();
    if (options.landmarks && looksLikeCrop(size, boxes)) {
      return { got: 0, note: "the landmarks are those of a 256-pixel crop, not of this video's frames" };
    }
    const wrong = misfit(boxes, size);
    if (wrong) return { got: 0, note: [...notes, wrong].join("; ") };
  }
  let got = 0;
  for (const [i, file] of files.entries()) {
    const target = join(work, `${String(numbers[i]).padStart(3, "0")}.png`);
    await sealPng(file);
    if (!boxes) {
      await orOutputError(`Cannot write ${target}`, () => Deno.rename(file, target));
      got++;
      continue;
    }
    if (await cutOut(file, { target, box: boxes.get(numbers[i])!, ...options })) got++;
    await Deno.remove(file);
  }
  return { got, note: noteOf(notes, { got, wanted, there: frames, boxes }) };
}

/** The whole video compressed once more, beside the folder that frames are made in; undefined where that is not asked for. */
async function recompressed(path: string, options: MakeOptions): Promise<Recompressed | undefined> {
  const { recompress: crf, work, keep, signal } = options;
  return crf === undefined
    ? undefined
    : await recompressVideo(path, { crf, into: recompressedPath(work), keep, signal });
}

/** Where a video is recompressed to, beside the folder that frames are made in. */
export function recompressedPath(work: string): string {
  return `${work}.mkv`;
}

/**
 * Evenly spaced frames, decoded once where the packets say how many frames there are, as they mostly do, and twice where the
 * first time shows another number.
 */
async function takeEvenly(
  path: string,
  options: MakeOptions & { readonly guess: number; readonly size?: Recompressed["size"] },
): Promise<Extraction & { readonly numbers: readonly number[] }> {
  const { work: into, keep, boxes, size, signal } = options;
  const choose = (frames: number) => {
    const all = Array.from({ length: frames }, (_, i) => i);
    return evenly(boxes ? all.filter((number) => boxes.has(number)) : all, options.frames);
  };
  const guessed = choose(options.guess);
  // Without any to take there is still the count.
  const first = await extractFrames(path, { numbers: guessed, into, keep, size, signal });
  const numbers = choose(first.frames);
  if (`${numbers}` === `${guessed}`) return { ...first, numbers };
  for (const file of first.files) await Deno.remove(file);
  if (numbers.length === 0) return { ...first, files: [], numbers };
  const second = await extractFrames(path, { numbers, into, keep, size, signal });
  if (second.frames !== first.frames) {
    throw new Error(`decodes to ${first.frames} frames once and to ${second.frames} then`);
  }
  return { ...second, numbers };
}

/** Why a video shows fewer frames than its file has or claims. */
export function shortOf(
  info: VideoInfo,
  options: { readonly frames: number; readonly wanted: number; readonly damage?: string },
): string | undefined {
  const { packets, hidden, claimed, format } = info;
  const { frames, wanted, damage } = options;
  const incomplete = claimed !== undefined && frames < claimed
    ? `${frames} of ${claimed} frames are there`
    : "";
  if (damage) return [damage, incomplete].filter((text) => text !== "").join(", ");
  if (hidden > 0) return `an edit list shows ${frames} of ${packets + hidden} frames`;
  if (incomplete !== "" && packets < claimed!) {
    return format === "avi"
      ? `${incomplete}, the others were dropped when it was made`
      : `${incomplete}; it may be cut`;
  }
  return frames < packets && frames < wanted ? `${packets} packets give ${frames} frames` : undefined;
}

async function fromFrames(video: Video, options: MakeOptions): Promise<Made> {
  const { frames, work, boxes } = options;
  const names = namesIn(video.frames);
  const boxOf = (name: string) => boxes?.get(frameNumber(name) ?? -1);
  const chosen = evenly(boxes ? names.filter((name) => boxOf(name) !== undefined) : names, frames);
  if (boxes && chosen.length > 0) {
    const wrong = misfit(boxes, await sharp(join(video.folder, chosen[0])).metadata());
    if (wrong) return { got: 0, note: wrong };
  }
  let got = 0;
  for (const name of chosen) {
    const file = join(video.folder, name);
    if (!boxes) {
      await writeFrame(join(work, name), await Deno.readFile(file));
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
function looksLikeCrop(
  size: { readonly width: number; readonly height: number },
  boxes: VideoBoxes,
): boolean {
  const ends = [...boxes.values()].map((box) => Math.max(box.x + box.width, box.y + box.height));
  return Math.min(size.width, size.height) >= 400 && Math.max(...ends) <= 270;
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
  const area = { left: square.x, top: square.y, width: square.width, height: square.height };
  await writeFrame(target, await sharp(file).extract(area).png({ compressionLevel: 6 }).toBuffer());
  return true;
}
