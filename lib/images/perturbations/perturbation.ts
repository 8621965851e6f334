/**
 * What a perturbation is: something that is done to an image before a detector sees it, at a level.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { RgbImage } from "../resize.ts";

/** What a perturbation draws from, so that it does the same to an image whatever was perturbed before it. */
export type Draw = {
  /** A 32-bit signed whole number; a function of the image file's bytes. */
  readonly seed: number;
};

/** A family of perturbations that differ in a level, such as JPEG compression at a quality. */
export type PerturbationKind = {
  /** What its perturbations' names begin with: `jpeg`. Small letters and dashes. */
  readonly family: string;
  /** What titles call it: `JPEG`. */
  readonly title: string;
  /** What a level is: `quality`. */
  readonly measure: string;
  /** What is said of an image that it was not done to: `not compressed again`. */
  readonly without: string;
  /** What the family's name alone stands for, the mildest first. */
  readonly levels: readonly number[];
  /** Further levels that a name stands for, by what follows the family's: `gend` for `jpeg-gend`. Small letters. */
  readonly ladders?: Readonly<Record<string, readonly number[]>>;
  /** The level that changes nothing, where levels lie on both sides of one: 1 for a factor. Charts show the tests without the kind there. */
  readonly neutral?: number;
  /** Whether there is such a level. */
  accepts(level: number): boolean;
  /**
   * Perturbs an image at its own size, before it is resized for an encoder.
   *
   * @param image is left as it is
   * @param level one that `accepts()`
   * @returns a new image
   * @throws {Error} for another level
   */
  apply(image: RgbImage, level: number, draw: Draw): RgbImage | Promise<RgbImage>;
};

/** What is done to the images of a test. */
export type Perturbation = { readonly kind: PerturbationKind; readonly level: number };

/** The name in files, tables and the command line: `jpeg-50`. */
export function perturbationName({ kind, level }: Perturbation): string {
  return `${kind.family}-${level}`;
}

/** Sorts levels of a kind: from the mildest on, or where one changes nothing from the least to the greatest. */
export function byLevelOf({ levels, neutral }: PerturbationKind): (a: number, b: number) => number {
  const falling = neutral === undefined && levels[0] > levels[levels.length - 1];
  return (a, b) => falling ? b - a : a - b;
}

/** What an image file's perturbation draws from; copies of a file under other names draw the same. */
export function drawFor(bytes: Uint8Array): Draw {
  let seed: number | undefined;
  return {
    get seed() { // few kinds ask for it
      return seed ??= createHash("sha256").update(bytes).digest().readInt32LE();
    },
  };
}
