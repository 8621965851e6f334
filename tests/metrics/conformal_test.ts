import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { createRandom } from "../../lib/base/random.ts";
import { conformalThresholds, leastForRisk, riskRange, verdictOf } from "../../lib/metrics/conformal.ts";

Deno.test("conformalThresholds() takes the scores of the ranks that the definition says, hand-computed", () => {
  // 19 of each class and 5 %: ⌈20 · .95⌉ = 19, the highest real; ⌊20 · .05⌋ = 1, the lowest fake.
  const scores = Array.from({ length: 38 }, (_, i) => (i * 7) % 38);
  const labels = scores.map((score) => (score < 19 ? 0 : 1));
  const { notRealAbove, notFakeBelow, counts } = conformalThresholds(labels, scores);
  assertEquals([notRealAbove, notFakeBelow, counts.real, counts.fake], [18, 19, 19, 19]);
  // 99 of each and 10 %: ⌈100 · .9⌉ = the 90th of the reals, ⌊100 · .1⌋ = the 10th of the fakes.
  const many = Array.from({ length: 198 }, (_, i) => (i % 99) + 1);
  const ten = conformalThresholds(many.map((_, i) => (i < 99 ? 0 : 1)), many, { alpha: 0.1 });
  assertEquals([ten.notRealAbove, ten.notFakeBelow], [90, 10]);
});

Deno.test("conformalThresholds() promises nothing below ⌈1/α⌉ − 1 scores of a class, and then calls nothing so", () => {
  assertEquals([0.05, 0.1, 0.01, 0.2, 0.03, 0.5].map(leastForRisk), [19, 9, 99, 4, 33, 1]);
  for (const alpha of [0.05, 0.1, 0.01, 0.2, 0.03]) {
    const least = leastForRisk(alpha);
    const thresholdsFor = (reals: number, fakes: number) =>
      conformalThresholds(
        [...Array(reals).fill(0), ...Array(fakes).fill(1)],
        Array(reals + fakes).fill(0.5),
        { alpha },
      );
    assertEquals([thresholdsFor(least, least).notRealAbove, thresholdsFor(least, least).notFakeBelow], [
      0.5,
      0.5,
    ]);
    const few = thresholdsFor(least - 1, least);
    assertEquals([few.notRealAbove, few.notFakeBelow], [null, 0.5]);
    assertEquals([verdictOf(1, few), verdictOf(0, few)], ["not sure", "real"]);
  }
});

Deno.test("verdictOf() is not sure of what neither class excludes, and of what both do", () => {
  const apart = { notRealAbove: 0.3, notFakeBelow: 0.7 };
  assertEquals([0.2, 0.3, 0.5, 0.7, 0.8].map((score) => verdictOf(score, apart)), [
    "real",
    "real",
    "not sure", // above every real and below every fake
    "fake",
    "fake",
  ]);
  const mixed = { notRealAbove: 0.7, notFakeBelow: 0.3 };
  assertEquals([0.2, 0.3, 0.5, 0.7, 0.8].map((score) => verdictOf(score, mixed)), [
    "real",
    "not sure",
    "not sure",
    "not sure",
    "fake",
  ]);
});

Deno.test("verdicts call at most α of either class the other, simulated: 1,000 repetitions, 100 videos a class", () => {
  const random = createRandom(7);
  const normal = () => random.normal();
  // A weak detector, a strong one, and one whose scores are few numbers, full of ties.
  const detectors = [
    (label: number) => normal() + label,
    (label: number) => normal() + 5 * label,
    (label: number) => Math.round(normal() + 2 * label),
  ];
  for (const score of detectors) {
    for (const alpha of [0.05, 0.1]) {
      const wrong = [0, 0];
      let seen = 0;
      for (let repetition = 0; repetition < 1000; repetition++) {
        const labels = Array.from({ length: 200 }, (_, i) => i % 2);
        const thresholds = conformalThresholds(labels, labels.map(score), { alpha });
        for (let i = 0; i < 20; i++, seen++) {
          if (verdictOf(score(0), thresholds) === "fake") wrong[0]++;
          if (verdictOf(score(1), thresholds) === "real") wrong[1]++;
        }
      }
      for (const count of wrong) assert(count / seen <= alpha + 0.01, `${count / seen} at ${alpha}`);
      // The bound is used: of 101 ranks a weak detector's errors take ⌊101α⌋.
      if (score === detectors[0]) { for (const count of wrong) assert(count / seen >= alpha - 0.01); }
    }
  }
});

Deno.test("riskRange() is where the risk of single calibrations lies, simulated, and by the quantiles of a uniform", () => {
  // Of 19 at 5 % the highest real is the threshold: the risk is Beta(1, 19), 1 − (1 − p)^(1/19).
  const [low, high] = riskRange(19, 0.05)!;
  assertAlmostEquals(low, 1 - 0.975 ** (1 / 19), 1e-9);
  assertAlmostEquals(high, 1 - 0.025 ** (1 / 19), 1e-9);
  assertEquals(riskRange(18, 0.05), null);
  const random = createRandom(11);
  let inside = 0;
  const [from, to] = riskRange(100, 0.05)!;
  for (let i = 0; i < 2000; i++) {
    const reals = Array.from({ length: 100 }, () => random.uniform());
    const { notRealAbove } = conformalThresholds([...reals.map(() => 0), 1], [...reals, 1]);
    const risk = 1 - notRealAbove!; // of a uniform score
    if (risk >= from && risk <= to) inside++;
  }
  assert(Math.abs(inside / 2000 - 0.95) < 0.02, `${inside}`);
});

Deno.test("conformalThresholds() refuses a risk that is none", () => {
  for (const alpha of [0, 1, -0.1, 2, NaN]) {
    assertThrows(() => conformalThresholds([0, 1], [0, 1], { alpha }), InputError, "expected a risk alpha");
  }
});
