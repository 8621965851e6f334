/**
 * How sharp a face is.
 *
 * @module
 */
import type { RgbImage } from "../images/resize.ts";

/**
 * The variance of the Laplacian of an image's grey, as OpenCV's `cv2.Laplacian(grey, cv2.CV_64F).var()`. It grows with noise and
 * contrast and falls when an image is enlarged, so compare crops of one size.
 *
 * @param image is left as it is
 * @returns 0 for an image of one colour
 */
export function sharpness(image: RgbImage): number {
  const { width, height } = image;
  const grey = greyOf(image);
  let [sum, squares] = [0, 0]; // whole numbers, so exact
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const above = mirrored(y - 1, height) * width;
    const below = mirrored(y + 1, height) * width;
    for (let x = 0; x < width; x++) {
      const value = grey[above + x] + grey[below + x] + grey[row + mirrored(x - 1, width)] +
        grey[row + mirrored(x + 1, width)] - 4 * grey[row + x];
      sum += value;
      squares += value * value;
    }
  }
  const n = width * height;
  return (squares - sum * sum / n) / n;
}

/** OpenCV's grey of bytes: weights in 32768ths, rounded. */
function greyOf({ data, width, height }: RgbImage): Uint8Array {
  const grey = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < grey.length; i++, j += 3) {
    grey[i] = (9798 * data[j] + 19235 * data[j + 1] + 3735 * data[j + 2] + 16384) >> 15;
  }
  return grey;
}

/** A place beyond an edge is the one as far within, the edge itself not repeated. */
function mirrored(i: number, length: number): number {
  return length === 1 ? 0 : i < 0 ? 1 : i === length ? length - 2 : i;
}
