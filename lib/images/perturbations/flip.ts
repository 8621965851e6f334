/**
 * Mirror images.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import type { PerturbationKind } from "./perturbation.ts";

/** Left and right exchanged; the one level says that it is done once. */
export const flip: PerturbationKind = {
  family: "flip",
  title: "Flip",
  measure: "times",
  without: "not flipped",
  levels: [1],
  accepts: (times) => times === 1,
  apply: mirror,
};

/** @throws When `times` is not 1. */
function mirror({ data, width, height }: RgbImage, times: number): RgbImage {
  if (times !== 1) throw new Error(`Cannot flip an image: expected to do so 1 time but found ${times}`);
  const mirrored = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 3 * (y * width + x);
      mirrored.set(data.subarray(from, from + 3), 3 * (y * width + width - 1 - x));
    }
  }
  return { data: mirrored, width, height };
}
