import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { gaussianNoise } from "../../../lib/images/perturbations/gaussian_noise.ts";
import type { RgbImage } from "../../../lib/images/resize.ts";
import { falls, picture, statistics, statisticsUnder } from "./statistics.ts";

const [width, height] = [200, 150];
const samples = 3 * width * height;
const flat = (value: number): RgbImage => ({ data: new Uint8Array(samples).fill(value), width, height });
const noisy = async (value: number, sigma: number, seed: number) =>
  Array.from((await gaussianNoise.apply(flat(value), sigma, { seed })).data);
const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
const deviation = (values: readonly number[]) => {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((each) => (each - centre) ** 2)));
};

for (const sigma of [0.01, 0.03, 0.05, 0.1]) {
  Deno.test(`gaussian-noise-${sigma} has mean 0 and standard deviation ${sigma}, and its tails`, async () => {
    const noise = (await noisy(128, sigma, 3)).map((value) => value - 128);
    const expected = Math.hypot(255 * sigma, Math.sqrt(1 / 12)); // rounding adds its own variance
    // Four standard errors of the mean and of the deviation of 90,000 draws.
    assertAlmostEquals(mean(noise), 0, 4 * expected / Math.sqrt(samples));
    assertAlmostEquals(deviation(noise), expected, 4 * expected / Math.sqrt(2 * samples));
    // Of a normal distribution 4.55 % lie beyond two standard deviations;
    const bound = Math.floor(2 * 255 * sigma) + 0.5;
    const beyond = noise.filter((value) => Math.abs(value) > bound).length / samples;
    assertAlmostEquals(beyond, 2 * upperTail(bound / (255 * sigma)), 4 * Math.sqrt(0.05 / samples));
  });
}

/** The share of a standard normal distribution above `from`, by Simpson's rule. */
function upperTail(from: number): number {
  const [steps, to] = [2000, 9];
  const width = (to - from) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    sum += (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp(-0.5 * (from + i * width) ** 2);
  }
  return sum * width / 3 / Math.sqrt(2 * Math.PI);
}

Deno.test("gaussian-noise cuts off at black and white, and does not wrap", async () => {
  const sigma = 0.2;
  for (const [value, side] of [[0, 1], [255, -1]]) {
    const noise = (await noisy(value, sigma, 5)).map((each) => (each - value) * side);
    assert(noise.every((each) => each >= 0 && each <= 255));
    // Half of the draws are beyond the end, and 0.4 % of the rest round to it; a half-normal distribution's mean is sigma / √(2π).
    const atEnd = noise.filter((each) => each === 0).length / samples;
    assertAlmostEquals(atEnd, 0.5 + (0.5 - upperTail(0.5 / (255 * sigma))), 4 * Math.sqrt(0.25 / samples));
    const spread = 255 * sigma;
    assertAlmostEquals(mean(noise), spread / Math.sqrt(2 * Math.PI), 4 * spread / Math.sqrt(samples));
  }
});

Deno.test("gaussian-noise is another in each channel, beside it, below it, and of another seed", async () => {
  const noise = (await noisy(128, 0.1, 7)).map((value) => value - 128);
  const other = (await noisy(128, 0.1, 8)).map((value) => value - 128);
  const variance = deviation(noise) ** 2;
  const correlation = (from: readonly number[], apart: number) =>
    mean(noise.slice(0, samples - apart).map((value, i) => value * from[i + apart])) / variance;
  // Four standard errors of a correlation of independent draws.
  const most = 4 / Math.sqrt(samples - 3 * width);
  for (const apart of [1, 2, 3, 3 * width]) assert(Math.abs(correlation(noise, apart)) < most, `${apart}`);
  assert(Math.abs(correlation(other, 0)) < most);
});

Deno.test("gaussian-noise of one seed is the same again, whatever was drawn before, and the same pattern at each level", async () => {
  const first = await noisy(128, 0.05, 11);
  await noisy(128, 0.05, 12);
  assertEquals(await noisy(128, 0.05, 11), first);
  assertNotEquals(await noisy(128, 0.05, 12), first);
  const double = await noisy(128, 0.1, 11);
  // Each is rounded by itself.
  assert(double.every((value, i) => Math.abs((value - 128) - 2 * (first[i] - 128)) <= 1.5));
});

Deno.test("gaussian-noise adds detail, the more the higher its level", async () => {
  const all = [statistics(picture), ...await statisticsUnder(gaussianNoise)];
  assert(falls(all.map(({ detail }) => -detail)));
});
