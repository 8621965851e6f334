import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { createRandom } from "../../lib/base/random.ts";
import { InputError } from "../../lib/base/errors.ts";
import { bootstrapIntervals } from "../../lib/metrics/intervals/bootstrap.ts";
import { compareAucs } from "../../lib/metrics/compare/aucs.ts";
import { compareByBootstrap } from "../../lib/metrics/compare/by_bootstrap.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import protocol from "../fixtures/protocol.json" with { type: "json" };

const { labels, a, b } = protocol.delong;
/** The second detector's scores within [0, 1], in the same order. */
const halved = b.map((score) => score / 2);

// Both sides add the same float64 numbers in another order.
const rounding = 1e-12;

/** Two detectors' scores of predictions of both classes, twice at least, full of ties. */
const pairs = fc.array(
  fc.record({ label: fc.constantFrom(0, 1), a: fc.nat(10), b: fc.nat(10) }),
  { minLength: 4, maxLength: 40 },
).filter((all) => [0, 1].every((label) => all.filter((each) => each.label === label).length >= 2))
  .map((all) => ({
    labels: all.map((each) => each.label),
    a: all.map((each) => each.a / 10),
    b: all.map((each) => each.b / 10),
  }));

Deno.test("compareAucs() matches the reference's paired DeLong test", () => {
  const { difference, standardError, p } = compareAucs(labels, a, b);
  assertAlmostEquals(difference, protocol.delong.difference, rounding);
  assertAlmostEquals(standardError, protocol.delong.standardError, rounding);
  assertAlmostEquals(p, protocol.delong.p, rounding);
});

Deno.test("compareAucs() gives the hand-computed test of two reals and two fakes", () => {
  // The first ranks all four pairs right; the second has its real of 0.6 above the fake of 0.4.
  const { difference, standardError, p } = compareAucs([0, 0, 1, 1], [1, 2, 3, 4], [0.1, 0.6, 0.4, 0.9]);
  assertEquals(difference, 0.25);
  // Of the fakes 1/2 and 0 of the reals are lost, of the reals 0 and 1/2 of the fakes: each class has a variance of 1/8.
  assertAlmostEquals(standardError, Math.sqrt(1 / 8 / 2 + 1 / 8 / 2), rounding);
  // z = 1/√2, whose two-sided p is erfc(1/2).
  assertAlmostEquals(p, 0.4795001221869535, rounding);
});

Deno.test("compareAucs() is the covariance of the pairs' shares that its definition sums, ties half", () => {
  fc.assert(fc.property(pairs, ({ labels, a, b }) => {
    const [reals, fakes] = [0, 1].map((label) => [...labels.keys()].filter((i) => labels[i] === label));
    const won = (scores: number[], fake: number, real: number) =>
      scores[fake] > scores[real] ? 1 : scores[fake] === scores[real] ? 0.5 : 0;
    const gain = (fake: number, real: number) => won(a, fake, real) - won(b, fake, real);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = (values: number[]) =>
      values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1);
    const ofFakes = fakes.map((fake) => mean(reals.map((real) => gain(fake, real))));
    const ofReals = reals.map((real) => mean(fakes.map((fake) => gain(fake, real))));
    const { difference, standardError } = compareAucs(labels, a, b);
    assertAlmostEquals(difference, mean(ofFakes), rounding);
    assertAlmostEquals(difference, evaluateScores(labels, a).auc! - evaluateScores(labels, b).auc!, rounding);
    const expected = Math.sqrt(variance(ofFakes) / fakes.length + variance(ofReals) / reals.length);
    // The root of a rounding error of the variance.
    assertAlmostEquals(standardError, expected, 1e-7);
    const swapped = compareAucs(labels, b, a);
    assertEquals(swapped.difference + difference, 0);
    assertAlmostEquals(swapped.standardError, standardError, rounding);
  }));
});

Deno.test("compareAucs() without a standard error has p 1 where there is no difference, else NaN", () => {
  const [four, perfect, constant] = [[0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], [0.5, 0.5, 0.5, 0.5]];
  const none = { difference: 0, standardError: 0, p: 1 };
  assertEquals(compareAucs(four, perfect, [0, 0, 1, 1]), none);
  assertEquals(compareAucs(labels, a, a), none);
  assertEquals(compareAucs(four, perfect, constant), { difference: 0.5, standardError: 0, p: NaN });
  // Shares of a third do not sum to what they should, whole numbers do.
  const nine = [0, 0, 0, 1, 1, 1, 1, 1, 1];
  assertEquals(compareAucs(nine, nine, nine.map((label) => -label)), {
    difference: 1,
    standardError: 0,
    p: NaN,
  });
});

Deno.test("compareAucs() and compareByBootstrap() name what is wrong with their input", () => {
  for (const compare of [compareAucs, compareByBootstrap]) {
    assertThrows(() => compare([0, 1], [0, 1], [0]), InputError, "same samples but found 2 and 1");
    assertThrows(() => compare([0], [0, 1], [0, 1]), Error, "found 2 scores and 1 labels");
    assertThrows(
      () => compare([0, 1], [0, 1], [0, NaN]),
      Error,
      "Cannot compare the second detector's scores: expected a finite score but found NaN at index 1",
    );
  }
  assertThrows(() => compareAucs([0, 1, 1], [0, 1, 1], [0, 1, 1]), InputError, "found 1 real and 2 fake");
  assertThrows(
    () => compareByBootstrap([0, 1], [0, 1], [0, 2]),
    Error,
    "probabilities in [0, 1] but found 2",
  );
  assertThrows(() => compareByBootstrap([0, 1], [0, 1], [0, 1], { groups: [1] }), Error, "found 1 groups");
  assertThrows(() => compareByBootstrap([0, 1], [0, 1], [0, 1], { samples: 0 }), Error, "found 0");
});

Deno.test("compareByBootstrap() draws the same groups for both, from the seed", () => {
  const groups = labels.map((_, i) => i >> 1);
  const thresholds = [0.4, 0.6] as const;
  for (const metric of ["auc", "ap", "accuracy", "tprAt10", "brier"] as const) {
    const options = { groups, metric, thresholds, seed: 5 };
    const { difference, interval, units } = compareByBootstrap(labels, a, halved, { ...options, samples: 2 });
    const random = createRandom(5, "bootstrap");
    const measure = (items: number[]) => {
      const [first, second] = [a, halved].map((scores, i) =>
        evaluateScores(items.map((item) => labels[item]), items.map((item) => scores[item]), {
          threshold: thresholds[i],
        })[metric]!
      );
      return first - second;
    };
    const [low, high] = [0, 1].map(() =>
      measure(
        Array.from({ length: 30 }, () => random.integer(30)).flatMap((group) => [2 * group, 2 * group + 1]),
      )
    ).sort((one, other) => one - other);
    assertEquals(units, 30);
    assertAlmostEquals(difference!, measure([...labels.keys()]), rounding);
    assertAlmostEquals(interval!.low, low + 0.025 * (high - low), rounding);
    assertAlmostEquals(interval!.high, low + 0.975 * (high - low), rounding);
  }
  assertEquals(
    compareByBootstrap(labels, a, halved, { groups }),
    compareByBootstrap(labels, a, halved, { groups }),
  );
});

Deno.test("compareByBootstrap() agrees with DeLong's test where predictions are independent, and pairing narrows it", () => {
  const { difference, standardError } = compareAucs(labels, a, halved);
  const { interval, ...rest } = compareByBootstrap(labels, a, halved, { samples: 2000 });
  assertAlmostEquals(rest.difference!, difference, rounding);
  assertEquals([rest.metric, rest.units, rest.groups.real, rest.groups.fake], ["auc", 60, 20, 40]);
  // 60 videos and 2000 resamples place the ends of such an interval to about a quarter of the standard error.
  assertAlmostEquals(interval!.low, difference - 1.96 * standardError, standardError / 4);
  assertAlmostEquals(interval!.high, difference + 1.96 * standardError, standardError / 4);
  // Of detectors that were tested on other videos each, the squares of the widths would add up.
  const width = ({ low, high }: { low: number; high: number }) => high - low;
  const [first, second] = [a, halved].map((scores) => width(bootstrapIntervals(labels, scores).auc!));
  assertLess(width(interval!), Math.hypot(first, second));
});

Deno.test("compareByBootstrap() has no interval with few groups, between the same scores, or with one class", () => {
  const few = compareByBootstrap(labels, a, halved, { groups: labels.map((_, i) => i % 9) });
  assertEquals([few.interval, few.groups], [null, { real: 3, fake: 6 }]);
  assert(few.difference !== null);
  assertEquals(compareByBootstrap(labels, a, a).interval, null);
  const fakes = compareByBootstrap(labels.map(() => 1), a, halved);
  assertEquals([fakes.difference, fakes.interval], [null, null]);
});
