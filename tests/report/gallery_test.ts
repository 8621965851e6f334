import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import sharp from "sharp";
import { drawGallery, galleryHtml } from "../../lib/report/gallery.ts";
import type { Tile } from "../../lib/report/pictures.ts";

const tile = (changes: Partial<Tile> = {}): Tile => ({
  ...{ image: new Uint8Array(32 * 32 * 3).fill(128), label: 1, caption: ["fake", "swap"] },
  ...changes,
});

/** The mean colour of the left half of a JPEG. */
async function leftHalf(jpeg: Uint8Array): Promise<number[]> {
  const { width, height } = await sharp(jpeg).metadata();
  const half = await sharp(jpeg).extract({ left: 0, top: 0, width: width! >> 1, height: height! }).png()
    .toBuffer();
  return (await sharp(half).stats()).channels.map(({ mean }) => mean);
}

Deno.test("drawGallery() draws all maps of all photographs on one scale", async () => {
  const maps = [[1, 0, 1, 0], [-0.5, 0, -0.5, 0]];
  const { photos, scale } = await drawGallery(
    maps.map((map) => [tile(), tile({ map })]),
    { title: "T", subtitle: "S", scale: "Share" },
  );
  assertEquals(scale, { title: "Share", most: 1 });
  const [strong, weak] = await Promise.all(photos.map(({ jpegs }) => leftHalf(jpegs[1])));
  // At the full size of 1 vermilion (213, 94, 0) covers four fifths of the grey 128, at half of it blue (0, 114, 178) two fifths.
  for (const [mean, expected] of [[strong, [196, 101, 26]], [weak, [77, 122, 148]]] as const) {
    // JPEG rounds flat colours by a few levels.
    expected.forEach((value, i) => assert(Math.abs(mean[i] - value) < 6, `${mean} instead of ${expected}`));
  }
  const plain = await leftHalf(photos[0].jpegs[0]);
  assert(plain.every((value) => Math.abs(value - 128) < 3), `${plain}`);
});

Deno.test("galleryHtml() holds its images, says in words what they are, and escapes every text", async () => {
  const gallery = await drawGallery(
    [[tile({ caption: ['"<fake>"', "a&b"] }), tile({ map: [2, 2, 2, 2], caption: ["logit +1.00"] })]],
    { title: "<T>", subtitle: "<S>", scale: "<share>" },
  );
  const html = galleryHtml(gallery);
  for (
    const text of [
      "<h3>&lt;T&gt;</h3>",
      '<p class="note">&lt;S&gt;</p>',
      '<img class="fake" alt="Image: &quot;&lt;fake&gt;&quot;, a&amp;b" src="data:image/jpeg;base64,',
      '<strong class="fake">&quot;&lt;fake&gt;&quot;</strong><br>a&amp;b',
      'alt="Map: logit +1.00"',
      "≤ −2.0",
      "&lt;share&gt;; below 0: for real, above: for fake.",
    ]
  ) assertStringIncludes(html, text);
  const [, base64] = /base64,([^"]+)/.exec(html)!;
  assertEquals(Buffer.from(base64, "base64"), Buffer.from(gallery.photos[0].jpegs[0]));
});
