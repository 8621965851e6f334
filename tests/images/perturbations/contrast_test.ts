import { assert, assertEquals, assertThrows } from "@std/assert";
import { contrast } from "../../../lib/images/perturbations/contrast.ts";
import { decodeImage, type RgbImage } from "../../../lib/images/image.ts";
import { fixture } from "../../tensors.ts";
import { driftOf, picture, statistics, statisticsUnder } from "./statistics.ts";

const read = async (name: string): Promise<RgbImage> => await decodeImage(fixture(`perturb/${name}.png`));

for (const factor of [0, 0.7, 0.9, 1.1, 1.3]) {
  Deno.test(`contrast-${factor} gives the bytes that Pillow and torchvision do`, async () => {
    assertEquals(
      await contrast.apply(await read("source"), factor, { seed: 0 }),
      await read(`contrast_${factor}`),
    );
  });
}

Deno.test("contrast multiplies distances from the mean grey, which weighs green most", () => {
  // Greys of pure red and pure green: 76 and 150, whose mean is 113.
  const image = { data: Uint8Array.of(255, 0, 0, 0, 255, 0), width: 2, height: 1 };
  const spread = (factor: number) => (contrast.apply(image, factor, { seed: 0 }) as RgbImage).data;
  assertEquals(spread(1), image.data);
  assertEquals(spread(0), new Uint8Array(6).fill(113));
  // 113 + 142 / 2 and 113 - 113 / 2, cut to whole numbers.
  assertEquals(spread(0.5), Uint8Array.of(184, 56, 56, 56, 184, 56));
  assertEquals(spread(2), image.data);
});

Deno.test("contrast refuses a factor that is none", () => {
  const image = { data: new Uint8Array(3), width: 1, height: 1 };
  for (const factor of [-0.1, 101]) {
    assertThrows(() => contrast.apply(image, factor, { seed: 0 }), Error, "expected a factor of 0 to 100");
  }
});

Deno.test("contrast multiplies the standard deviation by its level, and keeps the mean", async () => {
  const before = statistics(picture);
  for (const [i, each] of (await statisticsUnder(contrast)).entries()) {
    const factor = contrast.levels[i];
    const ratio = each.deviation / before.deviation;
    // A factor above 1 loses what is beyond black and white.
    const most = factor < 1 ? 1e-3 : 0.15 * (factor - 1);
    assert(Math.abs(ratio - factor) < most, `${ratio} for ${factor}`);
    assert(driftOf(each, before) < 2);
  }
});
