/**
 * Pillow's blend of two images, by which its brightness and contrast work.
 *
 * @module
 */

/** Far beyond what leaves more than black and white. */
const mostFactor = 100;

/** Whether a blend can have this factor. */
export function isFactor(factor: number): boolean {
  return factor >= 0 && factor <= mostFactor;
}

/**
 * Where each of the 256 levels goes when an image is blended with a flat one, as Pillow's `Image.blend(flat, image, factor)` does:
 * in float32, cut off at black and white, and not rounded but cut to a whole number.
 *
 * @param flat the level of the other image, a whole number; what the factor 0 gives
 * @param factor what the distance from `flat` is multiplied by
 */
export function blendTable(flat: number, factor: number): Uint8Array {
  const single = Math.fround(factor);
  return Uint8Array.from({ length: 256 }, (_, level) => {
    const blended = Math.fround(flat + Math.fround(single * (level - flat)));
    return Math.trunc(Math.max(0, Math.min(255, blended)));
  });
}
