/**
 * Which patches of an image speak for fake: gradient × token, and how often its peak hits what was manipulated.
 *
 * Shapes: B batch, N tokens (class token first), D width, G patches a side (N = 1 + G²).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Sample } from "../data/dataset.ts";
import { decodeImage } from "../data/image.ts";
import { type ForgeLens, logits } from "../model/forgelens.ts";

/**
 * How much each patch token moves the margin logit(fake) − logit(real): its gradient times the token, summed over the
 * width, [B, N, D] → [B, G²]. Positive speaks for fake. The class token's own part is left out.
 *
 * To first order it is what the margin would lose if the token were zero (Shrikumar et al. 2016, "Not just a black box");
 * tokens are those that the frozen encoder gives, and each has seen the others.
 */
export function attribution(model: ForgeLens, tokens: tf.Tensor3D): tf.Tensor2D {
  return tf.tidy(() => {
    const margin = (x: tf.Tensor) => {
      const both = logits(model, x as tf.Tensor3D); // [B, 2]
      return tf.sum(tf.sub(tf.slice(both, [0, 1], [-1, 1]), tf.slice(both, [0, 0], [-1, 1])));
    };
    const product = tf.mul(tf.grad(margin)(tokens), tokens); // [B, N, D]
    return tf.sum(tf.slice(product, [0, 1, 0], [-1, -1, -1]), -1) as tf.Tensor2D; // [B, G²]
  });
}

/** How often attribution points at what was manipulated. */
export type Pointing = {
  /** Fakes that were looked at. */
  readonly images: number;
  /** Those whose strongest patch lies in the mask. */
  readonly hits: number;
  /** What a random patch would hit on average: the mean share of patches in the mask. */
  readonly chance: number;
};

/**
 * The pointing game (Zhang et al. 2018, "Top-down neural attention by excitation backprop"): does the patch with the
 * largest value lie in the mask? Images whose mask holds no patch by half or more are left out.
 *
 * @param pairs for each fake, its map [G²] and the share of each patch that was manipulated [G²]
 */
export function pointingGame(
  pairs: readonly { readonly map: ArrayLike<number>; readonly mask: ArrayLike<number> }[],
): Pointing {
  let images = 0, hits = 0, chance = 0;
  for (const { map, mask } of pairs) {
    const inside = Array.from(mask, (share) => share >= 0.5);
    const count = inside.filter((yes) => yes).length;
    if (count === 0) continue;
    let peak = 0;
    for (let i = 1; i < map.length; i++) if (map[i] > map[peak]) peak = i;
    images++;
    hits += inside[peak] ? 1 : 0;
    chance += count / inside.length;
  }
  return { images, hits, chance: images === 0 ? 0 : chance / images };
}

/**
 * The share of each patch that was manipulated, [G²], from the mask image that the demo data keeps beside its fakes
 * (`mask/…/000.png` for `fake/…/000.jpg`); undefined where there is none.
 */
export async function patchMask(sample: Sample, grid: number): Promise<Float32Array | undefined> {
  const source = sample.source;
  if (sample.label === 0 || !source?.startsWith("fake/") || !sample.path.endsWith(source)) return undefined;
  const root = sample.path.slice(0, -source.length);
  const path = join(root, "mask", source.slice("fake/".length).replace(/\.\w+$/, ".png"));
  if (!(await Deno.stat(path).catch(() => undefined))) return undefined;
  const { data, width, height } = await decodeImage(path);
  const sums = new Float32Array(grid * grid);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const patch = Math.floor(y * grid / height) * grid + Math.floor(x * grid / width);
      sums[patch] += data[(y * width + x) * 3] / 255;
    }
  }
  const area = width * height / (grid * grid);
  return sums.map((sum) => sum / area);
}
