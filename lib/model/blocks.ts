/**
 * Blocks of a tower where gradients are wanted: of what enters a block, and of the `tf.Variable`s among its parameters.
 *
 * Frozen parameters are plain tensors and get no gradient. Between forward and backward a block keeps its input, and is computed
 * again when the gradient comes, so that memory is one tensor a block and the activations of one block; some keep a little more.
 * Shapes: B batch, N tokens, D width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { layerSeed } from "./layers.ts";
import { type Clip, guidanceOf, runBlock } from "./encoders/clip.ts";
import type { Precision } from "./encoders/encoder.ts";

/** A tower's blocks, each an op with a gradient; `close()` frees what they hold beside the tower. */
export type Blocks = {
  /** What matrix products are computed in. */
  readonly precision: Precision;
  /** Block i on x, [B, N, D] → [B, N, D]; its gradient reaches x and the block's variables. The caller owns the result. */
  run(x: tf.Tensor3D, i: number, pass?: BlockPass): tf.Tensor3D;
  close(): void;
};

/** How a block is run. */
export type BlockPass = {
  /** Turns dropout on, which is off unless given. */
  readonly training?: boolean;
  /** Of a step's dropout masks, of which every block draws its own; 0 unless given. */
  readonly seed?: number;
  /** Says that nothing before this block is trained: no gradient of x is computed. */
  readonly entering?: boolean;
};

/** What a tower's blocks are opened with. */
export type BlocksOptions = {
  /** The rate of dropout in guidance modules while training, in [0, 1); 0 unless given. */
  readonly dropoutRate?: number;
};

/**
 * A tower's blocks op by op in float32, on any backend.
 *
 * @param clip borrowed; trained parameters are `tf.Variable`s in it, and may change between steps
 * @param options.recompute false keeps all activations until the gradient comes; true unless given
 * @throws {Error} when the tower attends across the batch
 */
export function openBlocks(
  clip: Clip,
  options: BlocksOptions & { readonly recompute?: boolean } = {},
): Blocks {
  checkTrainable(clip);
  const { recompute = true, dropoutRate = 0 } = options;
  return {
    precision: "float32",
    run: (x, i, pass = {}) => {
      const dropout = pass.training ? { rate: dropoutRate, seed: blockSeed(pass, i) } : undefined;
      const forward = (x: tf.Tensor3D) => runBlock(clip, x, { block: i, dropout });
      if (!recompute) return forward(x);
      return recomputed(x, {
        variables: blockVariables(clip, i),
        entering: pass.entering,
        forward: (x) => ({ y: forward(x) }),
        backward: ({ x, dy }, inputs) => withinGradient(() => tf.grads(() => forward(x))(inputs, dy)),
      });
    },
    close: () => {},
  };
}

/**
 * Computes a gradient while tfjs takes others: it has one tape, which inner gradients would throw away at their end, and
 * without which nothing is recorded.
 */
export function withinGradient<T>(body: () => T): T {
  const { state } = tf.engine();
  const tape = state.activeTape;
  state.activeTape = null as unknown as typeof tape;
  try {
    return body();
  } finally {
    state.activeTape = tape;
  }
}

/** The seed of a block's dropout masks, from the step's. */
export function blockSeed({ seed = 0 }: BlockPass, i: number): number {
  return layerSeed(seed, i);
}

/** @throws {Error} when the tower attends across the batch, so that its blocks are no function of an image. */
export function checkTrainable({ config }: Clip): void {
  if (config.attendAcross === "tokens") return;
  throw new Error(
    "Cannot train a tower: expected attention across the tokens of an image but found attention across the batch",
  );
}

/** A block's parameters by where they stand in it, its guidance's under `guidance`: `attn.inProj.weight`. */
export function blockParameters({ params }: Clip, i: number): Map<string, tf.Tensor> {
  const found = new Map<string, tf.Tensor>();
  const visit = (x: object, path: readonly string[]): void => {
    for (const [key, value] of Object.entries(x)) {
      if (value instanceof tf.Tensor) found.set([...path, key].join("."), value);
      else visit(value, [...path, key]);
    }
  };
  visit(params.blocks[i], []);
  visit(guidanceOf(params, i) ?? {}, ["guidance"]);
  return found;
}

/** The variables among a block's parameters, in their order. */
export function blockVariables(clip: Clip, i: number): tf.Variable[] {
  return [...blockParameters(clip, i).values()].filter((x) => x instanceof tf.Variable);
}

/**
 * A block that keeps for its gradient x, and of what it computes what `forward` says.
 *
 * @param options.variables all that it depends on beside x and has a gradient
 * @param options.entering x has no gradient
 * @param options.forward the block's output, and what is kept
 * @param options.backward gradients of `inputs`: x, unless it is `entering`, then the variables
 */
export function recomputed(
  x: tf.Tensor3D,
  { variables, entering = false, forward, backward }: {
    readonly variables: tf.Variable[];
    readonly entering?: boolean;
    readonly forward: (x: tf.Tensor3D) => { readonly y: tf.Tensor3D; readonly kept?: tf.Tensor[] };
    readonly backward: (
      given: { readonly x: tf.Tensor3D; readonly dy: tf.Tensor3D; readonly kept: tf.Tensor[] },
      inputs: tf.Tensor[],
    ) => tf.Tensor[];
  },
): tf.Tensor3D {
  const inputs = entering ? variables : [x, ...variables];
  if (inputs.length === 0) return tf.tidy(() => forward(x).y);
  const block = tf.customGrad((...given) => {
    const save = given[inputs.length] as tf.GradSaveFunc;
    const { y, kept = [] } = forward(x);
    save([x, ...kept]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, ...kept] = saved as [tf.Tensor3D, ...tf.Tensor[]];
        return backward({ x, dy: dy as tf.Tensor3D, kept }, entering ? variables : [x, ...variables]);
      },
    };
  });
  return block(...inputs) as tf.Tensor3D;
}
