/**
 * A perturbation of pixels in memory.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import { brightness } from "./brightness.ts";
import { contrast } from "./contrast.ts";
import { flip } from "./flip.ts";
import { blur } from "./gaussian_blur.ts";
import { gaussianNoise } from "./gaussian_noise.ts";
import { jpeg } from "./jpeg.ts";
import { resize } from "./resize.ts";
import { webp } from "./webp.ts";

/** What to do to an image, and how much. */
export type Change =
  /** `kernel` odd pixels a side, `sigma` in pixels, above 0 and up to 100. */
  | { readonly kind: "gaussianBlur"; readonly kernel: number; readonly sigma: number }
  /** To a square of `side` pixels, 1 to 4096, and back. */
  | { readonly kind: "resize"; readonly side: number }
  | { readonly kind: "flip" }
  /** `factor` 0 to 100; 1 changes nothing. */
  | { readonly kind: "brightness" | "contrast"; readonly factor: number }
  /** `sigma` where black is 0 and white 1, above 0 and up to 1. */
  | { readonly kind: "noise"; readonly sigma: number }
  /** `quality` 1 to 100, a whole number. */
  | { readonly kind: "jpeg" | "webp"; readonly quality: number };

/**
 * Perturbs an image as a test under a perturbation does, byte for byte as Pillow; a blur is torchvision's within one level of 255.
 *
 * @param image RGB [height, width, 3]; is left as it is
 * @param change what to do, and how much
 * @param options.seed what noise is a function of, a whole number of 32 bits; the other kinds draw nothing. Default: 0.
 * @returns A new image of the same size.
 * @throws When the image has not three bytes a pixel, there is no such kind, or its number is out of range.
 *
 * @example
 * ```ts
 * import { perturb } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const image = { data: new Uint8Array([10, 20, 30, 100, 150, 200]), width: 2, height: 1 };
 * assertEquals([...(await perturb(image, { kind: "flip" })).data], [100, 150, 200, 10, 20, 30]);
 * assertEquals([...(await perturb(image, { kind: "brightness", factor: 0.5 })).data], [
 *   5,
 *   10,
 *   15,
 *   50,
 *   75,
 *   100,
 * ]);
 * ```
 */
export async function perturb(
  image: RgbImage,
  change: Change,
  { seed = 0 }: { readonly seed?: number } = {},
): Promise<RgbImage> {
  const { data, width, height } = image;
  if (data.length === 0 || data.length !== 3 * width * height) {
    throw new Error(
      `Cannot perturb an image: expected 3 bytes for each of ${width} × ${height} pixels but found ${data.length}`,
    );
  }
  const draw = { seed };
  switch (change.kind) {
    case "gaussianBlur":
      return blur(image, change);
    case "resize":
      return await resize.apply(image, change.side, draw);
    case "flip":
      return await flip.apply(image, 1, draw);
    case "brightness":
      return await brightness.apply(image, change.factor, draw);
    case "contrast":
      return await contrast.apply(image, change.factor, draw);
    case "noise":
      return await gaussianNoise.apply(image, change.sigma, draw);
    case "jpeg":
      return await jpeg.apply(image, change.quality, draw);
    case "webp":
      return await webp.apply(image, change.quality, draw);
    default:
      throw new Error(
        `Cannot perturb an image: expected one of its kinds but found ${JSON.stringify(change)}`,
      );
  }
}
