/**
 * Small towers for tests of what trains them.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { toVariable } from "../../lib/backend/tensors.ts";
import { createRandom } from "../../lib/base/random.ts";
import type { Clip } from "../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../lib/model/encoders/clip_weights.ts";
import type { Guidance, Linear } from "../../lib/model/layers.ts";

/** What of a tower is trained: its blocks' layer norms, all that its blocks have, or guidance modules, two for its blocks. */
export type Trained = "norms" | "all" | "guidance";

/** Seeded normal numbers. */
export function noise<R extends tf.Rank = tf.Rank.R3>(shape: number[], seed: number): tf.Tensor<R> {
  const random = createRandom(seed);
  return tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random.normal),
    shape as tf.ShapeMap[R],
  );
}

/** A tower of random weights, biases and norms among them; what is trained is variables. */
export function tinyTower(
  { trained, activation = "quickgelu", sizes }: {
    readonly trained: Trained;
    readonly activation?: "gelu" | "quickgelu";
    readonly sizes?: Partial<Parameters<typeof randomClip>[0]>;
  },
): Clip {
  const config = { width: 32, layers: 3, heads: 2, imageSize: 32, patchSize: 16, embedDim: 8, ...sizes };
  const dict = randomClip(config, 0);
  for (const [key, { data }] of dict) {
    if (!/bias$|ln_/.test(key)) continue;
    const random = createRandom(key);
    (data as Float32Array).forEach((value, i, all) => all[i] = value + 0.1 * random.normal());
  }
  const { config: bound, params } = bindClip(dict, {
    activation,
    attendAcross: "tokens",
    heads: config.heads,
  });
  const { width } = config;
  const guidance = trained === "norms" ? undefined : [0, 1].map((seed): Guidance => ({
    down: linear(width / 4, width, 10 * seed + 1),
    middle: linear(width / 4, width / 4, 10 * seed + 3),
    up: linear(width, width / 4, 10 * seed + 5),
  }));
  const blocks = params.blocks.map((block) => {
    if (trained === "guidance") return block;
    if (trained === "all") return variables(block);
    return { ...block, ln1: variables(block.ln1), ln2: variables(block.ln2) };
  });
  return { config: bound, params: { ...params, blocks, guidance: variables(guidance) } };
}

function linear(out: number, width: number, seed: number): Linear {
  const small = <R extends tf.Rank>(shape: number[], seed: number, scale: number) =>
    tf.tidy(() => tf.mul<tf.Tensor<R>>(noise<R>(shape, seed), scale));
  return {
    weight: small<tf.Rank.R2>([out, width], seed, 0.5 * width ** -0.5),
    bias: small<tf.Rank.R1>([out], seed + 1, 0.1),
  };
}

/** The same with a variable for every tensor. */
function variables<T>(x: T): T {
  if (x instanceof tf.Tensor) return toVariable(x, { trainable: true }) as T;
  if (Array.isArray(x)) return x.map(variables) as T;
  if (x === undefined) return x;
  return Object.fromEntries(Object.entries(x as object).map(([key, value]) => [key, variables(value)])) as T;
}
