/**
 * What is frozen below a detector: one function of the image, encoded once and kept under its digest.
 *
 * Shapes: B batch, N tokens (class token first), D width, E embedding width.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import type { Fit } from "../../images/fits/mod.ts";
import type { FeatureCache } from "./cache.ts";

/**
 * Where in a tower features are taken. After its last layer norm: all tokens [B, N, D], the class token [B, D], or its
 * projection [B, E]; the class token after every block, each through that norm, [B, L, D], or their projections [B, L, E]; what
 * enters a block, counted from 0, [B, N, D]; or before it all, the pixels [B, S, S, 3].
 */
export type Tap =
  | "tokens"
  | "clsToken"
  | "embedding"
  | "clsTokens"
  | "embeddings"
  | "pixels"
  | { readonly entering: number };

/** A tap as a word: `entering-11`. */
export function tapName(tap: Tap): string {
  return typeof tap === "string" ? tap : `entering-${tap.entering}`;
}

/** A frozen function of images that detectors stand on. */
export type Trunk = {
  /** Where in the tower they are taken. */
  readonly tap: Tap;
  /** Names what `features()` gives, up to the rounding of another machine: weights, tap, precision and the code's version. */
  readonly digest: string;
  /** Of one image's features: [N, D], [D] or [E]. */
  readonly shape: readonly number[];
  /** What they are rounded to where they are kept: tokens, of which there are many, to half precision. */
  readonly keptIn: "float16" | "float32";
  /** Side of the images that it takes, in pixels. */
  readonly imageSize: number;
  /** How they are brought to that size. */
  readonly fit: Fit;
  /** Whether an image's features are a function of that image; else of its batch too, and they are not kept. */
  readonly isPerImage: boolean;
  /** The features of images as RGB bytes, [B, ...shape]; the caller disposes them. */
  features(images: readonly Uint8Array[]): Promise<tf.Tensor>;
  /** Where its features are kept; undefined where they are not. Opened once. */
  cache(): Promise<FeatureCache | undefined>;
};

/** Where features are kept. */
export type KeepOptions = {
  /** Folder of all caches; `tokenFolder()` of the user's cache folder in a run. */
  readonly folder: string;
  /** Most bytes that all caches in it may take. */
  readonly limit: number;
  /** Takes a sentence about a cache that is full, damaged or cannot be written. */
  readonly onNote?: (message: string) => void;
};
