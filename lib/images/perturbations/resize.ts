/**
 * Loss of detail by a small size.
 *
 * @module
 */
import { resizeAside, type RgbImage } from "../resize.ts";
import type { PerturbationKind } from "./perturbation.ts";

/** Far beyond any encoder's input. */
const mostSide = 4096;

/** Resized to a square and back to the size that it had; levels are the square's side in pixels. */
export const resize: PerturbationKind = {
  family: "resize",
  title: "Resize",
  measure: "side",
  without: "not resized",
  levels: [224, 112, 64],
  accepts: isSide,
  apply: thereAndBack,
};

/**
 * Resizes as Pillow's bilinear `Image.resize((side, side))` and then to the size that the image had, both with antialias. An image
 * smaller than the square is enlarged and brought back; one of exactly that size stays as it is.
 *
 * @returns A new image of the same size.
 * @throws When `side` is out of range.
 */
async function thereAndBack(image: RgbImage, side: number): Promise<RgbImage> {
  if (!isSide(side)) {
    throw new Error(`Cannot resize an image: expected a side of 1 to ${mostSide} pixels but found ${side}`);
  }
  const { width, height } = image;
  const square = await resizeAside(image, { width: side, height: side });
  const back = await resizeAside(square, { width, height });
  return back.data === image.data ? { data: image.data.slice(), width, height } : back;
}

function isSide(level: number): boolean {
  return Number.isInteger(level) && level >= 1 && level <= mostSide;
}
