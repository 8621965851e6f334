/**
 * Faces turned upright: five points moved to where a template has them.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import type { RgbImage } from "../images/resize.ts";
import { robustSimilarity, similarityTransform, type Transform } from "./transform.ts";
import { warp } from "./warp.ts";

/** InsightFace's five points for 112×112, in units of its side: those for 96×112 moved 8 to the right. */
const insightFace: readonly number[] = [
  38.2946,
  51.6963,
  73.5318,
  51.5014,
  56.0252,
  71.7366,
  41.5493,
  92.3655,
  70.7299,
  92.2041,
]
  .map((value) => value / 112);

/**
 * The geometries of aligned faces. `template` is where the five points go in a square of side 1 before the margin, `size` the side of
 * the crop in pixels where none is given (undefined: the face keeps its own size), `scale` how many times as wide as the template's square the crop is.
 */
export const alignments = {
  similarity: {
    about: "InsightFace's template, at a size of your choice (224)",
    template: insightFace,
    size: 224,
    scale: 1.3,
    robust: false,
  },
  /** `detector.py: align_face` of yermandy/GenD, called with `-s 1.3 --target_size none` as its README does. */
  gend: {
    about: "GenD's template, each face at its own size; a point that lies far off does not count",
    template: [0.34, 0.46, 0.66, 0.46, 0.5, 0.64, 0.37, 0.82, 0.63, 0.82],
    size: undefined,
    scale: 1.3,
    robust: true,
  },
  /** `preprocessing/preprocess.py: img_align_crop` of SCLBD/DeepfakeBench. */
  deepfakebench: {
    about: "DeepfakeBench's: InsightFace's template at 256 pixels",
    template: insightFace,
    size: 256,
    scale: 1.3,
    robust: false,
  },
} as const;

/** The name of a geometry. */
export type AlignmentName = keyof typeof alignments;

/** Five points as `[x, y, x, y, …]`, as a face has them, or as pairs. */
export type FivePoints = readonly number[] | readonly (readonly [number, number])[];

/** How a face is aligned. */
export type AlignOptions = {
  /** Side of the crop in pixels. Default: the geometry's own. */
  readonly size?: number;
  /**
   * The margin: the crop is as many times as wide as the template's square, and the face by as much smaller in it. Default: 1.3, as
   * DeepfakeBench and GenD.
   */
  readonly scale?: number;
  /** Default: `similarity`. */
  readonly alignment?: AlignmentName;
};

/**
 * Where a face goes: the transform from the image to its aligned crop, and the crop's side in pixels.
 *
 * With the transform `transformPoints` moves landmarks into the crop, and `warp` cuts masks as it cuts frames.
 *
 * @param landmarks5 left eye as seen, right eye, nose, left and right corner of the mouth, in pixels
 * @throws {InputError} for other than five points apart from each other, or a size or scale out of range
 */
export function alignTransform(
  landmarks5: FivePoints,
  options: AlignOptions = {},
): { readonly transform: Transform; readonly size: number } {
  const { template, robust, ...usual } = alignments[options.alignment ?? "similarity"];
  const points = landmarks5.flat();
  if (points.length !== 10 || !points.every(Number.isFinite)) {
    throw cannot(`five points, [x, y, x, y, …], but found [${points.map(String).join(", ").slice(0, 60)}]`);
  }
  const scale = options.scale ?? usual.scale;
  if (!(scale >= 0.5 && scale <= 10)) throw cannot(`a scale of 0.5 to 10 but found ${scale}`);
  const from = points.map(Math.fround); // as both of the field's own
  const size = options.size ?? usual.size ?? ownSize(from, { template, scale });
  if (!(Number.isInteger(size) && size >= 1 && size <= 8192)) {
    const face = options.size === undefined && usual.size === undefined ? " for a face of its own size" : "";
    throw cannot(`a size of 1 to 8192 pixels but found ${size}${face}`);
  }
  const margin = (scale - 1) / 2; // around the template's square on each side; the whole is then `size` wide
  const to = template.map((value) => (value + margin) / scale * size);
  return { transform: (robust ? robustSimilarity : similarityTransform)(from, to), size };
}

/** The side at which the face is neither enlarged nor made smaller: the mean of what each pair of points says. */
function ownSize(
  points: readonly number[],
  { template, scale }: { readonly template: readonly number[]; readonly scale: number },
): number {
  const between = (all: readonly number[], i: number, j: number) =>
    Math.hypot(all[2 * i] - all[2 * j], all[2 * i + 1] - all[2 * j + 1]);
  let [sum, pairs] = [0, 0];
  for (let i = 0; i < 5; i++) {
    for (let j = i + 1; j < 5; j++, pairs++) sum += between(points, i, j) / between(template, i, j);
  }
  return Math.round(sum / pairs * scale);
}

/**
 * Cuts a face out of an image, turned upright and scaled so that its five points lie where a template has them. Bilinear; what lies
 * outside the image is black.
 *
 * @param image is left as it is
 * @param landmarks5 left eye as seen, right eye, nose, left and right corner of the mouth, in pixels
 * @throws {InputError} for other than five points apart from each other, or a size or scale out of range
 *
 * @example
 * ```ts
 * import { alignFace } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * const image = { data: new Uint8Array(64 * 64 * 3).fill(200), width: 64, height: 64 };
 * const landmarks5 = [24, 26, 40, 26, 32, 34, 26, 42, 38, 42];
 * const face = await alignFace(image, landmarks5, { size: 32, scale: 1.3 });
 * assertEquals([face.width, face.height, face.data[3 * (16 * 32 + 16)]], [32, 32, 200]);
 * ```
 */
export function alignFace(
  image: RgbImage,
  landmarks5: FivePoints,
  options: AlignOptions = {},
): Promise<RgbImage> {
  return new Promise((resolve) => { // errors reject it
    const { data, width, height } = image;
    if (data.length !== width * height * 3) {
      throw cannot(`${width} × ${height} × 3 bytes but found ${data.length}`);
    }
    const { transform, size } = alignTransform(landmarks5, options);
    resolve(warp(image, transform, { width: size, height: size }));
  });
}

function cannot(rest: string): InputError {
  return new InputError(`Cannot align the face: expected ${rest}`);
}
