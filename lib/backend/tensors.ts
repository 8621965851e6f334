/**
 * From named arrays to tensors on the backend, and back to nothing.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../weights/state.ts";

/** Uploads every entry as a float32 tensor; the caller owns them. */
export function tensorsOf(dict: StateDict): Map<string, tf.Tensor> {
  const tensors = new Map<string, tf.Tensor>();
  for (const [key, { data, shape }] of dict) {
    const values = data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>);
    tensors.set(key, tf.tensor(values, shape, "float32"));
  }
  return tensors;
}

/** A variable that takes over the tensor it starts as, which is freed as a handle of its own. */
export function toVariable(initial: tf.Tensor, options: { readonly trainable: boolean }): tf.Variable {
  const variable = tf.variable(initial, options.trainable);
  initial.dispose();
  return variable;
}

/** Frees every tensor in what a `bind*`, `create*` or `adamW` call returned; doing it twice is harmless. */
export function dispose(x: unknown): void {
  if (x instanceof tf.Tensor) {
    if (!x.isDisposed) x.dispose();
  } else if (x instanceof Map || Array.isArray(x)) {
    for (const value of x.values()) dispose(value);
  } else if (x !== null && typeof x === "object" && "dispose" in x && typeof x.dispose === "function") {
    x.dispose(); // what was compiled
  } else if (x !== null && typeof x === "object" && !ArrayBuffer.isView(x)) {
    for (const value of Object.values(x)) dispose(value);
  }
}
