/**
 * How the demo tower is trained: the heads that it is trained through, their loss, and the step.
 *
 * Shapes: B batch, N tokens (class token first), D width, E embedding.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { dispose, stateOf, toVariable } from "../../lib/backend/tensors.ts";
import { createRandom } from "../../lib/base/random.ts";
import { type Clip, clsTokenOf, embedPatches, toPixels } from "../../lib/model/encoders/clip.ts";
import { clipState } from "../../lib/model/encoders/clip_state.ts";
import { layerNorm, type Linear, linear } from "../../lib/model/layers.ts";
import {
  adamW,
  applyOptimizer,
  type Optimizer,
  optimizerState,
  restoreOptimizer,
} from "../../lib/training/optimizers.ts";
import type { StateDict } from "../../lib/weights/state.ts";
import { editNames } from "./edits.ts";
import { fastBlock } from "./fast_block.ts";
import type { Samples } from "./samples.ts";
import { trainableTower } from "./tower.ts";

/** The learning rate and the rest; the loss is weighted in `lossOf()`. */
export const recipe = {
  batch: 32,
  learningRate: 1e-3,
  warmUp: 100,
  beta1: 0.9,
  beta2: 0.98,
  weightDecay: 0.05,
  clip: 1,
  positiveWeight: 3,
} as const;

/** Heads that training alone has: on the patches, the class token, its embedding and the mean of the patches. */
type Heads = { readonly patch: Linear; readonly cls: Linear; readonly kind: Linear; readonly mean: Linear };

/** A tower in training; free it with `dispose()`. */
export type Learner = {
  readonly clip: Clip;
  readonly heads: Heads;
  /** Every parameter by name. */
  readonly weights: ReadonlyMap<string, tf.Variable>;
  /** For matrices, and for vectors and positions, which do not decay. */
  readonly optimizers: { readonly matrices: Optimizer; readonly rest: Optimizer };
};

/** A learner with the tower's weights and new heads. */
export function createLearner(tower: StateDict, seed: number): Learner {
  const { clip, weights } = trainableTower(tower);
  const { width, embedDim } = clip.config;
  const random = createRandom(seed, "heads");
  const head = (out: number, size: number): Linear => {
    const values = Float32Array.from({ length: out * size }, () => 0.02 * random.normal());
    return {
      weight: toVariable(tf.tensor2d(values, [out, size]), { trainable: true }) as unknown as tf.Tensor2D,
      bias: toVariable(tf.zeros([out]), { trainable: true }) as unknown as tf.Tensor1D,
    };
  };
  const heads = {
    patch: head(1, width),
    cls: head(1, width),
    kind: head(1 + editNames.length, embedDim),
    mean: head(1, width),
  };
  for (const [key, { weight, bias }] of Object.entries(heads)) {
    weights.set(`heads.${key}.weight`, weight as unknown as tf.Variable);
    weights.set(`heads.${key}.bias`, bias as unknown as tf.Variable);
  }
  const { learningRate, beta1, beta2, weightDecay } = recipe;
  const optimizer = (decay: number) => adamW({ learningRate, beta1, beta2, weightDecay: decay });
  return { clip, heads, weights, optimizers: { matrices: optimizer(weightDecay), rest: optimizer(0) } };
}

/** The learning rate of a step: a linear warm-up, then half a cosine down to 0 at `steps`. */
export function learningRateAt(step: number, steps: number): number {
  const { learningRate, warmUp } = recipe;
  if (step < warmUp) return learningRate * (step + 1) / warmUp;
  return learningRate * 0.5 * (1 + Math.cos(Math.PI * (step - warmUp) / Math.max(1, steps - warmUp)));
}

/** The loss and its parts, the share of labels that the class token tells, and the norm of all gradients. */
export type Losses = Readonly<Record<"loss" | "patch" | "cls" | "kind" | "accuracy" | "norm", number>>;

/** Takes one step and says the losses before it. */
export async function learn(
  learner: Learner,
  samples: Samples,
  { learningRate }: { learningRate: number },
): Promise<Losses> {
  const { clip, weights, optimizers } = learner;
  const pixels = toPixels(samples.images, clip.config.imageSize); // [B, S, S, 3]
  let parts: tf.Tensor1D | undefined;
  const { value, grads } = tf.variableGrads(() => {
    const { total, report } = lossOf(learner, pixels, samples);
    parts = tf.keep(report);
    return total;
  }, [...weights.values()]);
  const norm = tf.tidy(() => tf.sqrt(tf.addN(Object.values(grads).map((each) => tf.sum(tf.square(each))))));
  const [loss, patch, cls, kind, accuracy] = await parts!.data();
  const [size] = await norm.data();
  if (!Number.isFinite(loss) || !Number.isFinite(size)) {
    throw new Error(
      `Cannot train on: expected finite numbers but found a loss of ${loss}, gradients of ${size}`,
    );
  }
  const scale = Math.min(1, recipe.clip / (size + 1e-6));
  const scaled = new Map([...weights].map(([key, { name }]) => [key, tf.mul(grads[name], scale)]));
  const [matrices, rest] = [true, false].map((wanted) =>
    new Map(
      [...weights].filter(([key, { shape }]) =>
        wanted === (shape.length > 1 && key !== "positional_embedding")
      ),
    )
  );
  applyOptimizer(matrices, optimizers.matrices, { gradients: scaled, learningRate });
  applyOptimizer(rest, optimizers.rest, { gradients: scaled, learningRate });
  dispose([pixels, parts, value, grads, norm, scaled]);
  return { loss, patch, cls, kind, accuracy, norm: size };
}

/** Pixels → tokens after `ln_post`, [B, N, D], with gradients. */
function tokensOf({ config, params }: Clip, pixels: tf.Tensor4D): tf.Tensor3D {
  let x = embedPatches({ config, params }, pixels);
  for (const block of params.blocks) x = fastBlock(block, x, config);
  return layerNorm(params.lnPost, x);
}

function lossOf({ clip, heads }: Learner, pixels: tf.Tensor4D, samples: Samples) {
  const tokens = tokensOf(clip, pixels); // [B, N, D]
  const [B, N, D] = tokens.shape;
  const labels = tf.tensor1d(samples.labels);
  const clsToken = clsTokenOf(tokens); // [B, D]
  const patches = tf.slice(tokens, [0, 1, 0], [-1, -1, -1]); // [B, N - 1, D]
  const logits = (head: Linear, x: tf.Tensor2D) => tf.reshape(linear(head, x), [-1]) as tf.Tensor1D;
  const ofPatches = logits(heads.patch, tf.reshape(patches, [B * (N - 1), D]) as tf.Tensor2D);
  const patch = binary(ofPatches, tf.tensor1d(samples.shares), recipe.positiveWeight);
  const ofCls = logits(heads.cls, clsToken);
  const cls = binary(ofCls, labels, 1);
  const embedding = tf.matMul(clsToken, clip.params.proj); // [B, E]
  const kinds = tf.oneHot(tf.tensor1d(samples.kinds, "int32"), 1 + editNames.length);
  const kind = tf.neg(
    tf.mean(tf.sum(tf.mul(tf.logSoftmax(linear(heads.kind, embedding as tf.Tensor2D)), kinds), -1)),
  );
  const mean = binary(logits(heads.mean, tf.mean(patches, 1) as tf.Tensor2D), labels, 1);
  const total = tf.addN([tf.mul(patch, 2), cls, tf.mul(kind, 0.5), tf.mul(mean, 0.5)]) as tf.Scalar;
  const accuracy = tf.mean(tf.cast(tf.equal(tf.cast(tf.greater(ofCls, 0), "float32"), labels), "float32"));
  return { total, report: tf.stack([total, patch, cls, kind, accuracy]) as tf.Tensor1D };
}

/** Binary cross-entropy of logits with shares in 0..1, positives weighted. */
function binary(logits: tf.Tensor1D, shares: tf.Tensor1D, positiveWeight: number): tf.Scalar {
  const positive = tf.mul(tf.mul(shares, positiveWeight), tf.softplus(tf.neg(logits)));
  return tf.mean(tf.add(positive, tf.mul(tf.sub(1, shares), tf.softplus(logits))));
}

/** All that training goes on from: the tower's weights, the heads and the optimizers' moments. */
export function learnerState({ clip, weights, optimizers }: Learner): StateDict {
  const heads = new Map([...weights].filter(([key]) => key.startsWith("heads.")));
  const moments = Object.entries(optimizers).flatMap(([name, optimizer]) =>
    [...optimizerState(optimizer)].map(([key, value]) => [`${name}/${key}`, value] as const)
  );
  return new Map([...clipState(clip, "visual."), ...stateOf(heads), ...moments]);
}

/** A learner as it was. */
export function restoreLearner(state: StateDict): Learner {
  const pick = (prefix: string) => [...state].filter(([key]) => key.startsWith(prefix));
  const learner = createLearner(new Map(pick("visual.")), 0);
  for (const [key, { data, shape }] of pick("heads.")) {
    const value = tf.tensor(data as Float32Array, shape);
    learner.weights.get(key)!.assign(value);
    value.dispose();
  }
  for (const [name, optimizer] of Object.entries(learner.optimizers)) {
    restoreOptimizer(
      optimizer,
      new Map(pick(`${name}/`).map(([key, value]) => [key.slice(name.length + 1), value])),
    );
  }
  return learner;
}
