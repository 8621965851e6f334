import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { prCurve, rocCurve } from "../../lib/metrics/curves.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
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
