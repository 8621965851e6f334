/**
 * An image resized to the square, whole or by its shorter side.
 *
 * @module
 */
import { resizeAside } from "../resize.ts";
import { centreOf } from "./crop.ts";
import type { FitKind } from "./fit.ts";

type Resize = NonNullable<FitKind["resizing"]>;

/** A fit that is a resize and no more. */
function fitBy(resizing: Resize): Pick<FitKind, "resizing" | "apply" | "hasParts"> {
  return {
    resizing,
    apply: async (image, { size }) => (await resizeAside(image, resizing(image, size))).data,
    hasParts: false,
  };
}

/** The whole image, as torchvision's `Resize((size, size))`. */
export const resize: FitKind = {
  about: "the whole of it, squeezed where it is no square",
  text: "whole image to size × size, bilinear with antialiasing as Pillow's",
  ...fitBy((_, size) => ({ width: size, height: size })),
};

/** CLIP's own preparation, which GenD takes too: torchvision's `Resize(size, BICUBIC)` and `CenterCrop(size)`. */
export const clip: FitKind = {
  about: "its shorter side resized, bicubic, then its centre, as CLIP itself and GenD",
  text: "shorter side to size, bicubic with antialiasing as Pillow's, then the centre of size × size",
  ...fitBy(({ width, height }, size) => {
    const long = Math.trunc((size * Math.max(width, height)) / Math.min(width, height));
    const whole = { width: width <= height ? size : long, height: width <= height ? long : size };
    const square = { left: centreOf(whole.width, size), top: centreOf(whole.height, size), size };
    return { ...whole, filter: "bicubic", square };
  }),
};
