/**
 * Images moved by a transform.
 *
 * @module
 */
import type { RgbImage } from "../images/resize.ts";
import { inverse, type Transform } from "./transform.ts";

/** Weights are 32nds, and positions are rounded to 1024ths of a pixel before. */
const [WEIGHTS, POSITIONS] = [32, 1024];

/**
 * The image that a transform moves another to, as OpenCV's `warpAffine` with `INTER_LINEAR` and a black constant border: bilinear
 * with weights of 1/32 pixel. No antialias: what is made much smaller flickers, as there.
 *
 * The same bytes as OpenCV up to 4.10, which computes in fixed point; OpenCV 5 does in float32, and 99.9 % of a photograph's bytes are
 * within two levels of its.
 *
 * @param image is left as it is
 * @param transform from the image to the result
 * @param size of the result, in pixels
 */
export function warp(
  image: RgbImage,
  transform: Transform,
  size: { readonly width: number; readonly height: number },
): RgbImage {
  const { data, width, height } = image;
  const stride = 3 * width;
  const [a, b, c, d, e, f] = inverse(transform);
  const columns = (slope: number) => Int32Array.from({ length: size.width }, (_, x) => fixed(slope * x));
  const [alongX, alongY] = [columns(a), columns(d)];
  const result = new Uint8Array(size.width * size.height * 3);
  const half = POSITIONS / WEIGHTS / 2;
  for (let y = 0, i = 0; y < size.height; y++) {
    const startX = fixed(b * y + c) + half;
    const startY = fixed(e * y + f) + half;
    for (let x = 0; x < size.width; x++, i += 3) {
      const positionX = (startX + alongX[x]) >> 5;
      const positionY = (startY + alongY[x]) >> 5;
      const left = positionX >> 5;
      const top = positionY >> 5;
      if (left < -1 || top < -1 || left >= width || top >= height) continue;
      // Beside the image all is black: what lies there weighs nothing, and is read at a place that there is.
      const west = left < 0 ? 0 : WEIGHTS - (positionX & 31);
      const east = left + 1 < width ? positionX & 31 : 0;
      const north = top < 0 ? 0 : WEIGHTS - (positionY & 31);
      const south = top + 1 < height ? positionY & 31 : 0;
      const upper = (top < 0 ? 0 : top) * stride + (left < 0 ? 0 : 3 * left);
      const lower = top < 0 || top + 1 === height ? upper : upper + stride;
      const step = left < 0 || left + 1 === width ? 0 : 3;
      for (let channel = 0; channel < 3; channel++) {
        const above = west * data[upper + channel] + east * data[upper + step + channel];
        const below = west * data[lower + channel] + east * data[lower + step + channel];
        result[i + channel] = (north * above + south * below + 512) >> 10;
      }
    }
  }
  return { data: result, width: size.width, height: size.height };
}

/** In 1024ths of a pixel, halves to the even one; far outside any image it stays where integers can be added. */
function fixed(position: number): number {
  const scaled = position * POSITIONS;
  const rounded = Math.round(scaled);
  const even = rounded - scaled === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
  return Math.max(-(2 ** 30), Math.min(2 ** 30 - POSITIONS, even));
}
