/**
 * Pictures that are the same although their files are not: compressed or resized copies, still scenes, a fake beside the
 * photograph that it was made of.
 *
 * @module
 */
import { takeBreath } from "../../base/breath.ts";
import type { ImageFacts } from "../../images/facts.ts";
import { loadSharp } from "../../images/sharp.ts";
import type { Groups } from "../../base/groups.ts";
import { holdPixels } from "../../images/image.ts";

/** Two looks of 128 bits with at most so many different ones are compared as pictures. */
const NEAR_BITS = 7;
/** Correlation of two pictures' fine detail that copies keep through compression and resizing, and other pictures do not reach. */
const SAME_DETAIL = 0.7;
/** Detail of less than so many levels, of 255, tells no picture from another. */
const LEAST_DETAIL = 1.5;
/** A look that so many pictures share is no help in finding pairs. */
const COMMON = 3000;
/** Details kept at a time, of 16 kB each. */
const KEPT = 4096;

/** A look of 128 bits is in so many bands of 16. */
const BANDS = 8;

/** How long comparisons tell where they are, and are stopped. */
export type CompareOptions = {
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
};

/** Two images, by index, and how far their fine detail agrees: from 0.7 to 1. */
export type Copy = { readonly a: number; readonly b: number; readonly correlation: number };

/**
 * Finds pairs of images that show the same picture, among those whose looks are near.
 *
 * The time is that of the pairs with near looks, not of all pairs: those that share one of eight bands of 16 bits are met.
 *
 * @param images their path and {@link ImageFacts.look}; without a look, a flat picture, one is like no other
 * @param options.apart whether a pair is of interest, asked before the pictures are compared
 * @param options.most pairs that are compared as pictures, each of which opens up to two files
 * @param options.onProgress told of the steps of eight that are done, and how many there are
 */
export async function* findCopies(
  images: readonly { readonly path: string; readonly look: string }[],
  options: CompareOptions & { readonly apart: (a: number, b: number) => boolean; readonly most: number },
): AsyncGenerator<Copy, { readonly complete: boolean }> {
  const details = new Map<string, Promise<Float32Array>>();
  const detail = (path: string): Promise<Float32Array> => {
    const found = details.get(path) ?? detailOf(path);
    details.delete(path); // the one used last goes to the end, and the first goes when there are too many
    details.set(path, found);
    if (details.size > KEPT) details.delete(details.keys().next().value!);
    return found;
  };
  let compared = 0;
  for (const found of nearPairs(images.map(({ look }) => look), options.apart)) {
    if (typeof found === "number") {
      options.onProgress?.(found, BANDS);
      await takeBreath(options.signal);
      continue;
    }
    const [a, b] = found;
    if (compared++ >= options.most) return { complete: false };
    const correlation = correlateDetail(await detail(images[a].path), await detail(images[b].path));
    if (correlation >= SAME_DETAIL) yield { a, b, correlation };
  }
  return { complete: true };
}

/**
 * Joins the groups whose images are the same by their bytes or by their look, as `findLeaks()` judges them.
 *
 * @param images with the index of the thing that is grouped, for instance of a frame's video
 * @returns pairs of images that joined two groups, and whether all near pictures were compared
 */
export async function joinCopies(
  groups: Groups,
  options: CompareOptions & {
    readonly images: readonly { readonly path: string; readonly item: number }[];
    readonly facts: ReadonlyMap<string, ImageFacts>;
  },
): Promise<{ pairs: [string, string][]; complete: boolean }> {
  const { images, facts, signal, onProgress } = options;
  const pairs: [string, string][] = [];
  const join = (a: { path: string; item: number }, b: { path: string; item: number }) => {
    if (groups.join(a.item, b.item)) pairs.push([a.path, b.path]);
  };
  const first = new Map<string, { path: string; item: number }>();
  const places: { path: string; item: number; look: string }[] = [];
  const seen = new Set<string>();
  for (const image of images) {
    const known = facts.get(image.path);
    if (!known || isFlat(known)) continue;
    const before = first.get(known.digest);
    if (before) join(before, image);
    else first.set(known.digest, image);
    const key = `${image.item} ${known.look}`;
    if (before || known.look === "" || seen.has(key)) continue;
    seen.add(key);
    places.push({ ...image, look: known.look });
  }
  const apart = (a: number, b: number) => groups.groupOf(places[a].item) !== groups.groupOf(places[b].item);
  const copies = findCopies(places, { apart, most: 50_000, signal, onProgress });
  let next = await copies.next();
  for (; !next.done; next = await copies.next()) join(places[next.value.a], places[next.value.b]);
  return { pairs, complete: next.value.complete };
}

/** True for a picture of one brightness, as a black frame: it is the same in many videos. Tiny ones have no look but may differ. */
export function isFlat({ look, width, height }: Pick<ImageFacts, "look" | "width" | "height">): boolean {
  return look === "" && width >= 9 && height >= 9;
}

/**
 * Pairs of looks with few different bits, once each: of eight bands of 16 bits, at most seven differ in seven bits. Now and
 * then, instead, the number of bands that are done.
 */
function* nearPairs(
  looks: readonly string[],
  apart: (a: number, b: number) => boolean,
): Generator<[number, number] | number> {
  const indices = looks.flatMap((look, i) => (look === "" ? [] : i));
  const count = indices.length;
  const words = Array.from(
    { length: 4 },
    (_, word) => Int32Array.from(indices, (i) => parseInt(looks[i].slice(word * 8, word * 8 + 8), 16)),
  );
  const bandOf = (i: number, band: number) => (words[band >> 1][i] >>> (band % 2 === 0 ? 16 : 0)) & 0xffff;
  let lastProgress = Date.now();
  for (let band = 0; band < BANDS; band++) {
    // Sorted by the band, so that a bucket's words lie side by side: this loop is all the time that a million looks take.
    const starts = new Uint32Array(0x10001);
    for (let i = 0; i < count; i++) starts[bandOf(i, band) + 1]++;
    for (let value = 0; value < 0x10000; value++) starts[value + 1] += starts[value];
    const order = new Uint32Array(count);
    const next = starts.slice();
    for (let i = 0; i < count; i++) order[next[bandOf(i, band)]++] = i;
    const [w0, w1, w2, w3] = words.map((word) => Int32Array.from(order, (i) => word[i]));
    for (let value = 0; value < 0x10000; value++) {
      const [from, to] = [starts[value], starts[value + 1]];
      if (to - from < 2 || to - from > COMMON) continue;
      if (Date.now() - lastProgress > 100) {
        yield band;
        lastProgress = Date.now();
      }
      for (let b = from + 1; b < to; b++) {
        for (let a = from; a < b; a++) {
          let bits = ones(w0[a] ^ w0[b]) + ones(w1[a] ^ w1[b]);
          if (bits > NEAR_BITS) continue;
          bits += ones(w2[a] ^ w2[b]) + ones(w3[a] ^ w3[b]);
          if (bits > NEAR_BITS || !apart(indices[order[a]], indices[order[b]])) continue;
          let earlier = 0; // a pair is met in each band that it shares
          while (earlier < band && bandOf(order[a], earlier) !== bandOf(order[b], earlier)) earlier++;
          if (earlier === band) yield [indices[order[a]], indices[order[b]]];
        }
      }
    }
  }
}

/** How many bits are set. */
function ones(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * Correlation of two pictures' detail, in [-1, 1]: grey at 64 × 64, less the mean of the 7 × 7 around each pixel, so that
 * light, colour and what all faces share count little; 0 where one has no detail.
 */
export async function detailCorrelation(a: string, b: string): Promise<number> {
  return correlateDetail(await detailOf(a), await detailOf(b));
}

/** Correlation of two pictures' {@link detailOf}, in [-1, 1]; 0 where one has none. */
export function correlateDetail(first: Float32Array, second: Float32Array): number {
  return correlate(first, second, { least: LEAST_DETAIL ** 2 * first.length });
}

/**
 * Correlation of values as they are, no mean taken off, in [-1, 1].
 *
 * @param options.least 0 is returned where the squares of one sum up to less, or to nothing; 0 unless given
 */
export function correlate(
  a: Float32Array,
  b: Float32Array,
  { least = 0 }: { readonly least?: number } = {},
): number {
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    xy += a[i] * b[i];
    xx += a[i] ** 2;
    yy += b[i] ** 2;
  }
  return xx < least || yy < least || xx * yy === 0 ? 0 : xy / Math.sqrt(xx * yy);
}

/** A picture's fine detail, [4096]: grey at 64 × 64, less the mean of the 7 × 7 around each pixel. */
export async function detailOf(path: string): Promise<Float32Array> {
  const [size, reach] = [64, 3];
  const sharp = await loadSharp();
  using _held = await holdPixels(await sharp(path).metadata());
  const { data } = await sharp(path).removeAlpha().greyscale().resize(size, size, { fit: "fill" })
    .raw().toBuffer({ resolveWithObject: true });
  const sums = new Float64Array((size + 1) ** 2); // of all pixels above and to the left
  for (let y = 0; y < size; y++) {
    for (let x = 0, row = 0; x < size; x++) {
      row += data[y * size + x];
      sums[(y + 1) * (size + 1) + x + 1] = sums[y * (size + 1) + x + 1] + row;
    }
  }
  const detail = new Float32Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [top, bottom] = [Math.max(0, y - reach), Math.min(size, y + reach + 1)];
      const [left, right] = [Math.max(0, x - reach), Math.min(size, x + reach + 1)];
      const sumTo = (v: number, u: number) => sums[v * (size + 1) + u];
      const sum = sumTo(bottom, right) - sumTo(top, right) - sumTo(bottom, left) + sumTo(top, left);
      detail[y * size + x] = data[y * size + x] - sum / ((bottom - top) * (right - left));
    }
  }
  return detail;
}
