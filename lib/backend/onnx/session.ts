/**
 * Graphs run by onnxruntime, beside tfjs's backend.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Graph, Ref } from "../graph.ts";
import { type Held, onnxModel, valueOf } from "./model.ts";
import { onnxRuntime, type OnnxTensor } from "./runtime.ts";

/** A graph in onnxruntime's memory; `close()` frees it. */
export type OnnxGraph = {
  /** Computes the graph's outputs from all of its inputs by name; the caller owns the results. */
  run(inputs: Readonly<Record<string, tf.Tensor>>): Promise<tf.Tensor[]>;
  /** Frees it. */
  close(): void;
};

/**
 * Hands a graph to onnxruntime, which must be loaded.
 *
 * @param options.outputs those that each run computes
 * @param options.held the variables that stay in it; the others are inputs
 * @throws {Error} for an op that has no counterpart, and when onnxruntime cannot load it
 */
export async function openOnnxGraph(
  graph: Graph,
  { outputs, held = new Map() }: { readonly outputs: readonly Ref[]; readonly held?: Held },
): Promise<OnnxGraph> {
  const runtime = onnxRuntime();
  if (!runtime) throw new Error("Cannot open an ONNX graph: expected onnxruntime but found it not loaded");
  const session = await runtime.InferenceSession.create(onnxModel(graph, { outputs, held }), {
    intraOpNumThreads: navigator.hardwareConcurrency,
    logSeverityLevel: 3,
  });
  const names = outputs.map(({ ref }) => valueOf(ref));
  /** tfjs's integers are of 32 bits, the graph's of 64; what is true or false is a byte there. */
  const feedOf = async (tensor: tf.Tensor): Promise<OnnxTensor> => {
    const values = await tensor.data();
    if (tensor.dtype === "int32") {
      return new runtime.Tensor("int64", BigInt64Array.from(Array.from(values, BigInt)), tensor.shape);
    }
    return new runtime.Tensor(tensor.dtype === "bool" ? "uint8" : "float32", values, tensor.shape);
  };
  let closed = false;
  return {
    async run(inputs) {
      const feeds: Record<string, OnnxTensor> = {};
      for (const [name, tensor] of Object.entries(inputs)) feeds[name] = await feedOf(tensor);
      const results = await session.run(feeds, names);
      return names.map((name) => tf.tensor(results[name].data as Float32Array, [...results[name].dims]));
    },
    close: () => {
      if (!closed) session.release().catch(() => {});
      closed = true;
    },
  };
}
