import { drawPart } from "../../../lib/images/fits/fit.ts";
import { fitNames, fits, fitStated } from "../../../lib/images/fits/mod.ts";
import { tiledCrop } from "../../../lib/images/fits/crop.ts";
import { loadImage } from "../../../lib/images/image.ts";
import { createHash } from "node:crypto";
import { assert, assertEquals } from "@std/assert";
import sharp from "sharp";

const fixture = (name: string) => new URL(`../../fixtures/fits/${name}`, import.meta.url);
const readFixture = async (name: string) => JSON.parse(await Deno.readTextFile(fixture(name)));

/** An image of that size whose bytes are a function of their place. */
function picture(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  return { data, width, height };
}

const digest = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

/** Grey pixels as an image. */
function grey(rows: readonly (readonly number[])[]) {
  const data = Uint8Array.from(rows.flat().flatMap((value) => [value, value, value]));
  return { data, width: rows[0].length, height: rows.length };
}

/** A square's grey pixels as rows. */
function rowsOf(data: Uint8Array, size: number): number[][] {
  return Array.from(
    { length: size },
    (_, y) => Array.from({ length: size }, (_, x) => data[(y * size + x) * 3]),
  );
}

Deno.test("tiledCrop() cuts out the centre, rounding half to even as torchvision does", () => {
  const [width, height, size] = [7, 5, 4];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => i);
  const result = tiledCrop({ data, width, height }, size);
  // left = round(1.5) = 2, top = round(0.5) = 0.
  assertEquals(Array.from(result.subarray(0, 3)), [6, 7, 8]);
  assertEquals(Array.from(result.subarray(size * 3, size * 3 + 3)), [27, 28, 29]);
});

Deno.test("tiledCrop() tiles an image with a side below the size before it cuts", () => {
  const result = tiledCrop(grey([[1, 2, 3]]), 4);
  // Tiled to 6 × 4, cut from the second column on, in every row.
  assertEquals(rowsOf(result, 4), Array(4).fill([2, 3, 1, 2]));
});

Deno.test("tiledCrop() gives the official tiling's and torchvision's bytes", async () => {
  const { cases } = await readFixture("tiled.json");
  for (const { width, height, sha256 } of cases) {
    assertEquals(digest(tiledCrop(picture(width, height))), sha256, `${width}×${height}`);
  }
});

Deno.test("fits.pad and fits.clip give the bytes of torchvision's transforms by Pillow", async () => {
  const { size, cases } = await readFixture("fits.json");
  for (const { width, height, ...expected } of cases) {
    for (const fit of ["pad", "clip"] as const) {
      const square = await fits[fit].apply(picture(width, height), { size });
      assertEquals(digest(square), expected[fit], `${fit} ${width}×${height}`);
    }
  }
});

Deno.test("fits.crop and fits.pad cut out the drawn part, mirrored where that is drawn", async () => {
  const image = grey([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]);
  for (const fit of [fits.crop, fits.pad]) {
    const cut = async (x: number, y: number, mirrored = false) =>
      rowsOf(await fit.apply(image, { size: 2, part: { x, y, mirrored } }), 2);
    assertEquals(await cut(0, 0), [[1, 2], [5, 6]]);
    assertEquals(await cut(0.99, 0.99), [[7, 8], [11, 12]]);
    assertEquals(await cut(0.5, 0, true), [[3, 2], [7, 6]]); // of three columns the middle one
  }
});

Deno.test("fits.pad puts black around a shorter side, the odd line to the right and below", async () => {
  const square = await fits.pad.apply(grey([[1, 2], [3, 4]]), { size: 5 });
  assertEquals(rowsOf(square, 5), [
    [0, 0, 0, 0, 0],
    [0, 1, 2, 0, 0],
    [0, 3, 4, 0, 0],
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
  ]);
});

Deno.test("drawPart() is a function of seed, epoch and place, and draws every part and both sides", () => {
  const draw = (place: number, epoch = 1, seed = 0) => drawPart({ seed, epoch, place });
  assertEquals(draw(3), draw(3));
  const all = Array.from({ length: 1000 }, (_, place) => draw(place));
  assertEquals(new Set(all.map(({ x }) => x)).size, 1000);
  assert(draw(3).x !== draw(3, 2).x && draw(3).x !== draw(3, 1, 1).x);
  const sides = [
    all.filter(({ x }) => x < 0.5),
    all.filter(({ y }) => y < 0.5),
    all.filter(({ mirrored }) => mirrored),
  ];
  // Of 1,000 even draws between 419 and 581 fall on either side, but for one in three million.
  for (const { length } of sides) assert(length > 418 && length < 582, `${length}`);
});

Deno.test("loadImage() brings an image to size by its fit, after what perturbs it", async () => {
  const { data, width, height } = picture(40, 30);
  const png = await sharp(data, { raw: { width, height, channels: 3 } }).png().toBuffer();
  for (const fit of fitNames) {
    const expected = await fits[fit].apply({ data: data.slice(), width, height }, { size: 24 });
    assertEquals(await loadImage(png, { size: 24, fit }), expected, fit);
    if (fit === "resize") assertEquals(await loadImage(png, { size: 24 }), expected);
    const perturbed = await loadImage(png, { size: 24, fit, jpegQuality: 30 });
    assert(perturbed.some((byte, i) => byte !== expected[i]), fit);
  }
});

Deno.test("fitStated() finds each way by the words that files have for it, and none by others", () => {
  assertEquals(fitNames.map((name) => fitStated(fits[name].text)), [...fitNames]);
  assertEquals(fitStated("centre"), undefined);
});
