/**
 * What the names of folders and files say of videos.
 *
 * @module
 */
import { basename } from "node:path";
import { fakeMethods, realMethods } from "../layouts/ffpp.ts";

/**
 * What a name says: `video` as `clip_07`, `id0_id1_0000` and `071_054` do; `numbered` as `id12` beside `id13`; `pictures` as
 * the field's methods and origins do; any other `word`.
 */
export type Kind = "video" | "numbered" | "pictures" | "word";

const otherOrigins = ["Celeb-real", "YouTube-real", "Celeb-synthesis"];
const videoWord =
  /(^|[^a-z])(v|vid|videos?|clips?|seq|sequences?|scenes?|shots?|takes?|films?|movies?|frames?|tracks?|footage)([^a-z]|$)/i;
const videoForm = /^(\d+_\d+|id\d+(_id\d+)?_\d+|\d+__.+)$/i;
const originWord =
  /^(sources?|origins?|methods?|generators?|gen|models?|data|data-?sets?|sets?|parts?|batch(es)?|class(es)?|categor(y|ies)|groups?|types?)[-_. ]*\d+$/i;

/** What the last part of a candidate's name says; `alone` when no other beside it has the same name with another number. */
export function groupKind(path: string, options: { readonly alone: boolean }): Kind {
  const name = basename(path);
  const same = (other: string) => other.toLowerCase() === name.toLowerCase();
  if ([fakeMethods, realMethods, otherOrigins].some((names) => names.some(same))) return "pictures";
  if (videoForm.test(name) || (/\d/.test(name) && videoWord.test(name))) return "video";
  if (originWord.test(name)) return "word";
  return /^\d+$/.test(name) || (!options.alone && /\d/.test(name)) ? "numbered" : "word";
}

/**
 * The row that each path stands in: those in the same folder whose names differ in numbers alone, or, for names without such
 * others, all of these (their row ends in `*`).
 */
export function rowOf(paths: readonly string[]): Map<string, { row: string; beside: number }> {
  const shape = (path: string) =>
    path.slice(0, path.lastIndexOf("/") + 1) + basename(path).replaceAll(/\d+/g, "#");
  const sizes = new Map<string, number>();
  for (const path of paths) sizes.set(shape(path), (sizes.get(shape(path)) ?? 0) + 1);
  const rows = paths.map((path) => {
    const own = shape(path);
    return own.includes("#", path.lastIndexOf("/") + 1) && sizes.get(own)! > 1
      ? own
      : `${path.slice(0, path.lastIndexOf("/") + 1)}*`;
  });
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1);
  return new Map(paths.map((path, i) => [path, { row: rows[i], beside: counts.get(rows[i])! }]));
}

/** A file's path without its suffix and without the frame's number at its end, where a name is left. */
export function withoutFrame(file: string): string {
  const start = file.lastIndexOf("/") + 1;
  const dot = file.lastIndexOf(".");
  const stem = file.slice(start, dot > start ? dot : undefined);
  return file.slice(0, start) + (stem.replace(/[-_. ]*(?:frame|img|f)?[-_. ]*\d+$/i, "") || stem);
}

/** True for a file that is named by a number alone, or as `frame_07` and `img12` are. */
export function bareNumber(file: string): boolean {
  return /^(?:frame|img|image|f)?[-_. ]*\d+\.\w+$/i.test(file.slice(file.lastIndexOf("/") + 1));
}
