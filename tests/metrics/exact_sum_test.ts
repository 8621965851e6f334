import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { exactSum } from "../../lib/metrics/exact_sum.ts";

Deno.test("exactSum() rounds once, as Python's math.fsum", () => {
  // What math.fsum of Python 3 gives.
  const cases: [number[], number][] = [
    [[], 0],
    [[0.1, 0.2, 0.3], 0.6],
    [Array(10).fill(0.1), 1],
    [[1e16, 1, 1e-16], 10000000000000002],
    [[1e100, 1, -1e100, 1], 2],
    [[2 ** 53, -0.5, -(2 ** -54)], 2 ** 53 - 1],
    [[2 ** 53, 1, 2 ** -100], 2 ** 53 + 2],
    [[1e-320, 0.5, -0.5], 1e-320],
  ];
  for (const [values, sum] of cases) assertEquals(exactSum(values), sum, `${values}`);
});

Deno.test("exactSum() is the same in any order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { maxLength: 40 })
        .chain((values) =>
          fc.tuple(fc.constant(values), fc.shuffledSubarray(values, { minLength: values.length }))
        ),
      ([values, shuffled]) => Object.is(exactSum(values) + 0, exactSum(shuffled) + 0),
    ),
  );
});
