/**
 * Which parts of an image speak for fake: shares of the logit by integrated gradients, and how often their peak hits what was
 * manipulated.
 *
 * Shapes: B batch, N tokens (class token first), D width, G patches a side (N = 1 + G²).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Sample } from "../../data/sample.ts";
import { decodeImage } from "../../images/image.ts";
import { InputError } from "../../base/errors.ts";
import { type Detector, fakeLogit } from "./detector.ts";

/**
 * Shares of each image's logit difference logit(fake) − logit(real): `patches` and `classToken` add up to `logit`. Positive speaks
 * for fake. The caller disposes them.
 */
export type Attribution = {
  /** [B, G²] */
  readonly patches: tf.Tensor2D;
  /** [B] */
  readonly classToken: tf.Tensor1D;
  /** [B] */
  readonly logit: tf.Tensor1D;
};

/** With 16 the integral is off by less than 0.2 on the demo data, whose logits reach 10; with 32 by less than 0.03. */
const STEPS = 16;

/**
 * What each token adds to the logit difference, by integrated gradients (Sundararajan et al. 2017, "Axiomatic attribution for deep
 * networks"): from an even image, whose tokens are all the mean of its patches', to the image itself, [B, N, D]. The even image's own
 * logit difference belongs to all patches alike.
 *
 * A gradient times its token would say little here: the head begins with a layer norm, which leaves a token's scale out.
 * Tokens are those that the frozen encoder gives, and each has seen the others: on the demo data the even image's logit is nearly all
 * of the whole, which colours all patches alike. `mapKinds.gradient` goes through the tower, and states it apart.
 *
 * @throws {InputError} for features that are not tokens
 *
 * @example
 * ```ts
 * import { attribution, createForgeLens, dispose, headDetector, initBackend } from "@forgelens/bench/model";
 * import { assertAlmostEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 0);
 * const tokens = tf.randomNormal<tf.Rank.R3>([1, 5, 16], 0, 1, "float32", 1);
 * const shares = attribution(headDetector(head), tokens);
 * const sum = tf.add(tf.sum(shares.patches), tf.sum(shares.classToken));
 * assertAlmostEquals(sum.dataSync()[0], shares.logit.dataSync()[0], 1e-5);
 * dispose([head, tokens, shares, sum]);
 * ```
 */
export function attribution(detector: Pick<Detector, "forward" | "kind">, tokens: tf.Tensor3D): Attribution {
  if (tokens.shape.length !== 3) {
    throw new InputError(
      `Cannot say what drives a ${
        detector.kind.replaceAll("-", " ")
      }: expected features of every token but found one vector an image`,
    );
  }
  return tf.tidy(() => {
    const logitOf = (x: tf.Tensor) => fakeLogit(detector.forward(x, { training: false }).logits); // [B]
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(logitOf(x)));
    const mean = tf.mean(tf.slice(tokens, [0, 1, 0], [-1, -1, -1]), 1, true); // [B, 1, D]
    const away = tf.sub(tokens, mean); // [B, N, D]
    let shares: tf.Tensor = tf.zeros(tokens.shape.slice(0, 2)); // [B, N]
    for (let step = 0; step < STEPS; step++) {
      shares = tf.tidy(() => {
        const point = tf.add(mean, tf.mul(away, (step + 0.5) / STEPS));
        return tf.add(shares, tf.div(tf.sum(tf.mul(gradient(point), away), -1), STEPS));
      });
    }
    const logit = logitOf(tokens);
    const even = tf.sub(logit, tf.sum(shares, 1)); // [B], with what the sum over steps misses
    const patches = tf.slice(shares, [0, 1], [-1, -1]); // [B, G²]
    return {
      patches: tf.add(patches, tf.expandDims(tf.div(even, patches.shape[1]!), 1)) as tf.Tensor2D,
      classToken: tf.squeeze(tf.slice(shares, [0, 0], [-1, 1]), [1]) as tf.Tensor1D,
      logit,
    };
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
 *
 * @example
 * ```ts
 * import { pointingGame } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const mask = [0, 1, 0, 0]; // the second of four patches was manipulated
 * const found = pointingGame([{ map: [0.1, 0.9, 0, 0.2], mask }, { map: [0.8, 0.3, 0, 0.2], mask }]);
 * assertEquals(found, { images: 2, hits: 1, chance: 0.25 });
 * ```
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
 *
 * @example
 * ```ts
 * import { patchMask, type Sample } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const root = await Deno.makeTempDir();
 * await Deno.mkdir(`${root}/mask`);
 * await sharp(new Uint8Array([255, 0, 255, 0]), { raw: { width: 2, height: 2, channels: 1 } })
 *   .toFile(`${root}/mask/000.png`);
 * const sample: Sample = { path: `${root}/fake/000.jpg`, source: "fake/000.jpg", label: 1, set: "demo" };
 * assertEquals(await patchMask(sample, 2), Float32Array.of(1, 0, 1, 0));
 * await Deno.remove(root, { recursive: true });
 * ```
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
