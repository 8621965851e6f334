/**
 * What drove an answer's score, as a picture, and how far that can be trusted.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import { writeWhole } from "../../base/files.ts";
import { evenly } from "../../data/layouts/layout.ts";
import { meanMap } from "../../model/maps/map.ts";
import { mapKinds, type MapName } from "../../model/maps/mod.ts";
import { mapMost, mapPicture } from "../../report/map_picture.ts";
import { sumText, trustText } from "../../report/map_text.ts";
import { imageMaps, imageTrust } from "../maps.ts";
import type { Answer } from "./answer.ts";
import type { Judge } from "./judge.ts";

/** Frames of a video that its map is the mean of, and those that it is tested on: a map takes as long as dozens of scores. */
const [MAPPED, TESTED] = [8, 4];

/** What is said of a map. */
export type Explained = {
  /** The picture. */
  readonly path: string;
  /** How far the map can be trusted, in a line. */
  readonly trust: string;
};

/**
 * Draws what drove an answer's score into a folder: the map of the picture, or the mean over frames of a video, tested by taking patches
 * away in its order.
 *
 * @param squares what was judged, [S, S, 3] each
 * @param options.number of the answer, by which its picture is named
 * @throws {InputError} where such a map cannot be drawn of the detector
 */
export async function explain(
  answer: Answer,
  squares: readonly Uint8Array[],
  options: {
    readonly judge: Judge;
    readonly kind: MapName;
    readonly folder: string;
    readonly number: number;
    readonly signal?: AbortSignal;
  },
): Promise<Explained> {
  const { judge, kind, folder, number, signal } = options;
  const { subject, encoder } = judge.mapped();
  const frames = evenly(squares, MAPPED);
  const maps = await imageMaps(kind, frames, { subject, encoder, signal });
  const mean = frames.length === 1 ? maps[0].patches : meanMap(maps.map(({ patches }) => patches));
  const trust = await imageTrust(mean, evenly(frames, TESTED), { kind, subject, encoder, signal });
  const said = trustText(trust);
  const { path, face, verdict, score } = answer;
  const name = `${basename(path)}${face === undefined ? "" : ` face ${face}`}`;
  const most = mapMost([mean, ...maps.map(({ patches }) => patches)], mapKinds[kind]);
  const lines = [
    ...(frames.length > 1 ? [`The mean over ${frames.length} of ${squares.length} frames`] : []),
    ...(frames.length === 1 && mapKinds[kind].isSigned ? [sumText(maps[0])] : []),
    said,
  ];
  const picture = await mapPicture(frames[Math.floor((frames.length - 1) / 2)], mean, {
    title: `${name}: ${verdict}${score === null ? "" : `, ${score.toFixed(3)}`}`,
    kind: mapKinds[kind],
    ...{ most, lines, demo: judge.demo },
  });
  const stem = basename(path, extname(path)).replaceAll(/[^\w.-]+/g, "-");
  const file = join(
    folder,
    `${String(number).padStart(4, "0")}-${stem}${face === undefined ? "" : `-face${face}`}.jpg`,
  );
  await writeWhole(file, picture.jpeg);
  return { path: file, trust: said };
}
