/**
 * How the faces in a folder were cut out, as far as the folder or its images tell.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { z } from "zod";
import { InputError } from "../base/errors.ts";
import { exists, readJson } from "../base/files.ts";
import type { ImageFacts } from "../images/facts.ts";
import type { Sample } from "./sample.ts";

/** What `prepare` did, kept as `prepare.json` in the folder that it wrote. */
export type PrepareSettings = {
  readonly version: 1;
  /** Evenly spaced frames of each video. */
  readonly frames: number;
  /** Where the boxes are from; `none`: frames are whole. */
  readonly crop: "boxes" | "landmarks" | "faces" | "none";
  /** Side of the crop over the longer side of the box, or over the side of the alignment's own square. */
  readonly margin: number;
  /** The name of the set's layout, which the folder keeps. */
  readonly layout: string;
  /** The constant rate factor that whole videos were compressed with as H.264 first; missing where they were not. */
  readonly recompress?: number;
  /** How faces were found and cut out; missing where they were not looked for. */
  readonly faces?: FaceSettings;
};

/** How faces were found and cut out, so that the same can be done with another video. */
export type FaceSettings = {
  /** The name of the geometry that faces were turned upright by; `none`: a square around the box. */
  readonly align: string;
  /** Side of the crops in pixels; missing where each face keeps its own. */
  readonly size?: number;
  /** The detector. */
  readonly finder: string;
  /** The SHA-256 of its weights. */
  readonly finderDigest: string;
  /** Faces of a lower score were not taken. */
  readonly leastScore: number;
  /** Faces whose box has a shorter side, in pixels, were not taken. */
  readonly leastSide: number;
  /** How many points of each face were written beside its crop; missing for the detector's five. */
  readonly points?: 68;
};

/** What of them is kept with a run and in its weights' metadata. */
export const prepareSchema = z.looseObject({
  version: z.literal(1),
  frames: z.int().min(1).describe("evenly spaced frames of each video"),
  crop: z.enum(["boxes", "landmarks", "faces", "none"]).describe(
    "where the boxes are from; none: frames are whole",
  ),
  margin: z.number().describe(
    "side of the crop over the longer side of the box, or of the alignment's own square",
  ),
  layout: z.string().describe("the layout's name"),
  recompress: z.number().optional().describe("the CRF of H.264 that whole videos were compressed with first"),
  faces: z.looseObject({
    align: z.string().describe(
      "the geometry that faces were turned upright by; none: a square around the box",
    ),
    size: z.int().optional().describe("side of the crops in pixels; missing where each face keeps its own"),
    finder: z.string().describe("the detector"),
    finderDigest: z.string().describe("the SHA-256 of its weights"),
    leastScore: z.number().describe("faces of a lower score were not taken"),
    leastSide: z.number().describe("faces with a shorter side in pixels were not taken"),
    points: z.literal(68).optional().describe("points of each face beside its crop; missing for five"),
  }).optional().describe("how faces were found; missing where they were not looked for"),
}) satisfies z.ZodType<PrepareSettings>;

/** The file by which a folder that `prepare` made is known, and goes on. */
export const settingsName = "prepare.json";

/** The picture beside it that shows some crops of each class, and is none of them. */
export const sheetName = "contact-sheet.jpg";

/** The folder in it that is there until all videos are made; a file for each that is. */
export const unfinishedName = ".unfinished";

/**
 * Refuses a folder, or one of its sub-folders, that `prepare` has begun and not ended: some videos are not there yet.
 *
 * @throws {InputError} saying what to do
 */
export async function refuseUnfinished(folder: string, set: string): Promise<void> {
  for (const each of [folder, dirname(folder), dirname(dirname(folder))]) {
    if (!(await exists(join(each, settingsName)).catch(() => false))) continue;
    if (!(await exists(join(each, unfinishedName)).catch(() => false))) return;
    throw new InputError(
      `Cannot read the set ${set}: expected a folder whose videos are all prepared but found that prepare was stopped, or is still at work, in ${each}; let all of its shards end, or the same deno task prepare without --shard, which takes what they made`,
    );
  }
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
 * Says how a set's images were cropped, and whether its videos were compressed once more: as `prepare.json` has it, else by their look. Whole frames are mostly wide, and all
 * of a size.
 */
export async function cropOf(
  root: string,
  options: { readonly samples: readonly Sample[]; readonly facts: ReadonlyMap<string, ImageFacts> },
): Promise<{ readonly text: string; readonly uncropped: boolean }> {
  const settings = await readSettings(root);
  if (settings) {
    const { crop, margin, recompress, faces } = settings;
    const compressed = recompress === undefined ? "" : `, H.264 with CRF ${recompress}`;
    if (crop === "none") return { text: `none${compressed}`, uncropped: true };
    const text = faces === undefined || faces.align === "none"
      ? `cropped (${crop} × ${margin})`
      : `aligned (${faces.align}, ${faces.size ?? "own size"}${margin === 1.3 ? "" : `, × ${margin}`})`;
    return { text: `${text}${compressed}`, uncropped: false };
  }
  const { samples, facts } = options;
  // A path that is looked up is kept as one text from then on, which is a lot for a million.
  const sizes = facts.size === 0 ? [] : samples.flatMap(({ path }) => facts.get(path) ?? []);
  if (sizes.length === 0) return { text: "not known", uncropped: false };
  const wide = sizes.filter(({ width, height }) => width / height >= FRAME_RATIO);
  if (wide.length <= sizes.length / 2) return { text: "not known", uncropped: false };
  const { width, height } = wide[Math.floor(wide.length / 2)];
  return { text: `probably none, ${width} × ${height}`, uncropped: true };
}
