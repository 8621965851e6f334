/**
 * The fast way to train a head: weights and moments live in a TensorFlow graph that takes whole steps.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { disposeRaw, fromRaw, isTensorFlow } from "../backend.ts";
import type { Precision } from "../model/compile.ts";
import type { ForgeLens } from "../model/forgelens.ts";
import { type LoadedGraph, openGraph } from "../model/graph.ts";
import {
  gradientOutput,
  headGraph,
  type Slot,
  slotInput,
  slotOutput,
  slots,
  stepInputs,
  stepOutputs,
} from "../model/head_graph.ts";
import { leastKept } from "../model/layers.ts";
import { seedFrom } from "../random.ts";
import { checkBatch, gradients, type Optimizer, type TrainBatch, trainStep } from "./optimizer.ts";

/** Trains one model with one optimizer; until `dispose()`, nothing else may change either. */
export type Trainer = {
  readonly precision: Precision;
  /** One AdamW step on a batch; resolves to its loss before the step. */
  step(batch: TrainBatch): Promise<number>;
  /** The gradient of the loss for every weight, by state-dict key; the caller disposes them. */
  gradients(batch: TrainBatch): Promise<Map<string, tf.Tensor>>;
  /** Brings the model's weights and the optimizer's moments up to date; before that they are those of the last call. */
  sync(): void;
  /** Frees the graph; the model and the optimizer stay, as of the last `sync()`. */
  dispose(): void;
};

/**
 * A trainer of `model` with `optimizer`: `trainStep()` as one graph, with the same dropout masks.
 *
 * In float32 its losses are `trainStep()`'s up to rounding; in bfloat16 the matrix products are in bfloat16 and all that is kept from step
 * to step is in float32.
 *
 * @param options.tokens tokens an image
 * @throws when the backend is not TensorFlow: there, `trainStep()` is what there is.
 */
export async function createTrainer(
  model: ForgeLens,
  optimizer: Optimizer,
  options: { readonly precision: Precision; readonly tokens: number },
): Promise<Trainer> {
  const { precision, tokens: N } = options;
  const graph = await openGraph(headGraph(model.config, { precision, tokens: N }));
  moveIn(graph, model, optimizer);
  const inputsOf = (batch: TrainBatch) => stepTensors(model, optimizer, batch);
  return {
    precision,
    step: (batch) => {
      checkBatch(batch);
      optimizer.step++;
      const inputs = inputsOf(batch);
      const loss = fromRaw(graph.run({ ...inputs, tokens: batch.tokens }, [stepOutputs.stepped])[0]);
      const [value] = loss.dataSync();
      tf.dispose([inputs, loss]);
      return Promise.resolve(value);
    },
    gradients: (batch) => {
      checkBatch(batch);
      const inputs = inputsOf(batch);
      const keys = [...model.weights.keys()];
      const raws = graph.run({ ...inputs, tokens: batch.tokens }, keys.map(gradientOutput));
      tf.dispose(inputs);
      return Promise.resolve(new Map(keys.map((key, i) => [key, fromRaw(raws[i])])));
    },
    sync: () => moveOut(graph, model, optimizer),
    dispose: graph.close,
  };
}

/** A trainer where graphs run, else one that is `trainStep()`. */
export async function openTrainer(
  model: ForgeLens,
  optimizer: Optimizer,
  options: { readonly precision: Precision; readonly tokens: number },
): Promise<Trainer> {
  if (isTensorFlow()) return await createTrainer(model, optimizer, options);
  return {
    precision: "float32",
    step: (batch) => trainStep(model, optimizer, batch),
    gradients: (batch) => Promise.resolve(gradients(model, batch.tokens, batch)),
    sync: () => {},
    dispose: () => {},
  };
}

/** The step's inputs beside the tokens, for the step that the optimizer stands at. */
function stepTensors(
  { config: { depth, dropout } }: ForgeLens,
  { step, config }: Optimizer,
  { labels, seed = 0 }: TrainBatch,
): Record<Exclude<keyof typeof stepInputs, "tokens">, tf.Tensor> {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = config;
  const places = ["attention", "dropout1", "dropout", "dropout2"];
  const seeds = Array.from(
    { length: depth },
    (_, i) => places.map((place) => seedFrom(seedFrom(seed, "dropout", i), place)),
  );
  return {
    labels: tf.tensor1d(Int32Array.from(labels), "int32"),
    seeds: tf.tensor(seeds.flat(), [depth, 4], "int32"),
    leastKept: tf.tensor(seeds.flat().map((seed) => leastKept({ rate: dropout, seed })), [depth, 4], "int32"),
    perImage: tf.scalar(1 / labels.length),
    learningRate: tf.scalar(learningRate),
    beta1: tf.scalar(beta1),
    beta2: tf.scalar(beta2),
    beta1Power: tf.scalar(beta1 ** step),
    beta2Power: tf.scalar(beta2 ** step),
    epsilon: tf.scalar(epsilon * Math.sqrt(1 - beta2 ** step)),
    keep: tf.scalar(1 - learningRate * weightDecay),
  };
}

function moveIn(graph: LoadedGraph, model: ForgeLens, optimizer: Optimizer): void {
  const inputs: Record<string, tf.Tensor> = {};
  for (const [key, weight] of model.weights) {
    if (!optimizer.moments.has(key)) {
      const zeros = tf.zerosLike(weight as tf.Tensor);
      optimizer.moments.set(key, { m: tf.variable(zeros, false), v: tf.variable(zeros, false) });
      zeros.dispose();
    }
    const values = { weight, ...optimizer.moments.get(key)! };
    for (const slot of slots) inputs[slotInput(key, slot)] = values[slot];
  }
  // TensorFlow copies a buffer before it changes one that others hold too, so JavaScript's stay as they are.
  disposeRaw(...graph.run(inputs, [stepOutputs.assigned]));
}

function moveOut(graph: LoadedGraph, model: ForgeLens, optimizer: Optimizer): void {
  const into: [Slot, string, tf.Variable][] = [...model.weights].flatMap(([key, weight]) => {
    const { m, v } = optimizer.moments.get(key)!;
    return [["weight", key, weight], ["m", key, m], ["v", key, v]] as [Slot, string, tf.Variable][];
  });
  const raws = graph.run({}, into.map(([slot, key]) => slotOutput(key, slot)));
  into.forEach(([, , variable], i) => {
    const value = fromRaw(raws[i]);
    variable.assign(value);
    value.dispose();
  });
}
