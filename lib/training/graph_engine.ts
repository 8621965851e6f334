/**
 * The notebook's head trained by a TensorFlow graph: a whole step in one call.
 *
 * In float32 its losses are the eager engine's up to rounding, with the same dropout masks; in bfloat16 the matrix products are
 * in bfloat16 and all that is kept from step to step is in float32.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { disposeRaw, fromRaw } from "../backend/raw.ts";
import { type LoadedGraph, openGraph } from "../backend/graph.ts";
import type { Precision } from "../model/encoders/encoder.ts";
import type { ForgeLens } from "../model/detectors/notebook_head.ts";
import { checkBatch, type Engine, type TrainBatch } from "./engine.ts";
import {
  gradientOutput,
  headGraph,
  slotInput,
  slotOutput,
  type stepInputs,
  stepOutputs,
} from "../model/detectors/head_graph.ts";
import { drawsOf, statesOf } from "./head_state.ts";
import type { Optimizer } from "./optimizers.ts";

/** How an accelerator trains a head. */
export type HeadOptions = {
  readonly optimizer: Optimizer;
  readonly precision: Precision;
  /** N, of an image. */
  readonly tokens: number;
};

/** Weights and moments live in the variables of a TensorFlow graph. */
export async function graphEngine(
  model: ForgeLens,
  { optimizer, precision, tokens: N }: HeadOptions,
): Promise<Engine> {
  const graph = await openGraph(headGraph(model.config, { precision, tokens: N }));
  moveIn(graph, model, optimizer);
  const inputsOf = (batch: TrainBatch) => stepTensors(model, optimizer, batch);
  return {
    precision,
    step: (batch) => {
      checkBatch(batch);
      optimizer.step++;
      const inputs = inputsOf(batch);
      const loss = fromRaw(graph.run({ ...inputs, tokens: batch.input }, [stepOutputs.stepped])[0]);
      const [value] = loss.dataSync();
      tf.dispose([inputs, loss]);
      return Promise.resolve(value);
    },
    differentiate: (batch) => {
      checkBatch(batch);
      const inputs = inputsOf(batch);
      const keys = [...model.weights.keys()];
      const outputs = [stepOutputs.loss, ...keys.map(gradientOutput)];
      const [loss, ...gradients] = graph.run({ ...inputs, tokens: batch.input }, outputs).map(fromRaw);
      const [value] = loss.dataSync();
      tf.dispose([inputs, loss]);
      return Promise.resolve({
        loss: value,
        gradients: new Map(keys.map((key, i) => [key, gradients[i]])),
      });
    },
    load: () => moveIn(graph, model, optimizer),
    sync: () => moveOut(graph, model, optimizer),
    close: graph.close,
  };
}

/** The step's inputs beside the tokens, for the step that the optimizer stands at. */
function stepTensors(
  model: ForgeLens,
  { step, config }: Optimizer,
  batch: TrainBatch,
): Record<Exclude<keyof typeof stepInputs, "tokens">, tf.Tensor> {
  const { beta1, beta2, epsilon, weightDecay } = config;
  const { learningRate = config.learningRate } = batch;
  const { seeds, leastKept } = drawsOf(model, batch);
  const { depth } = model.config;
  return {
    labels: tf.tensor1d(Int32Array.from(batch.labels), "int32"),
    seeds: tf.tensor(seeds, [depth, 4], "int32"),
    leastKept: tf.tensor(leastKept, [depth, 4], "int32"),
    perImage: tf.scalar(1 / batch.labels.length),
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
  for (const { key, slot, variable } of statesOf(model, optimizer)) inputs[slotInput(key, slot)] = variable;
  // TensorFlow copies a buffer before it changes one that others hold too, so JavaScript's stay as they are.
  disposeRaw(...graph.run(inputs, [stepOutputs.assigned]));
}

function moveOut(graph: LoadedGraph, model: ForgeLens, optimizer: Optimizer): void {
  const into = statesOf(model, optimizer);
  const raws = graph.run({}, into.map(({ key, slot }) => slotOutput(key, slot)));
  into.forEach(({ variable }, i) => {
    const value = fromRaw(raws[i]);
    variable.assign(value);
    value.dispose();
  });
}
