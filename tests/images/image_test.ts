import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import fc from "fast-check";
import sharp from "sharp";
import { decodeImage, loadImage, releaseBytes } from "../../lib/images/image.ts";
import { perturbations } from "../../lib/images/perturbations/mod.ts";
import { nativeResize, resize, resizeAside, resizeSymbols } from "../../lib/images/resize.ts";
import { openNative } from "../../lib/backend/native.ts";
import { createRandom } from "../../lib/base/random.ts";
import { compilesFor } from "../backend/native.ts";

const fixtures = new URL("../fixtures/", import.meta.url).pathname;

async function sha256(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource)).toHex();
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, Error)).message;
}

type Case = { file: string; jpegQuality: number | null; size: [number, number]; sha256: string };
const { cases } = JSON.parse(await Deno.readTextFile(`${fixtures}images.json`)) as { cases: Case[] };

for (const file of new Set(cases.map((c) => c.file))) {
  Deno.test(`loadImage() gives Pillow's bytes for ${file} with and without a JPEG round trip`, async () => {
    for (const { jpegQuality, sha256: expected } of cases.filter((c) => c.file === file)) {
      const rgb = await loadImage(`${fixtures}images/${file}`, { jpegQuality: jpegQuality ?? undefined });
      assertEquals(rgb.length, 224 * 224 * 3);
      assertEquals(await sha256(rgb), expected, `JPEG quality ${jpegQuality}`);
    }
  });
}

Deno.test("loadImage() gives Pillow's bytes for 16-bit, palette, profile, CMYK, WebP, GIF and TIFF files", async () => {
  const expected = JSON.parse(await Deno.readTextFile(`${fixtures}modes/modes.json`));
  for (const [file, { native, size64 }] of Object.entries<{ native: string; size64: string }>(expected)) {
    const path = `${fixtures}modes/${file}`;
    assertEquals(await sha256((await decodeImage(path)).data), native, file);
    assertEquals(await sha256(await loadImage(path, { size: 64 })), size64, file);
  }
});

Deno.test("loadImage() reads bytes as it reads the file that holds them", async () => {
  const path = `${fixtures}images/mixed.png`;
  assertEquals(await loadImage(await Deno.readFile(path)), await loadImage(path));
});

Deno.test("decodeImage() keeps the size of the file and ignores its EXIF orientation", async () => {
  const { data, width, height } = await decodeImage(`${fixtures}images/rotated.jpg`);
  assertEquals([width, height, data.length], [420, 300, 420 * 300 * 3]);
});

Deno.test("decodeImage() removes alpha without blending", async () => {
  const pixel = await sharp(Uint8Array.of(200, 100, 50, 0), { raw: { width: 1, height: 1, channels: 4 } })
    .png()
    .toBuffer();
  assertEquals((await decodeImage(pixel)).data, Uint8Array.of(200, 100, 50));
});

Deno.test("loadImage() takes a perturbation or the JPEG quality that is short for one, and not both", async () => {
  const path = `${fixtures}images/up.png`;
  const perturbation = { kind: perturbations.jpeg, level: 50 };
  assertEquals(await loadImage(path, { perturbation }), await loadImage(path, { jpegQuality: 50 }));
  assertEquals(
    await messageOf(loadImage(path, { perturbation, jpegQuality: 30 })),
    "Cannot perturb image: expected one perturbation but found jpeg-50 and JPEG quality 30",
  );
  assertStringIncludes(await messageOf(loadImage(path, { jpegQuality: 0 })), "quality from 1 to 100");
});

Deno.test("loadImage() names the file whose bytes it is given", async () => {
  const path = `${fixtures}images/up.png`;
  const bytes = await Deno.readFile(path);
  assertEquals(await loadImage("elsewhere.png", { bytes }), await loadImage(path));
  assertStringIncludes(
    await messageOf(loadImage("elsewhere.png", { bytes: bytes.slice(0, 99) })),
    "elsewhere.png",
  );
});

Deno.test("loadImage() finds the format by content and takes any file name", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/Ünï côdé 图 #1%.TXT`;
    await Deno.copyFile(`${fixtures}images/one.png`, path);
    assertEquals(
      await loadImage(path, { size: 2 }),
      await loadImage(`${fixtures}images/one.png`, { size: 2 }),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("resize() halves two pixels to their mean and rounds halves up", () => {
  const image = { data: Uint8Array.of(0, 10, 255, 1, 20, 255), width: 2, height: 1 };
  assertEquals(resize(image, { width: 1, height: 1 }).data, Uint8Array.of(1, 15, 255));
});

Deno.test("resize() enlarges by interpolating between pixel centres", () => {
  // Output centres fall at input positions -0.25, 0.25, 0.75, 1.25: weights 1, 3/4 : 1/4, 1/4 : 3/4, 1.
  const image = { data: Uint8Array.of(0, 0, 0, 100, 200, 40), width: 2, height: 1 };
  assertEquals(
    resize(image, { width: 4, height: 1 }).data,
    Uint8Array.of(0, 0, 0, 25, 50, 10, 75, 150, 30, 100, 200, 40),
  );
});

Deno.test("resize() keeps a flat image flat and a range within its bounds at any size", () => {
  const side = fc.integer({ min: 1, max: 90 });
  fc.assert(
    fc.property(side, side, side, side, fc.integer({ min: 0, max: 255 }), (w, h, width, height, value) => {
      const flat = { data: new Uint8Array(w * h * 3).fill(value), width: w, height: h };
      const resized = resize(flat, { width, height });
      assertEquals([resized.width, resized.height, resized.data.length], [width, height, width * height * 3]);
      assert(resized.data.every((sample) => sample === value));
    }),
    { numRuns: 60 },
  );
});

Deno.test("resize() returns the image itself when nothing changes", () => {
  const image = { data: Uint8Array.of(1, 2, 3), width: 1, height: 1 };
  assert(resize(image, { width: 1, height: 1 }) === image);
});

const side = fc.integer({ min: 1, max: 300 });
const resizings = fc.record({
  width: side,
  height: side,
  filter: fc.constantFrom("bilinear" as const, "bicubic" as const),
  cut: fc.option(fc.tuple(side, side, side)),
}).map(({ cut, ...whole }) => {
  if (!cut) return whole;
  const size = 1 + cut[0] % Math.min(whole.width, whole.height);
  const [left, top] = [cut[1] % (whole.width - size + 1), cut[2] % (whole.height - size + 1)];
  return { ...whole, square: { left, top, size } };
});

function noiseOf(width: number, height: number, seed: number) {
  const random = createRandom("pixels", seed);
  return { data: Uint8Array.from({ length: width * height * 3 }, () => random.bits()), width, height };
}

Deno.test("resizeAside() gives resize()'s bytes at any size, by any filter, of all or a square", async () => {
  await fc.assert(
    fc.asyncProperty(side, side, resizings, fc.integer(), async (w, h, resizing, seed) => {
      const image = noiseOf(w, h, seed);
      assertEquals(await resizeAside(image, resizing), resize(image, resizing));
    }),
    { numRuns: 100 },
  );
});

Deno.test("resize() gives of a square what the whole has there", () => {
  const image = noiseOf(31, 23, 1);
  const whole = resize(image, { width: 12, height: 31, filter: "bicubic" });
  const square = { left: 3, top: 20, size: 9 };
  const { data } = resize(image, { width: 12, height: 31, filter: "bicubic", square });
  for (let y = 0; y < 9; y++) {
    const from = ((20 + y) * 12 + 3) * 3;
    assertEquals(data.slice(y * 27, y * 27 + 27), whole.data.slice(from, from + 27));
  }
});

Deno.test({
  name: "resizeAside()'s C++ gives the same bytes without AVX-512",
  ignore: !await compilesFor("avx2"),
  fn: async () => {
    const { resize_by_avx2 } = await openNative("resize", resizeSymbols);
    fc.assert(
      fc.property(side, side, resizings, fc.integer(), (w, h, resizing, seed) => {
        const image = noiseOf(w, h, seed);
        const { sizes, across, down, target } = nativeResize(image, resizing);
        if (!across && !down) return;
        resize_by_avx2(image.data, sizes, across, down, target);
        assertEquals(target, resize(image, resizing).data);
      }),
      { numRuns: 100 },
    );
  },
});

Deno.test({
  name: "resizeAside() has its C++ where there are a compiler and AVX2",
  ignore: !await compilesFor("avx2"),
  fn: async () => {
    const { resize_supported } = await openNative("resize", resizeSymbols);
    assertNotEquals(resize_supported(), 0);
  },
});

Deno.test("releaseBytes() empties bytes, and loadImage() leaves alone those that it is given", async () => {
  const path = `${fixtures}images/up.png`;
  const file = await Deno.readFile(path);
  const copy = file.slice();
  const image = await loadImage(file, { jpegQuality: 50 });
  assertEquals(file, copy);
  releaseBytes(image);
  assertEquals(image.length, 0);
});

Deno.test("loadImage() refuses what it cannot read, with the path, what it expected and what it found", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const jpeg = await Deno.readFile(`${fixtures}images/down_q95.jpg`);
    const png = await Deno.readFile(`${fixtures}images/down.png`);
    const files: [name: string, content: Uint8Array, found: RegExp][] = [
      ["empty.png", new Uint8Array(), /found an empty file$/],
      ["notes.jpg", new TextEncoder().encode("not an image\n"), /found text$/],
      ["half.jpg", jpeg.subarray(0, jpeg.length / 2), /found a JPEG that is truncated or damaged/],
      ["no_end.jpg", jpeg.subarray(0, jpeg.length - 2), /found a JPEG that is truncated or damaged/],
      ["head.jpg", jpeg.subarray(0, 20), /found a JPEG that is truncated or damaged/],
      ["half.png", png.subarray(0, png.length / 2), /found a PNG that is truncated or damaged/],
      [
        "drawing.svg",
        new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        /text$/,
      ],
      ["bytes.png", Uint8Array.of(1, 2, 3, 200), /found 4 bytes of no known image format$/],
      ["paint.bmp", new TextEncoder().encode("BM\0\0\0\0\0\0"), /found a BMP file$/],
    ];
    for (const [name, content, found] of files) {
      const path = `${folder}/${name}`;
      await Deno.writeFile(path, content);
      const message = await messageOf(loadImage(path));
      assertStringIncludes(
        message,
        `Cannot read image ${path}: expected a JPEG, PNG, WebP, GIF or TIFF image but`,
      );
      assertMatch(message, found);
      assert(!message.includes("\n"), "one line");
    }
    assertMatch(await messageOf(loadImage(`${folder}/none.png`)), /expected a file but found no such file$/);
    assertMatch(await messageOf(loadImage(folder)), /expected a file but found a folder$/);
    assertMatch(
      await messageOf(loadImage(new Uint8Array())),
      /^Cannot read image \(bytes\): .* an empty file$/,
    );
    for (const size of [0, -1, 1.5, NaN]) {
      assertStringIncludes(await messageOf(loadImage(jpeg, { size })), "positive integer size");
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
