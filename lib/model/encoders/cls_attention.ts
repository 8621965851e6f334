/**
 * What a tower's class token attends to, for a reader to look at.
 *
 * Shapes: B batch, S image size, N tokens, D width, H heads, K head width, G² patches.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { matMul } from "../../backend/tensors.ts";
import { layerNorm, linear } from "../layers.ts";
import { type Clip, encodeEntering } from "./clip.ts";

/**
 * The share of its attention that the class token gives each patch in one block, the mean over heads: pixels [B, S, S, 3] →
 * [B, G²]. What is missing to 1 it gives itself. The caller disposes them.
 *
 * @param options.block counted from 0; the last unless given
 * @throws {Error} where attention runs across the batch
 *
 * @example
 * ```ts
 * import { bindClip, clsAttention, dispose, initBackend, randomClip } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
 * const shares = clsAttention(clip, tf.zeros([1, 32, 32, 3]));
 * assertEquals(shares.shape, [1, 4]);
 * dispose([clip, shares]);
 * ```
 */
export function clsAttention(
  clip: Clip,
  pixels: tf.Tensor4D,
  options: { readonly block?: number } = {},
): tf.Tensor2D {
  const { block = clip.config.layers - 1 } = options;
  return tf.tidy(() => {
    const shares = attentionShares(clip, encodeEntering(clip, pixels, { block }), { block, of: "clsToken" }); // [B, 1, N]
    const [B, , N] = shares.shape;
    return tf.reshape(tf.slice(shares, [0, 0, 1], [-1, -1, -1]), [B, N - 1]) as tf.Tensor2D; // [B, G²]
  });
}

/**
 * The shares of its attention that each token gives each in one block, the mean over heads; a row adds up to 1. The caller disposes
 * them.
 *
 * @param entering what enters the block, [B, N, D]
 * @param options.of whose: of all tokens, [B, N, N], or of the class token alone, [B, 1, N]
 */
export function attentionShares(
  clip: Clip,
  entering: tf.Tensor3D,
  { block, of }: { readonly block: number; readonly of: "clsToken" | "tokens" },
): tf.Tensor3D {
  const { config: { heads: H, width: D }, params } = clip;
  const { ln1, attn } = params.blocks[block];
  return tf.tidy(() => {
    const normed = layerNorm(ln1, entering); // [B, N, D]
    const [B, N] = normed.shape;
    const qkv = tf.reshape(linear(attn.inProj, normed), [B, N, 3 * H, D / H]); // [B, N, 3H, K]
    const [q, k] = tf.split(tf.transpose(qkv, [0, 2, 1, 3]), 3, 1); // each [B, H, N, K]
    const queries = of === "tokens" ? q : tf.slice(q, [0, 0, 0, 0], [-1, -1, 1, -1]);
    const scaled = tf.mul(queries, 1 / Math.sqrt(D / H)); // [B, H, N, K] or [B, H, 1, K]
    return tf.mean(tf.softmax(matMul(scaled, k, { transposeB: true })), 1); // [B, N, N] or [B, 1, N]
  });
}
