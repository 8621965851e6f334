/**
 * Cross-entropy, its gradients, and AdamW: one training step of the head.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type ForgeLens, logits } from "../model/detectors/notebook_head.ts";
import { toVariable } from "../backend/tensors.ts";
import type { StateDict } from "../weights/load.ts";

/** AdamW's settings; PyTorch's defaults, but the reference's learning rate. */
export type AdamWConfig = {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
};

/** AdamW with its moments by state-dict key; free it with `dispose()`. */
export type Optimizer = {
  readonly config: AdamWConfig;
  /** Steps taken so far. */
  step: number;
  readonly moments: Map<string, { readonly m: tf.Variable; readonly v: tf.Variable }>;
};

/** One batch: tokens [B, N, D], labels [B] (0 real, 1 fake), and the seed of its dropout masks (default 0). */
export type TrainBatch = {
  readonly tokens: tf.Tensor3D;
  readonly labels: ArrayLike<number>;
  readonly seed?: number;
};

/** AdamW as `torch.optim.AdamW`: decoupled weight decay on every parameter, moments corrected for bias. */
export function adamW(
  options: Partial<AdamWConfig> = {},
): Optimizer {
  const { learningRate = 1e-4, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 } = options;
  return { config: { learningRate, beta1, beta2, epsilon, weightDecay }, step: 0, moments: new Map() };
}

/** The mean cross-entropy of logits [B, 2] against labels [B], a scalar, as `torch.nn.CrossEntropyLoss()`. */
export function crossEntropy(logits: tf.Tensor2D, labels: ArrayLike<number>): tf.Scalar {
  return tf.tidy(() => {
    const targets = tf.oneHot(tf.tensor1d(Int32Array.from(labels), "int32"), 2); // [B, 2]
    return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), -1))) as tf.Scalar;
  });
}

/** The gradient of the loss for every weight, by state-dict key, in training mode; the caller disposes them. */
export function gradients(
  model: ForgeLens,
  tokens: tf.Tensor3D,
  options: { readonly labels: ArrayLike<number>; readonly seed?: number },
): Map<string, tf.Tensor> {
  const { loss, gradients } = lossAndGradients(model, { tokens, ...options });
  loss.dispose();
  return gradients;
}

/** Takes one AdamW step on a batch and resolves to its loss before the step. */
export async function trainStep(model: ForgeLens, optimizer: Optimizer, batch: TrainBatch): Promise<number> {
  const { loss, gradients } = lossAndGradients(model, batch);
  applyAdamW(model, optimizer, gradients);
  for (const gradient of gradients.values()) gradient.dispose();
  const [value] = await loss.data();
  loss.dispose();
  return value;
}

/** The optimizer's moments as a state dict: `step`, and for each weight `exp_avg.<key>` and `exp_avg_sq.<key>`. */
export function optimizerState(optimizer: Optimizer): StateDict {
  const dict: StateDict = new Map([
    ["step", { dtype: "int32", shape: [], data: Int32Array.of(optimizer.step) }],
  ]);
  for (const [key, { m, v }] of optimizer.moments) {
    dict.set(`exp_avg.${key}`, {
      dtype: "float32",
      shape: [...m.shape],
      data: Float32Array.from(m.dataSync()),
    });
    dict.set(`exp_avg_sq.${key}`, {
      dtype: "float32",
      shape: [...v.shape],
      data: Float32Array.from(v.dataSync()),
    });
  }
  return dict;
}

/** Puts what `optimizerState()` gave back into a new optimizer. */
export function restoreOptimizer(dict: StateDict, config: Partial<AdamWConfig> = {}): Optimizer {
  const optimizer = adamW(config);
  const step = dict.get("step");
  if (!step) {
    throw new Error(
      "Cannot restore the optimizer: expected the key step but found none; delete the run and train again",
    );
  }
  optimizer.step = Number(step.data[0]);
  for (const [name, entry] of dict) {
    if (!name.startsWith("exp_avg.")) continue;
    const key = name.slice("exp_avg.".length);
    const square = dict.get(`exp_avg_sq.${key}`);
    if (!square) {
      throw new Error(`Cannot restore the optimizer: expected the key exp_avg_sq.${key} but found none`);
    }
    optimizer.moments.set(key, {
      m: toVariable(tf.tensor(entry.data as Float32Array, entry.shape), { trainable: false }),
      v: toVariable(tf.tensor(square.data as Float32Array, square.shape), { trainable: false }),
    });
  }
  return optimizer;
}

/** The moments of a weight, zeros if there are none yet; they stay the optimizer's. */
export function momentsOf(
  optimizer: Optimizer,
  key: string,
  weight: tf.Variable,
): { readonly m: tf.Variable; readonly v: tf.Variable } {
  let moments = optimizer.moments.get(key);
  if (!moments) {
    const zeros = () => toVariable(tf.zerosLike(weight as tf.Tensor), { trainable: false });
    moments = { m: zeros(), v: zeros() };
    optimizer.moments.set(key, moments);
  }
  return moments;
}

/** @throws when a batch has not one label for each image. */
export function checkBatch(batch: TrainBatch): void {
  if (batch.labels.length !== batch.tokens.shape[0]) {
    throw new Error(
      `Cannot train on a batch: expected ${
        batch.tokens.shape[0]
      } labels, one for each image, but found ${batch.labels.length}`,
    );
  }
}

function lossAndGradients(
  model: ForgeLens,
  batch: TrainBatch,
): { loss: tf.Scalar; gradients: Map<string, tf.Tensor> } {
  checkBatch(batch);
  const variables = [...model.weights.values()];
  const { value, grads } = tf.variableGrads(
    () => crossEntropy(logits(model, batch.tokens, { training: true, seed: batch.seed }), batch.labels),
    variables,
  );
  const gradients = new Map<string, tf.Tensor>();
  for (const [key, variable] of model.weights) gradients.set(key, grads[variable.name]);
  return { loss: value, gradients };
}

function applyAdamW(model: ForgeLens, optimizer: Optimizer, gradients: Map<string, tf.Tensor>): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = optimizer.config;
  const t = ++optimizer.step;
  const stepSize = learningRate / (1 - beta1 ** t);
  const secondCorrection = Math.sqrt(1 - beta2 ** t);
  for (const [key, weight] of model.weights) {
    const { m, v } = momentsOf(optimizer, key, weight);
    tf.tidy(() => {
      const gradient = gradients.get(key)!;
      m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
      v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
      const denominator = tf.add(tf.div(tf.sqrt(v), secondCorrection), epsilon);
      const decayed = tf.mul(weight, 1 - learningRate * weightDecay);
      weight.assign(tf.sub(decayed, tf.mul(tf.div(m, denominator), stepSize)));
    });
  }
}
