/**
 * FAFormer of the published ForgeLens: a pre-norm transformer over the class tokens of all of a tower's blocks.
 *
 * Order of operations, dropout and initial weights are the official code's (models/network/net_stage2.py of
 * Yingjian-Chen/ForgeLens). Shapes: B batch, L layers of the tower, E embedding width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../../../weights/state.ts";
import {
  type Attention,
  attention,
  type Dropout,
  dropout,
  layerNorm,
  layerSeed,
  type Linear,
  linear,
  type Norm,
} from "../../layers.ts";
import { constantState, normalState, xavierState } from "../initial.ts";

/** One pre-norm block of FAFormer over [B, 1 + L, E]. */
export type FaformerBlock = {
  readonly ln1: Norm;
  readonly attn: Attention;
  readonly ln2: Norm;
  readonly hidden: Linear;
  readonly out: Linear;
};

/** FAFormer with its classifier. */
export type Faformer = {
  readonly heads: number;
  readonly blocks: readonly FaformerBlock[];
  /** Its own class token, [E]. */
  readonly clsToken: tf.Tensor1D;
  readonly lnPost: Norm;
  /** On that class token. */
  readonly classifier: Linear;
};

/** How many blocks there are in a file. */
export function faformerDepth(dict: StateDict): number {
  const blocks = [...dict.keys()].map((key) =>
    Number(/^transformer\.resblocks\.(\d+)\./.exec(key)?.[1] ?? -1)
  );
  return 1 + blocks.reduce((most, block) => Math.max(most, block), -1);
}

/** Key → shape of a file's FAFormer. */
export function faformerShapes(
  dict: StateDict,
  { width: E }: { readonly width: number },
): Map<string, readonly number[]> {
  const hidden = Array.from(
    { length: faformerDepth(dict) },
    (_, i) => dict.get(`transformer.resblocks.${i}.mlp.0.weight`)?.shape[0] ?? E,
  );
  return shapesOf(E, hidden);
}

/** Key → shape, from the hidden width of each block. */
function shapesOf(E: number, hidden: readonly number[]): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const layer = (key: string, weight: readonly number[]) =>
    shapes.set(`${key}.weight`, weight).set(`${key}.bias`, [weight[0]]);
  hidden.forEach((F, i) => {
    const prefix = `transformer.resblocks.${i}`;
    shapes.set(`${prefix}.attn.in_proj_weight`, [3 * E, E]).set(`${prefix}.attn.in_proj_bias`, [3 * E]);
    layer(`${prefix}.attn.out_proj`, [E, E]);
    layer(`${prefix}.ln_1`, [E]);
    layer(`${prefix}.ln_2`, [E]);
    layer(`${prefix}.mlp.0`, [F, E]);
    layer(`${prefix}.mlp.3`, [E, F]);
  });
  shapes.set("cls_token", [E]);
  layer("ln_post", [E]);
  layer("fc.1", [1, E]);
  return shapes;
}

/** Initial weights: normal with 0.01, the class token with 0.02, zero biases, layer norms of 1, and PyTorch's for `in_proj`. */
export function initialFaformer(
  { width, layers, seed }: { readonly width: number; readonly layers: number; readonly seed: number },
): StateDict {
  return new Map(
    [...shapesOf(width, Array(layers).fill(width))].map(([key, shape]) => [
      key,
      key === "cls_token"
        ? normalState(key, { shape, seed, std: 0.02 })
        : key.endsWith("in_proj_weight")
        ? xavierState(key, { shape, seed })
        : shape.length === 2
        ? normalState(key, { shape, seed, std: 0.01 })
        : constantState(shape, /ln_\w+\.weight$/.test(key) ? 1 : 0),
    ]),
  );
}

/** FAFormer of tensors by the names of a file. */
export function faformerOf(t: ReadonlyMap<string, tf.Tensor>, heads: number): Faformer {
  const norm = (key: string): Norm => ({
    weight: t.get(`${key}.weight`) as tf.Tensor1D,
    bias: t.get(`${key}.bias`) as tf.Tensor1D,
  });
  const layer = (key: string): Linear => ({
    weight: t.get(`${key}.weight`) as tf.Tensor2D,
    bias: t.get(`${key}.bias`) as tf.Tensor1D,
  });
  const depth = [...t.keys()].filter((key) => key.endsWith(".mlp.0.weight")).length;
  return {
    heads,
    blocks: Array.from({ length: depth }, (_, i): FaformerBlock => {
      const prefix = `transformer.resblocks.${i}`;
      const inProj = {
        weight: t.get(`${prefix}.attn.in_proj_weight`) as tf.Tensor2D,
        bias: t.get(`${prefix}.attn.in_proj_bias`) as tf.Tensor1D,
      };
      return {
        ln1: norm(`${prefix}.ln_1`),
        attn: { inProj, outProj: layer(`${prefix}.attn.out_proj`) },
        ln2: norm(`${prefix}.ln_2`),
        hidden: layer(`${prefix}.mlp.0`),
        out: layer(`${prefix}.mlp.3`),
      };
    }),
    clsToken: t.get("cls_token") as tf.Tensor1D,
    lnPost: norm("ln_post"),
    classifier: layer("fc.1"),
  };
}

/**
 * The logit of fake: projected class tokens [B, L, E] → [B, 1].
 *
 * @param options.dropout falls twice in each MLP, and before the classifier
 */
export function faformerLogit(
  { heads, blocks, clsToken, lnPost, classifier }: Faformer,
  clsTokens: tf.Tensor3D,
  options: { readonly dropout?: Dropout } = {},
): tf.Tensor2D {
  return tf.tidy(() => {
    const [B, , E] = clsTokens.shape;
    const drop = <T extends tf.Tensor>(x: T, ...places: number[]) =>
      dropout(
        x,
        options.dropout && { ...options.dropout, seed: places.reduce(layerSeed, options.dropout.seed) },
      );
    const own = tf.tile(tf.reshape(clsToken, [1, 1, E]), [B, 1, 1]); // [B, 1, E]
    let x = tf.concat([own, clsTokens], 1) as tf.Tensor3D; // [B, 1 + L, E]
    blocks.forEach((p, i) => {
      x = tf.add(x, attention(p.attn, layerNorm(p.ln1, x), { heads }));
      const hidden = drop(tf.relu(linear(p.hidden, layerNorm(p.ln2, x))), i, 0);
      x = tf.add(x, drop(linear(p.out, hidden), i, 1));
    });
    const first = tf.reshape(tf.slice(x, [0, 0, 0], [-1, 1, -1]), [B, E]) as tf.Tensor2D; // [B, E]
    return linear(classifier, drop(layerNorm(lnPost, first), blocks.length)); // [B, 1]
  });
}
