/**
 * Compression as JPEG.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import { loadSharp } from "../sharp.ts";
import { decodeOwn } from "./decode.ts";
import type { PerturbationKind } from "./perturbation.ts";

/** Compressed as JPEG in memory, and decoded again; levels are libjpeg's qualities, 1 to 100. */
export const jpeg: PerturbationKind = {
  family: "jpeg",
  title: "JPEG",
  measure: "quality",
  without: "not compressed again",
  levels: [100, 90, 75, 50, 30], // the reference's
  ladders: { gend: [100, 80, 60, 40, 20, 10] },
  accepts: isQuality,
  apply: jpegRoundTrip,
};

/**
 * Encodes as JPEG in memory and decodes again, as Pillow's `save(…, "JPEG", quality=…)` and reopen do.
 *
 * @param image RGB, any size up to 65,535 a side.
 * @param quality 1 to 100, in libjpeg's scale.
 * @returns A new image of the same size.
 * @throws {Error} when `quality` is not an integer from 1 to 100.
 */
export async function jpegRoundTrip(image: RgbImage, quality: number): Promise<RgbImage> {
  return await decodeOwn(await encodeJpeg(image, quality));
}

/**
 * Encodes as Pillow's `save(…, "JPEG", quality=…)` does: 4:2:0 chroma, the standard Huffman tables.
 *
 * @param image RGB, any size up to 65,535 a side.
 * @param quality 1 to 100, in libjpeg's scale.
 * @returns The file's bytes.
 * @throws When `quality` is not an integer from 1 to 100.
 */
export async function encodeJpeg(image: RgbImage, quality: number): Promise<Uint8Array> {
  if (!isQuality(quality)) {
    throw new Error(
      `Cannot compress as JPEG: expected an integer quality from 1 to 100 but found ${quality}`,
    );
  }
  const sharp = await loadSharp();
  const { data, width, height } = image;
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: "4:2:0", mozjpeg: false, optimiseCoding: false })
    .toBuffer();
}

function isQuality(level: number): boolean {
  return Number.isInteger(level) && level >= 1 && level <= 100;
}
