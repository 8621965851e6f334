/**
 * Gaussian noise.
 *
 * @module
 */
import { createRandom } from "../../base/random.ts";
import type { RgbImage } from "../resize.ts";
import type { PerturbationKind } from "./perturbation.ts";

/** Normal noise on every sample of every pixel; levels are its standard deviation, where black is 0 and white 1. */
export const gaussianNoise: PerturbationKind = {
  family: "gaussian-noise",
  title: "Gaussian noise",
  measure: "sigma",
  without: "no noise added",
  levels: [0.01, 0.03, 0.05, 0.1, 0.2],
  accepts: isSigma,
  apply: (image, sigma, { seed }) => addNoise(image, { sigma, seed }),
};

/**
 * Adds normal noise of mean 0 to every sample by itself, rounds, and cuts off what is below black or above white. Of one seed, a
 * larger sigma gives the same noise, only stronger.
 *
 * @param image RGB, any size.
 * @param options.sigma standard deviation, above 0 and up to 1, which is from black to white
 * @param options.seed what the noise is a function of, with the place in the image
 * @returns A new image of the same size.
 * @throws When sigma is out of range.
 */
function addNoise(image: RgbImage, options: { readonly sigma: number; readonly seed: number }): RgbImage {
  const { sigma, seed } = options;
  if (!isSigma(sigma)) {
    throw new Error(
      `Cannot add noise to an image: expected a sigma above 0 and up to 1 but found ${sigma}`,
    );
  }
  const { data, width, height } = image;
  const random = createRandom(seed, "gaussian-noise");
  const noisy = new Uint8ClampedArray(data.length); // rounds to the nearest, and cuts off
  for (let i = 0; i < data.length; i++) noisy[i] = data[i] + 255 * sigma * random.normal();
  return { data: new Uint8Array(noisy.buffer), width, height };
}

function isSigma(level: number): boolean {
  return level > 0 && level <= 1;
}
