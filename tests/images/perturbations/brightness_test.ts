import { assert, assertEquals, assertThrows } from "@std/assert";
import { brightness } from "../../../lib/images/perturbations/brightness.ts";
import { decodeImage, type RgbImage } from "../../../lib/images/image.ts";
import { fixture } from "../../tensors.ts";
import { picture, statistics, statisticsUnder } from "./statistics.ts";

const read = async (name: string): Promise<RgbImage> => await decodeImage(fixture(`perturb/${name}.png`));

for (const factor of [0, 0.7, 0.9, 1.1, 1.3]) {
  Deno.test(`brightness-${factor} gives the bytes that Pillow and torchvision do`, async () => {
    assertEquals(
      await brightness.apply(await read("source"), factor, { seed: 0 }),
      await read(`brightness_${factor}`),
    );
  });
}

Deno.test("brightness multiplies samples and cuts off what is beyond white and behind the point", () => {
  const image = { data: Uint8Array.of(0, 1, 10, 200, 254, 255), width: 2, height: 1 };
  const scaled = (factor: number) => (brightness.apply(image, factor, { seed: 0 }) as RgbImage).data;
  assertEquals(scaled(1), image.data);
  assertEquals(scaled(0.75), Uint8Array.of(0, 0, 7, 150, 190, 191));
  assertEquals(scaled(1.5), Uint8Array.of(0, 1, 15, 255, 255, 255));
});

Deno.test("brightness refuses a factor that is none", () => {
  const image = { data: new Uint8Array(3), width: 1, height: 1 };
  for (const factor of [-0.1, 101]) {
    assertThrows(() => brightness.apply(image, factor, { seed: 0 }), Error, "expected a factor of 0 to 100");
  }
});

Deno.test("brightness multiplies the mean by its level", async () => {
  const before = statistics(picture);
  for (const [i, { mean }] of (await statisticsUnder(brightness)).entries()) {
    const factor = brightness.levels[i];
    // Cutting to whole numbers takes half a level; a factor above 1 loses what is beyond white.
    const most = factor < 1 ? 0.5 / before.mean : 0.25 * (factor - 1);
    assert(Math.abs(mean / before.mean - factor) < most + 1e-3, `${mean / before.mean} for ${factor}`);
  }
});
