/**
 * A program that start_test.ts runs once on each backend: the operations that the models are made of, forwards and
 * backwards, as JSON.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { BackendName } from "../../lib/backend/backends/mod.ts";
import { initBackend } from "../../lib/backend/start.ts";

const backend = await initBackend({ backend: Deno.args[0] as BackendName });

/** The same on every backend, unlike tfjs's random numbers of which the backend may keep its own. */
function wave(shape: number[], phase = 0): tf.Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(Float32Array.from({ length: size }, (_, i) => Math.sin(1.7 * i + phase)), shape);
}

const tokens = wave([2, 3, 4]);
const weights = wave([4, 5], 1);
const others = wave([2, 4, 3], 2);

const operations: { [name: string]: (x: tf.Tensor) => tf.Tensor } = {
  "matMul, batched": (x) => tf.matMul(x, others),
  "matMul, transposed": (x) => tf.matMul(others, x, true, true),
  "linear": (x) => tf.matMul(tf.reshape(x, [6, 4]), weights),
  "softmax": (x) => tf.softmax(x),
  "logSoftmax": (x) => tf.logSoftmax(x),
  "gelu": (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
  "quickGelu": (x) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))),
  "relu": (x) => tf.relu(x),
  "tanh": (x) => tf.tanh(x),
  "layerNorm": (x) => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    return tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5)));
  },
  "slice": (x) => tf.slice(x, [0, 1, 0], [2, 2, 4]),
  "concat": (x) => tf.concat([x, tf.mul(x, 2)], 1),
  "split": (x) => tf.mul(...tf.split(x, 2, 2) as [tf.Tensor, tf.Tensor]),
  "stack": (x) => tf.stack([x, tf.square(x)]),
  "transpose": (x) => tf.transpose(x, [1, 0, 2]),
  "broadcast": (x) => tf.add(x, tf.slice(x, [0, 0, 0], [1, 1, 4])),
  "log, exp, sqrt": (x) => tf.sqrt(tf.add(tf.log(tf.add(tf.exp(x), 1)), 1)),
};

const results: { [name: string]: { forward: number[]; gradient: number[] } } = {};
for (const [name, f] of Object.entries(operations)) {
  results[name] = tf.tidy(() => ({
    forward: Array.from(f(tokens).dataSync()),
    gradient: Array.from(tf.grad((x) => tf.sum(tf.square(f(x))))(tokens).dataSync()),
  }));
}

const before = tf.memory().numTensors;
for (let step = 0; step < 200; step++) {
  tf.dispose(tf.tidy(() => tf.grad((x) => tf.sum(tf.softmax(tf.matMul(x, others))))(tokens)));
}
const leaked = tf.memory().numTensors - before;

console.log(JSON.stringify({ backend, active: tf.getBackend(), results, leaked }));
