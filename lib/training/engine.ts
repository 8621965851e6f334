/**
 * What takes training steps: one detector, one optimizer, one loss.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import type { Precision } from "../model/encoders/encoder.ts";
import type { Labels, Loss } from "./losses/loss.ts";
import type { Optimizer } from "./optimizers.ts";

/** A graph, by TensorFlow or onnxruntime, the project's C++ by AVX2, AVX-512 or AMX, or tfjs's ops one by one. */
export type EngineName = "graph" | "native" | "native-amx" | "eager";

/** All of them. */
export const engineNames = [
  "graph",
  "native",
  "native-amx",
  "eager",
] as const satisfies readonly EngineName[];

/** In what, and by what, steps are computed, for a reader: `bfloat16 (engine native)`. */
export function stepsText({ precision, engine }: { precision: Precision; engine: string }): string {
  return `${precision} (engine ${engine})`;
}

/** One batch: features [B, ...shape] and labels [B]. */
export type TrainBatch = {
  readonly input: tf.Tensor;
  readonly labels: Labels;
  /** Of its dropout masks; 0 unless given. */
  readonly seed?: number;
  /** For this step; the optimizer's unless given. */
  readonly learningRate?: number;
};

/** Takes steps; until `close()`, nothing else may change the detector or the optimizer. */
export type Engine = {
  readonly precision: Precision;
  /** One optimizer step on a batch; resolves to its loss before the step. */
  step(batch: TrainBatch): Promise<number>;
  /** A batch's loss and its gradient for every weight, by state-dict key, with dropout on; the caller disposes them. */
  differentiate(batch: TrainBatch): Promise<{ loss: number; gradients: Map<string, tf.Tensor> }>;
  /** Takes the detector's weights and the optimizer's moments as they are. */
  load(): void;
  /** Brings both up to date; before that they are those of the last call. */
  sync(): void;
  /** Frees the engine's memory; detector and optimizer stay, as of the last `sync()`. */
  close(): void;
};

/** What an engine needs beside the detector. */
export type EngineOptions = {
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly precision: Precision;
  /** Of one image's features; accelerators need it. */
  readonly shape?: readonly number[];
};

/** @throws {Error} when a batch has not one label for each image. */
export function checkBatch({ input, labels }: TrainBatch): void {
  if (labels.length === input.shape[0]) return;
  throw new Error(
    `Cannot train on a batch: expected ${
      input.shape[0]
    } labels, one for each image, but found ${labels.length}`,
  );
}
