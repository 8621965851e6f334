/**
 * What each patch of an image adds to its logit: gradient × token, along the way from an even image.
 *
 * Shapes: B batch, N tokens (class token first), D width, G² patches.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../base/errors.ts";
import { fakeLogit, logitsOf } from "../detectors/detector.ts";
import { clsTokenOf, embedPatches, runBlock } from "../encoders/clip.ts";
import { layerNorm } from "../layers.ts";
import { type MapKind, needOwnTokens, towerFeatures } from "./map.ts";

/** Points on the way, in whose middle gradients are taken. */
const STEPS = 8;

/**
 * Integrated gradients (Sundararajan et al. 2017) of the logit difference, by the tokens that enter a block a third into the tower,
 * from all being the mean of the image's patches there to what they are.
 *
 * Not by the tower's last tokens: those have mixed, and on the demo data their mean alone gives nearly all of the logit. Nor by pixels:
 * an even or a blurred image is itself a fake to detectors that look at fine texture, so that all shares would be of the way from
 * there. The even tokens' logit is stated apart, with what the sum over steps misses, and so is the class token's share. Of a detector
 * on the class tokens of all blocks, those of the blocks before stay as they are.
 */
export const gradient: MapKind = {
  about:
    "what each patch adds to the logit, beyond what an image of equal patches has: integrated gradients by tokens",
  measure: "Share of logit(fake) − logit(real), a patch",
  isSigned: true,
  draw({ scorer, clip, tap }, pixels) {
    needOwnTokens(clip);
    const logits = logitsOf(scorer);
    if (!logits) {
      throw new InputError(
        `Cannot say what drives a ${
          scorer.kind.replaceAll("-", " ")
        }: expected a detector that gradients pass through but found one without; take the rollout`,
      );
    }
    return tf.tidy(() => {
      const from = Math.floor(clip.config.layers / 3);
      let tokens = embedPatches(clip, pixels); // [B, N, D]
      const before: tf.Tensor2D[] = [];
      for (let block = 0; block < from; block++) {
        tokens = runBlock(clip, tokens, { block });
        before.push(layerNorm(clip.params.lnPost, clsTokenOf(tokens)));
      }
      const logitOf = (x: tf.Tensor) =>
        fakeLogit(logits(towerFeatures(clip, x as tf.Tensor3D, { tap, from, before }))); // [B]
      const gradientAt = tf.grad((x: tf.Tensor) => tf.sum(logitOf(x)));
      const mean = tf.mean(tf.slice(tokens, [0, 1, 0], [-1, -1, -1]), 1, true); // [B, 1, D]
      const away = tf.sub(tokens, mean); // [B, N, D]
      let shares: tf.Tensor2D = tf.zeros([tokens.shape[0], tokens.shape[1]]); // [B, N]
      for (let step = 0; step < STEPS; step++) {
        shares = tf.tidy(() => {
          const point = tf.add(mean, tf.mul(away, (step + 0.5) / STEPS));
          return tf.add(shares, tf.div(tf.sum(tf.mul(gradientAt(point), away), -1), STEPS));
        });
      }
      const total = logitOf(tokens); // [B]
      return {
        patches: tf.slice(shares, [0, 1], [-1, -1]),
        classToken: tf.squeeze(tf.slice(shares, [0, 0], [-1, 1]), [1]) as tf.Tensor1D,
        even: tf.sub(total, tf.sum(shares, 1)) as tf.Tensor1D,
        total,
      };
    });
  },
};
