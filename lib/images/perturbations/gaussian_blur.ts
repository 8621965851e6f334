/**
 * Gaussian blur.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import type { PerturbationKind } from "./perturbation.ts";

/** Far beyond what leaves a face in a picture of one; the kernel is six times as wide. */
const mostSigma = 100;

/** Blurred by a Gaussian; levels are its standard deviation in pixels, and the kernel reaches three of them to each side. */
export const gaussianBlur: PerturbationKind = {
  family: "gaussian-blur",
  title: "Gaussian blur",
  measure: "sigma",
  without: "not blurred",
  levels: [0.5, 1, 1.5, 2, 3], // GenD's, and its kernels: 5, 7, 11, 13 and 19 pixels
  accepts: isSigma,
  apply: (image, sigma) => blur(image, { sigma, kernel: 2 * Math.ceil(3 * sigma) + 1 }),
};

/**
 * Blurs as torchvision's `gaussian_blur` does a tensor of bytes: edges are mirrored about the outermost pixel, sums are rounded to
 * bytes once. In an image that is smaller than the kernel's reach, which torchvision refuses, the mirrors repeat.
 *
 * @param image RGB, any size.
 * @param options.kernel how many pixels a side take part, an odd number
 * @param options.sigma standard deviation in pixels, above 0 and up to 100
 * @returns A new image of the same size.
 * @throws {Error} when an option is out of range.
 */
export function blur(
  image: RgbImage,
  options: { readonly kernel: number; readonly sigma: number },
): RgbImage {
  const weights = halfKernel(options);
  const { data, width, height } = image;
  const reach = weights.length - 1;
  const length = 3 * width;
  const target = new Uint8Array(data.length);
  const padded = new Float64Array(length + 6 * reach);
  const row = padded.subarray(3 * reach, 3 * reach + length);
  for (let y = 0; y < height; y++) {
    const from = y * length;
    // Down the columns first, so that no more than one row of sums is kept.
    for (let i = 0; i < length; i++) row[i] = weights[0] * data[from + i];
    for (let t = 1; t <= reach; t++) {
      const above = mirrored(y - t, height) * length;
      const below = mirrored(y + t, height) * length;
      const weight = weights[t];
      for (let i = 0; i < length; i++) row[i] += weight * (data[above + i] + data[below + i]);
    }
    for (let x = 1; x <= reach; x++) {
      for (const beside of [-x, width - 1 + x]) {
        const pixel = 3 * (reach + mirrored(beside, width));
        padded.copyWithin(3 * (reach + beside), pixel, pixel + 3);
      }
    }
    for (let i = 0; i < length; i++) {
      const centre = i + 3 * reach;
      let sum = weights[0] * padded[centre];
      for (let t = 1; t <= reach; t++) sum += weights[t] * (padded[centre - 3 * t] + padded[centre + 3 * t]);
      target[from + i] = sum + 0.5; // cut off when stored, which rounds
    }
  }
  return { data: target, width, height };
}

/** The kernel from its centre to one end; the whole of it sums to 1. */
function halfKernel({ kernel, sigma }: { readonly kernel: number; readonly sigma: number }): Float64Array {
  if (!Number.isInteger(kernel) || kernel % 2 !== 1 || kernel < 1) {
    throw new Error(`Cannot blur an image: expected a kernel of an odd number of pixels but found ${kernel}`);
  }
  if (!isSigma(sigma)) {
    throw new Error(
      `Cannot blur an image: expected a sigma above 0 and up to ${mostSigma} but found ${sigma}`,
    );
  }
  const half = Float64Array.from({ length: (kernel + 1) / 2 }, (_, i) => Math.exp(-0.5 * (i / sigma) ** 2));
  const total = half.reduce((sum, weight) => sum + 2 * weight); // begins with the centre, which comes once
  return half.map((weight) => weight / total);
}

/** The pixel that one beyond the image repeats: 1, 2, … before the first, and the same from the last. */
function mirrored(position: number, length: number): number {
  if (position >= 0 && position < length) return position;
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const within = ((position % period) + period) % period;
  return within < length ? within : period - within;
}

function isSigma(level: number): boolean {
  return level > 0 && level <= mostSigma;
}
