/**
 * The frames of a video as pixels, whether it is a file or a folder of frames.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { containerFault } from "../data/container.ts";
import { frameNumber, type Video } from "../data/layouts/layout.ts";
import { namesIn } from "../data/scan.ts";
import { decodeImage } from "../images/image.ts";
import type { RgbImage } from "../images/resize.ts";
import { probeVideo } from "./ffmpeg.ts";
import { recompressedPath, shortOf } from "./frames.ts";
import { streamFrames } from "./raw_frames.ts";
import { recompressVideo } from "./recompress.ts";

/** A video whose frames can be read. */
export type FrameSource = {
  /** Numbers of the frames that there seem to be, rising; a file's from 0, and only decoding tells. */
  readonly numbers: readonly number[];
  /** What a frame's file is called, without a suffix. */
  nameOf(number: number): string;
  /**
   * Gives the frames that are chosen of those that are there, in order.
   *
   * @throws {Error} when it cannot be read; what `use` throws.
   */
  read(reader: FrameReader): Promise<FramesRead>;
};

/** Who takes frames. */
export type FrameReader = {
  /** Chooses among the frames that are there; asked again when there are others than it seemed. */
  readonly choose: (numbers: readonly number[]) => readonly number[];
  /** Is called before the first frame, and again where all of them are given once more. */
  readonly begin: () => Promise<void>;
  /** Takes a frame, whose pixels are its own. */
  readonly use: (image: RgbImage, number: number) => Promise<void>;
};

/** What was read. */
export type FramesRead = {
  /** The frames that were chosen. */
  readonly numbers: readonly number[];
  /** How many frames there are. */
  readonly there: number;
  readonly notes: readonly string[];
};

/** How a video is opened. */
export type SourceOptions = {
  /** Frames that are wanted. */
  readonly frames: number;
  /** What `findFfmpeg()` gave. */
  readonly keep: readonly string[];
  /** A path beside which files of its own may be made while it is read. */
  readonly work: string;
  /** The constant rate factor that the whole video is compressed with as H.264 first. */
  readonly recompress?: number;
  readonly signal?: AbortSignal;
};

/**
 * Opens a video: its file where there is one, else its frames.
 *
 * @throws {Error} with the reason when the file cannot be read.
 */
export async function openFrames(video: Video, options: SourceOptions): Promise<FrameSource> {
  return video.file === undefined ? openFolder(video) : await openFile(video.file, options);
}

async function openFile(path: string, options: SourceOptions): Promise<FrameSource> {
  const { frames: wanted, keep, work, recompress: crf, signal } = options;
  const damage = await containerFault(path);
  const info = await probeVideo(path, { signal }).catch((error) => {
    signal?.throwIfAborted();
    throw new Error([damage, reasonOf(error)].filter((text) => text).join("; "));
  });
  return {
    numbers: range(info.packets),
    nameOf: (number) => String(number).padStart(3, "0"),
    read: async ({ choose, begin, use }) => {
      const made = crf === undefined
        ? undefined
        : await recompressVideo(path, { crf, into: recompressedPath(work), keep, signal });
      const decode = async (numbers: readonly number[]) => {
        await begin();
        const from = made ? recompressedPath(work) : path;
        return await streamFrames(from, { numbers, keep, use, size: made?.size, signal });
      };
      let numbers = choose(range(made?.frames ?? info.packets));
      let decoded = await decode(numbers);
      const { frames } = decoded;
      const notes = [
        shortOf(info, { frames, wanted, damage }),
        (decoded.fault ?? made?.fault) && `ffmpeg: ${decoded.fault ?? made?.fault}`,
        made?.note,
      ].filter((text) => text !== undefined && text !== "") as string[];
      if (made && frames !== made.frames) {
        throw new Error(
          `${frames} frames once recompressed and ${made.frames} before, so that their numbers no longer fit`,
        );
      }
      const there = choose(range(frames));
      if (`${there}` !== `${numbers}`) {
        numbers = there;
        decoded = await decode(numbers);
        if (decoded.frames !== frames) {
          throw new Error(`decodes to ${frames} frames once and to ${decoded.frames} then`);
        }
      }
      return { numbers, there: frames, notes };
    },
  };
}

function openFolder({ folder, frames }: Video): FrameSource {
  const names = namesIn(frames);
  const said = names.map(frameNumber);
  // Pictures that are not numbered, or share a number, have their places.
  const numbered = !said.includes(undefined) && new Set(said).size === said.length;
  const byNumber = new Map(names.map((name, i) => [numbered ? said[i]! : i, name]));
  const numbers = [...byNumber.keys()].sort((a, b) => a - b);
  return {
    numbers,
    nameOf: (number) => basename(byNumber.get(number)!, extname(byNumber.get(number)!)),
    read: async ({ choose, begin, use }) => {
      await begin();
      const chosen = choose(numbers);
      const faults: string[] = [];
      for (const number of chosen) {
        const name = byNumber.get(number)!;
        const image = await decodeImage(join(folder, name), { upright: true }).catch((error) => {
          faults.push(`${name}: ${reasonOf(error)}`);
          return undefined;
        });
        if (image) await use(image, number);
      }
      const notes = faults.length === 0
        ? []
        : [`${faults.length} of ${chosen.length} frames cannot be read, such as ${faults[0]}`];
      return { numbers: chosen, there: names.length, notes };
    },
  };
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}
