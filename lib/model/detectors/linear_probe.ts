/**
 * A linear probe: logits (real, fake) as a linear function of one frozen vector an image.
 *
 * What any other detector has to beat. Trained as the others are; shapes: B batch, D the vector's width.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { stateOf, variablesOf } from "../../backend/tensors.ts";
import { InputError } from "../../base/errors.ts";
import { createRandom } from "../../base/random.ts";
import { checkState, type StateDict } from "../../weights/state.ts";
import type { Encoder } from "../encoders/encoder.ts";
import { linear } from "../layers.ts";
import { type Detector, type DetectorKind, fakeProbability } from "./detector.ts";

const settings = z.strictObject({
  tap: z.enum(["clsToken", "embedding"]).default("clsToken").describe(
    "what a linear probe stands on: the class token after the last layer norm, or its projection",
  ),
});

/** The linear probe as one of the list of detectors. */
export const linearProbe = {
  about: "a linear function of the class token: what any gain is measured against",
  settings,
  fixed: ["tap"],
  trunk: (encoder: Encoder, { tap }) => {
    if (tap === "embedding" && encoder.sizes.embedDim === 0) {
      throw new InputError(
        `Cannot train a probe on the embedding: expected an encoder with a projection but found the ${encoder.name}; take --tap clsToken`,
      );
    }
    return encoder.trunk(tap);
  },
  create: (
    _settings,
    { shape: [dim], seed }: { readonly shape: readonly number[]; readonly seed: number },
  ) => {
    // As torch.nn.Linear: Kaiming-uniform with a = √5, whose bound is 1/√D, which is also its bias's.
    const draw = (key: string, shape: readonly number[]) => {
      const random = createRandom(seed, key);
      const values = Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        () => (2 * random.uniform() - 1) / Math.sqrt(dim),
      );
      return { dtype: "float32", shape: [...shape], data: values };
    };
    return bindProbe(
      new Map([["head.weight", draw("head.weight", [2, dim])], ["head.bias", draw("head.bias", [2])]]),
    );
  },
  bind: bindProbe,
} as const satisfies DetectorKind<z.output<typeof settings>>;

/** A probe from its weights `head.weight` [2, D] and `head.bias` [2]. */
function bindProbe(dict: StateDict): Detector {
  const dim = dict.get("head.weight")?.shape[1] ?? 0;
  const shapes = new Map([["head.weight", [2, dim]], ["head.bias", [2]]]);
  checkState(dict, shapes, { what: "a linear probe" });
  const weights = variablesOf(dict, shapes);
  const params = {
    weight: weights.get("head.weight") as tf.Tensor as tf.Tensor2D,
    bias: weights.get("head.bias") as tf.Tensor as tf.Tensor1D,
  };
  const forward: Detector["forward"] = (features) => ({ logits: linear(params, features as tf.Tensor2D) });
  return {
    kind: "linear-probe",
    sizes: { dim },
    weights,
    forward,
    scores: (features) => fakeProbability(() => forward(features, { training: false })),
    state: () => stateOf(weights),
    close: () => weights.forEach((weight) => weight.dispose()),
  };
}
