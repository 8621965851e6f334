import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import sharp from "sharp";
import { mapKinds } from "../../lib/model/maps/mod.ts";
import { mapMost, mapPicture } from "../../lib/report/map_picture.ts";

const grey = new Uint8Array(32 * 32 * 3).fill(128);
const { gradient, rollout } = mapKinds;

/** The colour at a place of a picture, in units before it is enlarged. */
async function colourAt(jpeg: Uint8Array, x: number, y: number): Promise<number[]> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  const at = (Math.round(1.6 * y) * info.width + Math.round(1.6 * x)) * 3;
  return [...data.subarray(at, at + 3)];
}

// The map begins at 292, 40 and is 264 wide: its four patches are 132 wide.
const [left, right, upper, lower] = [292 + 66, 292 + 198, 40 + 66, 40 + 198];

Deno.test("mapPicture() colours patches for fake and for real by the scale that it is given, and none at 0", async () => {
  const options = { title: "T", kind: gradient, demo: false };
  const { jpeg } = await mapPicture(grey, [0.5, -0.5, 0, 0.05], { ...options, most: 0.5 });
  const [fake, real, none] = await Promise.all(
    [[left, upper], [right, upper], [left, lower]].map(([x, y]) => colourAt(jpeg, x, y)),
  );
  assert(fake[0] > fake[2] + 60, `vermilion where the map speaks for fake, not ${fake}`);
  assert(real[2] > real[0] + 60, `blue where it speaks for real, not ${real}`);
  for (const value of none) assert(Math.abs(value - 128) < 6); // JPEG rounds a flat grey by a few levels
  const weak = await mapPicture(grey, [0.5, -0.5, 0, 0.05], { ...options, most: 5 });
  const [paler] = await colourAt(weak.jpeg, left, upper);
  assert(Math.abs(paler - 128) < 20, `a tenth of the scale is pale, not ${paler}`);
  const photo = await colourAt(jpeg, 14 + 66, upper);
  for (const value of photo) assert(Math.abs(value - 128) < 6); // beside it the image as it is
});

Deno.test("mapPicture() draws a map without sign in a colour of neither class, its scale from 0", async () => {
  const options = { title: "T", kind: rollout, demo: false, most: 0.1 };
  const { jpeg } = await mapPicture(grey, [0.1, 0, 0, 0], options);
  const [red, green, blue] = await colourAt(jpeg, left, upper);
  assert(green > red + 60 && green > blue, `green, not ${[red, green, blue]}`);
  const [start, end] = await Promise.all([16, 270].map((x) => colourAt(jpeg, x, 40 + 264 + 14 + 6)));
  assert(Math.max(...start) - Math.min(...start) < 12, `no colour at 0, not ${start}`);
  assert(end[1] > end[0] + 60, `green at the upper end, not ${end}`);
});

Deno.test("mapPicture() breaks long lines, escapes them, and says all of them in words", async () => {
  const options = { title: "<b>", kind: gradient, demo: true, most: 1 };
  const one = await mapPicture(grey, [1, 0, 0, 0], { ...options, lines: ["short & <i>"] });
  const long = await mapPicture(grey, [1, 0, 0, 0], { ...options, lines: ["word ".repeat(40).trim()] });
  const heights = await Promise.all(
    [one, long].map(async ({ jpeg }) => (await sharp(jpeg).metadata()).height!),
  );
  assertEquals(heights[1] - heights[0], Math.round(1.6 * 2 * 17)); // 199 characters are three lines
  assertEquals(one.text, "DEMO: <b>\nshort & <i>");
  assertStringIncludes(long.text, "word word");
});

Deno.test("mapMost() is one scale for all maps, for all but one patch in a hundred, and no less than 0.25 of a logit", () => {
  const map = Array.from({ length: 100 }, (_, i) => i === 0 ? -9 : 0.5);
  assertEquals(mapMost([map, new Array(100).fill(0.25)], gradient), 0.5);
  assertEquals(mapMost([[0.01, -0.02]], gradient), 0.25);
  assertEquals(mapMost([[0.01, 0.01]], rollout), 0.01);
  assertEquals(mapMost([], gradient), 0.25);
});
