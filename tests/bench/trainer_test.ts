import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { isTensorFlow } from "../../lib/backend.ts";
import { adamW, optimizerState, trainStep } from "../../lib/bench/optimizer.ts";
import { createTrainer, openTrainer } from "../../lib/bench/trainer.ts";
import type { Precision } from "../../lib/model/compile.ts";
import { bindForgeLens, createForgeLens, forgeLensState } from "../../lib/model/forgelens.ts";
import { dispose } from "../../lib/model/tensors.ts";
import { arrays, fixture, tensorOf, tensorTest, worstDifference } from "../tensors.ts";

const weights = await arrays("forgelens_head.safetensors");
const expected = await arrays("forgelens_head_expected.safetensors");
const { labels, losses } = JSON.parse(await Deno.readTextFile(fixture("forgelens_head.json")));
// An odd number of tokens and of heads: masks are drawn from pairs of numbers.
const small = { dim: 24, heads: 3, depth: 2, feedForward: 40, dropout: 0.2 };

tensorTest("a trainer's gradients match PyTorch's first step for every weight", async () => {
  const model = bindForgeLens(weights, { heads: 8 });
  const optimizer = adamW();
  const tokens = tensorOf<tf.Tensor3D>(expected, "tokens");
  const trainer = await openTrainer(model, optimizer, { precision: "float32", tokens: tokens.shape[1] });
  const grads = await trainer.gradients({ tokens, labels });
  assertEquals([...grads.keys()].sort(), [...weights.keys()].sort());
  for (const [key, gradient] of grads) {
    const wanted = expected.get(`grad.${key}`);
    // As for gradients(): float32 sums in another order than PyTorch's.
    if (wanted) assertLess(worstDifference(gradient.dataSync(), wanted.data as Float32Array), 1e-5, key);
  }
  trainer.dispose();
  dispose([grads, tokens, model.weights, optimizer.moments]);
});

tensorTest("a trainer matches PyTorch's losses and weights over three AdamW steps", async () => {
  const model = bindForgeLens(weights, { heads: 8 });
  const tokens = tensorOf<tf.Tensor3D>(expected, "tokens");
  const optimizer = adamW({ learningRate: 1e-3 });
  const trainer = await openTrainer(model, optimizer, { precision: "float32", tokens: tokens.shape[1] });
  // By the third step of 1e-3, rounding has turned a ReLU on or off for a token: 2e-5 was seen.
  for (const loss of losses) assertAlmostEquals(await trainer.step({ tokens, labels }), loss, 1e-4);
  trainer.sync();
  for (const [key, { data }] of forgeLensState(model)) {
    const wanted = expected.get(`after3.${key}`);
    // The key third of in_proj_bias has no gradient, and Adam turns its rounding into steps of ±learningRate.
    if (!wanted || key.endsWith("in_proj_bias")) continue;
    const found = data as Float32Array;
    const far = found.filter((value, i) => Math.abs(value - Number(wanted.data[i])) > 2e-5).length;
    assert(far <= found.length / 1000, `${key}: ${far} of ${found.length} weights are off`); // that ReLU's
  }
  trainer.dispose();
  dispose([tokens, model.weights, optimizer.moments]);
});

tensorTest("a trainer in float32 takes trainStep()'s steps, dropout masks and moments included", async () => {
  const tokens = tf.randomNormal([3, 5, small.dim], 0, 1, "float32", 1) as tf.Tensor3D;
  const few = tf.slice(tokens, [0, 0, 0], [1, -1, -1]);
  const [plain, fast] = [createForgeLens(small, 0), createForgeLens(small, 0)];
  const [plainAdam, fastAdam] = [adamW(), adamW()];
  const trainer = await openTrainer(fast, fastAdam, { precision: "float32", tokens: 5 });
  for (let step = 0; step < 4; step++) {
    const batch = step === 3 ? { tokens: few, labels: [1] } : { tokens, labels: [0, 1, 0] };
    const loss = await trainStep(plain, plainAdam, { ...batch, seed: step });
    assertAlmostEquals(await trainer.step({ ...batch, seed: step }), loss, 1e-5);
  }
  trainer.sync();
  const moments = optimizerState(fastAdam);
  for (const [key, { data }] of optimizerState(plainAdam)) {
    assertLess(worstDifference(moments.get(key)!.data as Float32Array, data as Float32Array), 1e-5, key);
  }
  trainer.dispose();
  dispose([tokens, few, plain.weights, fast.weights, plainAdam.moments, fastAdam.moments]);
});

/** Losses of 60 steps on two kinds of noise, told apart by their spread. */
async function curve(precision: Precision, dropoutSeed = 0): Promise<number[]> {
  const model = createForgeLens({ ...small, dim: 48 }, 0);
  const optimizer = adamW({ learningRate: 5e-4 });
  const trainer = await openTrainer(model, optimizer, { precision, tokens: 9 });
  const labels = [0, 1, 0, 1];
  const found: number[] = [];
  for (let step = 0; step < 60; step++) {
    const tokens = tf.tidy(() => {
      const noise = tf.randomNormal([4, 9, 48], 0, 1, "float32", step);
      return tf.mul(noise, tf.tensor([0.6, 1.4, 0.6, 1.4], [4, 1, 1])) as tf.Tensor3D;
    });
    found.push(await trainer.step({ tokens, labels, seed: 1000 * dropoutSeed + step }));
    tokens.dispose();
  }
  trainer.dispose();
  dispose([model.weights, optimizer.moments]);
  return found;
}

tensorTest("a trainer in bfloat16 has float32's loss curve", async () => {
  if (!isTensorFlow()) return;
  const [full, low, other] = [await curve("float32"), await curve("bfloat16"), await curve("float32", 1)];
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assertLess(mean(full.slice(-20)), mean(full.slice(0, 20)) - 0.1); // it learns, so that there is a curve to compare
  const distance = (a: number[], b: number[]) => mean(a.map((loss, i) => Math.abs(loss - b[i])));
  // Within the noise of training: nearer to float32 than float32 is to itself with other dropout masks.
  assertLess(distance(full, low), distance(full, other));
  assert(full.some((loss, i) => loss !== low[i])); // it is not float32 under another name
});

tensorTest(
  "a trainer leaves the model as it was until sync(), and refuses a batch without labels",
  async () => {
    if (!isTensorFlow()) return;
    const model = createForgeLens(small, 0);
    const optimizer = adamW();
    const before = forgeLensState(model);
    const tokens = tf.randomNormal([2, 5, small.dim]) as tf.Tensor3D;
    const trainer = await createTrainer(model, optimizer, { precision: "float32", tokens: 5 });
    await trainer.step({ tokens, labels: [0, 1] });
    assertEquals(forgeLensState(model), before);
    trainer.sync();
    const synced = forgeLensState(model);
    const moved = (key: string) =>
      worstDifference(synced.get(key)!.data as Float32Array, before.get(key)!.data as Float32Array);
    assert([...before.keys()].every((key) => moved(key) > 0));
    await trainer.step({ tokens, labels: [0, 1] });
    assertEquals(forgeLensState(model), synced);
    await assertRejects(
      // deno-lint-ignore require-await
      async () => trainer.step({ tokens, labels: [0] }),
      Error,
      "expected 2 labels, one for each image, but found 1",
    );
    trainer.dispose();
    dispose([tokens, model.weights, optimizer.moments]);
  },
);
