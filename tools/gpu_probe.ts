/**
 * A program that `gpu_check.ts` runs: where TensorFlow computes, and how far its float32 product is from float64's, as JSON.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { createRandom } from "../lib/base/random.ts";
import { isOnGpu } from "../lib/backend/raw.ts";
import { initBackend } from "../lib/backend/start.ts";

/** What it prints. */
export type Probe = {
  /** TensorFlow's version and its device, for example `TensorFlow 2.21.0 on GPU (NVIDIA H200)`. */
  readonly name: string;
  readonly isOnGpu: boolean;
  /** ‖product − exact‖ / ‖exact‖: near 1e-7 in float32, near 3e-4 with TF32's 10 bits. */
  readonly error: number;
};

const SIDE = 256;

/** A product of random matrices of `SIDE` beside the same in float64. */
function productError(): number {
  const random = createRandom("probe", 0);
  const [a, b] = [0, 1].map(() => Float32Array.from({ length: SIDE * SIDE }, () => random.uniform() - 0.5));
  const product = tf.tidy(() =>
    tf.matMul(tf.tensor2d(a, [SIDE, SIDE]), tf.tensor2d(b, [SIDE, SIDE])).dataSync()
  );
  let difference = 0, length = 0;
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      let exact = 0;
      for (let k = 0; k < SIDE; k++) exact += a[row * SIDE + k] * b[k * SIDE + column];
      difference += (product[row * SIDE + column] - exact) ** 2;
      length += exact ** 2;
    }
  }
  return Math.sqrt(difference / length);
}

if (import.meta.main) {
  const { version, device } = await initBackend({ backend: "tensorflow" });
  const probe: Probe = {
    name: `TensorFlow ${version} on ${device}`,
    isOnGpu: isOnGpu(),
    error: productError(),
  };
  console.log(JSON.stringify(probe));
}
