import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import sharp from "sharp";
import { photoGrid, type Tile } from "../../lib/report/pictures.ts";

const grey = new Uint8Array(32 * 32 * 3).fill(128);
const tile = (changes: Partial<Tile> = {}): Tile => ({
  image: grey,
  label: 1,
  caption: ["fake"],
  ...changes,
});

/** The colour at a place of a JPEG, in units of the grid before it is enlarged. */
async function colourAt(jpeg: Uint8Array, x: number, y: number): Promise<number[]> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  const at = (Math.round(1.6 * y) * info.width + Math.round(1.6 * x)) * 3;
  return [...data.subarray(at, at + 3)];
}

Deno.test("photoGrid() draws a map's positive patches in vermilion, negative in blue, and leaves others as they are", async () => {
  const { jpeg, text } = await photoGrid([tile({ map: [1, -1, 0, 0] })], { title: "Title", demo: true });
  // The tile begins at 12, 36 and is 128 wide: its four patches are 64 wide.
  const [red, , blue] = await colourAt(jpeg, 12 + 32, 36 + 32);
  assert(red > blue + 60, `vermilion where the map speaks for fake, not ${red} and ${blue}`);
  const [red2, , blue2] = await colourAt(jpeg, 12 + 96, 36 + 32);
  assert(blue2 > red2 + 60, `blue where it speaks for real, not ${red2} and ${blue2}`);
  const [red3, green3, blue3] = await colourAt(jpeg, 12 + 32, 36 + 96);
  // JPEG rounds a flat grey by a few levels.
  for (const value of [red3, green3, blue3]) assert(Math.abs(value - 128) < 6);
  assertStringIncludes(text, "DEMO: Title");
});

Deno.test("photoGrid() draws all maps by one scale, with the scale below them", async () => {
  const tiles = [tile({ map: [1, -1, 1, -1] }), tile({ map: [0.1, -0.1, 0.1, -0.1] })];
  const { jpeg } = await photoGrid(tiles, { title: "T", demo: false, scale: "Share of the logit" });
  const [strong, , weak] = await Promise.all(
    [0, 1, 2].map((at) => colourAt(jpeg, 12 + 32 + 70 * at, 36 + 32)),
  );
  assert(strong[0] - strong[2] > 5 * (weak[0] - weak[2]), `${strong} and ${weak}`);
  const { height } = await sharp(jpeg).metadata();
  const below = 36 + 128 + 6 + 15 + 12 + 4;
  assertEquals(height, Math.round(1.6 * (below + 44)));
  const [left, middle, right] = await Promise.all([14, 142, 270].map((x) => colourAt(jpeg, x, below + 6)));
  assert(left[2] > left[0] + 60 && right[0] > right[2] + 60, "blue at the lower end, vermilion at the upper");
  assert(Math.max(...middle) - Math.min(...middle) < 12, `no colour at 0, not ${middle}`);
});

Deno.test("photoGrid() wraps rows, escapes captions, and is small", async () => {
  const tiles = Array.from(
    { length: 7 },
    () => tile({ caption: ["<script>&", "a long caption that is cut in its middle"] }),
  );
  const { jpeg, text } = await photoGrid(tiles, { title: "T", demo: false, columns: 3 });
  const { width, height } = await sharp(jpeg).metadata();
  assertEquals([width, height], [
    Math.round(1.6 * 560),
    Math.round(1.6 * (36 + 3 * (128 + 6 + 30 + 12) + 4)),
  ]);
  assertStringIncludes(text, "<script>&");
  assert(jpeg.length < 100_000);
});

Deno.test("photoGrid() refuses an empty grid", async () => {
  await assertRejects(() => photoGrid([], { title: "T", demo: false }), Error, "expected at least one image");
});
