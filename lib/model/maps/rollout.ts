/**
 * Where a tower's class token gets what it has seen from.
 *
 * Shapes: B batch, N tokens (class token first), D width, G² patches.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { attentionShares } from "../encoders/cls_attention.ts";
import { embedPatches, runBlock } from "../encoders/clip.ts";
import { type MapKind, needOwnTokens } from "./map.ts";

/**
 * Attention rollout (Abnar and Zuidema 2020, "Quantifying attention flow in transformers"): the class token's row of the product over
 * all blocks of ½ A + ½ I, with A the mean over heads. The half is the stream that goes past attention. Guidance modules move the
 * tokens, and so the attention of the blocks after them, but mix none. It is the tower's alone: what a detector makes of the tokens
 * is not in it, and no patch speaks for fake or for real.
 */
export const rollout: MapKind = {
  about:
    "where the tower's class token has its attention from, over all blocks: attention rollout; the same for fake and real",
  measure: "Share of the class token's attention, a patch",
  isSigned: false,
  draw({ clip }, pixels) {
    needOwnTokens(clip);
    return tf.tidy(() => {
      let x = embedPatches(clip, pixels); // [B, N, D]
      const [B, N] = x.shape;
      const each: tf.Tensor3D[] = [];
      for (let block = 0; block < clip.config.layers; block++) {
        each.push(attentionShares(clip, x, { block, of: "tokens" })); // [B, N, N]
        x = runBlock(clip, x, { block });
      }
      // From the last block down, so that only the class token's row is multiplied.
      let row: tf.Tensor = tf.tile(tf.oneHot(tf.tensor2d([[0]], [1, 1], "int32"), N), [B, 1, 1]); // [B, 1, N]
      for (const shares of each.reverse()) {
        row = tf.mul(tf.add(tf.matMul(row, shares), row), 0.5);
      }
      const flat = tf.reshape(row, [B, N]) as tf.Tensor2D;
      return {
        patches: tf.slice(flat, [0, 1], [-1, -1]),
        classToken: tf.squeeze(tf.slice(flat, [0, 0], [-1, 1]), [1]) as tf.Tensor1D,
        even: tf.zeros([B]),
        total: tf.sum(flat, 1) as tf.Tensor1D,
      };
    });
  },
};
