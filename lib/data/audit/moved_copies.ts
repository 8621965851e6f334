/**
 * A second, looser look for copies that were mirrored, cropped or turned a little, or painted into: for a warning, not for a
 * verdict.
 *
 * @module
 */
import sharp from "sharp";
import { takeBreath } from "../../base/breath.ts";
import { grid as across, type ImageFacts } from "../../images/facts.ts";
import type { CompareOptions } from "./copies.ts";

/** A turn in degrees, a zoom, a shift in widths of the picture, after mirroring. */
type Move = {
  readonly mirrored: boolean;
  readonly angle: number;
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
};

/** Images of a side that are compared at most, spread evenly over it; the time grows with the product of both sides. */
const MOST_IMAGES = 2500;
/** Likeliest pairs that are compared as pictures, about 30 ms each. */
const MOST_PAIRS = 300;
/** Correlation of two 9 × 9 pictures, less what all pictures share, from which they are compared as pictures. */
const LIKELY = 0.8;
/**
 * Correlation of the fine detail of two pictures laid over each other, from which they are told of. Of 40 demo faces each it
 * found 40 mirrored, 40 cropped by 5 % at each side, 32 at two sides, 40 turned by 3°, 36 by 5°, and 20 with another face
 * over a sixth of them; of 390,908 pairs of frames of different persons none (the nearest had 0.88).
 */
const ALIKE = 0.9;

/** How copies are looked for in 9 × 9 pictures: as they are, mirrored, and each of them cropped, widened and turned. */
const moves: readonly Move[] = [false, true].flatMap((mirrored) =>
  [[0, 1], [0, 0.9], [0, 1.1], [-5, 1], [-3, 1], [3, 1], [5, 1]].map(([angle, zoom]) => ({
    mirrored,
    angle,
    zoom,
    x: 0,
    y: 0,
  }))
);

/** Where the mirrored ones begin. */
const MIRRORED_FROM = moves.length / 2;
/** More than rounding changes a product of two pictures of length 1. */
const ROUNDING = 1e-5;

/** Two images, by index in their sides, and how far their detail agrees when one is laid over the other: 0.9 to 1. */
export type Alike = { readonly a: number; readonly b: number; readonly correlation: number };

/**
 * Pairs of pictures, one of each side, that agree when one is mirrored, turned by a few degrees, zoomed by a tenth or moved.
 *
 * @returns pairs, the nearest first: of at most 2,500 images of a side and the 300 likeliest pairs
 */
export async function findAlike(
  sides: readonly [readonly string[], readonly string[]],
  options: CompareOptions & { readonly facts: ReadonlyMap<string, ImageFacts> },
): Promise<Alike[]> {
  const { facts, onProgress, signal } = options;
  const [first, second] = sides.map((paths) => spread(paths, facts));
  const mean = meanOf([...first, ...second].map(({ grid }) => grid));
  const plain = first.map(({ grid }) => residual(grid, mean));
  const likely: { a: number; b: number; move: Move; likeness: number }[] = [];
  let lastBreath = Date.now();
  for (const [j, { grid }] of second.entries()) {
    const moved = moves.map((move) => residual(moveOver(grid, { size: across, move }), mean));
    const [asIs, mirrored] = [moved.slice(0, MIRRORED_FROM), moved.slice(MIRRORED_FROM)].map(surround);
    for (let i = 0; i < plain.length; i++) {
      const other = plain[i];
      const from = mayBeNear(other, asIs) ? 0 : MIRRORED_FROM;
      const to = mayBeNear(other, mirrored) ? moved.length : MIRRORED_FROM;
      let likeness = -1;
      let best = 0;
      for (let k = from; k < to; k++) {
        const value = dot(other, moved[k]);
        if (value > likeness) [likeness, best] = [value, k];
      }
      if (likeness >= LIKELY) likely.push({ a: i, b: j, move: moves[best], likeness });
    }
    if (likely.length > 20 * MOST_PAIRS) keepLikeliest(likely);
    if (Date.now() - lastBreath > 100) {
      lastBreath = Date.now();
      await takeBreath(signal);
    }
  }
  keepLikeliest(likely);
  const found: Alike[] = [];
  const pictures = new Map<string, Promise<Picture>>(); // at most 600, of 28 kB
  const picture = (path: string): Promise<Picture> => {
    const opened = pictures.get(path) ?? openPicture(path);
    pictures.set(path, opened);
    return opened;
  };
  for (const [done, { a, b, move }] of likely.entries()) {
    signal?.throwIfAborted();
    const correlation = laidOver(await picture(first[a].path), await picture(second[b].path), move);
    if (correlation >= ALIKE) found.push({ a: first[a].index, b: second[b].index, correlation });
    onProgress?.(done + 1, likely.length);
  }
  return found.sort((one, other) => other.correlation - one.correlation);
}

function keepLikeliest(likely: { likeness: number }[]): void {
  likely.sort((one, other) => other.likeness - one.likeness);
  likely.length = Math.min(likely.length, MOST_PAIRS);
}

function spread(
  paths: readonly string[],
  facts: ReadonlyMap<string, ImageFacts>,
): { path: string; index: number; grid: Float32Array }[] {
  const step = Math.max(1, paths.length / MOST_IMAGES);
  const chosen: { path: string; index: number; grid: Float32Array }[] = [];
  for (let position = 0; position < paths.length; position += step) {
    const index = Math.floor(position);
    const known = facts.get(paths[index]);
    if (!known || known.look === "") continue; // flat, or tiny
    const grid = Float32Array.from(atob(known.grid), (letter) => letter.charCodeAt(0));
    chosen.push({ path: paths[index], index, grid });
  }
  return chosen;
}

function meanOf(grids: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(across * across);
  // Of few pictures each is a large part of the mean, and taking that away would make them unlike.
  if (grids.length < 20) return mean;
  for (const grid of grids) for (let i = 0; i < mean.length; i++) mean[i] += grid[i] / grids.length;
  return mean;
}

/** A picture among several, all of length 1, and the least product with it of any picture that may be {@link LIKELY} one of them. */
type Surround = { readonly middle: Float32Array; readonly least: number };

/**
 * By the triangle's inequality of angles, what is near one of them is not far from their middle: so one product leaves out
 * nearly all pictures that are like none of them.
 */
function surround(all: readonly Float32Array[]): Surround {
  const middle = unit(all[0].map((_, i) => all.reduce((sum, each) => sum + each[i], 0)));
  const angle = (cosine: number) => Math.acos(Math.min(1, Math.max(-1, cosine)));
  const widest = angle(LIKELY) + Math.max(...all.map((each) => angle(dot(each, middle))));
  return { middle, least: Math.cos(Math.min(Math.PI, widest)) - ROUNDING };
}

/** False for what is {@link LIKELY} none of them. In four sums, which the processor adds up side by side. */
function mayBeNear(other: Float32Array, { middle, least }: Surround): boolean {
  let one = 0, two = 0, three = 0, four = 0;
  let i = 0;
  for (; i + 3 < middle.length; i += 4) {
    one += other[i] * middle[i];
    two += other[i + 1] * middle[i + 1];
    three += other[i + 2] * middle[i + 2];
    four += other[i + 3] * middle[i + 3];
  }
  for (; i < middle.length; i++) one += other[i] * middle[i];
  return one + two + three + four >= least;
}

/** What is its own, of the inner cells: at the edge a turned or cropped copy has other things, or black corners. */
function residual(grid: Float32Array, mean: Float32Array): Float32Array {
  const inner = (place: number) => place > 0 && place < across - 1;
  return unit(
    grid.map((value, i) => value - mean[i]).filter((_, i) =>
      inner(i % across) && inner(Math.floor(i / across))
    ),
  );
}

/** Less its mean, at length 1. */
function unit(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const centred = values.map((value) => value - mean);
  const length = Math.sqrt(dot(centred, centred)) || 1;
  return centred.map((value) => value / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** A picture moved, its edges repeated where it does not reach. */
function moveOver(
  picture: Float32Array,
  { size, move }: { readonly size: number; readonly move: Move },
): Float32Array {
  const { mirrored, angle, zoom, x, y } = move;
  const [cos, sin] = [Math.cos(angle * Math.PI / 180) * zoom, Math.sin(angle * Math.PI / 180) * zoom];
  const middle = (size - 1) / 2;
  const moved = new Float32Array(size * size);
  for (let v = 0, i = 0; v < size; v++) {
    for (let u = 0; u < size; u++, i++) {
      const [right, down] = [u - middle, v - middle];
      const across = cos * right - sin * down + x * size;
      const fromX = Math.min(size - 1, Math.max(0, middle + (mirrored ? -across : across)));
      const fromY = Math.min(size - 1, Math.max(0, middle + sin * right + cos * down + y * size));
      const [left, top] = [Math.min(size - 2, Math.floor(fromX)), Math.min(size - 2, Math.floor(fromY))];
      const [dx, dy] = [fromX - left, fromY - top];
      const corner = top * size + left;
      moved[i] = (picture[corner] * (1 - dx) + picture[corner + 1] * dx) * (1 - dy) +
        (picture[corner + size] * (1 - dx) + picture[corner + size + 1] * dx) * dy;
    }
  }
  return moved;
}

/** How far two pictures' detail agrees, in [-1, 1], with the second laid over the first as well as can be from `start` on. */
function laidOver(a: Picture, b: Picture, start: Move): number {
  let best = { move: start, value: -1 };
  // From coarse to fine: how far a move reaches shrinks with the detail that has to agree.
  for (const [level, { size, reach, steps }] of levels.entries()) {
    const [first, second] = [detail(a[level], { size, reach }), b[level]];
    const valueOf = (move: Move) =>
      correlation(first, detail(moveOver(second, { size, move }), { size, reach }), size);
    best = { ...best, value: valueOf(best.move) };
    for (const { angle, zoom, shift, worthwhile } of steps) {
      for (let improved = true, round = 0; improved && round < 6; round++) {
        improved = false;
        for (const change of changes(best.move, { angle, zoom, shift })) {
          const value = valueOf(change);
          if (value <= best.value) continue;
          best = { move: change, value };
          improved = true;
        }
      }
      if (best.value < worthwhile) return best.value;
    }
  }
  return best.value;
}

/** Sides of a picture, what counts as its detail, and how far it is moved; what agrees less than is worthwhile is let go. */
const levels = [
  {
    size: 24,
    reach: 5,
    steps: [
      { angle: 2, zoom: 0.04, shift: 0.05, worthwhile: 0.4 },
      { angle: 1, zoom: 0.02, shift: 0.025, worthwhile: 0.5 },
    ],
  },
  {
    size: 48,
    reach: 4,
    steps: [
      { angle: 1, zoom: 0.02, shift: 0.02, worthwhile: 0.5 },
      { angle: 0.5, zoom: 0.01, shift: 0.01, worthwhile: 0.6 },
    ],
  },
  {
    size: 64,
    reach: 3,
    steps: [
      { angle: 0.4, zoom: 0.008, shift: 0.008, worthwhile: 0 },
      { angle: 0.2, zoom: 0.004, shift: 0.004, worthwhile: 0 },
    ],
  },
] as const;

function changes(move: Move, by: { angle: number; zoom: number; shift: number }): Move[] {
  return [-1, 1].flatMap((sign) => [
    { ...move, x: move.x + sign * by.shift },
    { ...move, y: move.y + sign * by.shift },
    { ...move, angle: move.angle + sign * by.angle },
    { ...move, zoom: move.zoom + sign * by.zoom },
  ]);
}

/**
 * Correlation of what lies within the edges, beyond which one of the two may not reach: of the best 12 of 16 blocks, as a fake
 * may have another face in its original's picture. Its sums are by block, so that it is not `correlate()`.
 */
function correlation(a: Float32Array, b: Float32Array, size: number): number {
  const edge = Math.ceil(size / 12);
  const inner = size - 2 * edge;
  const blocks = Array.from({ length: 16 }, () => ({ xy: 0, xx: 0, yy: 0, pixels: 0 }));
  for (let v = 0; v < inner; v++) {
    for (let u = 0; u < inner; u++) {
      const i = (v + edge) * size + u + edge;
      const block = blocks[Math.floor(v * 4 / inner) * 4 + Math.floor(u * 4 / inner)];
      block.xy += a[i] * b[i];
      block.xx += a[i] * a[i];
      block.yy += b[i] * b[i];
      block.pixels++;
    }
  }
  const agreement = ({ xy, xx, yy }: { xy: number; xx: number; yy: number }) => xy / Math.sqrt(xx * yy || 1);
  const best = blocks.sort((one, other) => agreement(other) - agreement(one)).slice(0, 12);
  const sum = (key: "xy" | "xx" | "yy" | "pixels") => best.reduce((total, block) => total + block[key], 0);
  const [xy, xx, yy] = [sum("xy"), sum("xx"), sum("yy")];
  const least = 1.5 ** 2 * sum("pixels"); // levels of 255: less tells no picture from another
  return xx < least || yy < least ? 0 : xy / Math.sqrt(xx * yy);
}

/** Less the mean of what is `reach` around. */
function detail(
  picture: Float32Array,
  { size, reach }: { readonly size: number; readonly reach: number },
): Float32Array {
  const row = new Float32Array(size * size);
  const result = new Float32Array(size * size);
  const blur = (from: Float32Array, to: Float32Array, along: number, over: number) => {
    for (let line = 0; line < size; line++) {
      let [sum, count] = [0, 0];
      for (let i = 0; i < Math.min(reach, size); i++, count++) sum += from[line * over + i * along];
      for (let i = 0; i < size; i++) {
        if (i + reach < size) {
          sum += from[line * over + (i + reach) * along];
          count++;
        }
        if (i - reach > 0) {
          sum -= from[line * over + (i - reach - 1) * along];
          count--;
        }
        to[line * over + i * along] = sum / count;
      }
    }
  };
  blur(picture, row, 1, size);
  blur(row, result, size, 1);
  for (let i = 0; i < result.length; i++) result[i] = picture[i] - result[i];
  return result;
}

/** A picture in grey at the size of each level. */
type Picture = readonly Float32Array[];

async function openPicture(path: string): Promise<Picture> {
  const decoded = sharp(await Deno.readFile(path)).removeAlpha().greyscale();
  return await Promise.all(levels.map(async ({ size }) => {
    const { data } = await decoded.clone().resize(size, size, { fit: "fill" }).raw()
      .toBuffer({ resolveWithObject: true });
    return Float32Array.from(data.subarray(0, size * size));
  }));
}
