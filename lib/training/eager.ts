/**
 * Training by automatic differentiation: any detector, any loss, op by op in float32.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Detector } from "../model/detectors/detector.ts";
import { type ForgeLens, headDetector } from "../model/detectors/notebook_head.ts";
import { checkBatch, type Engine, type EngineOptions, type TrainBatch } from "./engine.ts";
import { crossEntropy } from "./losses/cross_entropy.ts";
import type { Labels, Loss } from "./losses/loss.ts";
import { applyOptimizer, type Optimizer } from "./optimizers.ts";

/** The engine that takes any detector and any loss. */
export function eagerEngine(
  detector: Detector,
  { optimizer, loss }: Pick<EngineOptions, "optimizer" | "loss">,
): Engine {
  return {
    precision: "float32",
    async step(batch) {
      const { value, gradients } = differentiate(detector, batch, { loss, training: true });
      applyOptimizer(detector.weights, optimizer, { gradients, learningRate: batch.learningRate });
      for (const gradient of gradients.values()) gradient.dispose();
      const [number] = await value.data();
      value.dispose();
      return number;
    },
    async differentiate(batch) {
      const { value, gradients } = differentiate(detector, batch, { loss, training: true });
      const [number] = await value.data();
      value.dispose();
      return { loss: number, gradients };
    },
    load: () => {},
    sync: () => {},
    close: () => {},
  };
}

/**
 * The loss of a batch and its gradient for every weight, by state-dict key, with dropout off; the caller disposes them.
 *
 * @throws {Error} when there is not one label for each image
 *
 * @example
 * ```ts
 * import { gradientsOf, losses } from "@forgelens/bench";
 * import { createForgeLens, dispose, headDetector, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 0);
 * const detector = headDetector(head);
 * const tokens = tf.randomNormal([2, 5, 16], 0, 1, "float32", 1);
 * const { gradients } = await gradientsOf(detector, tokens, { labels: [0, 1], loss: losses.crossEntropy });
 * assertEquals(gradients.get("cls_head.weight")?.shape, [2, 16]);
 * detector.close();
 * dispose([tokens, gradients]);
 * ```
 */
export async function gradientsOf(
  detector: Detector,
  input: tf.Tensor,
  { labels, loss }: { readonly labels: Labels; readonly loss: Loss },
): Promise<{ loss: number; gradients: Map<string, tf.Tensor> }> {
  const { value, gradients } = differentiate(detector, { input, labels }, { loss, training: false });
  const [number] = await value.data();
  value.dispose();
  return { loss: number, gradients };
}

function differentiate(
  detector: Pick<Detector, "weights" | "forward">,
  batch: TrainBatch,
  { loss, training }: { readonly loss: Loss; readonly training: boolean },
): { value: tf.Scalar; gradients: Map<string, tf.Tensor> } {
  checkBatch(batch);
  const { input, labels, seed } = batch;
  const { value, grads } = tf.variableGrads(
    () => loss(detector.forward(input, { training, seed }), labels),
    [...detector.weights.values()],
  );
  const gradients = new Map<string, tf.Tensor>();
  for (const [key, variable] of detector.weights) gradients.set(key, grads[variable.name]);
  return { value, gradients };
}

/**
 * The gradient of a head's cross-entropy for every weight, by state-dict key, in training mode; the caller disposes them.
 *
 * @example
 * ```ts
 * import { createForgeLens, dispose, gradients, initBackend } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0.1 }, 0);
 * const tokens = tf.randomNormal<tf.Rank.R3>([2, 5, 16], 0, 1, "float32", 1);
 * const found = gradients(head, tokens, { labels: [0, 1], seed: 7 });
 * assertEquals([...found.keys()], [...head.weights.keys()]);
 * dispose([head, tokens, found]);
 * ```
 */
export function gradients(
  model: ForgeLens,
  tokens: tf.Tensor3D,
  options: { readonly labels: Labels; readonly seed?: number },
): Map<string, tf.Tensor> {
  const { value, gradients } = differentiate(headDetector(model), { input: tokens, ...options }, {
    loss: crossEntropy,
    training: true,
  });
  value.dispose();
  return gradients;
}

/**
 * Takes one AdamW step of a head by cross-entropy on tokens [B, N, D] and resolves to the loss before the step.
 *
 * @example
 * ```ts
 * import { adamW, createForgeLens, dispose, initBackend, trainStep } from "@forgelens/bench";
 * import { assert } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 0);
 * const optimizer = adamW({ learningRate: 1e-3 });
 * const batch = { tokens: tf.randomNormal<tf.Rank.R3>([2, 5, 16], 0, 1, "float32", 1), labels: [0, 1] };
 * const before = await trainStep(head, optimizer, batch);
 * assert(await trainStep(head, optimizer, batch) < before);
 * dispose([head, optimizer, batch]);
 * ```
 */
export async function trainStep(
  model: ForgeLens,
  optimizer: Optimizer,
  batch: { readonly tokens: tf.Tensor3D; readonly labels: Labels; readonly seed?: number },
): Promise<number> {
  const { tokens, labels, seed } = batch;
  const engine = eagerEngine(headDetector(model), { optimizer, loss: crossEntropy });
  return await engine.step({ input: tokens, labels, seed });
}
