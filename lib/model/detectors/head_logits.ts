/**
 * The notebook's head without dropout, by onnxruntime: tokens → logits in one call.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import { openOnnxGraph } from "../../backend/onnx/session.ts";
import { headGraph, slotInput, stepInputs, stepOutputs } from "./head_graph.ts";
import type { ForgeLensConfig } from "./head_shapes.ts";

/** An opened head; `close()` frees its graph, the head stays. */
export type HeadLogits = {
  /** Tokens [B, N, D] → logits [B, 2], by the head's weights as they are; the caller disposes them. */
  logits(tokens: tf.Tensor): Promise<tf.Tensor2D>;
  close(): void;
};

/** Opens a head for N tokens an image. */
export async function openHeadLogits(
  { config, weights }: {
    readonly config: ForgeLensConfig;
    readonly weights: ReadonlyMap<string, tf.Variable>;
  },
  N: number,
): Promise<HeadLogits> {
  const graph = await openOnnxGraph(
    headGraph({ ...config, dropout: 0 }, { precision: "float32", tokens: N }),
    { outputs: [stepOutputs.logits] },
  );
  return {
    async logits(tokens) {
      const held = Object.fromEntries([...weights].map(([key, value]) => [slotInput(key, "weight"), value]));
      return (await graph.run({ ...held, [stepInputs.tokens]: tokens }))[0] as tf.Tensor2D;
    },
    close: graph.close,
  };
}
