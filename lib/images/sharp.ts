/**
 * sharp, which decodes and encodes images in native code: loaded when an image is opened, so that what opens none, such as help,
 * needs no permission for native code.
 *
 * @module
 */
import type { default as Sharp } from "sharp";

let loaded: Promise<typeof Sharp> | undefined;

/** Loads sharp, once. */
export function loadSharp(): Promise<typeof Sharp> {
  return loaded ??= import("sharp").then(({ default: sharp }) => {
    sharp.cache(false); // every file is read once, so that libvips' cache of results would only hold memory
    return sharp;
  });
}
