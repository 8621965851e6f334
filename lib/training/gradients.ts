/**
 * Gradients on their way to the optimizer: summed over several batches, and held to a length.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { dispose, stateOf } from "../backend/tensors.ts";
import type { StateDict } from "../weights/state.ts";

/** The gradients of batches that wait for their step, each counted by its images; free it with `dispose()`. */
export type Accumulation = {
  batches: number;
  images: number;
  /** By state-dict key. */
  readonly sums: Map<string, tf.Tensor>;
};

/** One without a batch. */
export function emptyAccumulation(): Accumulation {
  return { batches: 0, images: 0, sums: new Map() };
}

/** Adds the mean gradient of a batch of `images`; takes the gradients over. */
export function addGradients(
  waiting: Accumulation,
  gradients: ReadonlyMap<string, tf.Tensor>,
  { images }: { readonly images: number },
): void {
  for (const [key, gradient] of gradients) {
    const before = waiting.sums.get(key);
    const weighted = tf.tidy(() => tf.mul(gradient, images));
    waiting.sums.set(key, before ? tf.add(before, weighted) : weighted);
    dispose([before, gradient, before && weighted]);
  }
  waiting.batches++;
  waiting.images += images;
}

/** Takes the mean gradient over all images that were added, by state-dict key, which the caller disposes; nothing is left. */
export function takeMean(waiting: Accumulation): Map<string, tf.Tensor> {
  const { images, sums } = waiting;
  const means = new Map([...sums].map(([key, sum]) => [key, tf.div(sum, images)]));
  clear(waiting);
  return means;
}

function clear(waiting: Accumulation): void {
  dispose(waiting.sums);
  waiting.sums.clear();
  Object.assign(waiting, { batches: 0, images: 0 });
}

/**
 * Gradients whose length, taken over all of them, is at most `clip`, as `torch.nn.utils.clip_grad_norm_()`; the caller disposes
 * them, and those given are.
 */
export function clipped(gradients: ReadonlyMap<string, tf.Tensor>, clip: number): Map<string, tf.Tensor> {
  const scale = tf.tidy(() => {
    const squares = [...gradients.values()].map((gradient) => tf.sum(tf.square(gradient)));
    const length = tf.sqrt(tf.addN(squares));
    return tf.minimum(1, tf.div(clip, tf.add(length, 1e-6)));
  });
  const found = new Map([...gradients].map(([key, gradient]) => [key, tf.mul(gradient, scale)]));
  dispose([gradients, scale]);
  return found;
}

/** Its entries in a trainer's state: none without a batch, else `accumulated`, batches and images, and `accumulated.<key>`; copies. */
export function accumulationState({ batches, images, sums }: Accumulation): StateDict {
  if (batches === 0) return new Map();
  const counts = { dtype: "int32", shape: [2], data: Int32Array.of(batches, images) };
  return new Map([
    ["accumulated", counts],
    ...stateOf(new Map([...sums].map(([key, sum]) => [`accumulated.${key}`, sum]))),
  ]);
}

/** Puts what `accumulationState()` gave back, in place of what waits. */
export function restoreAccumulation(waiting: Accumulation, dict: StateDict): void {
  clear(waiting);
  const counts = dict.get("accumulated");
  if (!counts) return;
  const prefix = "accumulated.";
  for (const [name, { data, shape }] of dict) {
    if (!name.startsWith(prefix)) continue;
    waiting.sums.set(name.slice(prefix.length), tf.tensor(data as Float32Array, shape));
  }
  const [batches, images] = counts.data as Int32Array;
  Object.assign(waiting, { batches, images });
}
