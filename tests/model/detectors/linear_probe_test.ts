import {
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { linearProbe } from "../../../lib/model/detectors/linear_probe.ts";
import { crossEntropy } from "../../../lib/training/losses/cross_entropy.ts";
import { openTrainer } from "../../../lib/training/trainer.ts";
import type { StateDict } from "../../../lib/weights/state.ts";
import { tensorTest } from "../../tensors.ts";

const settings = { tap: "clsToken" } as const;

/** A probe's weights by hand: fake − real is x₀ − 2x₁ + 1. */
const byHand: StateDict = new Map([
  ["head.weight", { dtype: "float32", shape: [2, 2], data: Float32Array.of(0, 0, 1, -2) }],
  ["head.bias", { dtype: "float32", shape: [2], data: Float32Array.of(0, 1) }],
]);

tensorTest("a linear probe scores by the sigmoid of its linear function", async () => {
  const probe = linearProbe.bind(byHand);
  const features = tf.tensor2d([[0, 0], [3, 1], [-1, 2]]); // fake − real: 1, 2, −4
  const scores = await probe.scores(features);
  [1, 2, -4].forEach((z, i) => assertAlmostEquals(scores[i], 1 / (1 + Math.exp(-z)), 1e-6)); // float32
  assertEquals(probe.state(), byHand);
  assertEquals(probe.sizes, { dim: 2 });
  features.dispose();
  probe.close();
});

tensorTest("a linear probe learns to tell two clouds apart, and is a function of its seed", async () => {
  const probe = linearProbe.create(settings, { shape: [4], seed: 1 });
  const again = linearProbe.create(settings, { shape: [4], seed: 1 });
  assertEquals(again.state(), probe.state());
  again.close();
  const labels = Array.from({ length: 32 }, (_, i) => i % 2);
  const features = tf.tidy(() => {
    const noise = tf.randomNormal([32, 4], 0, 1, "float32", 1);
    return tf.add(noise, tf.tensor(labels.map((label) => [3 * label, 0, 0, 0])));
  });
  const trainer = await openTrainer(probe, {
    loss: crossEntropy,
    optimizer: { kind: "adamw", learningRate: 0.05 },
    shape: [4],
  });
  assertEquals(trainer.engine, "eager");
  const losses: number[] = [];
  for (let step = 0; step < 60; step++) losses.push(await trainer.step({ input: features, labels }));
  assertLess(losses.at(-1)!, losses[0] / 2);
  trainer.close();
  features.dispose();
  probe.close();
});

tensorTest("a linear probe names the keys that are missing or not its own", () => {
  const weight = byHand.get("head.weight")!;
  const other: StateDict = new Map([["head.weight", weight], ["fc.weight", weight]]);
  const { message } = assertThrows(() => linearProbe.bind(other));
  for (const key of ["head.bias", "fc.weight"]) assertStringIncludes(message, key);
});
