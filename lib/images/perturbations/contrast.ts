/**
 * Contrast.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import { blendTable, isFactor } from "./blend.ts";
import type { PerturbationKind } from "./perturbation.ts";

/**
 * Every sample's distance from the image's mean grey multiplied by a factor, as torchvision's `adjust_contrast` does a Pillow image;
 * levels are the factors.
 */
export const contrast: PerturbationKind = {
  family: "contrast",
  title: "Contrast",
  measure: "factor",
  without: "not changed",
  levels: [0.9, 1.1, 0.7, 1.3],
  neutral: 1,
  accepts: isFactor,
  apply: spreadLevels,
};

/** @throws When the factor is out of range. */
function spreadLevels(image: RgbImage, factor: number): RgbImage {
  if (!isFactor(factor)) {
    throw new Error(`Cannot change an image's contrast: expected a factor of 0 to 100 but found ${factor}`);
  }
  const { data, width, height } = image;
  const table = blendTable(Math.floor(meanGrey(image) + 0.5), factor);
  return { data: data.map((level) => table[level]), width, height };
}

/** Mean of the image as grey, with each pixel's grey rounded as Pillow's `convert("L")` does: ITU-R 601 in sixteen bits. */
function meanGrey({ data, width, height }: RgbImage): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) {
    sum += (19595 * data[i] + 38470 * data[i + 1] + 7471 * data[i + 2] + 0x8000) >> 16;
  }
  return sum / (width * height);
}
