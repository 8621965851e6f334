/**
 * What a map over the patches of an image is, and the way through a tower that maps and their tests take.
 *
 * Shapes: B batch, S image size, N tokens (class token first), D width, E embedding width, L layers, G² patches.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../base/errors.ts";
import { openBlocks } from "../blocks.ts";
import type { Scorer } from "../detectors/detector.ts";
import { type Clip, clsTokenOf, projectClsToken } from "../encoders/clip.ts";
import type { Tap } from "../features/trunk.ts";
import { layerNorm } from "../layers.ts";

/** A detector, and the tower that it stands on, through which gradients and attention are taken op by op in float32. */
export type MapSubject = {
  readonly scorer: Scorer;
  readonly clip: Clip;
  /** Where on the tower the scorer stands. */
  readonly tap: Exclude<Tap, "pixels" | object>;
};

/** What each patch has a share of, and what no patch has: they all add up to `total`. The caller disposes them. */
export type PatchMap = {
  /** [B, G²] */
  readonly patches: tf.Tensor2D;
  /** [B] */
  readonly classToken: tf.Tensor1D;
  /** What an image of equal patches has as well, [B]. */
  readonly even: tf.Tensor1D;
  /** The logit difference logit(fake) − logit(real), or of attention all of it, 1; [B]. */
  readonly total: tf.Tensor1D;
};

/** A kind of map, as the list of maps has it. */
export type MapKind = {
  /** For the help and the README. */
  readonly about: string;
  /** What a patch's value is, beside a scale. */
  readonly measure: string;
  /** Whether values below 0 speak for real; else all are 0 or more, and none speaks for a class. */
  readonly isSigned: boolean;
  /**
   * Draws it: pixels [B, S, S, 3], normalised, → shares.
   *
   * @throws {InputError} for a tower or a detector that it cannot be drawn of
   */
  draw(subject: MapSubject, pixels: tf.Tensor4D): PatchMap;
};

/** @throws {InputError} for a tower that mixes the images of a batch, of which no image has a map */
export function needOwnTokens({ config }: Clip): void {
  if (config.attendAcross === "tokens") return;
  throw new InputError(
    "Cannot draw a map: expected attention across the tokens of an image but found it across the batch, where a score is of all images together",
  );
}

/**
 * What enters a block of a tower, or some of its tokens, → the features at a tap. The caller disposes them.
 *
 * @param x [B, N, D]
 * @param options.from the block that x enters, counted from 0; 0 unless given
 * @param options.before the class tokens after the blocks before that, each through the last layer norm, [B, D]
 */
export function towerFeatures(
  clip: Clip,
  x: tf.Tensor3D,
  options: {
    readonly tap: MapSubject["tap"];
    readonly from?: number;
    readonly before?: readonly tf.Tensor2D[];
  },
): tf.Tensor {
  const { tap, from = 0, before = [] } = options;
  const { lnPost } = clip.params;
  return tf.tidy(() => {
    const blocks = openBlocks(clip);
    const clsTokens = [...before];
    for (let i = from; i < clip.config.layers; i++) {
      x = blocks.run(x, i);
      clsTokens.push(layerNorm(lnPost, clsTokenOf(x)));
    }
    switch (tap) {
      case "tokens":
        return layerNorm(lnPost, x); // [B, N, D]
      case "clsToken":
        return clsTokens.at(-1)!; // [B, D]
      case "embedding":
        return projectClsToken(clip, clsTokens.at(-1)!); // [B, E]
      case "clsTokens":
        return tf.stack(clsTokens, 1); // [B, L, D]
      case "embeddings":
        return tf.stack(clsTokens.map((each) => projectClsToken(clip, each)), 1); // [B, L, E]
    }
  });
}

/**
 * The mean of maps of one size, such as those of a video's aligned frames: each patch's mean value.
 *
 * @throws {Error} without a map, or with maps of several sizes
 *
 * @example
 * ```ts
 * import { meanMap } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(meanMap([[1, 0, 0, 0], [3, 0, 0, -1]]), Float32Array.of(2, 0, 0, -0.5));
 * ```
 */
export function meanMap(maps: readonly ArrayLike<number>[]): Float32Array {
  const [{ length } = []] = maps;
  if (length === 0 || maps.some((map) => map.length !== length)) {
    throw new Error(
      `Cannot take the mean of maps: expected one or more of one size but found ${
        maps.length === 0
          ? "none"
          : `maps of ${[...new Set(maps.map((map) => map.length))].join(", ")} patches`
      }`,
    );
  }
  const sums = new Float64Array(length);
  for (const map of maps) for (let i = 0; i < length; i++) sums[i] += map[i];
  return Float32Array.from(sums, (sum) => sum / maps.length);
}
