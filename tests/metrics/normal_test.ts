import { assertAlmostEquals, assertEquals } from "@std/assert";
import { twoSidedP } from "../../lib/metrics/compare/normal.ts";

Deno.test("twoSidedP() matches the complementary error function of the C library", () => {
  // Python's math.erfc(z / math.sqrt(2)).
  for (
    const [z, expected] of [
      [0, 1],
      [0.1, 0.920344325445942],
      [0.5, 0.6170750774519738],
      [1, 0.31731050786291415],
      [1.959963984540054, 0.05000000000000004],
      [2.5758293035489004, 0.01000000000000002],
      [2.999999, 0.00269980492697031],
      [3, 0.0026997960632601913],
      [3.000001, 0.0026997871995766637],
      [4, 6.334248366623993e-05],
      [5, 5.733031437583892e-07],
      [10, 1.5239706048321186e-23],
      [30, 9.813427854297528e-198],
    ] as const
  ) {
    // Beyond the third deviation the exponential of a large square rounds.
    assertAlmostEquals(twoSidedP(z) / expected, 1, 2e-13, `z ${z}`);
    assertEquals(twoSidedP(-z), twoSidedP(z));
  }
  assertEquals([twoSidedP(Infinity), twoSidedP(50)], [0, 0]);
});
