/**
 * An image resized to the square, whole or by its shorter side.
 *
 * @module
 */
import { resizeAside, resizeBicubic } from "../resize.ts";
import { centreCrop } from "./crop.ts";
import type { FitKind } from "./fit.ts";

/** The whole image, as torchvision's `Resize((size, size))`. */
export const resize: FitKind = {
  about: "the whole of it, squeezed where it is no square",
  text: "whole image to size × size, bilinear with antialiasing as Pillow's",
  hasParts: false,
  apply: async (image, { size }) => (await resizeAside(image, { width: size, height: size })).data,
};

/** CLIP's own preparation, which GenD takes too: torchvision's `Resize(size, BICUBIC)` and `CenterCrop(size)`. */
export const clip: FitKind = {
  about: "its shorter side resized, bicubic, then its centre, as CLIP itself and GenD",
  text: "shorter side to size, bicubic with antialiasing as Pillow's, then the centre of size × size",
  hasParts: false,
  apply: (image, { size }) => {
    const { width, height } = image;
    const long = Math.trunc((size * Math.max(width, height)) / Math.min(width, height));
    const resized = resizeBicubic(image, {
      width: width <= height ? size : long,
      height: width <= height ? long : size,
    });
    return centreCrop(resized, size);
  },
};
