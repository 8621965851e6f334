/**
 * Where the faces are: boxes from a CSV file, or around the points of DeepfakeBench's `.npy` landmarks.
 *
 * @module
 */
import { parse } from "csv-parse";
import { createReadStream } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { InputError } from "../base/errors.ts";
import { type Box, boxAround } from "./crop.ts";
import { frameNumber, type Video } from "./layout_videos.ts";
import { slashes } from "./list_paths.ts";

/** The box of each frame, by its number from 0. */
export type VideoBoxes = ReadonlyMap<number, Box>;

/**
 * Reads `video,frame,x,y,w,h`, one line a face, in pixels of the frame; the largest face of a frame counts. A video is named by
 * the end of its path or id, as long as no other has it: `id0_0001`, `Deepfakes/000_003`; its suffix may be left out.
 *
 * @returns boxes by the index of the video, and how many lines name none of them
 * @throws InputError for a missing column, a value that is no number, or a name that several videos have.
 */
export async function readBoxes(
  path: string,
  options: { readonly videos: readonly Video[]; readonly root: string },
): Promise<{ readonly boxes: ReadonlyMap<number, VideoBoxes>; readonly unknown: number }> {
  const find = indexNames(options.videos, options.root);
  const boxes = new Map<number, Map<number, Box>>();
  let unknown = 0;
  let row = 0;
  if (!(await Deno.stat(path).catch(() => undefined))?.isFile) {
    throw new InputError(`Cannot read the boxes ${path}: expected a CSV file but found none there`);
  }
  const rows = createReadStream(path).pipe(
    parse({ columns: true, bom: true, trim: true, skip_empty_lines: true }),
  );
  for await (const each of rows as AsyncIterable<Record<string, string>>) {
    row++;
    const name = each.video ?? "";
    const [frame, x, y, width, height] = [
      each.frame,
      each.x,
      each.y,
      each.w ?? each.width,
      each.h ?? each.height,
    ]
      .map((text) => (text === undefined || text === "" ? NaN : Number(text)));
    if (name === "" || ![frame, x, y, width, height].every(Number.isFinite)) {
      throw new InputError(
        `Cannot read the boxes ${path}: expected video,frame,x,y,w,h but found "${
          Object.entries(each).map(([key, value]) => `${key}=${value}`).join(", ")
        }" in row ${row}`,
      );
    }
    const found = find(name);
    if (found.length > 1) {
      const ids = found.slice(0, 4).map((i) => options.videos[i].id).join(", ");
      throw new InputError(
        `Cannot read the boxes ${path}: expected a name that one video has but found ${name} in row ${row}, which is ${ids}; write it with its method`,
      );
    }
    if (found.length === 0) {
      unknown++;
      continue;
    }
    const of = boxes.get(found[0]) ?? new Map<number, Box>();
    const before = of.get(frame);
    if (!before || before.width * before.height < width * height) of.set(frame, { x, y, width, height });
    boxes.set(found[0], of);
  }
  return { boxes, unknown };
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
    if (path) add(withoutSuffix(path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path), i);
  });
  const known = new Map<string, readonly number[]>();
  return (name) => {
    const cached = known.get(name);
    if (cached) return cached;
    const parts = withoutSuffix(slashes(name)).split("/").filter((part) => part !== "" && part !== ".");
    let found: readonly number[] = [];
    for (let from = 0; from < parts.length && found.length === 0; from++) {
      found = [...index.get(parts.slice(from).join("/")) ?? []];
    }
    known.set(name, found);
    return found;
  };
}

function withoutSuffix(path: string): string {
  return /^\.(mp4|avi|mov|mkv|webm|m4v)$/i.test(extname(path)) ? path.slice(0, -extname(path).length) : path;
}

/** Where the landmarks of a video are: `landmarks/<video>` beside `videos/<video>.mp4` or `frames/<video>`. */
export function landmarksFolder(video: Video): string {
  const path = video.frames !== "" ? video.folder : video.file ?? video.folder;
  const name = withoutSuffix(basename(path));
  const holder = dirname(path);
  const base = /^(videos|frames|faces|crops|images)$/.test(basename(holder)) ? dirname(holder) : holder;
  return join(base, "landmarks", name);
}

/** The boxes around the landmarks of a video's frames, `NNN.npy` each; undefined where there is no such folder. */
export async function readLandmarks(folder: string): Promise<VideoBoxes | undefined> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) if (name.endsWith(".npy")) names.push(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const boxes = new Map<number, Box>();
  for (const name of names) {
    const number = frameNumber(name.slice(0, -4));
    if (number === undefined) continue;
    boxes.set(number, boxAround(readNpy(await Deno.readFile(join(folder, name)), join(folder, name))));
  }
  return boxes;
}

/**
 * The numbers of a NumPy array of shape [N, 2] in C order, `[x, y, x, y, …]`.
 *
 * @throws for another format, shape or type.
 */
export function readNpy(bytes: Uint8Array, path: string): Float64Array {
  const wrong = (found: string): never => {
    throw new Error(
      `Cannot read the landmarks ${path}: expected a NumPy array of points [N, 2] but found ${found}`,
    );
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") wrong("no .npy file");
  const long = bytes[6] >= 2;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (long ? 12 : 10) + length;
  if (start > bytes.length) wrong("a cut header");
  const header = new TextDecoder().decode(bytes.subarray(long ? 12 : 10, start));
  const type = /'descr':\s*'([<|=>]?[a-z]\d)'/.exec(header)?.[1];
  const shape = /'shape':\s*\((\d+),\s*2,?\)/.exec(header)?.[1];
  if (shape === undefined || /'fortran_order':\s*True/.test(header)) wrong(header.trim());
  const readers: Readonly<Record<string, [number, (at: number) => number]>> = {
    "<i2": [2, (at) => view.getInt16(at, true)],
    "<i4": [4, (at) => view.getInt32(at, true)],
    "<i8": [8, (at) => Number(view.getBigInt64(at, true))],
    "<f4": [4, (at) => view.getFloat32(at, true)],
    "<f8": [8, (at) => view.getFloat64(at, true)],
  };
  const [size, read] = readers[type ?? ""] ?? wrong(`numbers of type ${type}`);
  const count = Number(shape) * 2;
  if (start + count * size > bytes.length) wrong("a cut array");
  return Float64Array.from({ length: count }, (_, i) => read(start + i * size));
}
