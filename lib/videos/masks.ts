/**
 * What masks mark of the boxes of faces.
 *
 * @module
 */
import { join } from "node:path";
import type { Box } from "../images/box.ts";
import type { RgbImage } from "../images/resize.ts";
import { loadSharp } from "../images/sharp.ts";
import { frameNumber, isImage, isVideo } from "../data/layouts/layout.ts";
import { streamFrames } from "./raw_frames.ts";

/** The share of a frame's mask that lies within a box, 0 to 1, by the frame's number; frames whose mask is empty are left out. */
export type MaskShares = ReadonlyMap<number, (box: Box) => number>;

/** Masks are read at this width: faces are larger than its pixels. */
const MASK_WIDTH = 256;

/** Grey from which on a pixel is marked; below it is what compression leaves around the edges. */
const MARKED = 64;

/** A mask of fewer pixels is what compression made of an empty one. */
const LEAST_PIXELS = 8;

/**
 * Reads the masks of some frames.
 *
 * @param path a video of as many frames as the one it is of, or a folder of images by the frames' numbers
 * @param options.size of the frames that boxes are in
 * @throws {Error} when they cannot be read.
 */
export async function readMasks(
  path: string,
  options: {
    readonly numbers: readonly number[];
    readonly size: { readonly width: number; readonly height: number };
    readonly keep: readonly string[];
    readonly signal?: AbortSignal;
  },
): Promise<MaskShares> {
  const { numbers, size, keep, signal } = options;
  const shares = new Map<number, (box: Box) => number>();
  const use = (mask: RgbImage, number: number) => {
    const share = shareOf(mask, size);
    if (share) shares.set(number, share);
  };
  if (isVideo(path)) {
    await streamFrames(path, { numbers, keep, use, greyWidth: MASK_WIDTH, signal });
    return shares;
  }
  const wanted = new Set(numbers);
  const sharp = await loadSharp();
  for await (const { name } of Deno.readDir(path)) {
    const number = isImage(name) ? frameNumber(name) : undefined;
    if (number === undefined || !wanted.has(number)) continue;
    signal?.throwIfAborted();
    const { data, info } = await sharp(join(path, name)).removeAlpha().greyscale()
      .resize({ width: MASK_WIDTH, withoutEnlargement: true }).raw().toBuffer({ resolveWithObject: true });
    use({ data: new Uint8Array(data.buffer, data.byteOffset, data.length), ...info }, number);
  }
  return shares;
}

function shareOf(
  { data, width, height }: RgbImage,
  size: { readonly width: number; readonly height: number },
): ((box: Box) => number) | undefined {
  const marked = [...data.keys()].filter((i) => data[i] >= MARKED);
  if (marked.length < LEAST_PIXELS) return undefined;
  return (box) => {
    const inside = marked.filter((i) => {
      const x = (i % width + 0.5) / width * size.width;
      const y = (Math.floor(i / width) + 0.5) / height * size.height;
      return x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
    });
    return inside.length / marked.length;
  };
}

/** Several masks of the same frames, such as of the fakes of one real, as the mean of what each says. */
export function meanShares(masks: readonly MaskShares[]): MaskShares {
  const numbers = new Set(masks.flatMap((shares) => [...shares.keys()]));
  return new Map([...numbers].map((number) => {
    const each = masks.flatMap((shares) => shares.get(number) ?? []);
    return [number, (box: Box) => each.reduce((sum, share) => sum + share(box), 0) / each.length];
  }));
}
