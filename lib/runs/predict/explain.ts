/**
 * What drove an answer's score, as a picture, and how far that can be trusted.
 *
 * @module
 */
import { basename, extname, join, resolve } from "node:path";
import { writeWhole } from "../../base/files.ts";
import { evenly } from "../../data/layouts/layout.ts";
import { patchMask, type Pointing, pointingGame } from "../../model/detectors/attribution.ts";
import { meanMap } from "../../model/maps/map.ts";
import { mapKinds, type MapName } from "../../model/maps/mod.ts";
import { mapMost, mapPicture } from "../../report/map_picture.ts";
import { sumText, trustText } from "../../report/map_text.ts";
import type { Picture } from "../../report/pictures.ts";
import { imageMaps, imageTrust } from "../maps.ts";
import type { Answer } from "./answer.ts";
import type { Judge } from "./judge.ts";

/** Frames of a video that its map is the mean of, and those that it is tested on: a map takes as long as dozens of scores. */
const [MAPPED, TESTED] = [8, 4];

/** A map of an answer. */
export type Explained = {
  readonly picture: Picture;
  /** How far the map can be trusted, in a line. */
  readonly trust: string;
  /** Whether its peak is in what was manipulated, where a mask says that. */
  readonly pointing?: Pointing;
};

/** What a map is drawn by. */
export type ExplainOptions = {
  readonly judge: Judge;
  readonly kind: MapName;
  readonly signal?: AbortSignal;
};

/**
 * Draws what drove an answer's score: the map of the picture, or the mean over frames of a video, tested by taking patches away in its
 * order.
 *
 * @param squares what was judged, [S, S, 3] each
 * @throws {InputError} where such a map cannot be drawn of the detector
 */
export async function explain(
  answer: Answer,
  squares: readonly Uint8Array[],
  { judge, kind, signal }: ExplainOptions,
): Promise<Explained> {
  const { subject, encoder } = judge.mapped();
  const frames = evenly(squares, MAPPED);
  const maps = await imageMaps(kind, frames, { subject, encoder, signal });
  const mean = frames.length === 1 ? maps[0].patches : meanMap(maps.map(({ patches }) => patches));
  const tested = await imageTrust(mean, evenly(frames, TESTED), { kind, subject, encoder, signal });
  const mask = await maskOf(answer, { judge, patches: mean.length });
  const pointing = mask && pointingGame([{ map: mean, mask }]);
  const trust = trustText(tested, pointing);
  const { path, face, verdict, score } = answer;
  const name = `${basename(path)}${face === undefined ? "" : ` face ${face}`}`;
  const most = mapMost([mean, ...maps.map(({ patches }) => patches)], mapKinds[kind]);
  const lines = [
    ...(frames.length > 1 ? [`The mean over ${frames.length} of ${squares.length} frames`] : []),
    ...(frames.length === 1 && mapKinds[kind].isSigned ? [sumText(maps[0])] : []),
    trust,
  ];
  const picture = await mapPicture(frames[Math.floor((frames.length - 1) / 2)], mean, {
    title: `${name}: ${verdict}${score === null ? "" : `, ${score.toFixed(3)}`}`,
    kind: mapKinds[kind],
    ...{ most, lines, mask, demo: judge.demo },
  });
  return { picture, trust, pointing };
}

/** The share of each patch that was manipulated, of a fake that has a mask as the demo's have and is judged as it is. */
async function maskOf(
  { path, face, kind }: Answer,
  { judge, patches }: { readonly judge: Judge; readonly patches: number },
): Promise<Float32Array | undefined> {
  if (kind !== "image" || face !== undefined || judge.input.fit !== "resize") return undefined;
  const whole = resolve(path);
  const from = whole.lastIndexOf("/fake/") + 1;
  if (from === 0) return undefined;
  const fake = { path: whole, source: whole.slice(from), label: 1, set: "" } as const;
  return await patchMask(fake, Math.round(Math.sqrt(patches))).catch(() => undefined); // a damaged mask is none
}

/**
 * Writes the map of an answer into a folder.
 *
 * @param options.number of the answer, by which its picture is named
 * @returns the picture's path, and how far the map can be trusted, in a line and by the answer's mask
 * @throws {InputError} where such a map cannot be drawn of the detector
 */
export async function writeExplained(
  answer: Answer,
  squares: readonly Uint8Array[],
  options: ExplainOptions & { readonly folder: string; readonly number: number },
): Promise<Pick<Explained, "trust" | "pointing"> & { readonly path: string }> {
  const { folder, number } = options;
  const { picture, ...rest } = await explain(answer, squares, options);
  const { path, face } = answer;
  const stem = basename(path, extname(path)).replaceAll(/[^\w.-]+/g, "-");
  const file = join(
    folder,
    `${String(number).padStart(4, "0")}-${stem}${face === undefined ? "" : `-face${face}`}.jpg`,
  );
  await writeWhole(file, picture.jpeg);
  return { path: file, ...rest };
}
