/**
 * Tests that work with tensors: on the backend that FORGELENS_TEST_BACKEND names, failing on a leaked tensor.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { isTensorFlow } from "../lib/backend/raw.ts";
import type { BackendName } from "../lib/backend/backends/mod.ts";
import { initBackend } from "../lib/backend/start.ts";
import { loadStateDict } from "../lib/weights/load.ts";
import type { StateDict } from "../lib/weights/state.ts";

await initBackend({ backend: Deno.env.get("FORGELENS_TEST_BACKEND") as BackendName | undefined });

/** Whether tests run on TensorFlow; those of what WebAssembly has not are ignored elsewhere. */
export const onTensorFlow: boolean = isTensorFlow();

/** A test that must dispose every tensor that it makes. */
export function tensorTest(
  name: string,
  body: () => void | Promise<void>,
  options: { readonly ignore?: boolean } = {},
): void {
  Deno.test(name, options, async () => {
    const before = heldTensors();
    await body();
    assertEquals(heldTensors(), before, "tensors leaked");
  });
}

/** How many tensors there are: those that tfjs knows, and TensorFlow's own, some of which only raw ops know. */
export function heldTensors(): { readonly tfjs: number; readonly tensorflow?: number } {
  const tfjs = tf.memory().numTensors;
  if (!isTensorFlow()) return { tfjs };
  const { binding } = tf.backend() as unknown as { binding: { getNumOfTensors(): number } };
  return { tfjs, tensorflow: binding.getNumOfTensors() };
}

/** A file of tests/fixtures. */
export function fixture(name: string): string {
  return join(import.meta.dirname!, "fixtures", name);
}

/** A fixture's arrays by name. */
export async function arrays(name: string): Promise<StateDict> {
  return await loadStateDict(fixture(name));
}

/** One array of a state dict as a tensor, which the caller disposes. */
export function tensorOf<T extends tf.Tensor>(dict: StateDict, key: string): T {
  const { data, shape } = dict.get(key)!;
  return tf.tensor(data as Float32Array, shape) as T;
}

/** The largest absolute difference between values, a tensor among them being disposed. */
export function worstDifference(actual: tf.Tensor | ArrayLike<number>, expected: ArrayLike<number>): number {
  const values = actual instanceof tf.Tensor ? actual.dataSync() : actual;
  if (actual instanceof tf.Tensor) actual.dispose();
  assertEquals(values.length, expected.length);
  let worst = 0;
  for (let i = 0; i < values.length; i++) worst = Math.max(worst, Math.abs(values[i] - expected[i]));
  return worst;
}
