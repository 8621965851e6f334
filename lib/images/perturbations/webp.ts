/**
 * Compression as WebP.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import { loadSharp } from "../sharp.ts";
import { decodeOwn } from "./decode.ts";
import type { PerturbationKind } from "./perturbation.ts";

/** What the format can hold. */
const mostSide = 16_383;

/** Compressed as lossy WebP in memory, and decoded again; levels are libwebp's qualities, 1 to 100. */
export const webp: PerturbationKind = {
  family: "webp",
  title: "WebP",
  measure: "quality",
  without: "not compressed again",
  levels: [80, 60, 40, 20],
  accepts: isQuality,
  apply: async (image, quality) => await decodeOwn(await encodeWebp(image, quality)),
};

/**
 * Encodes as Pillow's `save(…, "WEBP", quality=…)` does: lossy, of medium effort.
 *
 * @param image RGB, up to 16,383 pixels a side
 * @param quality 1 to 100, in libwebp's scale
 * @returns The file's bytes.
 * @throws When `quality` is not an integer from 1 to 100, or the image is too large for the format.
 */
export async function encodeWebp(image: RgbImage, quality: number): Promise<Uint8Array> {
  if (!isQuality(quality)) {
    throw new Error(
      `Cannot compress as WebP: expected an integer quality from 1 to 100 but found ${quality}`,
    );
  }
  const { data, width, height } = image;
  if (Math.max(width, height) > mostSide) {
    throw new Error(
      `Cannot compress as WebP: expected at most ${mostSide} pixels a side but found ${width} × ${height}`,
    );
  }
  const sharp = await loadSharp();
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ quality, effort: 4 }).toBuffer();
}

function isQuality(level: number): boolean {
  return Number.isInteger(level) && level >= 1 && level <= 100;
}
