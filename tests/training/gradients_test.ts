import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { dispose } from "../../lib/backend/tensors.ts";
import type { Detector } from "../../lib/model/detectors/detector.ts";
import { createForgeLens, forgeLensState, headDetector } from "../../lib/model/detectors/notebook_head.ts";
import { clipped } from "../../lib/training/gradients.ts";
import { crossEntropy, smoothedCrossEntropy } from "../../lib/training/losses/cross_entropy.ts";
import { openTrainer, type Trainer } from "../../lib/training/trainer.ts";
import type { StateDict } from "../../lib/weights/state.ts";
import { onTensorFlow, tensorTest, worstDifference } from "../tensors.ts";
import { batchesOf, linearDetector, reference } from "./options.ts";

type Case = (typeof reference.cases)[number];

/** A trainer as PyTorch's of that case. */
function open(detector: Detector, { optimizer, weight_decay, accumulate, clip, smoothing }: Case) {
  return openTrainer(detector, {
    loss: smoothing === 0 ? crossEntropy : smoothedCrossEntropy(smoothing),
    optimizer: { kind: optimizer, learningRate: 0.01, weightDecay: weight_decay },
    accumulate,
    clip: clip ?? undefined,
    shape: [5],
  });
}

for (const each of reference.cases) {
  const { optimizer, weight_decay, batches, accumulate, clip, smoothing } = each;
  const name = JSON.stringify({ optimizer, weight_decay, batches, accumulate, clip, smoothing });
  tensorTest(`a trainer matches PyTorch's losses and weights (${name})`, async () => {
    const detector = linearDetector();
    const trainer = await open(detector, each);
    const given = batchesOf(batches);
    for (const [i, batch] of given.entries()) {
      assertAlmostEquals(await trainer.step(batch), each.losses[i], 1e-6); // float32
    }
    trainer.finishStep();
    assertEquals(trainer.steps, Math.ceil(batches.length / accumulate));
    trainer.sync();
    for (const key of ["weight", "bias"] as const) {
      const found = detector.state().get(key)!.data as Float32Array;
      assertLess(worstDifference(found, each[key]), 1e-6, key); // steps of 0.01 in float32
    }
    trainer.close();
    detector.close();
    dispose(given.map(({ input }) => input));
  });
}

tensorTest("a trainer restored in the middle of an accumulation goes on with the same numbers", async () => {
  const all = reference.cases.at(-1)!;
  const given = batchesOf(all.batches);
  const straight = linearDetector();
  const whole = await open(straight, all);
  for (const batch of given) await whole.step(batch);
  whole.finishStep();

  let state: StateDict = new Map();
  const stopped = linearDetector();
  for (const batch of given) { // stopped after every batch
    const trainer: Trainer = await open(stopped, all);
    if (state.size > 0) trainer.restore(state);
    await trainer.step(batch);
    if (batch === given.at(-1)) trainer.finishStep();
    trainer.sync();
    state = trainer.state();
    trainer.close();
  }
  assertEquals(stopped.state(), straight.state());
  assertEquals(state, whole.state());
  assertEquals([...state.keys()].filter((key) => key.startsWith("accumulated")), []);
  whole.close();
  [straight, stopped].forEach((detector) => detector.close());
  dispose(given.map(({ input }) => input));
});

tensorTest("finishStep() without anything accumulated takes no step", async () => {
  const detector = linearDetector();
  const trainer = await open(detector, reference.cases.at(-1)!);
  const before = detector.state();
  trainer.finishStep();
  assertEquals([trainer.steps, detector.state()], [0, before]);
  trainer.close();
  detector.close();
});

tensorTest("clipped() makes long gradients as short as they may be, and leaves short ones", () => {
  const gradients = () => new Map<string, tf.Tensor>([["a", tf.tensor1d([3, 0])], ["b", tf.scalar(4)]]);
  const [short, long] = [clipped(gradients(), 10), clipped(gradients(), 0.5)]; // the length is 5
  assertEquals([...short.values()].map((each) => [...each.dataSync()]), [[3, 0], [4]]);
  // By hand; the millionth is PyTorch's.
  const scale = 0.5 / (5 + 1e-6);
  assertAlmostEquals(long.get("a")!.dataSync()[0], 3 * scale, 1e-6);
  assertAlmostEquals(long.get("b")!.dataSync()[0], 4 * scale, 1e-6);
  dispose([short, long]);
});

for (const engine of ["graph", "eager"] as const) {
  tensorTest(
    `a head takes from two halves of a batch the step of the whole, and a clipped one is shorter (${engine})`,
    async () => {
      const config = { dim: 24, heads: 3, depth: 1, feedForward: 40, dropout: 0 };
      const tokens = tf.randomNormal([4, 5, config.dim], 0, 1, "float32", 1);
      const halves = [tf.slice(tokens, [0, 0, 0], [1, -1, -1]), tf.slice(tokens, [1, 0, 0], [3, -1, -1])];
      const labels = [0, 1, 0, 1];
      const after = async (accumulate: number, clip?: number): Promise<StateDict> => {
        const model = createForgeLens(config, 0);
        const trainer = await openTrainer(headDetector(model), {
          // With an ε of 1, Adam's first step is nearly in proportion to the gradient.
          ...{ loss: crossEntropy, optimizer: { kind: "adamw", learningRate: 0.1, epsilon: 1 }, engine },
          ...{ shape: [5, config.dim], accumulate, clip },
        });
        assertEquals(trainer.engine, engine);
        if (accumulate === 1) await trainer.step({ input: tokens, labels });
        else {
          await trainer.step({ input: halves[0], labels: labels.slice(0, 1) });
          assertEquals(trainer.steps, 0);
          await trainer.step({ input: halves[1], labels: labels.slice(1) });
        }
        assertEquals(trainer.steps, 1);
        trainer.sync();
        const state = forgeLensState(model);
        trainer.close();
        dispose(model.weights);
        return state;
      };
      const [whole, together, short] = [await after(1), await after(2), await after(1, 1e-3)];
      const start = createForgeLens(config, 0);
      for (const [key, { data }] of forgeLensState(start)) {
        const [wanted, found] = [whole, together].map((state) => state.get(key)!.data as Float32Array);
        assertLess(worstDifference(found, wanted), 1e-6, key); // sums in another order
        // What clipping leaves of a gradient of 1e-3 at most moves no weight by 1e-4; decay takes 1e-3 of one.
        const decayed = (data as Float32Array).map((value) => value * (1 - 0.1 * 0.01));
        assertLess(worstDifference(short.get(key)!.data as Float32Array, decayed), 1e-4, key);
      }
      dispose([tokens, halves, start.weights]);
    },
    { ignore: engine === "graph" && !onTensorFlow },
  );
}
