/**
 * Boxes in an image.
 *
 * @module
 */

/** A box in pixels, from the top left corner. */
export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** The smallest box around points, given as `[x, y, x, y, …]`. */
export function boxAround(points: ArrayLike<number>): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i + 1 < points.length; i += 2) {
    left = Math.min(left, points[i]);
    right = Math.max(right, points[i]);
    top = Math.min(top, points[i + 1]);
    bottom = Math.max(bottom, points[i + 1]);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** The area that two boxes share over the area that they cover together, 0 to 1. */
export function overlap(a: Box, b: Box): number {
  const side = (from: "x" | "y", length: "width" | "height") =>
    Math.max(0, Math.min(a[from] + a[length], b[from] + b[length]) - Math.max(a[from], b[from]));
  const shared = side("x", "width") * side("y", "height");
  const covered = a.width * a.height + b.width * b.height - shared;
  return covered > 0 ? shared / covered : 0;
}
