import { assert, assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";
import { decodeImage, withImage } from "../../lib/images/image.ts";

const folder = new URL("../fixtures/damaged/", import.meta.url).pathname;

type Expected = { size: [number, number]; native: string } | { error: string };
const expected = Object.entries(
  JSON.parse(await Deno.readTextFile(`${folder}damaged.json`)) as Record<string, Expected>,
);

Deno.test("decodeImage() refuses the damaged and foreign images that Pillow refuses", async () => {
  const refused = expected.filter(([, each]) => "error" in each).map(([name]) => name);
  assertEquals(refused.length, 14);
  for (const name of refused) {
    const { message } = await assertRejects(() => decodeImage(folder + name), Error, name);
    assertMatch(
      message,
      /^Cannot read image .*: expected a JPEG, PNG, WebP, GIF or TIFF image but found a (JPEG|TIFF) /,
    );
  }
});

Deno.test("decodeImage() gives Pillow's bytes for TIFFs that lie on their side, signed and 16-bit ones, and JPEGs with warnings", async () => {
  for (const [name, each] of expected) {
    if ("error" in each || name.endsWith(".avif")) continue;
    const { data, width, height } = await decodeImage(folder + name);
    assertEquals([width, height], each.size, name);
    assertEquals(createHash("sha256").update(data).digest("hex"), each.native, name);
  }
});

Deno.test("decodeImage() turns and mirrors no AVIF, as Pillow", async () => {
  for (const name of ["turned1.avif", "turned2.avif", "turned5.avif", "turned6.avif"]) {
    const ours = await decodeImage(folder + name);
    const pillows = await decodeImage(`${folder}${name}.png`);
    assertEquals([ours.width, ours.height], [pillows.width, pillows.height]);
    // libheif and libavif round YCbCr to RGB differently.
    assertLess(Math.max(...ours.data.map((value, i) => Math.abs(value - pillows.data[i]))), 2, name);
  }
});

/** A black PNG of one bit a pixel, which takes little room in a file. */
function blackPng(width: number, height: number): Uint8Array {
  const chunk = (name: string, body: Uint8Array) => {
    const named = Uint8Array.from([...new TextEncoder().encode(name), ...body]);
    const [length, check] = [new Uint8Array(4), new Uint8Array(4)];
    new DataView(length.buffer).setUint32(0, body.length);
    new DataView(check.buffer).setUint32(0, crc32(named));
    return [...length, ...named, ...check];
  };
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header[8] = 1;
  const rows = deflateSync(new Uint8Array((1 + Math.ceil(width / 8)) * height));
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10],
    ...chunk("IHDR", header),
    ...chunk("IDAT", rows),
    ...chunk("IEND", new Uint8Array()),
  ]);
}

Deno.test("decodeImage() refuses an image of more pixels than Pillow takes, before it decodes any", async () => {
  const { message } = await assertRejects(() => decodeImage(blackPng(16_000, 12_000)), Error);
  assertMatch(
    message,
    /but found 16000 × 12000 pixels, more than the 178956970 from which on Pillow refuses an image; make it smaller/,
  );
});

Deno.test("withImage() lets images wait while 100 million pixels are in use", async () => {
  const bomb = blackPng(8000, 6500);
  let inUse = 0;
  let most = 0;
  await Promise.all([bomb, bomb, bomb].map((bytes) =>
    withImage(bytes, async ({ width, height }) => {
      assertEquals([width, height], [8000, 6500]);
      most = Math.max(most, ++inUse);
      await new Promise((resolve) => setTimeout(resolve, 50));
      inUse--;
    })
  ));
  assertEquals(most, 1);
});

Deno.test("withImage() gives its pixels back when an image cannot be decoded or its use fails", async () => {
  const cut = blackPng(8000, 6500).slice(0, -40);
  for (let i = 0; i < 3; i++) await assertRejects(() => decodeImage(cut), Error);
  for (let i = 0; i < 3; i++) {
    await assertRejects(() => withImage(blackPng(8000, 6500), () => Promise.reject(new Error("no"))), Error);
  }
  assert((await decodeImage(blackPng(3, 2))).data.every((value) => value === 0));
});
