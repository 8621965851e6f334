/**
 * What tests/peer/training_options.py wrote, and the linear detector that it is about.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { stateOf, toVariable } from "../../lib/backend/tensors.ts";
import { type Detector, fakeProbability } from "../../lib/model/detectors/detector.ts";
import { fixture } from "../tensors.ts";

/** A loss, and its gradient for each input. */
type Differentiated = { readonly loss: number; readonly gradients: readonly number[][] };

/** PyTorch's numbers. */
export const reference: {
  readonly schedules: Readonly<Record<"cosine" | "warm" | "step", readonly number[]>>;
  /** [12, 5]. */
  readonly input: readonly number[];
  readonly labels: readonly number[];
  /** [2, 5]. */
  readonly weight: readonly number[];
  readonly bias: readonly number[];
  readonly cases: readonly {
    readonly optimizer: "adam" | "adamw";
    readonly weight_decay: number;
    readonly batches: readonly number[];
    readonly accumulate: number;
    readonly clip: number | null;
    readonly smoothing: number;
    readonly losses: readonly number[];
    readonly weight: readonly number[];
    readonly bias: readonly number[];
  }[];
  /** [12, 2], [12, 1] and [12, 5]. */
  readonly two: readonly number[];
  readonly one: readonly number[];
  readonly embedding: readonly number[];
  readonly losses: Readonly<Record<"smoothed" | "binary" | "uniformityAlignment", Differentiated>>;
} = JSON.parse(await Deno.readTextFile(fixture("training_options.json")));

/** The detector of the reference before its first step: logits = features · weightᵀ + bias, and the features as embedding. */
export function linearDetector(): Detector {
  const variable = (values: readonly number[], shape: number[]) =>
    toVariable(tf.tensor([...values], shape), { trainable: true });
  const weights = new Map([
    ["weight", variable(reference.weight, [2, 5])],
    ["bias", variable(reference.bias, [2])],
  ]);
  const forward: Detector["forward"] = (features) => {
    const [weight, bias] = [...weights.values()] as tf.Tensor[];
    const product = tf.matMul(features as tf.Tensor2D, weight as tf.Tensor2D, false, true);
    return { logits: tf.add(product, bias) as tf.Tensor2D, embedding: features as tf.Tensor2D };
  };
  return {
    kind: "linear",
    sizes: { dim: 5 },
    weights,
    forward,
    scores: (features) => fakeProbability(() => forward(features, { training: false })),
    state: () => stateOf(weights),
    close: () => weights.forEach((weight) => weight.dispose()),
  };
}

/** The reference's images by batches of those sizes; the caller disposes the inputs. */
export function batchesOf(
  sizes: readonly number[],
): { readonly input: tf.Tensor; readonly labels: readonly number[] }[] {
  let begin = 0;
  return sizes.map((size) => {
    const [from, to] = [begin, begin += size];
    const input = tf.tensor(reference.input.slice(5 * from, 5 * to), [size, 5]);
    return { input, labels: reference.labels.slice(from, to) };
  });
}
