/**
 * Where the faces are: boxes from a CSV file, or around the points of DeepfakeBench's `.npy` landmarks.
 *
 * @module
 */
import { basename, dirname, extname, join } from "node:path";
import { csvRows } from "../base/csv.ts";
import { InputError, reasonOf } from "../base/errors.ts";
import { type Box, boxAround } from "../images/box.ts";
import { frameNumber, type Video } from "../data/layouts/layout.ts";
import { slashes } from "../data/list_paths.ts";
import { readNpy } from "../faces/npy.ts";

/** The box of a frame, and the frame's size where the boxes say it. */
export type FaceBox = Box & { readonly frame?: { readonly width: number; readonly height: number } };

/** The box of each frame, by its number from 0. */
export type VideoBoxes = ReadonlyMap<number, FaceBox>;

/** What a file of boxes holds. */
export type BoxesReading = {
  /** Boxes by the index of the video. */
  readonly boxes: ReadonlyMap<number, VideoBoxes>;
  /** Lines that name none of the videos. */
  readonly unknown: number;
  /** Frames that have several boxes, of which the largest counts. */
  readonly several: number;
};

/**
 * Reads `video,frame,x,y,w,h` and, where there are such columns, `width,height` of the frame that the detector saw; one line a
 * face, in pixels; the largest face of a frame counts, the first of equal ones. A video is named by the end of its path or id,
 * as long as no other has it: `id0_0001`, `Deepfakes/000_003`; its suffix may be left out.
 *
 * @throws {InputError} with file and line for a missing column, a value that is no number or no size, or a name that several
 * videos have.
 */
export async function readBoxes(
  path: string,
  options: { readonly videos: readonly Video[]; readonly root: string },
): Promise<BoxesReading> {
  const find = indexNames(options.videos, options.root);
  const boxes = new Map<number, Map<number, FaceBox>>();
  const several = new Set<string>();
  let unknown = 0;
  for await (
    const { line, values } of csvRows(path, { what: "the boxes", columns: ["video", "frame", "x", "y"] })
  ) {
    const { name, frame, box } = boxOf(values, (expected) => {
      const found = Object.entries(values).map(([key, value]) => `${key}=${value}`).join(", ");
      return new InputError(
        `Cannot read the boxes ${path}: expected ${expected} but found "${found}" in line ${line}`,
      );
    });
    const found = find(name);
    if (found.length > 1) {
      const ids = found.slice(0, 4).map((i) => options.videos[i].id).join(", ");
      throw new InputError(
        `Cannot read the boxes ${path}: expected a name that one video has but found ${name} in line ${line}, which is ${ids}; write it with its folder or its suffix`,
      );
    }
    if (found.length === 0) {
      unknown++;
      continue;
    }
    const byFrame = boxes.get(found[0]) ?? new Map<number, FaceBox>();
    const before = byFrame.get(frame);
    if (before) several.add(`${found[0]} ${frame}`);
    if (!before || before.width * before.height < box.width * box.height) byFrame.set(frame, box);
    boxes.set(found[0], byFrame);
  }
  return { boxes, unknown, several: several.size };
}

function boxOf(
  values: Readonly<Record<string, string>>,
  refusal: (expected: string) => InputError,
): { readonly name: string; readonly frame: number; readonly box: FaceBox } {
  const number = (text: string | undefined) => (text === undefined || text === "" ? NaN : Number(text));
  // Without w and h, width and height are the box's own.
  const own = values.w === undefined && values.h === undefined;
  const [frame, x, y, width, height] = [
    values.frame,
    values.x,
    values.y,
    own ? values.width : values.w,
    own ? values.height : values.h,
  ].map(number);
  const name = values.video;
  if (name === "" || ![frame, x, y, width, height].every(Number.isFinite)) {
    throw refusal("video,frame,x,y,w,h");
  }
  if (!Number.isInteger(frame) || frame < 0) throw refusal("a frame's number, from 0,");
  if (width <= 0 || height <= 0) throw refusal("a box of at least one pixel");
  if (own || (!values.width && !values.height)) return { name, frame, box: { x, y, width, height } };
  const seen = { width: number(values.width), height: number(values.height) };
  if (![seen.width, seen.height].every((side) => Number.isInteger(side) && side > 0)) {
    throw refusal("the width and height of the frame");
  }
  return { name, frame, box: { x, y, width, height, frame: seen } };
}

/**
 * Says which boxes are not of a video's frames: seen in frames of another size, larger than a frame, or for the most part
 * outside; undefined when all fit.
 */
export function misfit(
  boxes: VideoBoxes,
  size: { readonly width: number; readonly height: number },
): string | undefined {
  const inside = (from: number, length: number, most: number) =>
    Math.max(0, Math.min(from + length, most) - Math.max(from, 0)) / length;
  const is = `the frames are ${size.width} × ${size.height}`;
  let outside = 0;
  let first = "";
  for (const [number, box] of boxes) {
    const { x, y, width, height, frame = size } = box;
    if (frame.width !== size.width || frame.height !== size.height) {
      const turned = frame.width === size.height && frame.height === size.width;
      return `the boxes are of frames of ${frame.width} × ${frame.height}, ${is}${turned ? ", turned" : ""}`;
    }
    const fits = width <= size.width && height <= size.height &&
      inside(x, width, size.width) * inside(y, height, size.height) >= 0.5;
    if (!fits && outside++ === 0) first = `frame ${number}: ${width} × ${height} at ${x}, ${y}`;
  }
  return outside === 0
    ? undefined
    : `${outside} of ${boxes.size} boxes do not fit, ${is} (${first}); are they of turned frames, or of frames of another size?`;
}

/** Looks videos up by any end of their path or id. */
function indexNames(videos: readonly Video[], root: string): (name: string) => readonly number[] {
  const index = new Map<string, Set<number>>();
  const add = (name: string, i: number) => {
    const parts = name.split("/");
    for (let from = 0; from < parts.length; from++) {
      const end = parts.slice(from).join("/");
      const found = index.get(end);
      if (found) found.add(i);
      else index.set(end, new Set([i]));
    }
  };
  videos.forEach((video, i) => {
    add(video.id, i);
    const path = video.file ?? (video.folder || undefined);
    if (!path) return;
    const inside = path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
    add(withoutSuffix(inside), i);
    if (withoutSuffix(inside) !== inside) add(inside, i);
  });
  const known = new Map<string, readonly number[]>();
  return (name) => {
    const cached = known.get(name);
    if (cached) return cached;
    const ends = (path: string) => {
      const parts = path.split("/").filter((part) => part !== "" && part !== ".");
      return parts.map((_, from) => parts.slice(from).join("/"));
    };
    const whole = slashes(name);
    // The longest end first, and with its suffix: that tells a.mp4 from a.webm.
    const [full, bare] = [ends(whole), ends(withoutSuffix(whole))];
    let found: readonly number[] = [];
    for (let from = 0; from < full.length && found.length === 0; from++) {
      found = [...index.get(full[from]) ?? index.get(bare[from]) ?? []];
    }
    known.set(name, found);
    return found;
  };
}

function withoutSuffix(path: string): string {
  return /^\.(mp4|avi|mov|mkv|webm|m4v)$/i.test(extname(path)) ? path.slice(0, -extname(path).length) : path;
}

/** Where the landmarks of a video are, by {@link landmarksBeside}. */
export function landmarksFolder(video: Video): string {
  return landmarksBeside(video.frames !== "" ? video.folder : video.file ?? video.folder);
}

/** Where the landmarks of a file or a folder of frames are: `landmarks/<video>` beside `videos/<video>.mp4` or `frames/<video>`. */
export function landmarksBeside(path: string): string {
  const name = withoutSuffix(basename(path));
  const holder = dirname(path);
  const base = /^(videos|frames|faces|crops|images)$/.test(basename(holder)) ? dirname(holder) : holder;
  return join(base, "landmarks", name);
}

/**
 * The boxes around the landmarks of a video's frames, `NNN.npy` each, and what is wrong with those that cannot be read;
 * undefined where there is no such folder.
 */
export async function readLandmarks(
  folder: string,
): Promise<{ readonly boxes: VideoBoxes; readonly faults: readonly string[] } | undefined> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) if (name.endsWith(".npy")) names.push(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const boxes = new Map<number, Box>();
  const faults: string[] = [];
  for (const name of names.sort()) {
    const number = frameNumber(name.slice(0, -4));
    if (number === undefined) continue;
    try {
      const path = join(folder, name);
      const box = boxAround(readNpy(await Deno.readFile(path), path));
      if (box.width > 0 && box.height > 0) boxes.set(number, box);
      else faults.push(`${name}: no box around its points`);
    } catch (error) {
      faults.push(`${name}: ${reasonOf(error)}`);
    }
  }
  return { boxes, faults };
}
