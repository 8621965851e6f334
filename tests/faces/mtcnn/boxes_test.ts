import { assertEquals } from "@std/assert";
import { corrected, squared, thinned } from "../../../lib/faces/mtcnn/boxes.ts";

const box = (left: number, top: number, right: number, bottom: number, score = 0) => ({
  ...{ left, top, right, bottom, score },
});

Deno.test("squared() keeps a box's centre and takes its longer side, also beyond the image", () => {
  assertEquals(squared(box(10, 0, 20, 30)), box(0, 0, 30, 30));
  assertEquals(squared(box(0, 10, 40, 20)), box(0, -5, 40, 35));
});

Deno.test("corrected() moves corners by the box's sides, counted with or without the last pixel", () => {
  assertEquals(corrected(box(0, 0, 10, 20), [0.1, 0.5, -0.5, 0], { extra: 0 }), box(1, 10, 5, 20));
  assertEquals(corrected(box(0, 0, 9, 19), [0.1, 0.5, -0.5, 0], { extra: 1 }), box(1, 10, 4, 19));
});

Deno.test("thinned() keeps the best of boxes that share more than it may, by falling score", () => {
  const best = box(0, 0, 10, 10, 0.9), half = box(0, 0, 10, 5, 0.8), apart = box(20, 0, 30, 10, 0.95);
  // Half of the union is not more than half.
  assertEquals(thinned([half, best, apart], { most: 0.5, share: "union" }), [apart, best, half]);
  assertEquals(thinned([half, best, apart], { most: 0.49, share: "union" }), [apart, best]);
  // All of the smaller one lies in the other.
  assertEquals(thinned([half, best, apart], { most: 0.7, share: "smaller" }), [apart, best]);
});

Deno.test("thinned() lets a box that was dropped drop none", () => {
  const boxes = [box(0, 0, 10, 10, 0.9), box(3, 0, 13, 10, 0.8), box(6, 0, 16, 10, 0.7)];
  assertEquals(thinned(boxes, { most: 0.5, share: "union" }), [boxes[0], boxes[2]]);
});
