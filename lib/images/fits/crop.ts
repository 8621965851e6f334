/**
 * A square cut out of an image at its own size, which leaves the traces of a generator as they are.
 *
 * @module
 */
import type { RgbImage } from "../resize.ts";
import type { CropPart, FitKind } from "./fit.ts";

/** ForgeLens's preparation: its code's `translate_duplicate`, then torchvision's `CenterCrop`, or `RandomCrop` and a flip. */
export const crop: FitKind = {
  about: "its centre at its own size, tiled where a side is too short, as ForgeLens",
  text:
    "its centre of size × size, not resized; an image with a shorter side is repeated beside and below itself first",
  hasParts: true,
  apply: (image, { size, part }) => tiledCrop(image, size, part),
};

/** UniversalFakeDetect's preparation: torchvision's `CenterCrop`, or `RandomCrop` and a flip. */
export const pad: FitKind = {
  about: "its centre at its own size, with black around it where a side is too short, as UniversalFakeDetect",
  text: "its centre of size × size, not resized; an image with a shorter side has black around it",
  hasParts: true,
  apply: (image, { size, part }) => paddedCrop(image, size, part),
};

/**
 * An image as the published ForgeLens takes it: tiled when a side is below `size`, then its centre cut out; never resized.
 *
 * @param image RGB bytes at their own size, as `decodeImage()` gives them
 * @param size of the square in pixels
 * @param part cut out instead of the centre
 * @returns RGB bytes [size, size, 3], for `toPixels()`
 *
 * @example
 * ```ts
 * import { tiledCrop } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const image = { data: new Uint8Array([10, 10, 10, 20, 20, 20]), width: 2, height: 1 };
 * const tiled = tiledCrop(image, 4); // twice across and four times down
 * assertEquals([0, 3, 6, 9, 12].map((i) => tiled[i]), [10, 20, 10, 20, 10]);
 * ```
 */
export function tiledCrop(image: RgbImage, size = 224, part?: CropPart): Uint8Array {
  const { width, height } = image;
  const tiled = Math.min(width, height) < size;
  const tile = (side: number) => (tiled ? side * Math.ceil(size / side) : side);
  const [left, top] = [startOf(tile(width), size, part?.x), startOf(tile(height), size, part?.y)];
  const columns = columnsOf(size, part).map((x) => (left + x) % width);
  return gathered(image, { size, columns, rows: (y) => (top + y) % height });
}

/** The same with black around the image where a side is below `size`; torchvision puts the odd line to the right and below. */
function paddedCrop(image: RgbImage, size: number, part?: CropPart): Uint8Array {
  const place = (side: number, drawn?: number) =>
    side < size ? -Math.floor((size - side) / 2) : startOf(side, size, drawn);
  const [left, top] = [place(image.width, part?.x), place(image.height, part?.y)];
  return gathered(image, { size, columns: columnsOf(size, part).map((x) => left + x), rows: (y) => top + y });
}

/** Where torchvision's `CenterCrop` begins along a side that is as long as the square's, or longer. */
export function centreOf(side: number, size: number): number {
  return startOf(side, size);
}

/** Where a square begins along a side that is as long or longer. */
function startOf(side: number, size: number, drawn?: number): number {
  return drawn === undefined ? roundHalfToEven((side - size) / 2) : Math.floor(drawn * (side - size + 1));
}

/** The columns of a square, from the last to the first where it is mirrored. */
function columnsOf(size: number, part?: CropPart): number[] {
  const columns = Array.from({ length: size }, (_, x) => x);
  return part?.mirrored ? columns.reverse() : columns;
}

/** Pixels by their column and row, black where the image has none. */
function gathered(
  { data, width, height }: RgbImage,
  options: {
    readonly size: number;
    readonly columns: readonly number[];
    readonly rows: (y: number) => number;
  },
): Uint8Array {
  const { size, columns, rows } = options;
  const square = new Uint8Array(size * size * 3);
  for (let y = 0, to = 0; y < size; y++) {
    const row = rows(y);
    for (let x = 0; x < size; x++, to += 3) {
      const column = columns[x];
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      const from = (row * width + column) * 3;
      square[to] = data[from];
      square[to + 1] = data[from + 1];
      square[to + 2] = data[from + 2];
    }
  }
  return square;
}

/** As Python rounds, which torchvision's centre crop uses. */
function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}
