/**
 * Faces followed through a video, and which of them is cropped.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { type Box, overlap } from "../images/box.ts";
import type { Face } from "./face.ts";

/** One person's faces. */
export type Track = {
  /** By the frame's number, in rising order. */
  readonly faces: ReadonlyMap<number, Face>;
};

/** The faces that were found in a frame. */
export type FrameFaces = { readonly number: number; readonly faces: readonly Face[] };

/** A face keeps its track from this overlap on: less is as often a neighbour's. */
const LEAST_OVERLAP = 0.2;

/**
 * Where boxes overlap less, the centres may be this many sides apart, and one side this many times the other. Further apart, two faces of
 * a size are as likely two people before and after a cut, whom boxes alone cannot tell from one who walks: a track that breaks loses frames, which is said,
 * and one that joins two people would crop the wrong one in silence.
 */
const [MOST_SIDES_APART, MOST_TIMES_LARGER] = [1, 1.5];

/**
 * Links the faces of a video's frames to tracks: the boxes that overlap most first, whether or not the face was lost in between;
 * then, from one frame to the next alone, those of a like size whose centres are no more than a side apart, since frames may lie ten apart.
 * What fits no track, as after a cut, begins another.
 *
 * @param frames in any order, each number once; faces in any order
 * @param options.leastScore faces below it do not count. Default: 0.
 * @returns tracks by their first frame, from left to right
 * @throws {InputError} for a frame that comes twice
 */
export function trackFaces(
  frames: readonly FrameFaces[],
  options: { readonly leastScore?: number } = {},
): readonly Track[] {
  const { leastScore = 0 } = options;
  const tracks: { readonly faces: Map<number, Face>; number: number; last: Face }[] = [];
  const sorted = frames.toSorted((a, b) => a.number - b.number);
  sorted.forEach(({ number, faces }, at) => {
    const previous = sorted[at - 1]?.number;
    if (number === previous) {
      throw new InputError(`Cannot track faces: expected each frame once but found frame ${number} twice`);
    }
    const found = faces.filter(({ score }) => score >= leastScore).sort(byPlace);
    const links = tracks.flatMap((track) =>
      found.flatMap((face) => {
        const near = nearness(track.last.box, face.box, track.number === previous);
        return near === undefined ? [] : [{ track, face, near }];
      })
    ).sort((a, b) => b.near - a.near);
    const free = new Set(found);
    const waiting = new Set(tracks);
    for (const { track, face } of links) {
      if (!free.has(face) || !waiting.has(track)) continue;
      free.delete(face);
      waiting.delete(track);
      track.faces.set(number, face);
      [track.number, track.last] = [number, face];
    }
    for (const face of free) tracks.push({ faces: new Map([[number, face]]), number, last: face });
  });
  return tracks.map(({ faces }) => ({ faces }));
}

/** How near a box is to another: its overlap, or below any overlap that counts what is left of the distance; undefined: too far. */
function nearness(a: Box, b: Box, successive: boolean): number | undefined {
  const shared = overlap(a, b);
  if (shared >= LEAST_OVERLAP) return shared;
  const [sideA, sideB] = [Math.sqrt(a.width * a.height), Math.sqrt(b.width * b.height)];
  const apart = Math.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2) /
    Math.max(1, Math.min(sideA, sideB));
  const like = Math.max(sideA, sideB) <= MOST_TIMES_LARGER * Math.min(sideA, sideB);
  return successive && like && apart <= MOST_SIDES_APART ? -apart : undefined;
}

function byPlace({ box: a, score: p }: Face, { box: b, score: q }: Face): number {
  return a.x - b.x || a.y - b.y || a.width - b.width || a.height - b.height || p - q;
}

/** The track to crop, and why in words. */
export type TrackChoice = { readonly track?: Track; readonly reason: string };

/**
 * Chooses the track to crop: of those that masks mark the one with the greatest share of them, else the longest, of equally long ones the largest,
 * of equally large ones the leftmost. The order of the tracks does not matter.
 *
 * @param options.masks for a frame's number the share of the mask's area that lies within a box, 0 to 1; frames whose mask is empty are left out
 * @returns no track where there is none, or where none is under the masks: another face would be taken for the fake
 */
export function chooseTrack(
  tracks: readonly Track[],
  options: { readonly masks?: ReadonlyMap<number, (box: Box) => number> } = {},
): TrackChoice {
  if (tracks.length === 0) return { reason: "no face" };
  const masks = options.masks ?? new Map<number, (box: Box) => number>();
  const rated = tracks.map((track) => ({ track, ...rate(track, masks) })).sort((a, b) =>
    b.share - a.share || b.length - a.length || b.area - a.area || a.left - b.left || a.top - b.top ||
    a.first - b.first
  );
  const [best, second] = rated;
  if (masks.size > 0 && best.share === 0) return { reason: "no face under the mask" };
  const { track } = best;
  if (masks.size > 0) return { track, reason: "masked" };
  if (!second) return { track, reason: "only" };
  const by = best.length > second.length ? "longest" : best.area > second.area ? "largest" : "leftmost";
  return { track, reason: `${by} of ${tracks.length}` };
}

function rate({ faces }: Track, masks: ReadonlyMap<number, (box: Box) => number>) {
  const boxes = [...faces].map(([number, { box }]) => ({ number, box }));
  const mean = (value: (box: Box) => number) =>
    boxes.reduce((sum, { box }) => sum + value(box), 0) / boxes.length;
  return {
    share: boxes.reduce((sum, { number, box }) => sum + (masks.get(number)?.(box) ?? 0), 0),
    length: boxes.length,
    area: mean(({ width, height }) => width * height),
    left: mean(({ x }) => x),
    top: mean(({ y }) => y),
    first: boxes[0]?.number ?? 0,
  };
}

/**
 * A track's face at a frame: the one that is known, or what lies on the line between the ones before and after; undefined before
 * the first and after the last.
 */
export function faceAt({ faces }: Track, number: number): Face | undefined {
  const known = faces.get(number);
  if (known) return known;
  let [before, after] = [-Infinity, Infinity];
  for (const each of faces.keys()) {
    if (each < number) before = Math.max(before, each);
    else after = Math.min(after, each);
  }
  const [a, b] = [faces.get(before), faces.get(after)];
  if (!a || !b) return undefined;
  const part = (number - before) / (after - before);
  const line = (from: number, to: number) => from + (to - from) * part;
  return {
    box: {
      x: line(a.box.x, b.box.x),
      y: line(a.box.y, b.box.y),
      width: line(a.box.width, b.box.width),
      height: line(a.box.height, b.box.height),
    },
    score: line(a.score, b.score),
    landmarks5: a.landmarks5.map((value, i) => line(value, b.landmarks5[i])),
  };
}
