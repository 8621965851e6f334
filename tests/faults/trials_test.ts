import { assert, assertEquals } from "@std/assert";
import { evenly } from "./trials.ts";

Deno.test("evenly() begins with the first and the last, and then halves what is between", () => {
  assertEquals(evenly(10, { start: 0 }), [0, 9, 1, 5, 3, 7, 2, 6, 4, 8]);
  assertEquals(evenly(10, { start: 3 }), [0, 9, 4, 8, 6, 2, 5, 1, 7, 3]);
});

Deno.test("evenly() has every index once, whatever the count and the start", () => {
  for (let count = 0; count < 40; count++) {
    for (const start of [0, 1, 7, 100]) {
      const all = Array.from({ length: count }, (_, i) => i);
      assertEquals(evenly(count, { start }).toSorted((a, b) => a - b), all);
    }
  }
});

Deno.test("evenly() leaves no wide gap between those of any beginning", () => {
  const order = evenly(130, { start: 0 });
  for (const tried of [10, 20, 40, 80]) {
    const at = order.slice(0, tried).toSorted((a, b) => a - b);
    const widest = Math.max(...at.slice(1).map((index, i) => index - at[i]));
    assert(widest <= 4 * Math.ceil(130 / tried), `${widest} of ${tried}`); // two for an unfinished halving, two for a count that is no power of two
  }
});
