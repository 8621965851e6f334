/**
 * Brightness.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import { blendTable, isFactor } from "./blend.ts";
import type { PerturbationKind } from "./perturbation.ts";

/** Every sample multiplied by a factor, as torchvision's `adjust_brightness` does a Pillow image; levels are the factors. */
export const brightness: PerturbationKind = {
  family: "brightness",
  title: "Brightness",
  measure: "factor",
  without: "not changed",
  levels: [0.9, 1.1, 0.7, 1.3],
  neutral: 1,
  accepts: isFactor,
  apply: scaleLevels,
};

/** @throws When the factor is out of range. */
function scaleLevels({ data, width, height }: RgbImage, factor: number): RgbImage {
  if (!isFactor(factor)) {
    throw new Error(`Cannot change an image's brightness: expected a factor of 0 to 100 but found ${factor}`);
  }
  const table = blendTable(0, factor);
  return { data: data.map((level) => table[level]), width, height };
}
