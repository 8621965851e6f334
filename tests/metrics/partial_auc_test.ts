import { assertAlmostEquals, assertEquals } from "@std/assert";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import reference from "../fixtures/metrics.json" with { type: "json" };

/** What scikit-learn 1.9.1 gives for the cases of the fixture: `roc_auc_score(labels, scores, max_fpr=0.1)`. */
const expected: Readonly<Record<string, number>> = {
  "random2.0": 1.0,
  "random2.1": 1.0,
  "random2.2": 1.0,
  "random7.0": 0.47368421052631576,
  "random7.1": 0.47368421052631576,
  "random7.2": 0.5894736842105264,
  "random50.0": 0.5526315789473685,
  "random50.1": 0.6270870412746843,
  "random50.2": 0.5087719298245614,
  "random400.0": 0.5837413070221686,
  "random400.1": 0.6045623555421565,
  "random400.2": 0.5431572351932463,
  imbalanced: 0.5116657623440043,
  constant: 0.5,
  perfect: 1.0,
  inverted: 0.47368421052631576,
  none_predicted: 1.0,
};

for (const { name, labels, scores } of reference) {
  Deno.test(`partialAuc matches scikit-learn on ${name}`, () => {
    const { partialAuc } = evaluateScores(labels, scores);
    if (name.startsWith("one_class")) return assertEquals(partialAuc, null);
    // The same float64 numbers, added in another order.
    assertAlmostEquals(partialAuc!, expected[name], 1e-12, name);
  });
}

Deno.test("partialAuc counts the fakes above the highest reals alone, hand-computed", () => {
  // Of ten reals one may be a false alarm: until the highest real, at 0.95, one fake in two is found.
  const labels = [...Array(10).fill(0), 1, 1];
  const scores = [0.95, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.99, 0.5];
  // An area of 0.1 · 0.5, chance is 0.005 and the most 0.1.
  assertAlmostEquals(evaluateScores(labels, scores).partialAuc!, (1 + 0.045 / 0.095) / 2, 1e-12);
});
