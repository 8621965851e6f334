/**
 * Initial weights as PyTorch and the detectors' authors draw them, each a function of a seed and its key.
 *
 * @module
 */
import { createRandom } from "../../base/random.ts";
import type { StateDict, StateTensor } from "../../weights/state.ts";

type Draw = { readonly shape: readonly number[]; readonly seed: number };

function filled({ shape }: Draw, value: () => number): StateTensor {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, value);
  return { dtype: "float32", shape: [...shape], data };
}

/** Weight [out, in] and bias of a `torch.nn.Linear`: Kaiming-uniform with a = √5, whose bound is 1/√in, which is also its bias's. */
export function linearState(key: string, { shape, seed }: Draw): StateDict {
  const bound = shape[1] ** -0.5;
  const uniform = (key: string, shape: readonly number[]) => {
    const random = createRandom(seed, key);
    return filled({ shape, seed }, () => bound * (2 * random.uniform() - 1));
  };
  const [weight, bias] = [`${key}.weight`, `${key}.bias`];
  return new Map([[weight, uniform(weight, shape)], [bias, uniform(bias, [shape[0]])]]);
}

/** Normal numbers of that standard deviation around 0. */
export function normalState(key: string, { std, ...draw }: Draw & { readonly std: number }): StateTensor {
  const random = createRandom(draw.seed, key);
  return filled(draw, () => std * random.normal());
}

/** One value everywhere. */
export function constantState(shape: readonly number[], value: number): StateTensor {
  return filled({ shape, seed: 0 }, () => value);
}

/** A matrix [out, in] as Xavier-uniform draws it: within ±√(6 / (out + in)). */
export function xavierState(key: string, { shape, seed }: Draw): StateTensor {
  const random = createRandom(seed, key);
  const bound = Math.sqrt(6 / (shape[0] + shape[1]));
  return filled({ shape, seed }, () => bound * (2 * random.uniform() - 1));
}
