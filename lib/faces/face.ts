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
