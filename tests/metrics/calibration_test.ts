import { assertAlmostEquals, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import { calibrationError, compareCalibration, shiftPrior } from "../../lib/metrics/calibration.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";

// Both sides add the same float64 numbers in another order.
const rounding = 1e-9;

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = rounding) {
  assertEquals(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++) assertAlmostEquals(actual[i], expected[i], tolerance);
}

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
