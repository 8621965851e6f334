import {
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { createRandom } from "../../lib/base/random.ts";
import { bootstrapIntervals, hasInterval } from "../../lib/metrics/intervals/bootstrap.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { type IntervalName, metricNames } from "../../lib/metrics/metrics/mod.ts";
import reference from "../fixtures/metrics.json" with { type: "json" };

// Both sides add the same float64 numbers in another order.
const rounding = 1e-9;

/** Labels of both classes with scores full of ties, and of 0 and 1. */
const predictions = fc.array(
  fc.record({ label: fc.constantFrom(0, 1), score: fc.integer({ min: 0, max: 10 }) }),
  {
    minLength: 2,
  },
).filter((all) => all.some((p) => p.label === 0) && all.some((p) => p.label === 1)).map((all) => ({
  labels: all.map((p) => p.label),
  scores: all.map((p) => p.score / 10),
}));

Deno.test("bootstrapIntervals() gives the same intervals from the same seed, around the estimate", () => {
  const { labels, scores } = reference.find((each) => each.name === "random400.0")!;
  const metrics = evaluateScores(labels, scores);
  const intervals = bootstrapIntervals(labels, scores, { seed: 1 });
  assertEquals(bootstrapIntervals(labels, scores, { seed: 1 }), intervals);
  assertNotEquals(bootstrapIntervals(labels, scores, { seed: 2 }), intervals);
  assertEquals([intervals.samples, intervals.units], [1000, 400]);
  for (const name of ["auc", "ap", "accuracy"] as const) {
    assertLess(intervals[name]!.low, metrics[name]!);
    assertGreater(intervals[name]!.high, metrics[name]!);
  }
  // The normal approximation of a proportion's interval; 1000 resamples place each end to about 0.003.
  const halfWidth = 1.96 * Math.sqrt(metrics.accuracy * (1 - metrics.accuracy) / 400);
  assertAlmostEquals(intervals.accuracy!.low, metrics.accuracy - halfWidth, 0.01);
  assertAlmostEquals(intervals.accuracy!.high, metrics.accuracy + halfWidth, 0.01);
});

Deno.test("bootstrapIntervals() agrees with evaluateScores() on every resample, ties included", () => {
  // Ten groups or more, each with both classes; two resamples, drawn here again, whose metrics are the interval's ends but
  // for the interpolation between them.
  const manyGroups = fc.array(predictions, { minLength: 10, maxLength: 14 });
  fc.assert(fc.property(manyGroups, fc.nat(1000), (groups, seed) => {
    const [labels, scores] = [groups.flatMap((each) => each.labels), groups.flatMap((each) => each.scores)];
    const intervals = bootstrapIntervals(labels, scores, {
      groups: groups.flatMap((each, i) => each.labels.map(() => i)),
      samples: 2,
      seed,
    });
    const random = createRandom(seed, "bootstrap");
    // Groups are numbered in the order in which they are met.
    const drawn = [0, 1].map(() => {
      const all = groups.map(() => groups[random.integer(groups.length)]);
      return evaluateScores(all.flatMap((each) => each.labels), all.flatMap((each) => each.scores));
    });
    for (const name of ["auc", "ap", "accuracy"] as const) {
      const [low, high] = drawn.map((metrics) => metrics[name]!).sort((a, b) => a - b);
      if (high - low < rounding) continue; // no interval, or one of rounding's width
      assertAlmostEquals(intervals[name]!.low, low + 0.025 * (high - low), rounding);
      assertAlmostEquals(intervals[name]!.high, low + 0.975 * (high - low), rounding);
    }
    assertEquals(intervals.units, groups.length);
  }));
});

Deno.test("bootstrapIntervals() has no interval with fewer than ten groups of a class, nor where no resample differs", () => {
  const intervals = metricNames.filter(hasInterval).map((name) => [name, null]);
  const none = Object.fromEntries(intervals) as Record<IntervalName, null>;
  assertEquals(bootstrapIntervals([0, 1], [0.9, 0.1]), {
    ...none,
    samples: 1000,
    units: 2,
    groups: { real: 1, fake: 1 },
  });
  // Nine videos of ten frames are nine, whatever the frames.
  const frames = Array.from(
    { length: 200 },
    (_, i) => ({ label: i < 90 ? 0 : 1, video: Math.floor(i / 10) }),
  );
  const labels = frames.map(({ label }) => label);
  const scores = frames.map((_, i) => ((i * 37) % 101) / 101);
  const groups = frames.map(({ video }) => video);
  assertEquals(bootstrapIntervals(labels, scores, { groups }).groups, { real: 9, fake: 11 });
  assertEquals(bootstrapIntervals(labels, scores, { groups }).auc, null);
  const ten = frames.map(({ video }) => (video < 10 ? 0 : 1));
  assertGreater(bootstrapIntervals(ten, scores, { groups }).auc!.high, 0.5);
  // Without an error in any resample: not a sure number.
  const perfect = bootstrapIntervals(ten, ten.map((label) => 0.1 + 0.8 * label), { groups });
  assertEquals(perfect, { ...none, samples: 1000, units: 20, groups: { real: 10, fake: 10 } });
});

Deno.test("bootstrapIntervals() with ten videos a class holds the true AUC about as often as its documentation says", () => {
  const random = createRandom(7, "cover");
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  const apart = 1.8124; // standard deviations between the classes: AUC 0.9
  let held = 0;
  for (let seed = 0; seed < 300; seed++) {
    const labels = Array.from({ length: 20 }, (_, i) => (i < 10 ? 0 : 1));
    const scores = labels.map((label) => 1 / (1 + Math.exp(-normal() - apart * (label - 0.5))));
    const { auc } = bootstrapIntervals(labels, scores, { samples: 400, seed });
    if (auc && auc.low <= 0.9 && auc.high >= 0.9) held++;
  }
  // 86 % by 1,000 tests; 300 place it to 2 percentage points (one standard error).
  assertAlmostEquals(held / 300, 0.86, 0.06);
});

Deno.test("bootstrapIntervals() resamples whole groups: copies of a frame do not narrow the interval", () => {
  const { labels, scores } = reference.find((each) => each.name === "random50.0")!;
  const copies = Array.from(
    { length: 8 },
    () => labels.map((label, i) => ({ label, score: scores[i], video: i })),
  )
    .flat();
  const [copiedLabels, copiedScores] = [copies.map((copy) => copy.label), copies.map((copy) => copy.score)];
  const single = bootstrapIntervals(labels, scores, { seed: 3 });
  const grouped = bootstrapIntervals(copiedLabels, copiedScores, {
    groups: copies.map((copy) => copy.video),
    seed: 3,
  });
  const apart = bootstrapIntervals(copiedLabels, copiedScores, { seed: 3 });
  for (const name of ["auc", "ap", "accuracy"] as const) {
    assertAlmostEquals(grouped[name]!.low, single[name]!.low, rounding);
    assertAlmostEquals(grouped[name]!.high, single[name]!.high, rounding);
    assertLess(apart[name]!.high - apart[name]!.low, 0.6 * (single[name]!.high - single[name]!.low));
  }
});

Deno.test("bootstrapIntervals() has no interval for AUC and AP with one class", () => {
  const scores = Array.from({ length: 12 }, (_, i) => i / 12);
  const intervals = bootstrapIntervals(scores.map(() => 1), scores, { seed: 1 });
  assertEquals([intervals.auc, intervals.ap], [null, null]);
  assertGreater(intervals.accuracy!.high, intervals.accuracy!.low);
});

Deno.test("bootstrapIntervals() names what is wrong with its options", () => {
  assertThrows(
    () => bootstrapIntervals([0, 1], [0, 1], { groups: ["a"] }),
    Error,
    "found 1 groups and 2 scores",
  );
  assertThrows(() => bootstrapIntervals([0, 1], [0, 1], { samples: 0 }), Error, "positive number of samples");
});
