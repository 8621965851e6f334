/**
 * What a perturbation has just encoded → pixels.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import { loadSharp } from "../sharp.ts";

/** Decodes an RGB image that sharp encoded a moment ago. */
export async function decodeOwn(bytes: Uint8Array): Promise<RgbImage> {
  const sharp = await loadSharp();
  const { data, info } = await sharp(bytes, { failOn: "error", limitInputPixels: false }).raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
}
