/**
 * A few images of a folder → whether they look like frames of one video, like pictures that have nothing to do with each
 * other, or neither for certain.
 *
 * Neighbours by name are compared, as far frames of one video may share nothing. Measured on neighbours, as the median of
 * four pairs: talking heads, a camera that wanders, films with cuts and a changing light, all frames or 32 evenly spaced ones,
 * correlate by 0.76 to 1.00; aligned faces of different people by -0.06 to 0.59, different drawn persons too, noise by 0.06 at
 * most. Only 32 frames of a film that cuts every second reach down to 0.31: those are the doubtful ones.
 *
 * @module
 */
import { inParallel } from "../../base/pool.ts";
import { decodeImage, type RgbImage } from "../../images/image.ts";
import { correlate, correlateDetail, detailOf } from "../audit/copies.ts";

/** What a sample of images looks like; `unknown` where fewer than two neighbours can be read. */
export type Look = "alike" | "unlike" | "doubtful" | "unknown";

/** Two neighbours. */
export type Pair = {
  /** Their brightness and colour on a 16 × 16 grid, the mean taken off: [768] each. */
  readonly thumbnails: readonly [Float32Array, Float32Array];
  /** Whether they are the same picture even where nothing is in it, as two black frames are. */
  readonly same: boolean;
  /** Mean difference of the thumbnails, in levels of 255. */
  readonly difference: number;
  /** Their fine detail, [4096] each. */
  readonly details: readonly [Float32Array, Float32Array];
};

/** Cells of a thumbnail's side. */
const GRID = 16;
/** Pairs of neighbours that are looked at: eight images. */
const PAIRS = 4;
/** A mean of fewer images than these would be the images themselves. */
const LEAST_FOR_MEAN = 8;
/** Grids that differ by less levels than these are the same picture, as two black frames are. */
const SAME_LEVELS = 2;

/** The images of a folder that are looked at, as places in its list: at most four pairs of neighbours, evenly spaced. */
export function samplePlaces(count: number): number[] {
  const pairs = Math.min(PAIRS, Math.floor(count / 2));
  return Array.from(
    { length: pairs },
    (_, i) => pairs === 1 ? 0 : Math.floor((i * (count - 2)) / (pairs - 1)),
  )
    .flatMap((first) => [first, first + 1]);
}

/**
 * Looks at pairs of neighbours, given one after the other. A pair with an image that cannot be read is left out.
 *
 * @param options.onProgress hears of each pair
 */
export async function lookAtPairs(
  paths: readonly string[],
  options: { readonly signal?: AbortSignal; readonly onProgress?: (images: number) => void } = {},
): Promise<(Pair | undefined)[]> {
  const firsts = Array.from({ length: Math.floor(paths.length / 2) }, (_, i) => 2 * i);
  return await inParallel(firsts, async (first) => {
    const pair = [paths[first], paths[first + 1]] as const;
    try {
      const grids = [gridOf(await decodeImage(pair[0])), gridOf(await decodeImage(pair[1]))] as const;
      const [a, b] = grids.map(centred);
      const same = meanDifference(...grids) < SAME_LEVELS;
      const details = [await detailOf(pair[0]), await detailOf(pair[1])] as const;
      return { thumbnails: [a, b], same, difference: meanDifference(a, b), details };
    } catch {
      return undefined; // what cannot be read is named when all images are opened
    } finally {
      options.onProgress?.(2);
    }
  }, { signal: options.signal });
}

/** What the pictures of a set have in common. */
export type Common = { readonly thumbnail: Float32Array; readonly detail: Float32Array };

/** What all these pictures have in common: the layout that aligned faces share, the edge of a mask. Nothing for a handful. */
export function commonOf(pairs: readonly Pair[]): Common {
  const mean = (all: readonly Float32Array[], length: number) => {
    const sum = new Float32Array(length);
    if (all.length < LEAST_FOR_MEAN) return sum;
    for (const each of all) for (let i = 0; i < length; i++) sum[i] += each[i] / all.length;
    return sum;
  };
  return {
    thumbnail: mean(pairs.flatMap(({ thumbnails }) => thumbnails), GRID * GRID * 3),
    detail: mean(pairs.flatMap(({ details }) => details), 64 * 64),
  };
}

/**
 * The look of one folder's pairs, or of several folders'.
 *
 * @param common what pictures of the whole set have in common, from {@link commonOf}; it must not make them alike
 */
export function lookOf(pairs: readonly Pair[], common: Common): Look {
  if (pairs.length === 0) return "unknown";
  const { layout, ownLayout, detail, ownDetail, difference } = measure(pairs, common);
  if (ownDetail >= 0.3 || (layout >= 0.7 && ownLayout >= 0.5)) return "alike";
  // Where the whole set is one scene, still frames have nothing of their own; faces before one mask differ by more levels.
  if (detail >= 0.7 && difference < 10) return "alike";
  const oneScene = detail >= 0.5 && layout >= 0.85 && difference < 15;
  return ownDetail < 0.2 && (layout < 0.65 || ownLayout < 0.4) && !oneScene ? "unlike" : "doubtful";
}

/** Medians of the pairs' correlations, in [-1, 1]: of layout and detail, and of both less what the set has in common; and of their difference. */
export function measure(pairs: readonly Pair[], common: Common) {
  const over = (correlationOf: (pair: Pair) => number) => {
    return median(pairs.map((pair) => pair.same ? 1 : correlationOf(pair)));
  };
  const [none, less] = [
    (each: Float32Array) => each,
    (by: Float32Array) => (each: Float32Array) => each.map((value, i) => value - by[i]),
  ];
  const layoutLess = (change: (each: Float32Array) => Float32Array) =>
    over(({ thumbnails: [a, b] }) => correlate(change(a), change(b)));
  const detailLess = (change: (each: Float32Array) => Float32Array) =>
    over(({ details: [a, b] }) => correlateDetail(change(a), change(b)));
  return {
    layout: layoutLess(none),
    // What others share and these lack would be common to these when it is taken off.
    ownLayout: Math.min(layoutLess(none), layoutLess(less(common.thumbnail))),
    detail: detailLess(none),
    difference: median(pairs.map(({ difference }) => difference)),
    ownDetail: Math.min(detailLess(none), detailLess(less(common.detail))),
  };
}

/** Mean RGB of each cell, [768], 0 to 255. */
function gridOf({ data, width, height }: RgbImage): Float32Array {
  const grid = new Float32Array(GRID * GRID * 3);
  const bounds = (cell: number, size: number) => {
    const from = Math.floor((cell * size) / GRID);
    return [from, Math.max(from + 1, Math.floor(((cell + 1) * size) / GRID))];
  };
  for (let row = 0, offset = 0; row < GRID; row++) {
    const [top, bottom] = bounds(row, height);
    for (let column = 0; column < GRID; column++, offset += 3) {
      const [left, right] = bounds(column, width);
      const [sum, pixels] = [[0, 0, 0], (bottom - top) * (right - left)];
      for (let y = top; y < bottom; y++) {
        for (let x = left, i = (y * width + left) * 3; x < right; x++, i += 3) {
          for (let c = 0; c < 3; c++) sum[c] += data[i + c];
        }
      }
      for (let c = 0; c < 3; c++) grid[offset + c] = sum[c] / pixels;
    }
  }
  return grid;
}

function meanDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}

function centred(grid: Float32Array): Float32Array {
  const mean = grid.reduce((sum, value) => sum + value, 0) / grid.length;
  return grid.map((value) => value - mean);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
