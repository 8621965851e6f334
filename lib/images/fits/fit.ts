/**
 * What every way is by which an image of any size becomes the square that an encoder takes.
 *
 * @module
 */
import { createRandom, seedFrom } from "../../base/random.ts";
import type { Resizing, RgbImage } from "../resize.ts";

/** Which square is cut out of an image, and whether it is mirrored then. */
export type CropPart = {
  /** Its place from left to right among those that there are, in [0, 1). */
  readonly x: number;
  /** The same from top to bottom. */
  readonly y: number;
  /** Whether left and right are exchanged. */
  readonly mirrored: boolean;
};

/** One such way, as the list of them has it. */
export type FitKind = {
  /** For the help. */
  readonly about: string;
  /** How files of weights state it. */
  readonly text: string;
  /** Whether training that encodes images anew takes a drawn part of each, and not its centre. */
  readonly hasParts: boolean;
  /**
   * The square of an image, RGB bytes [size, size, 3]: a new array, or the image's own where nothing is to be done.
   *
   * @param options.part instead of the centre, where there are parts
   */
  apply(
    image: RgbImage,
    options: { readonly size: number; readonly part?: CropPart },
  ): Uint8Array | Promise<Uint8Array>;
  /** The whole of it, where it is a resize and no more, by the image's size in pixels. */
  resizing?(image: { readonly width: number; readonly height: number }, size: number): Resizing;
};

/**
 * The part of the image at a place of an epoch's order, mirrored half the time. A function of the seed, the epoch and the place, so
 * that a run that goes on draws what it would have drawn.
 *
 * @param options.place counted from 0, the epoch's images before those that are loaded among them
 */
export function drawPart(
  { seed, epoch, place }: { readonly seed: number; readonly epoch: number; readonly place: number },
): CropPart {
  const random = createRandom(seedFrom(seed, "part", epoch), place);
  return { x: random.uniform(), y: random.uniform(), mirrored: random.uniform() < 0.5 };
}
