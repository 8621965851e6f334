/**
 * The ways by which an image of any size becomes the square that an encoder takes, which `--fit` chooses from.
 *
 * @module
 */
import { crop, pad } from "./crop.ts";
import type { FitKind } from "./fit.ts";
import { clip, resize } from "./resize.ts";

/**
 * The ways by name.
 *
 * @example
 * ```ts
 * import { fits } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const image = { data: new Uint8Array([10, 10, 10, 20, 20, 20]), width: 2, height: 1 };
 * const square = await fits.pad.apply(image, { size: 2 }); // black below
 * assertEquals([...square], [10, 10, 10, 20, 20, 20, 0, 0, 0, 0, 0, 0]);
 * ```
 */
export const fits = { resize, crop, pad, clip } as const satisfies Readonly<Record<string, FitKind>>;

/** The name of such a way. */
export type Fit = keyof typeof fits;

/** The names of all. */
export const fitNames = Object.keys(fits) as [Fit, ...Fit[]];

/** The way that a file of weights states; undefined where none is stated so. */
export function fitStated(text: string): Fit | undefined {
  return fitNames.find((name) => fits[name].text === text);
}
