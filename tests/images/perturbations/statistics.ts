/**
 * What is measured of a picture to see what a perturbation does to it.
 *
 * @module
 */
import { decodeImage, type RgbImage } from "../../../lib/images/image.ts";
import type { PerturbationKind } from "../../../lib/images/perturbations/perturbation.ts";
import { fixture } from "../../tensors.ts";

/** A colourful picture of 420 × 300 pixels, with noise: larger than the side of any resize. */
export const picture: RgbImage = await decodeImage(fixture("images/down.png"));

/** What is measured of a picture. */
export type Statistics = {
  /** Of each channel. */
  readonly means: readonly number[];
  readonly mean: number;
  readonly deviation: number;
  /** How much neighbours differ: the variance of the Laplacian of green. */
  readonly detail: number;
};

/** Measures a picture. */
export function statistics({ data, width, height }: RgbImage): Statistics {
  const channel = (first: number) => {
    let sum = 0;
    for (let i = first; i < data.length; i += 3) sum += data[i];
    return sum / (width * height);
  };
  const means = [0, 1, 2].map(channel);
  const mean = (means[0] + means[1] + means[2]) / 3;
  const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  const green = (x: number, y: number) => data[3 * (y * width + x) + 1];
  let [sum, squares, count] = [0, 0, 0];
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++, count++) {
      const around = green(x - 1, y) + green(x + 1, y) + green(x, y - 1) + green(x, y + 1);
      const laplacian = around - 4 * green(x, y);
      sum += laplacian;
      squares += laplacian ** 2;
    }
  }
  return { means, mean, deviation, detail: squares / count - (sum / count) ** 2 };
}

/** The picture's statistics under each of a kind's levels, in their order. */
export async function statisticsUnder(kind: PerturbationKind): Promise<Statistics[]> {
  return await Promise.all(
    kind.levels.map(async (level) => statistics(await kind.apply(picture, level, { seed: 7 }))),
  );
}

/** Whether each number is less than the one before. */
export function falls(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value < values[i - 1]);
}

/** How far the mean of any channel is from that of another picture, in levels of 255. */
export function driftOf({ means }: Statistics, other: Statistics): number {
  return Math.max(...means.map((mean, i) => Math.abs(mean - other.means[i])));
}
