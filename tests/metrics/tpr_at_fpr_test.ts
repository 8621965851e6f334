import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InputError } from "../../lib/base/errors.ts";
import { rocCurve } from "../../lib/metrics/curves.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { type VideoLevel, videoLevels, videoScores } from "../../lib/metrics/levels.ts";
import { tprAt1, tprAt10, tprAt5 } from "../../lib/metrics/metrics/tpr_at_fpr.ts";
import { tprAtFpr } from "../../lib/metrics/tpr_at_fpr.ts";
import protocol from "../fixtures/protocol.json" with { type: "json" };

/** Labels of both classes with scores full of ties. */
const predictions = fc.array(
  fc.record({ label: fc.constantFrom(0, 1), score: fc.integer({ min: 0, max: 10 }) }),
  { minLength: 2 },
).filter((all) => all.some((p) => p.label === 0) && all.some((p) => p.label === 1)).map((all) => ({
  labels: all.map((p) => p.label),
  scores: all.map((p) => p.score / 10),
}));

const levels = Object.keys(videoLevels) as VideoLevel[];
for (const level of ["frame", ...levels.map((how) => `video.${how}` as const)] as const) {
  Deno.test(`tprAtFpr() matches scikit-learn's curve at level ${level}`, () => {
    const { rows } = protocol;
    const { labels, scores } = level === "frame"
      ? { labels: rows.map((row) => row.label), scores: rows.map((row) => row.score) }
      : videoScores(rows, { how: level.slice("video.".length) as VideoLevel });
    for (const [fpr, expected] of Object.entries(protocol[level].tprAtFpr)) {
      // One quotient of the same counts.
      assertAlmostEquals(tprAtFpr(labels, scores, Number(fpr)), expected, 1e-15, fpr);
    }
    const { tprAt1, tprAt5, tprAt10 } = evaluateScores(labels, scores);
    assertEquals([tprAt1, tprAt5, tprAt10], [0.01, 0.05, 0.1].map((fpr) => tprAtFpr(labels, scores, fpr)));
  });
}

Deno.test("tprAtFpr() takes a point of the curve and interpolates nothing, hand-computed", () => {
  const labels = [1, 0, 1, 1, 0, 1];
  const logits = [9, 8, 7, 7, 7, -1];
  assertEquals(tprAtFpr(labels, logits, 0), 1 / 4);
  assertEquals(tprAtFpr(labels, logits, 0.49), 1 / 4);
  // At 7 two fakes and a real tie: all or none.
  assertEquals(tprAtFpr(labels, logits, 0.5), 1 / 4);
  assertEquals(tprAtFpr(labels, logits, 0.99), 1 / 4);
  assertEquals(tprAtFpr(labels, logits, 1), 1);
  assertEquals(tprAtFpr([0, 1], [0.9, 0.1], 0.5), 0);
});

Deno.test("tprAtFpr() allows as many false alarms as the rate says, where a product would round below it", () => {
  // 29 of 100 reals above the fake: 0.29 · 100 is 28.999999999999996.
  const labels = [...Array(29).fill(0), 1, ...Array(71).fill(0)];
  const scores = labels.map((_, i) => 1 - i / 101);
  assertEquals(tprAtFpr(labels, scores, 0.29), 1);
  assertEquals(tprAtFpr(labels, scores, 0.28), 0);
});

Deno.test("tprAtFpr() is the best of the points of the ROC curve within the rate", () => {
  fc.assert(fc.property(predictions, fc.constantFrom(0, 0.01, 0.05, 0.1, 0.5, 1), (all, rate) => {
    const { fpr, tpr } = rocCurve(all.labels, all.scores);
    const best = Math.max(...tpr.filter((_, i) => fpr[i] <= rate));
    assertEquals(tprAtFpr(all.labels, all.scores, rate), best);
  }));
});

Deno.test("TPR at FPR 1, 5 and 10 % say where their rate allows no false alarm, and are null with one class", () => {
  const least = [tprAt1, tprAt5, tprAt10].map(({ remark }) =>
    [1, 9, 10, 19, 20, 99, 100, 1000].find((real) => remark!({ real, fake: 1 }) === undefined)
  );
  assertEquals(least, [100, 20, 10]);
  const { tprAt1: one, tprAt10: ten } = evaluateScores([1, 1], [0.2, 0.7]);
  assertEquals([one, ten], [null, null]);
});

Deno.test("tprAtFpr() names what is wrong with its input", () => {
  assertThrows(
    () => tprAtFpr([0, 1], [0.1, 0.9], 1.5),
    InputError,
    "expected a false positive rate in [0, 1]",
  );
  assertThrows(() => tprAtFpr([0, 1], [0.1, 0.9], NaN), InputError, "but found NaN");
  assertThrows(() => tprAtFpr([1, 1], [0.1, 0.9], 0.1), InputError, "found 0 real and 2 fake");
  assertThrows(() => tprAtFpr([0, 1], [0.1, NaN], 0.1), Error, "found NaN at index 1");
});
