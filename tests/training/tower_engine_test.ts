import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { isTensorFlow } from "../../lib/backend/raw.ts";
import { randomClip } from "../../lib/model/encoders/clip_weights.ts";
import { bindLnTuned } from "../../lib/model/detectors/ln_tuned.ts";
import { losses } from "../../lib/training/losses/mod.ts";
import { openTrainer } from "../../lib/training/trainer.ts";
import { tensorTest } from "../tensors.ts";

const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };

/** An LN-tuned tower with random weights. */
function detector() {
  const dict = randomClip(sizes, 4);
  const weight = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i) / 8);
  dict.set("head.weight", { dtype: "float32", shape: [2, 64], data: weight });
  dict.set("head.bias", { dtype: "float32", shape: [2], data: new Float32Array(2) });
  return bindLnTuned(dict, { activation: "quickgelu", normalise: true });
}

/** Losses of five steps, with what the detector scores in the last, and the engine. */
async function train(options: { readonly engine?: "eager"; readonly precision: "float32" | "bfloat16" }) {
  const trained = detector();
  const trainer = await openTrainer(trained, {
    loss: losses.crossEntropy,
    optimizer: { kind: "adamw", learningRate: 1e-2 },
    shape: [32, 32, 3],
    ...options,
  });
  const input = tf.randomNormal([6, 32, 32, 3], 0, 1, "float32", 2);
  const found: number[] = [];
  for (let step = 0; step < 5; step++) {
    found.push(await trainer.step({ input, labels: [0, 1, 0, 1, 1, 0] }));
  }
  const { engine, precision } = trainer;
  const during = await trained.scores(input);
  trainer.close();
  const after = await trained.scores(input);
  trained.close();
  input.dispose();
  return { engine, precision, losses: found, during, after };
}

tensorTest("openTrainer() trains a tower by graphs as op by op, and gives the blocks back", async () => {
  const eager = await train({ engine: "eager", precision: "float32" });
  assertEquals([eager.engine, eager.precision], ["eager", "float32"]);
  const graph = await train({ precision: "float32" });
  assertEquals(graph.engine, isTensorFlow() ? "graph" : "eager");
  graph.losses.forEach((loss, i) => assertAlmostEquals(loss, eager.losses[i], 1e-4)); // sums in another order, five steps on
  graph.during.forEach((score, i) => assertAlmostEquals(score, graph.after[i], 1e-5));
  assertLess(graph.losses[4], graph.losses[0]);
});

tensorTest("openTrainer() trains a tower in bfloat16 near to float32", async () => {
  const full = await train({ precision: "float32" });
  const low = await train({ precision: "bfloat16" });
  assertEquals(low.precision, "bfloat16");
  low.losses.forEach((loss, i) => assertAlmostEquals(loss, full.losses[i], 0.02)); // 8 bits of fraction
}, { ignore: !isTensorFlow() });
