/**
 * How faces are cut out of frames: one rule for both classes.
 *
 * @module
 */

import type { Box } from "../images/box.ts";

/**
 * The square to cut out: its side is the box's longer side × `margin`, at most the frame's shorter side, its centre the
 * box's, moved no more than it takes to lie within the frame. No padding: a black border would tell a class.
 *
 * @returns undefined when the box is empty or its centre is outside the frame.
 */
export function cropSquare(
  box: Box,
  options: { readonly width: number; readonly height: number; readonly margin: number },
): Box | undefined {
  const { width, height, margin } = options;
  const [cx, cy] = [box.x + box.width / 2, box.y + box.height / 2];
  const valid = box.width > 0 && box.height > 0 && cx >= 0 && cy >= 0 && cx <= width && cy <= height;
  if (!valid) return undefined;
  const side = Math.max(1, Math.min(Math.round(Math.max(box.width, box.height) * margin), width, height));
  const within = (centre: number, size: number) =>
    Math.max(0, Math.min(Math.round(centre - side / 2), size - side));
  return { x: within(cx, width), y: within(cy, height), width: side, height: side };
}
