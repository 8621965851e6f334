/**
 * The notebook's head trained by onnxruntime: loss and gradients in one call, the optimizer's step by tfjs.
 *
 * In float32. Its losses are the eager engine's up to rounding, with the same dropout masks.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type Bytes, openOnnxGraph } from "../backend/onnx/session.ts";
import { seededMask } from "../backend/philox.ts";
import type { ForgeLens } from "../model/detectors/notebook_head.ts";
import { dropoutPlaces } from "../model/layers.ts";
import { checkBatch, type Engine, type TrainBatch } from "./engine.ts";
import type { HeadOptions } from "./graph_engine.ts";
import {
  gradientOutput,
  headGraph,
  maskInput,
  slotInput,
  stepInputs,
  stepOutputs,
} from "../model/detectors/head_graph.ts";
import { drawsOf } from "./head_state.ts";
import { applyOptimizer } from "./optimizers.ts";

/** Weights and moments stay the detector's and the optimizer's own: each call takes the weights as they are. */
export async function onnxEngine(
  model: ForgeLens,
  { optimizer, tokens: N }: Pick<HeadOptions, "optimizer" | "tokens">,
): Promise<Engine> {
  const keys = [...model.weights.keys()];
  const graph = await openOnnxGraph(
    headGraph(model.config, { precision: "float32", tokens: N, masks: "given" }),
    { outputs: [stepOutputs.loss, ...keys.map(gradientOutput)] },
  );
  const differentiate = async (batch: TrainBatch) => {
    checkBatch(batch);
    const made = {
      [stepInputs.labels]: tf.tensor1d(Int32Array.from(batch.labels), "int32"),
      [stepInputs.perImage]: tf.scalar(1 / batch.labels.length),
    };
    const [loss, ...gradients] = await graph.run({
      ...made,
      ...masksOf(model, batch, N),
      ...Object.fromEntries(keys.map((key) => [slotInput(key, "weight"), model.weights.get(key)!])),
      [stepInputs.tokens]: batch.input,
    });
    const [value] = loss.dataSync();
    tf.dispose([made, loss]);
    return { loss: value, gradients: new Map(keys.map((key, i) => [key, gradients[i]])) };
  };
  return {
    precision: "float32",
    async step(batch) {
      const { loss, gradients } = await differentiate(batch);
      applyOptimizer(model.weights, optimizer, { gradients, learningRate: batch.learningRate });
      for (const gradient of gradients.values()) gradient.dispose();
      return loss;
    },
    differentiate,
    load: () => {},
    sync: () => {},
    close: graph.close,
  };
}

/** The masks of all dropouts by their input's name, those of `dropout()`; none without a rate. */
function masksOf(model: ForgeLens, batch: TrainBatch, N: number): Record<string, Bytes> {
  const { dim: D, heads: H, feedForward: F, depth, dropout } = model.config;
  if (dropout === 0) return {};
  const B = batch.labels.length;
  const { seeds, leastKept } = drawsOf(model, batch);
  const shapes = { attention: [B, H, N, N], dropout1: [B * N, D], dropout: [B * N, F], dropout2: [B * N, D] };
  const masks: Record<string, Bytes> = {};
  for (let i = 0; i < depth; i++) {
    for (const [p, place] of dropoutPlaces.entries()) {
      const shape = shapes[place];
      const count = shape.reduce((product, side) => product * side, 1);
      const draw = i * dropoutPlaces.length + p;
      const bytes = seededMask(count, { seed: seeds[draw], least: leastKept[draw] });
      masks[maskInput(i, place)] = { bytes, shape };
    }
  }
  return masks;
}
