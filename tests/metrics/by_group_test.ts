import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { InputError } from "../../lib/base/errors.ts";
import { metricsByMethod, metricsByOrigin } from "../../lib/metrics/by_group.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { valuesByVideo, videoScores } from "../../lib/metrics/levels.ts";
import { metricNames } from "../../lib/metrics/metrics/mod.ts";
import protocol from "../fixtures/protocol.json" with { type: "json" };

// Both sides add the same float64 numbers in another order, and the fixture's EER is found by bisection.
const rounding = 1e-9;

for (const how of ["mean", "median", "max"] as const) {
  Deno.test(`metricsByMethod() matches scikit-learn on videos by the ${how} of their frames`, () => {
    const { rows, [`video.${how}.byMethod` as const]: expected } = protocol;
    const scored = videoScores(rows, { how });
    const methods = valuesByVideo(scored, rows.map(({ method }) => method), { name: "method" });
    const { groups, macro } = metricsByMethod({ ...scored, methods });
    assertEquals(groups.map(({ name }) => name).toSorted(), Object.keys(expected));
    for (const { name, n, metrics } of groups) {
      const theirs = expected[name as keyof typeof expected];
      assertEquals([n, metrics.n], [theirs.n, theirs.n]);
      for (const metric of ["auc", "ap", "eer", "accuracy", "balancedAccuracy"] as const) {
        assertAlmostEquals(metrics[metric]!, theirs[metric], rounding, `${name} ${metric}`);
      }
      const { tprAt1, tprAt5, tprAt10 } = metrics;
      assertEquals([tprAt1, tprAt5, tprAt10], Object.values(theirs.tprAtFpr));
    }
    const aucs = Object.values(expected).map(({ auc }) => auc);
    assertAlmostEquals(macro.auc!, (aucs[0] + aucs[1]) / 2, rounding);
    if (how !== "median") assertEquals(groups[0].name, "Deepfakes"); // the lower AUC; by the median they tie
  });
}

const mixed = {
  labels: [1, 0, 1, 0, 1, 1],
  scores: [0.9, 0.1, 0.4, 0.7, 0.2, 0.8],
  methods: ["swap", "youtube", "blend", "actors", "blend", "swap"],
};

Deno.test("metricsByMethod() holds one method's fakes against all reals, worst first, hand-computed", () => {
  const { groups, macro } = metricsByMethod(mixed, { threshold: 0.75 });
  assertEquals(groups.map(({ name, n, items }) => ({ name, n, items: [...items] })), [
    { name: "blend", n: 4, items: [1, 2, 3, 4] },
    { name: "swap", n: 4, items: [0, 1, 3, 5] },
  ]);
  // Of blend's four pairs with reals two are in order, of swap's all.
  assertEquals(groups.map(({ metrics }) => metrics.auc), [0.5, 1]);
  assertEquals(groups.map(({ metrics }) => metrics.confusion), [[[2, 0], [2, 0]], [[2, 0], [0, 2]]]);
  assertEquals([macro.auc, macro.recall, macro.accuracy], [0.75, 0.5, 0.75]);
});

Deno.test("metricsByOrigin() holds one origin's reals against all fakes, hand-computed", () => {
  const { groups, macro } = metricsByOrigin(mixed);
  assertEquals(groups.map(({ name, n }) => [name, n]), [["actors", 5], ["youtube", 5]]);
  assertEquals(groups.map(({ metrics }) => metrics.auc), [0.5, 1]);
  // Each origin has one real: called fake at 0.7, not at 0.1.
  assertEquals(groups.map(({ metrics }) => metrics.confusion[0]), [[0, 1], [1, 0]]);
  assertEquals(macro.auc, 0.75);
});

Deno.test("metricsByMethod() of one method is what evaluateScores() gives, and its macro average too", () => {
  const { labels, scores } = mixed;
  const { groups, macro } = metricsByMethod({ labels, scores, methods: Array(6).fill("") });
  const whole = evaluateScores(labels, scores);
  assertEquals(groups.map(({ name, metrics }) => ({ name, metrics })), [{ name: "", metrics: whole }]);
  assertEquals(macro, Object.fromEntries(metricNames.map((name) => [name, whole[name]])) as typeof macro);
});

Deno.test("metricsByMethod() without reals has no AUC, and names what is wrong with its input", () => {
  const fakes = { labels: [1, 1], scores: [0.2, 0.9], methods: ["a", "b"] };
  const { groups, macro } = metricsByMethod(fakes);
  assertEquals(groups.map(({ name, metrics }) => [name, metrics.auc, metrics.recall]), [["a", null, 0], [
    "b",
    null,
    1,
  ]]);
  assertEquals([macro.auc, macro.recall], [null, 0.5]);
  assertThrows(
    () => metricsByOrigin(fakes),
    InputError,
    "Cannot measure by origin: expected real samples but found none",
  );
  assertThrows(
    () => metricsByMethod({ ...fakes, methods: ["a"] }),
    InputError,
    "found 1 methods and 2 scores",
  );
  assertThrows(() => metricsByMethod({ ...fakes, scores: [0.2, NaN] }), Error, "found NaN at index 1");
});
