import { assertEquals } from "@std/assert";
import { boxAround, overlap } from "../../lib/images/box.ts";

Deno.test("boxAround() bounds points, and overlap() is what two boxes share of what they cover", () => {
  assertEquals(boxAround([1, 2, 30, -4, 5, 6]), { x: 1, y: -4, width: 29, height: 10 });
  const box = { x: 0, y: 0, width: 4, height: 2 };
  assertEquals(overlap(box, { x: 2, y: 1, width: 4, height: 2 }), 2 / 14);
  assertEquals([overlap(box, box), overlap(box, { ...box, x: 4 }), overlap(box, { ...box, width: 0 })], [
    1,
    0,
    0,
  ]);
});
