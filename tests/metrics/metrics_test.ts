import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { createRandom } from "../../lib/base/random.ts";
import { bootstrapIntervals } from "../../lib/metrics/bootstrap.ts";
import {
  calibrationError,
  compareCalibration,
  evaluateScores,
  prCurve,
  rocCurve,
  shiftPrior,
} from "../../lib/metrics/metrics.ts";
import reference from "../fixtures/metrics.json" with { type: "json" };

// Both sides add the same float64 numbers in another order.
const rounding = 1e-9;

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = rounding) {
  assertEquals(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) assertAlmostEquals(actual[i], expected[i], tolerance);
}

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

for (const expected of reference) {
  Deno.test(`evaluateScores() and the curves match scikit-learn on ${expected.name}`, () => {
    const { labels, scores } = expected;
    const metrics = evaluateScores(labels, scores);
    assertEquals(metrics.confusion.map((row) => [...row]), expected.confusion);
    for (
      const name of [
        "accuracy",
        "precision",
        "recall",
        "f1",
        "balancedAccuracy",
        "mcc",
        "brier",
        "logLoss",
        "auc",
        "ap",
      ] as const
    ) {
      const [ours, theirs] = [metrics[name], expected[name]];
      if (theirs === null) assertEquals(ours, null, name);
      else assertAlmostEquals(ours ?? NaN, theirs, rounding, `${name}: ${ours} against ${theirs}`);
    }
    if (expected.auc === null) {
      assertEquals(metrics.eer, null);
      assertThrows(() => rocCurve(labels, scores), Error, "expected real and fake samples");
      return;
    }
    const roc = rocCurve(labels, scores);
    assertClose(roc.fpr, expected.fpr!);
    assertClose(roc.tpr, expected.tpr!);
    assertEquals(roc.thresholds[0], Infinity);
    const pr = prCurve(labels, scores);
    assertClose(pr.precision, expected.prPrecision!);
    assertClose(pr.recall, expected.prRecall!);
    assertEquals(pr.thresholds.length, pr.precision.length - 1);

    // The fixture's EER is the mean of false alarms and misses at the point where they are nearest; the crossing lies
    // between the two.
    const gaps = roc.fpr.map((fpr, i) => Math.abs(1 - roc.tpr[i] - fpr));
    const distance = Math.abs(metrics.eer! - expected.eerNearest!);
    assert(distance <= Math.min(...gaps) / 2 + rounding, `EER ${metrics.eer} against ${expected.eerNearest}`);
  });
}

Deno.test("evaluateScores() gives the hand-computed numbers for two reals and three fakes", () => {
  const metrics = evaluateScores([0, 0, 1, 1, 1], [0.2, 0.6, 0.4, 0.6, 0.9]);
  assertEquals(metrics.confusion, [[1, 1], [1, 2]]);
  assertEquals([metrics.n, metrics.real, metrics.fake, metrics.threshold], [5, 2, 3, 0.5]);
  assertEquals([metrics.accuracy, metrics.majorityAccuracy], [3 / 5, 3 / 5]);
  // Of six pairs of a real and a fake, four are in order and one is tied.
  assertAlmostEquals(metrics.auc!, 4.5 / 6, rounding);
  // The curve rises from (0, 1/3) to (1/2, 2/3): misses equal false alarms at 0.4.
  assertAlmostEquals(metrics.eer!, 0.4, rounding);
});

Deno.test("evaluateScores() takes the threshold itself as fake", () => {
  assertEquals(evaluateScores([0, 1], [0.3, 0.7], { threshold: 0.7 }).confusion, [[1, 0], [0, 1]]);
  assertEquals(evaluateScores([0, 1], [0.3, 0.7], { threshold: 0.71 }).confusion, [[1, 0], [1, 0]]);
});

Deno.test("evaluateScores() takes typed arrays and does not change them", () => {
  const labels = Int32Array.of(1, 0, 1);
  const scores = Float32Array.of(0.25, 0.5, 0.75);
  assertEquals(evaluateScores(labels, scores), evaluateScores([1, 0, 1], [0.25, 0.5, 0.75]));
  assertEquals([...scores], [0.25, 0.5, 0.75]);
  assertEquals([...labels], [1, 0, 1]);
});

Deno.test("evaluateScores() keeps a certain and wrong score finite, as scikit-learn does", () => {
  assertAlmostEquals(evaluateScores([0, 1], [1, 0]).logLoss, -Math.log(2 ** -52), rounding);
});

Deno.test("evaluateScores() names what is wrong with its input", () => {
  assertThrows(() => evaluateScores([0, 1], [0.5]), Error, "found 1 scores and 2 labels");
  assertThrows(() => evaluateScores([], []), Error, "expected at least one sample but found none");
  assertThrows(() => evaluateScores([0, 2], [0.1, 0.2]), Error, "found 2 at index 1");
  assertThrows(
    () => evaluateScores([0, 1], [0.1, NaN]),
    Error,
    "expected a finite score but found NaN at index 1",
  );
  assertThrows(() => evaluateScores([0, 1], [0.1, 3]), Error, "expected probabilities in [0, 1] but found 3");
  assertThrows(() => evaluateScores([0, 1], [0.1, 0.9], { threshold: NaN }), Error, "expected a threshold");
  assertThrows(() => rocCurve([0, 1], [0.1, Infinity]), Error, "found Infinity at index 1");
  assertThrows(() => prCurve([0, 0], [0.1, 0.9]), Error, "expected fake samples");
});

Deno.test("evaluateScores() counts pairs: AUC is the share of real-fake pairs in order, ties half", () => {
  fc.assert(fc.property(predictions, ({ labels, scores }) => {
    let inOrder = 0;
    let pairs = 0;
    for (let i = 0; i < labels.length; i++) {
      for (let j = 0; j < labels.length; j++) {
        if (labels[i] !== 1 || labels[j] !== 0) continue;
        pairs++;
        inOrder += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
      }
    }
    assertAlmostEquals(evaluateScores(labels, scores).auc!, inOrder / pairs, rounding);
  }));
});

Deno.test("evaluateScores() is unmoved by the order of the samples, and mirrored by swapping the classes", () => {
  fc.assert(fc.property(predictions, ({ labels, scores }) => {
    const metrics = evaluateScores(labels, scores);
    const reversed = evaluateScores([...labels].reverse(), [...scores].reverse());
    const swapped = evaluateScores(labels.map((label) => 1 - label), scores.map((score) => 1 - score));
    for (const name of ["auc", "ap", "eer"] as const) {
      assertAlmostEquals(reversed[name]!, metrics[name]!, rounding);
    }
    for (const name of ["auc", "eer"] as const) assertAlmostEquals(swapped[name]!, metrics[name]!, rounding);
    assertAlmostEquals(swapped.brier, metrics.brier, rounding);
  }));
});

Deno.test("rocCurve() draws logits, and the same curve without the points on straight lines", () => {
  const labels = [1, 1, 1, 0, 0, 0];
  const logits = [9, 8, 7, -1, -2, -3];
  assertEquals(rocCurve(labels, logits, { dropIntermediate: true }), {
    fpr: [0, 0, 0, 1],
    tpr: [0, 1 / 3, 1, 1],
    thresholds: [Infinity, 9, 7, -3],
  });
  assertEquals(rocCurve(labels, logits).thresholds, [Infinity, ...logits]);
});

Deno.test("calibrationError() is the weighted gap of each bin, hand-computed", () => {
  // Two bins: {0.2, 0.4} hold one fake in two, {0.5, 0.9} two in two: 2/4·|0.3 - 0.5| + 2/4·|0.7 - 1|.
  assertAlmostEquals(calibrationError([0, 1, 1, 1], [0.2, 0.4, 0.5, 0.9], { bins: 2 }), 0.25, rounding);
  assertEquals(calibrationError([0, 1], [0, 1]), 0);
  assertThrows(
    () => calibrationError([0, 1], [0, 1], { bins: 0 }),
    Error,
    "positive number of bins but found 0",
  );
});

Deno.test("shiftPrior() is Bayes' rule: an undecided score becomes the prior, certainty stays", () => {
  assertClose(shiftPrior([0, 0.5, 1], { to: 0.8 }), [0, 0.8, 1]);
  assertClose(shiftPrior(shiftPrior([0.1, 0.7], { to: 0.9 }), { from: 0.9, to: 0.5 }), [0.1, 0.7]);
  assertThrows(() => shiftPrior([0.5], { to: 1 }), Error, "'to' strictly between 0 and 1 but found 1");
  assertThrows(() => shiftPrior([1.5], { to: 0.5 }), Error, "found 1.5 at index 0");
});

Deno.test("shiftPrior() mends Brier score, log loss and calibration of a detector trained on balanced classes", () => {
  // Scores that are exact posteriors under equal priors, on data where four in five are fake.
  const levels = [0.1, 0.3, 0.5, 0.7, 0.9];
  const labels: number[] = [];
  const scores: number[] = [];
  for (const level of levels) {
    for (let i = 0; i < Math.round(1000 * (1 - level) * 0.2); i++) labels.push(0), scores.push(level);
    for (let i = 0; i < Math.round(1000 * level * 0.8); i++) labels.push(1), scores.push(level);
  }
  const shifted = shiftPrior(scores, { to: 0.8 });
  const compared = compareCalibration(labels, scores);
  assertAlmostEquals(compared.prior, 0.8, rounding);
  assertLess(compared.shifted!.brier, compared.raw.brier);
  assertLess(compared.shifted!.logLoss, compared.raw.logLoss);
  assertLess(compared.shifted!.ece, 0.01);
  assertGreater(compared.raw.ece, 0.1);
  assertAlmostEquals(evaluateScores(labels, shifted).brier, compared.shifted!.brier, rounding);
  assertAlmostEquals(evaluateScores(labels, shifted).auc!, evaluateScores(labels, scores).auc!, rounding);
  assertEquals(compareCalibration([1, 1], [0.2, 0.7]).shifted, null);
});

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
  const none = { auc: null, ap: null, accuracy: null };
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
