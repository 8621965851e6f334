/**
 * The notebook's ForgeLens head: frozen tokens → logits (real, fake).
 *
 * WSGM (a residual MLP with layer norm), FAFormer (`torch.nn.TransformerEncoderLayer`s) and a linear classifier on class
 * token + mean of patch tokens. This is the reference notebook's head, not the published ForgeLens of arXiv 2408.13697.
 * Shapes: B batch, N tokens (class token first), D width, F feed-forward width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { InputError } from "../../base/errors.ts";
import { createRandom } from "../../base/random.ts";
import {
  type EncoderLayer,
  encoderLayer,
  gelu,
  layerNorm,
  layerSeed,
  type Linear,
  linear,
  type Norm,
} from "../layers.ts";
import { withoutPrefix } from "../../weights/prefix.ts";
import { dispose, stateOf, toVariable, variablesOf } from "../../backend/tensors.ts";
import type { Encoder } from "../encoders/encoder.ts";
import { type Detector, type DetectorKind, fakeProbability, probabilityOf } from "./detector.ts";
import type { HeadLogits } from "./head_logits.ts";
import { type ForgeLensConfig, forgeLensShapes } from "./head_shapes.ts";
import { checkState, type StateDict } from "../../weights/state.ts";

/** A ForgeLens head: its trainable weights by PyTorch's key, in PyTorch's order; free it with `dispose()`. */
export type ForgeLens = {
  readonly config: ForgeLensConfig;
  readonly weights: ReadonlyMap<string, tf.Variable>;
};

const settings = z.strictObject({
  heads: z.int().min(1).default(8).describe("attention heads of a FAFormer layer"),
  depth: z.int().min(0).max(24).default(2).describe("FAFormer layers"),
  feedForward: z.int().min(1).default(2048).describe("feed-forward width of a FAFormer layer"),
  dropout: z.number().min(0).lt(1).default(0.1).describe("dropout rate in training"),
});

/** The notebook's head as one of the list of detectors. */
export const notebookHead = {
  about: "the notebook's head: WSGM, FAFormer and a classifier on all tokens",
  settings,
  fixed: ["heads", "depth", "feedForward"],
  trunk: (encoder: Encoder) => encoder.trunk("tokens"),
  create: ({ heads, depth, feedForward, dropout }, { shape: [, dim], seed }) =>
    headDetector(createForgeLens({ dim, heads, depth, feedForward, dropout }, seed)),
  bind: (dict, { heads, dropout, feedForward }) =>
    headDetector(bindForgeLens(dict, { heads, dropout, feedForward })),
} as const satisfies DetectorKind<z.output<typeof settings>>;

/** The notebook's head as a detector, which accelerators know by its kind. */
export type NotebookHead = Detector & { readonly kind: "notebook-head"; readonly model: ForgeLens };

/**
 * A detector of a head, which owns it from now on.
 *
 * @example
 * ```ts
 * import { createForgeLens, headDetector, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0.1 }, 0);
 * const detector = headDetector(head);
 * const scores = await detector.scores(tf.zeros([3, 5, 16]));
 * assertEquals([...scores].every((score) => score > 0 && score < 1), true);
 * detector.close(); // and with it the head
 * ```
 */
export function headDetector(model: ForgeLens): NotebookHead {
  const forward: Detector["forward"] = (features, pass) => ({
    logits: logits(model, features as tf.Tensor3D, pass),
  });
  /** What takes them in one call, for as many tokens an image as came last. */
  let opened: { readonly N: number; readonly head: Promise<HeadLogits | undefined> } | undefined;
  const closeOpened = () => opened?.head.then((each) => each?.close(), () => {});
  const open = async (N: number) => await (await import("./head_logits.ts")).openHeadLogits(model, N);
  const openedFor = (N: number) => {
    if (opened?.N !== N) {
      closeOpened();
      opened = { N, head: open(N) };
    }
    return opened.head;
  };
  return {
    kind: "notebook-head",
    model,
    sizes: model.config,
    weights: model.weights,
    forward,
    async scores(features) {
      const whole = await openedFor(features.shape[1]!);
      if (!whole) return await fakeProbability(() => forward(features, { training: false }));
      return probabilityOf(await whole.logits(features as tf.Tensor3D), 2);
    },
    state: () => forgeLensState(model),
    close: () => {
      dispose(model.weights);
      closeOpened();
    },
  };
}

/** The head in a detector; undefined where it is of another kind. */
export function headOf(detector: Pick<Detector, "kind">): ForgeLens | undefined {
  return detector.kind === "notebook-head" ? (detector as NotebookHead).model : undefined;
}

type ForgeLensParams = {
  readonly guidance0: Linear;
  readonly guidance2: Linear;
  readonly norm: Norm;
  readonly layers: readonly EncoderLayer[];
  readonly clsHead: Linear;
};

/**
 * A new head with PyTorch's initialisation: Kaiming-uniform (a = √5) for `nn.Linear`, Xavier-uniform for `in_proj_weight`,
 * zeros for the attention's biases, 1 and 0 for layer norms. Each weight is a function of `seed` and its key.
 *
 * @example
 * ```ts
 * import { createForgeLens, dispose, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0.1 }, 0);
 * assertEquals(head.weights.get("cls_head.weight")?.shape, [2, 16]);
 * dispose(head);
 * ```
 */
export function createForgeLens(config: ForgeLensConfig, seed: number): ForgeLens {
  if (config.dim % config.heads !== 0) {
    throw new InputError(
      `Cannot create ForgeLens: expected a width that ${config.heads} heads divide but found ${config.dim}`,
    );
  }
  const weights = new Map<string, tf.Variable>();
  for (const [key, shape] of forgeLensShapes(config)) {
    weights.set(
      key,
      toVariable(tf.tensor(initialValues(key, { shape, config, seed }), [...shape]), { trainable: true }),
    );
  }
  return { config, weights };
}

/**
 * A head from a state dict with PyTorch's names (`wsgm.guidance.0.weight` …); `extractor.clip.*` is ignored, and `module.`, `_orig_mod.`,
 * `model.` and `net.` are stripped where all names have them.
 *
 * Sizes are read from the weights; `dropout` is 0 unless given.
 *
 * @throws {InputError} naming every missing, unexpected and misshaped key at once.
 *
 * @example
 * ```ts
 * import { bindForgeLens, createForgeLens, forgeLensState } from "@forgelens/bench/model";
 * import { dispose, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 0);
 * const dict = forgeLensState(head); // or of a file: await loadStateDict("model.safetensors")
 * const again = bindForgeLens(dict, { heads: 2 });
 * assertEquals(again.config, head.config);
 * dispose([head, again]);
 * ```
 */
export function bindForgeLens(
  all: StateDict,
  options: { readonly heads: number; readonly dropout?: number; readonly feedForward?: number },
): ForgeLens {
  const dict = withoutPrefix(all);
  const layer = /^faformer\.layers\.(\d+)\./;
  const config: ForgeLensConfig = {
    dim: dict.get("cls_head.weight")?.shape[1] ?? 0,
    heads: options.heads,
    depth: 1 + Math.max(-1, ...[...dict.keys()].map((key) => Number(layer.exec(key)?.[1] ?? -1))),
    feedForward: dict.get("faformer.layers.0.linear1.weight")?.shape[0] ?? options.feedForward ?? 2048,
    dropout: options.dropout ?? 0,
  };
  const shapes = forgeLensShapes(config);
  checkState(dict, shapes, { what: "ForgeLens", ignore: (key) => key.startsWith("extractor.clip.") });
  if (config.dim % config.heads !== 0) {
    throw new InputError(
      `Cannot bind ForgeLens: expected a width that ${config.heads} heads divide but found ${config.dim}`,
    );
  }
  return { config, weights: variablesOf(dict, shapes) };
}

/**
 * The head's logits (real, fake): tokens [B, N, D] → [B, 2].
 *
 * Dropout is on only with `training`; its masks are a function of `seed` (default 0).
 *
 * @example
 * ```ts
 * import { createForgeLens, dispose, initBackend, logits } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0.1 }, 0);
 * const tokens = tf.zeros<tf.Rank.R3>([3, 5, 16]); // three images of a class token and four patches
 * const both = logits(head, tokens);
 * assertEquals(both.shape, [3, 2]);
 * dispose([head, tokens, both]);
 * ```
 */
export function logits(
  model: ForgeLens,
  tokens: tf.Tensor3D,
  options: { readonly training?: boolean; readonly seed?: number } = {},
): tf.Tensor2D {
  return tf.tidy(() => {
    const p = forgeLensParams(model);
    const guidance = linear(p.guidance2, gelu(linear(p.guidance0, tokens)));
    let x = layerNorm(p.norm, tf.add(tokens, guidance) as tf.Tensor3D);
    p.layers.forEach((layer, i) => {
      const dropout = options.training
        ? { rate: model.config.dropout, seed: layerSeed(options.seed ?? 0, i) }
        : undefined;
      x = encoderLayer(layer, x, { heads: model.config.heads, dropout });
    });
    const clsToken = tf.squeeze(tf.slice(x, [0, 0, 0], [-1, 1, -1]), [1]); // [B, D]
    const patches = tf.mean(tf.slice(x, [0, 1, 0], [-1, -1, -1]), 1); // [B, D]
    return linear(p.clsHead, tf.add(clsToken, patches) as tf.Tensor2D); // [B, 2]
  });
}

/**
 * The weights as a state dict with PyTorch's names, ready for `saveSafetensors()`; copies, independent of the model.
 *
 * @example
 * ```ts
 * import { createForgeLens, dispose, forgeLensState, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 0, feedForward: 32, dropout: 0 }, 0);
 * const dict = forgeLensState(head);
 * dispose(head);
 * assertEquals([...dict.keys()].slice(-2), ["cls_head.weight", "cls_head.bias"]);
 * assertEquals(dict.get("cls_head.bias")?.shape, [2]);
 * ```
 */
export function forgeLensState(model: ForgeLens): StateDict {
  return stateOf(model.weights);
}

function forgeLensParams(model: ForgeLens): ForgeLensParams {
  const vector = (key: string) => model.weights.get(key) as tf.Tensor as tf.Tensor1D;
  const matrix = (key: string) => model.weights.get(key) as tf.Tensor as tf.Tensor2D;
  const norm = (key: string): Norm => ({ weight: vector(`${key}.weight`), bias: vector(`${key}.bias`) });
  const linear = (key: string): Linear => ({ weight: matrix(`${key}.weight`), bias: vector(`${key}.bias`) });
  return {
    guidance0: linear("wsgm.guidance.0"),
    guidance2: linear("wsgm.guidance.2"),
    norm: norm("wsgm.norm"),
    layers: Array.from({ length: model.config.depth }, (_, i) => {
      const prefix = `faformer.layers.${i}`;
      return {
        selfAttn: {
          inProj: {
            weight: matrix(`${prefix}.self_attn.in_proj_weight`),
            bias: vector(`${prefix}.self_attn.in_proj_bias`),
          },
          outProj: linear(`${prefix}.self_attn.out_proj`),
        },
        linear1: linear(`${prefix}.linear1`),
        linear2: linear(`${prefix}.linear2`),
        norm1: norm(`${prefix}.norm1`),
        norm2: norm(`${prefix}.norm2`),
      };
    }),
    clsHead: linear("cls_head"),
  };
}

function initialValues(
  key: string,
  options: { readonly shape: readonly number[]; readonly config: ForgeLensConfig; readonly seed: number },
): Float32Array {
  const { shape, config, seed } = options;
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (/norm\d?\.weight$/.test(key)) return values.fill(1);
  if (/norm\d?\.bias$|in_proj_bias$|out_proj\.bias$/.test(key)) return values;
  // Kaiming-uniform with a = √5 has the bound 1/√fanIn, the same that PyTorch takes for the bias of a Linear.
  const fanIn = key.endsWith("linear2.bias") ? config.feedForward : shape[1] ?? config.dim;
  const bound = key.endsWith("in_proj_weight") ? Math.sqrt(6 / (shape[0] + shape[1])) : 1 / Math.sqrt(fanIn);
  const random = createRandom(seed, key);
  for (let i = 0; i < values.length; i++) values[i] = bound * (2 * random.uniform() - 1);
  return values;
}
