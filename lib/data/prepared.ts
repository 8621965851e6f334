/**
 * How the faces in a folder were cut out, as far as the folder or its images tell.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { exists, readJson } from "../base/files.ts";
import type { ImageFacts } from "../images/facts.ts";
import type { Sample } from "./sample.ts";

/** What `prepare` did, kept as `prepare.json` in the folder that it wrote. */
export type PrepareSettings = {
  readonly version: 1;
  /** Evenly spaced frames of each video. */
  readonly frames: number;
  /** Where the boxes are from; `none`: frames are whole. */
  readonly crop: "boxes" | "landmarks" | "none";
  /** Side of the crop over the longer side of the box. */
  readonly margin: number;
  /** The name of the set's layout, which the folder keeps. */
  readonly layout: string;
  /** The constant rate factor that whole videos were compressed with as H.264 first; missing where they were not. */
  readonly recompress?: number;
};

/** The file by which a folder that `prepare` made is known, and goes on. */
export const settingsName = "prepare.json";

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
 * Says how a set's images were cropped, and whether its videos were compressed once more: as `prepare.json` has it, else by their look. Whole frames are mostly wide, and all
 * of a size.
 */
export async function cropOf(
  root: string,
  options: { readonly samples: readonly Sample[]; readonly facts: ReadonlyMap<string, ImageFacts> },
): Promise<{ readonly text: string; readonly uncropped: boolean }> {
  const settings = await readSettings(root);
  if (settings) {
    const { crop, margin, recompress } = settings;
    const compressed = recompress === undefined ? "" : `, H.264 with CRF ${recompress}`;
    return crop === "none"
      ? { text: `none${compressed}`, uncropped: true }
      : { text: `${crop} × ${margin}${compressed}`, uncropped: false };
  }
  const sizes = options.samples.flatMap(({ path }) => options.facts.get(path) ?? []);
  if (sizes.length === 0) return { text: "not known", uncropped: false };
  const wide = sizes.filter(({ width, height }) => width / height >= FRAME_RATIO);
  if (wide.length <= sizes.length / 2) return { text: "not known", uncropped: false };
  const { width, height } = wide[Math.floor(wide.length / 2)];
  return { text: `probably none, ${width} × ${height}`, uncropped: true };
}
