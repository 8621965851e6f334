import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeImage, type RgbImage } from "../../../lib/images/image.ts";
import { blur, gaussianBlur } from "../../../lib/images/perturbations/gaussian_blur.ts";
import { fixture } from "../../tensors.ts";
import { driftOf, falls, picture, statistics, statisticsUnder } from "./statistics.ts";

const read = async (name: string): Promise<RgbImage> => await decodeImage(fixture(`perturb/${name}.png`));

/** Kernel and sigma of each picture that torchvision blurred, and how many of its 29,700 bytes are one level off. */
const cases = [[5, 0.5, 0], [7, 1, 0], [11, 1.5, 0], [13, 2, 0], [19, 3, 1]] as const;

for (const [i, [kernel, sigma, off]] of cases.entries()) {
  Deno.test(`gaussian-blur-${sigma} gives torchvision's bytes for a kernel of ${kernel} pixels`, async () => {
    const [source, expected] = [await read("source"), await read(`blur_${kernel}`)];
    const actual = await gaussianBlur.apply(source, gaussianBlur.levels[i], { seed: 0 });
    assertEquals([actual.width, actual.height], [expected.width, expected.height]);
    const apart = Array.from(expected.data, (value, at) => Math.abs(value - actual.data[at]));
    // One sum of sigma 3 is 201.499975, which torchvision's float32 makes 202.
    assertEquals(apart.filter((each) => each > 0), Array(off).fill(1));
    assertEquals(blur(source, { kernel, sigma }), actual);
  });
}

/** A picture of one row or column, the same in each channel. */
function line(values: readonly number[], { down = false } = {}): RgbImage {
  const data = Uint8Array.from(values.flatMap((value) => [value, value, value]));
  return down ? { data, width: 1, height: values.length } : { data, width: values.length, height: 1 };
}

Deno.test("blur() mirrors about the outermost pixel, as often as the kernel reaches beyond the picture", () => {
  const [one, two, three] = [1, 2, 3].map((distance) => Math.exp(-0.5 * distance ** 2));
  const total = 1 + 2 * (one + two + three);
  // …, b, a, b, a, b, … around each of two pixels.
  const near = (1 + 2 * two) / total;
  const expected = [near * 200 + (1 - near) * 10, near * 10 + (1 - near) * 200].map(Math.round);
  for (const down of [false, true]) {
    assertEquals(blur(line([200, 10], { down }), { kernel: 7, sigma: 1 }), line(expected, { down }));
    assertEquals(blur(line([77], { down }), { kernel: 7, sigma: 1 }), line([77], { down }));
  }
});

Deno.test("blur() keeps a flat picture, black and white to the last level", () => {
  for (const value of [0, 1, 128, 255]) {
    const flat = { data: new Uint8Array(3 * 20 * 10).fill(value), width: 20, height: 10 };
    for (const sigma of gaussianBlur.levels) assertEquals(blur(flat, { kernel: 19, sigma }), flat);
  }
});

Deno.test("blur() refuses an even kernel, and a sigma that is none", () => {
  const image = line([1, 2, 3]);
  for (const kernel of [0, -1, 4, 2.5, NaN]) {
    assertThrows(
      () => blur(image, { kernel, sigma: 1 }),
      Error,
      "expected a kernel of an odd number of pixels",
    );
  }
  for (const sigma of [0, -1, 101, NaN]) {
    assertThrows(() => blur(image, { kernel: 3, sigma }), Error, "expected a sigma above 0 and up to 100");
  }
});

Deno.test("gaussian-blur takes detail, the more the higher its level, and no brightness", async () => {
  const [before, after] = [statistics(picture), await statisticsUnder(gaussianBlur)];
  assert(falls([before, ...after].map(({ detail }) => detail)));
  for (const each of after) assert(driftOf(each, before) < 0.1);
});
