import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import {
  attention,
  dropout,
  encoderLayer,
  gelu,
  layerNorm,
  leastKept,
  linear,
  quickGelu,
} from "../../lib/model/layers.ts";
import { dispose } from "../../lib/backend/tensors.ts";
import { createRandom, seedFrom as seedOf } from "../../lib/base/random.ts";
import { tensorTest, worstDifference } from "../tensors.ts";

function noise(shape: number[], seed: number): tf.Tensor {
  const random = createRandom(seed);
  return tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random.normal), shape);
}

const linearOf = (out: number, width: number, seed: number) => ({
  weight: noise([out, width], seed) as tf.Tensor2D,
  bias: noise([out], seed + 1) as tf.Tensor1D,
});

tensorTest("linear() multiplies by the transposed weight and adds the bias", () => {
  const p = { weight: tf.tensor2d([[1, 2], [3, 4], [5, 6]]), bias: tf.tensor1d([0.5, 0, -1]) };
  const x = tf.tensor2d([[1, 10]]);
  assertEquals(Array.from(tf.tidy(() => linear(p, x).dataSync())), [21.5, 43, 64]);
  dispose([p, x]);
});

tensorTest("gelu(), quickGelu() and layerNorm() give the values of their definitions", () => {
  const x = tf.tensor1d([-2, -0.5, 0, 1, 3]);
  // x·Φ(x) from tables of the normal distribution, and x·σ(1.702 x); float32 leaves 1e-6.
  const wanted = [-0.0455003, -0.1542688, 0, 0.8413447, 2.9959503];
  assertLess(worstDifference(gelu(x), wanted), 1e-6);
  const quick = Array.from(x.dataSync(), (v) => v / (1 + Math.exp(-1.702 * v)));
  assertLess(worstDifference(quickGelu(x), quick), 1e-6);
  const p = { weight: tf.tensor1d([1, 2]), bias: tf.tensor1d([0, 1]) };
  const rows = tf.tensor2d([[1, 3]]);
  const unit = 1 / Math.sqrt(1 + 1e-5);
  assertLess(worstDifference(layerNorm(p, rows), [-unit, 2 * unit + 1]), 1e-6);
  dispose([x, p, rows]);
});

tensorTest("attention() is the softmax of scaled products, head by head", () => {
  const [D, heads, N] = [4, 2, 3];
  const p = { inProj: linearOf(3 * D, D, 1), outProj: linearOf(D, D, 3) };
  const x = noise([1, N, D], 5) as tf.Tensor3D;
  const at = (t: tf.Tensor) => t.arraySync() as number[][];
  const [wIn, bIn] = [at(p.inProj.weight), Array.from(p.inProj.bias.dataSync())];
  const [wOut, bOut] = [at(p.outProj.weight), Array.from(p.outProj.bias.dataSync())];
  const rows = (x.arraySync() as number[][][])[0];
  const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  const qkv = rows.map((row) => wIn.map((w, i) => dot(w, row) + bIn[i]));
  const K = D / heads;
  const mixed = rows.map((_, n) =>
    Array.from({ length: heads }, (_, h) => {
      const part = (m: number, which: number) => qkv[m].slice(which * D + h * K, which * D + (h + 1) * K);
      const scores = rows.map((_, m) => Math.exp(dot(part(n, 0), part(m, 1)) / Math.sqrt(K)));
      const sum = scores.reduce((a, b) => a + b, 0);
      return part(0, 2).map((_, k) => scores.reduce((total, s, m) => total + (s / sum) * part(m, 2)[k], 0));
    }).flat()
  );
  const wanted = mixed.flatMap((row) => wOut.map((w, i) => dot(w, row) + bOut[i]));
  assertLess(worstDifference(attention(p, x, { heads }), wanted), 1e-5); // float32 against float64
  dispose([p, x]);
});

tensorTest(
  "dropout() drops at its rate, scales what stays, and does nothing without options or at rate 0",
  () => {
    const x = tf.ones([200, 200]);
    const values = tf.tidy(() => dropout(x, { rate: 0.1, seed: 4 }).dataSync());
    const kept = values.filter((v) => v !== 0);
    assert(kept.every((v) => Math.abs(v - 1 / 0.9) < 1e-6));
    // Four standard errors of a binomial share over 40,000.
    assertAlmostEquals(kept.length / values.length, 0.9, 4 * Math.sqrt(0.09 / 40_000));
    assertEquals(tf.tidy(() => dropout(x, { rate: 0.1, seed: 4 }).dataSync()), values);
    for (const options of [undefined, { rate: 0, seed: 1 }]) {
      assert(tf.tidy(() => dropout(x, options).dataSync()).every((v) => v === 1));
    }
    x.dispose();
  },
);

Deno.test("leastKept() is one of the two bytes around the rate, and the rate on average over seeds", () => {
  const seeds = 4000;
  for (const rate of [0, 0.1, 0.25, 0.9]) {
    const found = Array.from({ length: seeds }, (_, seed) => leastKept({ rate, seed }));
    assert(found.every((byte) => byte === Math.floor(256 * rate) || byte === Math.ceil(256 * rate)));
    const mean = found.reduce((sum, byte) => sum + byte / 256, 0) / seeds;
    const share = 256 * rate % 1;
    // Four standard errors of the share of seeds that take the larger byte.
    assertAlmostEquals(mean, rate, 4 * Math.sqrt(share * (1 - share) / seeds) / 256 + 1e-12);
  }
  assertEquals(leastKept({ rate: 1 - 1e-9, seed: 0 }), 255); // never more than a byte holds
});

tensorTest("encoderLayer() drops in PyTorch's four places, each with a mask of its own", () => {
  const D = 8;
  const norm = (seed: number) => ({
    weight: noise([D], seed) as tf.Tensor1D,
    bias: noise([D], seed + 1) as tf.Tensor1D,
  });
  const p = {
    selfAttn: { inProj: linearOf(3 * D, D, 10), outProj: linearOf(D, D, 12) },
    linear1: linearOf(16, D, 14),
    linear2: linearOf(D, 16, 16),
    norm1: norm(18),
    norm2: norm(20),
  };
  const x = noise([2, 5, D], 22) as tf.Tensor3D;
  // Rebuilt from the parts, with the masks that the layer must have used.
  const before = tf.engine().state.numTensors;
  const rate = 0.4;
  const seeds: number[] = [];
  const wanted = tf.tidy(() => {
    const places = ["attention", "dropout1", "dropout", "dropout2"].map((place) => seedOf(7, place));
    seeds.push(...places);
    const [inAttention, afterAttention, hidden, after] = places.map((seed) => ({ rate, seed }));
    const attended = attention(p.selfAttn, x, { heads: 2, dropout: inAttention });
    const middle = layerNorm(p.norm1, tf.add(x, dropout(attended, afterAttention)) as tf.Tensor3D);
    const fed = linear(p.linear2, dropout(tf.relu(linear(p.linear1, middle)), hidden));
    return layerNorm(p.norm2, tf.add(middle, dropout(fed, after)) as tf.Tensor3D).dataSync();
  });
  assertEquals(tf.engine().state.numTensors, before);
  assertEquals(new Set(seeds).size, 4);
  const actual = encoderLayer(p, x, { heads: 2, dropout: { rate, seed: 7 } });
  assertLess(worstDifference(actual, wanted), 1e-6);
  dispose([p, x]);
});
