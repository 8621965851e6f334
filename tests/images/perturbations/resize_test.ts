import { assert, assertEquals, assertRejects } from "@std/assert";
import { resize } from "../../../lib/images/perturbations/resize.ts";
import { decodeImage, type RgbImage } from "../../../lib/images/image.ts";
import { fixture } from "../../tensors.ts";
import { driftOf, falls, picture, statistics, statisticsUnder } from "./statistics.ts";

const read = async (name: string): Promise<RgbImage> => await decodeImage(fixture(`perturb/${name}.png`));

for (const side of [224, 112, 64, 32]) {
  Deno.test(`resize-${side} gives Pillow's bytes for a resize to that side and back`, async () => {
    const source = await read("source"); // 110 × 90 pixels, so that two of the sides enlarge it
    assertEquals(await resize.apply(source, side, { seed: 0 }), await read(`resize_${side}`));
  });
}

Deno.test("resize leaves an image of the square's size as it is, in a copy", async () => {
  const image = { data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), width: 2, height: 2 };
  const result = await resize.apply(image, 2, { seed: 0 });
  assertEquals(result, image);
  assert(result.data.buffer !== image.data.buffer);
});

Deno.test("resize to one pixel leaves the mean", async () => {
  const image = { data: Uint8Array.of(0, 10, 255, 1, 20, 255), width: 2, height: 1 };
  assertEquals((await resize.apply(image, 1, { seed: 0 })).data, Uint8Array.of(1, 15, 255, 1, 15, 255));
});

Deno.test("resize refuses a side that is none", async () => {
  const image = { data: new Uint8Array(3), width: 1, height: 1 };
  for (const side of [0, 1.5, 4097]) {
    await assertRejects(
      async () => await resize.apply(image, side, { seed: 0 }),
      Error,
      `expected a side of 1 to 4096 pixels but found ${side}`,
    );
  }
});

Deno.test("resize takes detail, the more the smaller the side, and no brightness", async () => {
  const [before, after] = [statistics(picture), await statisticsUnder(resize)];
  assert(falls([before, ...after].map(({ detail }) => detail)));
  for (const each of after) assert(driftOf(each, before) < 0.5);
});
