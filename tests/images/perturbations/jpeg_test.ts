import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { decodeImage } from "../../../lib/images/image.ts";
import { encodeJpeg, jpeg, jpegRoundTrip } from "../../../lib/images/perturbations/jpeg.ts";
import { fixture } from "../../tensors.ts";
import { driftOf, picture, statistics, statisticsUnder } from "./statistics.ts";

Deno.test("jpegRoundTrip() keeps the size and does not touch its input", async () => {
  const image = await decodeImage(fixture("images/up.png"));
  const before = image.data.slice();
  const result = await jpegRoundTrip(image, 30);
  assertEquals([result.width, result.height], [image.width, image.height]);
  assertEquals(image.data, before);
  for (const quality of [0, 101, 50.5, NaN]) {
    const { message } = await assertRejects(() => jpegRoundTrip(image, quality), Error);
    assertStringIncludes(message, "quality from 1 to 100");
  }
});

/** What JPEG's standard recommends for brightness at libjpeg's quality 50. */
const luminance = [
  ...[16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56],
  ...[14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92],
  ...[49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99],
];

Deno.test("encodeJpeg() quantises by libjpeg's tables for the quality, and the file is the smaller the lower it is", async () => {
  const image = await decodeImage(fixture("perturb/source.png"));
  let last = Infinity;
  for (const quality of [100, 95, 90, 80, 75, 60, 50, 40, 30, 20, 10, 1]) {
    const file = await encodeJpeg(image, quality);
    const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
    const expected = luminance.map((step) =>
      Math.max(1, Math.min(255, Math.floor((step * scale + 50) / 100)))
    );
    const marker = file.findIndex((byte, i) => byte === 0xff && file[i + 1] === 0xdb);
    const table = file.subarray(marker + 5, marker + 69); // in zigzag order
    const rising = (values: Iterable<number>) => [...values].sort((a, b) => a - b);
    assertEquals(rising(table), rising(expected), `quality ${quality}`);
    assert(file.length < last, `${file.length} bytes at ${quality}, ${last} at the one before`);
    last = file.length;
  }
});

Deno.test("jpeg keeps the mean of each channel", async () => {
  const before = statistics(picture);
  for (const each of await statisticsUnder(jpeg)) assert(driftOf(each, before) < 1);
});
