/**
 * Fakes and the reals whose frames they were made of: they are cropped alike, so that geometry cannot tell the classes apart.
 *
 * @module
 */
import type { Face } from "../faces/face.ts";
import { faceAt } from "../faces/track.ts";
import { evenly, type Video } from "../data/layouts/layout.ts";

/** The faces that a video was cropped by, by their frames' numbers, rising, and the size of its frames. */
export type Geometry = {
  readonly faces: ReadonlyMap<number, Face>;
  readonly width: number;
  readonly height: number;
};

/** How far the shapes of a real's and a fake's frames may differ: sides are rounded when a video is made smaller. */
const SHAPE_TOLERANCE = 0.02;

/** Indices of videos: a real, then the fakes of it that are among these; or one alone. In the order of their first. */
export function groupPairs(videos: readonly Video[]): readonly (readonly number[])[] {
  const reals = new Map(videos.flatMap(({ id, label }, i) => (label === 0 ? [[id, i] as const] : [])));
  const groups = new Map<number, number[]>();
  videos.forEach((video, i) => {
    const first = realOf(video, reals) ?? i;
    const group = groups.get(first) ?? [first];
    if (i !== first) group.push(i);
    groups.set(first, group);
  });
  return [...groups.values()];
}

function realOf({ label, original }: Video, reals: ReadonlyMap<string, number>): number | undefined {
  return label === 1 && original !== undefined ? reals.get(original) : undefined;
}

/**
 * The frames of a real to choose among: those that its fakes have too; a fake that would leave too few does not count.
 */
export function sharedNumbers(
  real: readonly number[],
  options: { readonly fakes: readonly (readonly number[])[]; readonly frames: number },
): readonly number[] {
  const { fakes, frames } = options;
  const least = Math.min(frames, real.length);
  let shared = real;
  for (const fake of fakes) {
    const there = new Set(fake);
    const both = shared.filter((number) => there.has(number));
    if (both.length >= least) shared = both;
  }
  return shared;
}

/** A fake's frames: those of its real where it has them all, else as many of its own between the real's first and last. */
export function numbersLike(
  { faces }: Geometry,
  options: { readonly there: readonly number[]; readonly frames: number },
): readonly number[] {
  const wanted = [...faces.keys()];
  const there = new Set(options.there);
  if (wanted.every((number) => there.has(number))) return wanted;
  const [first, last] = [wanted[0], wanted.at(-1)!];
  return evenly(options.there.filter((number) => number >= first && number <= last), options.frames);
}

/** A real's face in a frame of its fake, whose size may be another one; undefined where the real has none. */
export function faceLike(
  geometry: Geometry,
  options: { readonly number: number; readonly width: number; readonly height: number },
): Face | undefined {
  const face = faceAt(geometry, options.number);
  const [x, y] = [options.width / geometry.width, options.height / geometry.height];
  return face && (x === 1 && y === 1 ? face : {
    ...face,
    box: { x: face.box.x * x, y: face.box.y * y, width: face.box.width * x, height: face.box.height * y },
    landmarks5: face.landmarks5.map((value, i) => value * (i % 2 === 0 ? x : y)),
  });
}

/** Whether frames have the shape of a real's, so that its boxes fit them once they are scaled. */
export function isShapedLike(
  geometry: Geometry,
  size: { readonly width: number; readonly height: number },
): boolean {
  const ratio = (size.width / geometry.width) / (size.height / geometry.height);
  return Math.abs(ratio - 1) <= SHAPE_TOLERANCE;
}
