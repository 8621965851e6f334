import { assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { InputError } from "../../lib/base/errors.ts";
import { alignFace, alignments, alignTransform } from "../../lib/faces/align.ts";
import {
  inverse,
  robustSimilarity,
  similarityTransform,
  transformPoints,
} from "../../lib/faces/transform.ts";
import { warp } from "../../lib/faces/warp.ts";
import { worstDifference } from "../tensors.ts";
import { compareAlignCases } from "./align_cases.ts";

const face = [51.7, 60.7, 97.3, 63.0, 75.0, 83.3, 56.0, 103.3, 93.3, 102.7];

Deno.test("transforms, aligned faces, sharpness and .npy files match scikit-image, OpenCV and NumPy", async () => {
  await compareAlignCases(fileURLToPath(new URL("../fixtures/faces", import.meta.url)));
});

Deno.test("similarityTransform() finds a quarter turn, twice as large and moved", () => {
  // x, y goes to -2y + 10, 2x + 20.
  const transform = similarityTransform([0, 0, 1, 0, 0, 3], [10, 20, 10, 22, 4, 20]);
  assertLess(worstDifference([...transform], [0, -2, 10, 2, 0, 20]), 1e-12);
  assertLess(worstDifference(transformPoints([5, 7], transform), [-4, 30]), 1e-12);
  assertLess(worstDifference(transformPoints([-4, 30], inverse(transform)), [5, 7]), 1e-12);
});

Deno.test("similarityTransform() refuses points that coincide, that are mirrored, and that are none", () => {
  const refuses = (from: number[], to: number[], expected: string) =>
    assertThrows(() => similarityTransform(from, to), InputError, expected);
  refuses([0.1, 0.2, 0.1, 0.2], [0, 0, 1, 1], "found that all coincide");
  refuses([900.1, 0.3, 900.1, 0.3, 900.1, 0.3], [0, 0, 1, 1, 5, 2], "found that all coincide");
  refuses([0, 0, 1, 1], [3, 3, 3, 3], "found that all coincide");
  refuses([0, 0, 1, 0, 0, 1, 1, 1], [1, 0, 0, 0, 1, 1, 0, 1], "only a mirror brings together");
  refuses([0, 0, NaN, 1], [0, 0, 1, 1], "found a point that is none");
  refuses([0, 0], [1, 1], "two at least, but found 1 and 1");
  assertThrows(
    () => robustSimilarity([0, 0, 1, 1], [0, 0, 1, 1]),
    InputError,
    "five points but found 2 and 2",
  );
});

Deno.test("robustSimilarity() leaves out the point that lies far off, which least squares on all does not", () => {
  const to = alignments.gend.template.map((value) => value * 100);
  const from = to.map((value, i) => value + (i === 4 ? 25 : 0)); // the nose
  const still = [1, 0, 0, 0, 1, 0];
  assertLess(worstDifference([...robustSimilarity(from, to)], still), 1e-5);
  assertLess(1, worstDifference([...similarityTransform(from, to)], still));
});

Deno.test("warp() moves by whole and half pixels, and is black where there is no image", () => {
  const image = { data: Uint8Array.from([10, 20, 30, 50, 60, 71]), width: 2, height: 1 };
  const moved = (x: number) => [...warp(image, [1, 0, x, 0, 1, 0], { width: 3, height: 1 }).data];
  assertEquals(moved(1), [0, 0, 0, 10, 20, 30, 50, 60, 71]);
  assertEquals(moved(0.5), [5, 10, 15, 30, 40, 51, 25, 30, 36]); // halves are rounded up
  assertEquals(moved(1e9), [0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("alignTransform() puts the five points where the template has them, smaller by the margin", () => {
  for (const alignment of ["similarity", "gend", "deepfakebench"] as const) {
    const { template } = alignments[alignment];
    // A face that looks as the template does, turned by 30° and 80 pixels wide.
    const [a, b] = [80 * Math.cos(Math.PI / 6), 80 * Math.sin(Math.PI / 6)];
    const landmarks5 = transformPoints(template, [a, -b, 300, b, a, 200]);
    const { transform, size } = alignTransform(landmarks5, { alignment, size: 130, scale: 1.3 });
    assertEquals(size, 130);
    // The template's square is 100 of 130 pixels, in the middle. Landmarks are rounded to float32.
    const expected = template.map((value) => 15 + 100 * value);
    assertLess(worstDifference(transformPoints(landmarks5, transform), expected), 1e-4);
  }
});

Deno.test("alignTransform() keeps the face's own size for GenD's geometry, and has sizes for the others", () => {
  const { template } = alignments.gend;
  const own = alignTransform(template.map((value) => 200 * value), { alignment: "gend" });
  assertEquals(own.size, 260);
  assertLess(worstDifference([...own.transform], [1, 0, 30, 0, 1, 30]), 1e-4);
  assertEquals(alignTransform(face).size, 224);
  const pairs = [0, 2, 4, 6, 8].map((i): [number, number] => [face[i], face[i + 1]]);
  assertEquals(alignTransform(pairs), alignTransform(face));
  assertEquals(alignTransform(face, { alignment: "deepfakebench" }).size, 256);
});

Deno.test("alignFace() refuses what is no face, image, size or scale", async () => {
  const image = { data: new Uint8Array(48), width: 4, height: 4 };
  const refuses = (expected: string, landmarks5: number[], options = {}, of = image) =>
    assertRejects(() => alignFace(of, landmarks5, options), InputError, expected);
  await refuses("expected five points, [x, y, x, y, …], but found [1, 2]", [1, 2]);
  await refuses("expected five points", face.with(3, NaN));
  await refuses("found that all coincide", Array(10).fill(7));
  await refuses("a size of 1 to 8192 pixels but found 0.5", face, { size: 0.5 });
  await refuses(
    "a size of 1 to 8192 pixels but found 0 for a face of its own size",
    face.map((x) => x / 1e4),
    {
      alignment: "gend",
    },
  );
  await refuses("a scale of 0.5 to 10 but found 0", face, { scale: 0 });
  await refuses("expected 5 × 4 × 3 bytes but found 48", face, {}, { ...image, width: 5 });
});
