/**
 * The notebook's head without dropout, tokens → logits in one call: by the project's C++ beside TensorFlow on a CPU, or by onnxruntime.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import { openOnnxGraph } from "../../backend/onnx/session.ts";
import { onnxRuntime } from "../../backend/onnx/runtime.ts";
import { isOnGpu, isTensorFlow } from "../../backend/raw.ts";
import { headGraph, slotInput, stepInputs, stepOutputs } from "./head_graph.ts";
import { nativeHeadFault, openNativeHead } from "./head_native.ts";
import type { ForgeLensConfig } from "./head_shapes.ts";

/** A head whose logits are asked for, by PyTorch's keys. */
type Head = { readonly config: ForgeLensConfig; readonly weights: ReadonlyMap<string, tf.Variable> };

/** An opened head; `close()` frees its own memory, the head stays. */
export type HeadLogits = {
  /** Tokens [B, N, D] → logits [B, 2], by the head's weights as they are. */
  logits(tokens: tf.Tensor3D): Promise<Float32Array>;
  close(): void;
};

/** Opens a head for N tokens an image; undefined where nothing takes it in one call. */
export async function openHeadLogits(head: Head, N: number): Promise<HeadLogits | undefined> {
  if (onnxRuntime()) return await openOnnx(head, N);
  const isOnCpu = isTensorFlow() && !isOnGpu();
  if (!isOnCpu || await nativeHeadFault(head.config, { precision: "float32" })) return undefined;
  return await openNative(head, N);
}

async function openOnnx({ config, weights }: Head, N: number): Promise<HeadLogits> {
  const graph = await openOnnxGraph(
    headGraph({ ...config, dropout: 0 }, { precision: "float32", tokens: N }),
    { outputs: [stepOutputs.logits] },
  );
  return {
    async logits(tokens) {
      const held = Object.fromEntries([...weights].map(([key, value]) => [slotInput(key, "weight"), value]));
      const [logits] = await graph.run({ ...held, [stepInputs.tokens]: tokens }); // [B, 2]
      try {
        return await logits.data() as Float32Array;
      } finally {
        logits.dispose();
      }
    },
    close: graph.close,
  };
}

async function openNative({ config, weights }: Head, N: number): Promise<HeadLogits> {
  const head = await openNativeHead(config, { tokens: N, precision: "float32" });
  const taken = new Map<string, object>();
  const takeWeights = () => {
    for (const [key, variable] of weights) {
      if (taken.get(key) === variable.dataId) continue; // which an assignment changes
      head.put(key, "weight", variable.dataSync() as Float32Array);
      taken.set(key, variable.dataId);
    }
  };
  let turn: Promise<unknown> = Promise.resolve(); // its memory holds one batch at a time
  return {
    logits(tokens) {
      const mine = turn.then(() => {
        takeWeights();
        return head.logits(tokens);
      });
      turn = mine.catch(() => {});
      return mine;
    },
    close: () => void turn.then(head.close),
  };
}
