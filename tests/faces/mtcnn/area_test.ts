import { assertAlmostEquals, assertEquals } from "@std/assert";
import { areaSums, writeResized } from "../../../lib/faces/mtcnn/area.ts";

/** An image of one row whose red is `values`. */
function row(values: readonly number[]) {
  return {
    width: values.length,
    height: 1,
    data: Uint8Array.from(values.flatMap((value) => [value, 0, 255])),
  };
}

function reds(image: Parameters<typeof areaSums>[0], width: number, part: { left: number; right: number }) {
  const into = new Float32Array(width * 3);
  writeResized(areaSums(image), into, { part: { top: 0, bottom: 1, ...part }, width, height: 1 });
  for (let i = 0; i < width; i++) {
    assertEquals([into[3 * i + 1], into[3 * i + 2]], [-127.5 / 128, 127.5 / 128]);
  }
  return Array.from({ length: width }, (_, i) => into[3 * i] * 128 + 127.5);
}

Deno.test("writeResized() takes the mean of what each pixel touches, as an adaptive pool does", () => {
  const image = row([0, 30, 60, 90, 120]);
  // Of five pixels, those from ⌊5i/2⌋ to before ⌈5(i+1)/2⌉: the middle one twice.
  assertEquals(reds(image, 2, { left: 0, right: 5 }), [30, 90]);
  assertEquals(reds(image, 1, { left: 1, right: 4 }), [60]);
  assertEquals(reds(image, 4, { left: 2, right: 4 }), [60, 60, 90, 90]); // enlarged: the nearest
});

Deno.test("writeResized() writes some rows as it writes them with all others", () => {
  const [width, height] = [7, 11];
  const image = { width, height, data: crypto.getRandomValues(new Uint8Array(width * height * 3)) };
  const sums = areaSums(image);
  const options = { part: { left: 0, top: 0, right: width, bottom: height }, width: 5, height: 6 };
  const all = new Float32Array(6 * 5 * 3), some = new Float32Array(2 * 5 * 3);
  writeResized(sums, all, options);
  writeResized(sums, some, { ...options, rows: { from: 3, to: 5 } });
  assertEquals(some, all.subarray(3 * 5 * 3, 5 * 5 * 3));
});

Deno.test("areaSums() is right where sums pass 2³²", () => {
  const [width, height] = [4200, 4100]; // white: 4.4e9
  const sums = areaSums({ width, height, data: new Uint8Array(width * height * 3).fill(255) });
  const into = new Float32Array(3);
  const part = { left: 4000, top: 4000, right: 4200, bottom: 4100 };
  writeResized(sums, into, { part, width: 1, height: 1 });
  assertAlmostEquals(into[0], 127.5 / 128, 1e-7);
});
