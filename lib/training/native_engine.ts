/**
 * The notebook's head trained by the project's C++.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type NativeName, openNativeHead } from "../model/detectors/head_native.ts";
import type { ForgeLens } from "../model/detectors/notebook_head.ts";
import { checkBatch, type Engine, type TrainBatch } from "./engine.ts";
import type { HeadOptions } from "./graph_engine.ts";
import { drawsOf, statesOf } from "./head_state.ts";

/** Weights and moments live in the memory of `head.h`. */
export async function nativeEngine(
  model: ForgeLens,
  { optimizer, precision, tokens: N, engine }: HeadOptions & { readonly engine?: NativeName },
): Promise<Engine> {
  const head = await openNativeHead(model.config, { tokens: N, engine, precision });
  const load = () => {
    for (const { key, slot, variable } of statesOf(model, optimizer)) {
      head.put(key, slot, variable.dataSync() as Float32Array);
    }
  };
  load();
  const batchOf = (batch: TrainBatch) => ({
    tokens: batch.input as tf.Tensor3D,
    labels: Int32Array.from(batch.labels),
    ...drawsOf(model, batch),
  });
  return {
    precision,
    step: (batch) => {
      checkBatch(batch);
      const { beta1, beta2, epsilon, weightDecay } = optimizer.config;
      const { learningRate = optimizer.config.learningRate } = batch;
      const step = ++optimizer.step;
      return head.step(batchOf(batch), {
        keep: 1 - learningRate * weightDecay,
        beta1,
        beta2,
        stepSize: learningRate / (1 - beta1 ** step),
        secondCorrection: 1 / Math.sqrt(1 - beta2 ** step),
        epsilon,
      });
    },
    differentiate: async (batch) => {
      checkBatch(batch);
      const loss = await head.step(batchOf(batch));
      const gradients = new Map(
        [...model.weights].map(([key, { shape }]) =>
          [key, tf.tensor(head.get(key, "gradient"), shape)] as const
        ),
      );
      return { loss, gradients };
    },
    load,
    sync: () => {
      for (const { key, slot, variable } of statesOf(model, optimizer)) {
        const value = tf.tensor(head.get(key, slot), variable.shape);
        variable.assign(value);
        value.dispose();
      }
    },
    close: head.close,
  };
}
