import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InputError } from "../../lib/base/errors.ts";
import { rocCurve } from "../../lib/metrics/curves.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { chooseThreshold } from "../../lib/metrics/threshold.ts";
import { tprAtFpr } from "../../lib/metrics/tpr_at_fpr.ts";

/** Labels of both classes with scores full of ties. */
const predictions = fc.array(
  fc.record({ label: fc.constantFrom(0, 1), score: fc.integer({ min: 0, max: 10 }) }),
  { minLength: 2 },
).filter((all) => all.some((p) => p.label === 0) && all.some((p) => p.label === 1)).map((all) => ({
  labels: all.map((p) => p.label),
  scores: all.map((p) => p.score / 10),
}));

Deno.test("chooseThreshold() by EER takes the middle of the gap between separate classes", () => {
  assertEquals(chooseThreshold([0, 0, 1, 1], [0.125, 0.25, 0.75, 0.875], { by: "eer" }), 0.5);
  assertEquals(chooseThreshold([1, 0], [3, -5], { by: "eer" }), -1);
});

Deno.test("chooseThreshold() by EER, hand-computed: the least difference, then the least sum, then the highest", () => {
  // From the highest score down, false alarms and misses are 0 and 2/2, 0 and 1/2, 1/2 and 1/2, 1/2 and 0, 1 and 0.
  assertEquals(chooseThreshold([1, 0, 1, 0], [0.8, 0.6, 0.4, 0.2], { by: "eer" }), 0.5);
  // 0 and 1/2, then by a tie 1/2 and 0: differences and sums are the same, so the higher.
  assertEquals(chooseThreshold([1, 1, 0, 0], [0.75, 0.25, 0.25, 0], { by: "eer" }), 0.5);
  // 1/3 and 2/3 have the difference of 1/3 and 0, which has the lesser sum.
  assertEquals(chooseThreshold([0, 1, 1, 1, 0, 0], [1, 0.875, 0.5, 0.5, 0.25, 0], { by: "eer" }), 0.375);
});

Deno.test("chooseThreshold() by FPR takes the lowest threshold within the rate, hand-computed", () => {
  const labels = [1, 0, 1, 1, 0, 1];
  const scores = [0.9, 0.8, 0.7, 0.7, 0.7, 0.1];
  const by = (fpr: number) => chooseThreshold(labels, scores, { by: "fpr", fpr })!;
  for (const fpr of [0, 0.49]) assert(by(fpr) > 0.8 && by(fpr) < 0.9);
  // At 0.7 a real ties with fakes: the threshold stays above them.
  for (const fpr of [0.5, 0.99]) assert(by(fpr) > 0.7 && by(fpr) < 0.8);
  // There is no score below the lowest.
  assertEquals(by(1), 0.1);
});

Deno.test("chooseThreshold() is null where there is no threshold: one class, or reals on top", () => {
  for (const choice of [{ by: "eer" }, { by: "fpr", fpr: 0.1 }] as const) {
    assertEquals(chooseThreshold([1, 1], [0.2, 0.7], choice), null);
    assertEquals(chooseThreshold([0, 0], [0.2, 0.7], choice), null);
  }
  assertEquals(chooseThreshold([0, 1], [0.7, 0.7], { by: "fpr", fpr: 0.1 }), null);
  // A constant score: all are called fake, half of the possible errors.
  assertEquals(chooseThreshold([0, 1], [0.7, 0.7], { by: "eer" }), 0.7);
});

Deno.test("chooseThreshold() by FPR finds what tprAtFpr() says, within the rate", () => {
  fc.assert(
    fc.property(predictions, fc.constantFrom(0, 0.01, 0.05, 0.1, 0.5, 1), ({ labels, scores }, fpr) => {
      const threshold = chooseThreshold(labels, scores, { by: "fpr", fpr });
      const found = tprAtFpr(labels, scores, fpr);
      if (threshold === null) return assertEquals(found, 0);
      const { recall, confusion: [[tn, fp]] } = evaluateScores(labels, scores, { threshold });
      assertEquals(recall, found);
      assert(fp / (tn + fp) <= fpr);
    }),
  );
});

Deno.test("chooseThreshold() by EER has the least difference of all points of the ROC curve", () => {
  fc.assert(fc.property(predictions, ({ labels, scores }) => {
    const threshold = chooseThreshold(labels, scores, { by: "eer" })!;
    const { confusion: [[tn, fp], [fn, tp]] } = evaluateScores(labels, scores, { threshold });
    const { fpr, tpr } = rocCurve(labels, scores);
    const least = Math.min(...fpr.map((rate, i) => Math.abs(rate - (1 - tpr[i]))));
    // Differences of quotients round.
    assert(Math.abs(fp / (tn + fp) - fn / (fn + tp)) <= least + 1e-12);
  }));
});

Deno.test("chooseThreshold() keeps neighbouring floats apart", () => {
  const next = 0.5 + 2 ** -53;
  const threshold = chooseThreshold([0, 1], [0.5, next], { by: "eer" })!;
  assertEquals(evaluateScores([0, 1], [0.5, next], { threshold }).confusion, [[1, 0], [0, 1]]);
});

Deno.test("chooseThreshold() names what is wrong with its input", () => {
  assertThrows(
    () => chooseThreshold([0, 1], [0, 1], { by: "fpr", fpr: 2 }),
    InputError,
    "Cannot choose a threshold: expected a false positive rate in [0, 1] but found 2",
  );
  assertThrows(() => chooseThreshold([0, 1], [0, NaN], { by: "eer" }), Error, "found NaN at index 1");
});
