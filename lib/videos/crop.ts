/**
 * How faces are cut out of frames: one rule for both classes; and telling whether they were.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { exists, readJson } from "../base/files.ts";
import type { Sample } from "../data/sample.ts";
import type { ImageFacts } from "../images/facts.ts";
import type { LayoutName } from "../data/spec.ts";

/** A box in pixels, from the top left corner. */
export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** What `prepare` did, kept as `prepare.json` in the folder that it wrote. */
export type PrepareSettings = {
  readonly version: 1;
  /** Evenly spaced frames of each video. */
  readonly frames: number;
  /** Where the boxes are from; `none`: frames are whole. */
  readonly crop: "boxes" | "landmarks" | "none";
  /** Side of the crop over the longer side of the box. */
  readonly margin: number;
  /** The layout of the set, which the folder keeps. */
  readonly layout: LayoutName;
};

/** The file by which a folder that `prepare` made is known, and goes on. */
export const settingsName = "prepare.json";

/**
 * The square to cut out: its side is the box's longer side × `margin`, at most the frame's shorter side, its centre the
 * box's, moved no more than it takes to lie within the frame. No padding: a black border would tell a class.
 *
 * @returns undefined when the box is empty or its centre is outside the frame.
 */
export function cropSquare(
  box: Box,
  options: { readonly width: number; readonly height: number; readonly margin: number },
): Box | undefined {
  const { width, height, margin } = options;
  const [cx, cy] = [box.x + box.width / 2, box.y + box.height / 2];
  const valid = box.width > 0 && box.height > 0 && cx >= 0 && cy >= 0 && cx <= width && cy <= height;
  if (!valid) return undefined;
  const side = Math.max(1, Math.min(Math.round(Math.max(box.width, box.height) * margin), width, height));
  const within = (centre: number, size: number) =>
    Math.max(0, Math.min(Math.round(centre - side / 2), size - side));
  return { x: within(cx, width), y: within(cy, height), width: side, height: side };
}

/** The smallest box around points, given as `[x, y, x, y, …]`. */
export function boxAround(points: ArrayLike<number>): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i + 1 < points.length; i += 2) {
    left = Math.min(left, points[i]);
    right = Math.max(right, points[i]);
    top = Math.min(top, points[i + 1]);
    bottom = Math.max(bottom, points[i + 1]);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** What `prepare` wrote of a folder in it, or in one of the two that hold it; undefined where there is nothing. */
export async function readSettings(folder: string): Promise<PrepareSettings | undefined> {
  for (const each of [folder, dirname(folder), dirname(dirname(folder))]) {
    const path = join(each, settingsName);
    if (!(await exists(path).catch(() => false))) continue;
    const value = await readJson(path, { expected: "what prepare wrote" }) as Partial<PrepareSettings> | null;
    if (value?.version === 1) return value as PrepareSettings;
  }
  return undefined;
}

/** Frames of films are at least so wide for their height; crops of faces are not. */
const FRAME_RATIO = 1.2;

/**
 * Says how a set's images were cropped: as `prepare.json` has it, else by their look. Whole frames are mostly wide, and all
 * of a size.
 */
export async function cropOf(
  root: string,
  options: { readonly samples: readonly Sample[]; readonly facts: ReadonlyMap<string, ImageFacts> },
): Promise<{ readonly text: string; readonly uncropped: boolean }> {
  const settings = await readSettings(root);
  if (settings) {
    return settings.crop === "none"
      ? { text: "none", uncropped: true }
      : { text: `${settings.crop} × ${settings.margin}`, uncropped: false };
  }
  const sizes = options.samples.flatMap(({ path }) => options.facts.get(path) ?? []);
  if (sizes.length === 0) return { text: "not known", uncropped: false };
  const wide = sizes.filter(({ width, height }) => width / height >= FRAME_RATIO);
  if (wide.length <= sizes.length / 2) return { text: "not known", uncropped: false };
  const { width, height } = wide[Math.floor(wide.length / 2)];
  return { text: `probably none, ${width} × ${height}`, uncropped: true };
}
