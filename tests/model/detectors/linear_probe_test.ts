import {
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { linearProbe } from "../../../lib/model/detectors/linear_probe.ts";
import type { StateDict } from "../../../lib/weights/state.ts";
import probes from "../../fixtures/probes.json" with { type: "json" };
import { tensorTest, worstDifference } from "../../tensors.ts";

/** A probe's weights by hand: the logit of fake is x₀ − 2x₁ + 1. */
const byHand: StateDict = new Map([
  ["head.weight", { dtype: "float32", shape: [1, 2], data: Float32Array.of(1, -2) }],
  ["head.bias", { dtype: "float32", shape: [1], data: Float32Array.of(1) }],
]);

/** The same of an older version, with a row for real and one for fake. */
const byHandOfBoth: StateDict = new Map([
  ["head.weight", { dtype: "float32", shape: [2, 2], data: Float32Array.of(0, 0, 1, -2) }],
  ["head.bias", { dtype: "float32", shape: [2], data: Float32Array.of(0, 1) }],
]);

for (const dict of [byHand, byHandOfBoth]) {
  tensorTest(
    `a linear probe of ${dict.get("head.bias")!.shape} rows scores by the sigmoid of its linear function`,
    async () => {
      const probe = linearProbe.bind(dict);
      const features = tf.tensor2d([[0, 0], [3, 1], [-1, 2]]); // logits: 1, 2, −4
      const scores = await probe.scores(features);
      [1, 2, -4].forEach((z, i) => assertAlmostEquals(scores[i], 1 / (1 + Math.exp(-z)), 1e-6)); // float32
      assertEquals(probe.state(), dict);
      assertEquals(probe.sizes, { dim: 2 });
      features.dispose();
      probe.close();
    },
  );
}

const D = probes.features[0].length;
const training = {
  features: Float32Array.from(probes.features.flat()),
  shape: [D],
  labels: Uint8Array.from(probes.labels),
};

tensorTest(
  "a linear probe is scikit-learn's logistic regression, also on features of several tokens",
  async () => {
    for (const shape of [[D], [3, D / 3]]) {
      const settings = { tap: "clsToken", logisticC: 1, standardise: false } as const;
      const probe = linearProbe.fit(settings, { ...training, shape });
      const features = tf.tensor(probes.test.flat(), [probes.test.length, ...shape]);
      // Weights and sums in float32.
      assertLess(worstDifference(await probe.scores(features), probes.logistic["1.0"].scores), 1e-5);
      features.dispose();
      probe.close();
    }
  },
);

tensorTest("a linear probe on standardised features does not depend on their scale and offset", async () => {
  const settings = { tap: "clsToken", logisticC: 1, standardise: true } as const;
  const scoresOf = async (change: (value: number, column: number) => number) => {
    const rows = (all: number[][]) => all.map((row) => row.map(change));
    const probe = linearProbe.fit(settings, {
      ...training,
      features: Float32Array.from(rows(probes.features).flat()),
    });
    const features = tf.tensor2d(rows(probes.test));
    const scores = await probe.scores(features);
    features.dispose();
    probe.close();
    return scores;
  };
  const plain = await scoresOf((value) => value);
  const changed = await scoresOf((value, column) => 4 ** (column % 5 - 2) * value + column);
  assertLess(worstDifference(changed, plain), 1e-5); // the changed features round in float32
  const constant = await scoresOf((value, column) => (column === 0 ? 7 : value));
  assertEquals(constant.every(Number.isFinite), true);
});

tensorTest("a linear probe names the keys that are missing or not its own", () => {
  const weight = byHand.get("head.weight")!;
  const other: StateDict = new Map([["head.weight", weight], ["fc.weight", weight]]);
  const { message } = assertThrows(() => linearProbe.bind(other));
  for (const key of ["head.bias", "fc.weight"]) assertStringIncludes(message, key);
});
