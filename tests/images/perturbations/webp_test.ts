import { assert, assertEquals, assertRejects } from "@std/assert";
import { encodeWebp, webp } from "../../../lib/images/perturbations/webp.ts";
import { decodeImage, type RgbImage } from "../../../lib/images/image.ts";
import { fixture } from "../../tensors.ts";
import { driftOf, picture, statistics, statisticsUnder } from "./statistics.ts";

const read = async (name: string): Promise<RgbImage> => await decodeImage(fixture(`perturb/${name}.png`));

for (const quality of [80, 60, 40, 20]) {
  Deno.test(`webp-${quality} gives the bytes that Pillow's save at that quality does`, async () => {
    assertEquals(await webp.apply(await read("source"), quality, { seed: 0 }), await read(`webp_${quality}`));
  });
}

Deno.test("encodeWebp() writes lossy WebP, the smaller the lower the quality", async () => {
  const source = await read("source");
  let last = Infinity;
  for (const quality of [100, 80, 60, 40, 20, 1]) {
    const file = await encodeWebp(source, quality);
    const text = String.fromCharCode(...file.subarray(0, 16));
    assertEquals([text.slice(0, 4), text.slice(8)], ["RIFF", "WEBPVP8 "]); // VP8L would be without loss
    assert(file.length < last, `${file.length} bytes at ${quality}, ${last} at the one before`);
    last = file.length;
  }
});

Deno.test("webp refuses a quality that is none, and an image that the format cannot hold", async () => {
  const one = { data: new Uint8Array(3), width: 1, height: 1 };
  for (const quality of [0, 101, 50.5]) {
    await assertRejects(() => encodeWebp(one, quality), Error, "quality from 1 to 100");
  }
  const wide = { data: new Uint8Array(3 * 16_384), width: 16_384, height: 1 };
  await assertRejects(() => encodeWebp(wide, 50), Error, "at most 16383 pixels a side but found 16384 × 1");
});

Deno.test("webp keeps the mean of each channel", async () => {
  const before = statistics(picture);
  for (const each of await statisticsUnder(webp)) assert(driftOf(each, before) < 1);
});
