/**
 * Adam and AdamW: what they are set to, what they keep, and their step.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { dispose, stateOf, toVariable } from "../backend/tensors.ts";
import type { StateDict } from "../weights/state.ts";

/** Settings of Adam and AdamW; PyTorch's defaults, but the reference's learning rate. */
export type AdamWConfig = {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
};

/** The name of an optimizer. */
export type OptimizerName = "adamw" | "adam";

/** The optimizers that `--optimizer` takes, with their weight decay unless another is given: PyTorch's defaults. */
export const optimizers = {
  adamw: { about: "with weight decay that is decoupled from the gradient", weightDecay: 0.01 },
  adam: { about: "with weight decay, if any, as a part of the gradient", weightDecay: 0 },
} as const satisfies Readonly<Record<OptimizerName, { about: string; weightDecay: number }>>;

/** The names of all optimizers. */
export const optimizerNames = Object.keys(optimizers) as [OptimizerName, ...OptimizerName[]];

/** An optimizer with its moments by state-dict key; free it with `dispose()`. */
export type Optimizer = {
  readonly kind: OptimizerName;
  readonly config: AdamWConfig;
  /** Steps taken so far. */
  step: number;
  readonly moments: Map<string, { readonly m: tf.Variable; readonly v: tf.Variable }>;
};

/**
 * AdamW as `torch.optim.AdamW`: decoupled weight decay on every parameter, moments corrected for bias.
 *
 * @example
 * ```ts
 * import { adamW } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * const { config, step } = adamW({ learningRate: 1e-3 });
 * assertEquals(config, { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 });
 * assertEquals(step, 0);
 * ```
 */
export function adamW(
  options: Partial<AdamWConfig> = {},
): Optimizer {
  return createOptimizer({ kind: "adamw", ...options });
}

/**
 * An optimizer without moments: AdamW as {@link adamW}, or Adam as `torch.optim.Adam`, which adds the decay of a weight to its
 * gradient.
 */
export function createOptimizer(
  { kind, ...options }: Partial<AdamWConfig> & { readonly kind: OptimizerName },
): Optimizer {
  const { learningRate = 1e-4, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const { weightDecay = optimizers[kind].weightDecay } = options;
  return { kind, config: { learningRate, beta1, beta2, epsilon, weightDecay }, step: 0, moments: new Map() };
}

/**
 * The optimizer's moments as a state dict: `step`, and for each weight `exp_avg.<key>` and `exp_avg_sq.<key>`.
 *
 * @example
 * ```ts
 * import { adamW, createForgeLens, dispose, initBackend, optimizerState, trainStep } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 0, feedForward: 32, dropout: 0 }, 0);
 * const [optimizer, tokens] = [adamW(), tf.zeros<tf.Rank.R3>([2, 5, 16])];
 * await trainStep(head, optimizer, { tokens, labels: [0, 1] });
 * const state = optimizerState(optimizer);
 * assertEquals(state.get("step")?.data, Int32Array.of(1));
 * assertEquals(state.get("exp_avg.cls_head.bias")?.shape, [2]);
 * dispose([head, optimizer, tokens]);
 * ```
 */
export function optimizerState(optimizer: Optimizer): StateDict {
  const moments = new Map(
    [...optimizer.moments].flatMap(([key, { m, v }]) =>
      [[`exp_avg.${key}`, m], [`exp_avg_sq.${key}`, v]] as const
    ),
  );
  const step = { dtype: "int32", shape: [], data: Int32Array.of(optimizer.step) };
  return new Map([["step", step], ...stateOf(moments)]);
}

/**
 * Puts what `optimizerState()` gave back into an optimizer, whose own moments are freed.
 *
 * @throws {Error} when the step, or half of a weight's moments, is not there
 */
export function restoreOptimizer(optimizer: Optimizer, dict: StateDict): void {
  const step = dict.get("step");
  if (!step) {
    throw new Error(
      "Cannot restore the optimizer: expected the key step but found none; delete the run and train again",
    );
  }
  dispose(optimizer.moments);
  optimizer.moments.clear();
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

/**
 * Takes one step.
 *
 * @param weights what is changed, by state-dict key
 * @param options.gradients of each weight; they stay the caller's
 * @param options.learningRate for this step; the optimizer's unless given
 */
export function applyOptimizer(
  weights: ReadonlyMap<string, tf.Variable>,
  optimizer: Optimizer,
  options: { readonly gradients: ReadonlyMap<string, tf.Tensor>; readonly learningRate?: number },
): void {
  const { beta1, beta2, epsilon, weightDecay } = optimizer.config;
  const { gradients, learningRate = optimizer.config.learningRate } = options;
  const isDecoupled = optimizer.kind === "adamw";
  const t = ++optimizer.step;
  const stepSize = learningRate / (1 - beta1 ** t);
  const secondCorrection = Math.sqrt(1 - beta2 ** t);
  for (const [key, weight] of weights) {
    const { m, v } = momentsOf(optimizer, key, weight);
    tf.tidy(() => {
      const given = gradients.get(key)!;
      const gradient = isDecoupled || weightDecay === 0 ? given : tf.add(given, tf.mul(weight, weightDecay));
      m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
      v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
      const denominator = tf.add(tf.div(tf.sqrt(v), secondCorrection), epsilon);
      const kept = isDecoupled ? tf.mul(weight, 1 - learningRate * weightDecay) : weight;
      weight.assign(tf.sub(kept, tf.mul(tf.div(m, denominator), stepSize)));
    });
  }
}
