/**
 * Graphs run by onnxruntime, beside tfjs's backend.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { Graph, Ref } from "../graph.ts";
import { type Held, onnxModel, valueOf } from "./model.ts";
import { onnxRuntime, type OnnxTensor } from "./runtime.ts";

/** Numbers in uint8, which tfjs does not have. */
export type Bytes = { readonly bytes: Uint8Array; readonly shape: readonly number[] };

/** A graph in onnxruntime's memory; `close()` frees it. */
export type OnnxGraph = {
  /** Computes the graph's outputs from all of its inputs by name, those of uint8 as bytes; the caller owns the results. */
  run(inputs: Readonly<Record<string, tf.Tensor | Bytes>>): Promise<tf.Tensor[]>;
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
    // Threads that wait spinning take a third more processor time, and hold each other up where others compute too.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
    logSeverityLevel: 3,
  });
  const names = outputs.map(({ ref }) => valueOf(ref));
  const feedOf = async (input: tf.Tensor | Bytes): Promise<OnnxTensor> => {
    if (!(input instanceof tf.Tensor)) return new runtime.Tensor("uint8", input.bytes, input.shape);
    const values = await input.data();
    return input.dtype === "int32" // where the graph has 64 bits
      ? new runtime.Tensor("int64", BigInt64Array.from(Array.from(values, BigInt)), input.shape)
      : new runtime.Tensor("float32", values, input.shape);
  };
  let closed = false;
  return {
    async run(inputs) {
      const feeds: Record<string, OnnxTensor> = {};
      for (const [name, input] of Object.entries(inputs)) feeds[name] = await feedOf(input);
      const results = await session.run(feeds, names);
      return names.map((name) => tf.tensor(results[name].data as Float32Array, [...results[name].dims]));
    },
    close: () => {
      if (!closed) session.release().catch(() => {});
      closed = true;
    },
  };
}
