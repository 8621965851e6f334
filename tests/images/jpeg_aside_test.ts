import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import sharp from "sharp";
import { openNative } from "../../lib/backend/native.ts";
import { createRandom } from "../../lib/base/random.ts";
import { decodeImage } from "../../lib/images/image.ts";
import { jpegResized, jpegSymbols } from "../../lib/images/jpeg_aside.ts";
import { jpegSize } from "../../lib/images/jpeg_fault.ts";
import { resize, type Resizing } from "../../lib/images/resize.ts";
import { compilesFor } from "../backend/native.ts";

const fixtures = new URL("../fixtures/", import.meta.url).pathname;
const ignore = !await compilesFor("avx2");

async function jpegsOf(folder: string): Promise<{ name: string; bytes: Uint8Array }[]> {
  const names = (await Array.fromAsync(Deno.readDir(fixtures + folder))).map(({ name }) => name).sort();
  const jpegs = names.filter((name) => name.endsWith(".jpg"));
  return await Promise.all(
    jpegs.map(async (name) => ({ name, bytes: await Deno.readFile(`${fixtures}${folder}/${name}`) })),
  );
}

/** In one go, and decoded by libjpeg first; the second only where there is the first. */
async function bothWays(bytes: Uint8Array, resizing?: Resizing) {
  const image = jpegSize(bytes);
  const wanted = resizing ?? image;
  const square = image && await jpegResized(bytes, { image, resizing: wanted! });
  return square && { square, expected: resize(await decodeImage(bytes), wanted!).data };
}

/** A JPEG of shapes or noise. */
async function drawn(
  { width, height, seed, ...options }: {
    width: number;
    height: number;
    seed: number;
    isGrey: boolean;
    quality: number;
    chromaSubsampling: string;
    optimiseCoding: boolean;
  },
): Promise<Uint8Array> {
  const random = createRandom("jpeg", seed);
  const step = 1 + random.bits() % 40;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = i % step === 0 ? random.bits() : data[Math.max(0, i - 3)];
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  return await (options.isGrey ? image.toColourspace("b-w") : image).jpeg(options).toBuffer();
}

const pictures = fc.record({
  width: fc.integer({ min: 8, max: 150 }),
  height: fc.integer({ min: 1, max: 150 }),
  seed: fc.integer(),
  isGrey: fc.boolean(),
  quality: fc.integer({ min: 1, max: 100 }),
  chromaSubsampling: fc.constantFrom("4:2:0", "4:4:4"),
  optimiseCoding: fc.boolean(),
});

Deno.test({
  name: "jpegResized() has its C++ where there are a compiler and AVX2",
  ignore,
  fn: async () => assertNotEquals((await openNative("jpeg", jpegSymbols)).jpeg_supported(), 0),
});

Deno.test({
  name: "jpegResized() gives libjpeg's pixels, resized, of any size, quality and subsampling",
  ignore,
  fn: async () => {
    await fc.assert(
      fc.asyncProperty(pictures, fc.option(fc.integer({ min: 1, max: 90 })), async (picture, side) => {
        const both = await bothWays(
          await drawn(picture),
          side === null ? undefined : { width: side, height: side },
        );
        assert(both, "not taken");
        assertEquals(both.square, both.expected);
      }),
      { numRuns: 100 },
    );
  },
});

Deno.test({
  name: "jpegResized() gives libjpeg's pixels of chroma halved along rows, and of data with restart markers",
  ignore,
  fn: async () => {
    for (const { name, bytes } of await jpegsOf("jpeg")) {
      const both = await bothWays(bytes);
      assert(both, `${name} not taken`);
      assertEquals(both.square, both.expected, name);
    }
  },
});

Deno.test({
  name: "jpegResized() gives the square of a bicubic resize",
  ignore,
  fn: async () => {
    const [{ bytes }] = await jpegsOf("jpeg");
    const square = { left: 5, top: 3, size: 20 };
    const both = await bothWays(bytes, { width: 40, height: 30, filter: "bicubic", square });
    assert(both);
    assertEquals(both.square.length, 20 * 20 * 3);
    assertEquals(both.square, both.expected);
  },
});

Deno.test({
  name: "jpegResized() leaves progressive pictures, CMYK, narrow ones and those of another size to others",
  ignore,
  fn: async () => {
    const create = { width: 40, height: 40, channels: 3, background: "teal" } as const;
    assertEquals(await bothWays(await sharp({ create }).jpeg({ progressive: true }).toBuffer()), undefined);
    assertEquals(await bothWays(await Deno.readFile(`${fixtures}images/cmyk.jpg`)), undefined);
    assertEquals(
      await bothWays(await sharp({ create: { ...create, width: 7 } }).jpeg().toBuffer()),
      undefined,
    );
    const bytes = await sharp({ create }).jpeg().toBuffer();
    const options = { image: { width: 40, height: 41 }, resizing: { width: 8, height: 8 } };
    assertEquals(await jpegResized(bytes, options), undefined);
  },
});

Deno.test({
  name: "jpegResized() takes no damaged file that is refused, or decoded otherwise, by libjpeg",
  ignore,
  fn: async () => {
    for (const { name, bytes } of await jpegsOf("damaged")) {
      const both = await bothWays(bytes);
      assertEquals(both?.square, both?.expected, name);
    }
    const change = fc.record({ place: fc.nat(), value: fc.constantFrom(0, 1, 0x7f, 0xd9, 0xff) });
    await fc.assert(
      fc.asyncProperty(
        pictures,
        fc.array(change, { minLength: 1, maxLength: 3 }),
        async (picture, changes) => {
          const bytes = (await drawn(picture)).slice();
          for (const { place, value } of changes) bytes[place % bytes.length] = value;
          const both = await bothWays(bytes);
          assertEquals(both?.square, both?.expected);
        },
      ),
      { numRuns: 100 },
    );
  },
});
