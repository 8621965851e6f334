/**
 * What is known of a face in an image.
 *
 * @module
 */
import type { Box } from "../images/box.ts";

/** A face that a detector found in an image. */
export type Face = {
  /** In pixels; parts of it may lie outside the image. */
  readonly box: Box;
  /** How sure the detector is, 0 to 1. */
  readonly score: number;
  /**
   * Five points as `[x, y, x, y, …]`, in pixels: the left eye as seen in the image, the right eye, the tip of the nose, the left corner of
   * the mouth, and the right one.
   */
  readonly landmarks5: readonly number[];
};

/**
 * The faces that are looked for unless said otherwise: from this score and from this shorter side in pixels on, as measured with
 * scikit-image's photographs. A face of {@link SURE_SIDE} pixels and more, pasted into four scenes, turned by up to 25° and compressed, was always
 * found, and of some 500 pictures without a face (five sizes, four turns, noise) one had one above 0.95, and two more above 0.9.
 */
export const LEAST_FACE = { score: 0.95, side: 30 } as const;

/**
 * The shorter side in pixels from which on a face is found whatever it is in. To train on, and to measure, smaller ones are better than none,
 * so `LEAST_FACE` lets them in; about a single file that nobody looks at nothing is said by a face that was found by luck.
 */
export const SURE_SIDE = 40;
