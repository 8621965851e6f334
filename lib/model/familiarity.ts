/**
 * How far an image's class token lies from those of the training images: a detector says nothing of what is unlike all that it learned
 * from.
 *
 * Shapes: n images, D width.
 *
 * @module
 */
import { checkState, type StateDict } from "../weights/state.ts";
import { factorise, gramOf, type Matrix } from "./cholesky.ts";

/** A normal distribution of class tokens, with a covariance that is shrunk towards a sphere. */
export type Familiarity = {
  /** [D] */
  readonly mean: Float32Array;
  /** Lower triangle of the covariance's Cholesky factor, [D, D]. */
  readonly factor: Float32Array;
  /** The share of the sphere in the covariance, 0 to 1. */
  readonly shrinkage: number;
};

/**
 * Fits the distribution to class tokens; the covariance is shrunk as far as Ledoit and Wolf (2004, "A well-conditioned estimator for
 * large-dimensional covariance matrices") find best, so that it can be inverted where there are fewer images than dimensions too.
 *
 * @param tokens [n, D], of at least two images that differ
 * @throws {Error} for fewer, or numbers that are not finite
 */
export function fitFamiliarity(tokens: Matrix): Familiarity {
  const { data, shape: [n, D] } = tokens;
  const mean = new Float64Array(D);
  for (let i = 0; i < data.length; i++) mean[i % D] += data[i] / n;
  const centred = Float64Array.from(data, (value, i) => value - mean[i % D]); // [n, D]
  const gram = gramOf({ data: centred, shape: [n, D] }, {
    between: "columns",
    rows: Array.from({ length: n }, (_, i) => i),
  }); // [D, D]
  let [trace, squares, fourth] = [0, 0, 0];
  for (let j = 0; j < D; j++) trace += gram[j * D + j] / n;
  for (const value of gram) squares += (value / n) ** 2;
  for (let i = 0; i < n; i++) {
    let length = 0;
    for (let j = 0; j < D; j++) length += centred[i * D + j] ** 2;
    fourth += length ** 2;
  }
  const sphere = trace / D;
  if (!(n >= 2 && sphere > 0 && Number.isFinite(squares))) {
    throw new Error(
      `Cannot measure what is familiar: expected class tokens that differ but found ${n} of width ${D}`,
    );
  }
  const apart = squares - D * sphere ** 2; // how far the covariance is from the sphere
  const noise = (fourth / n - squares) / n; // how far it is off by being of n images
  const shrinkage = apart <= 0 ? 1 : Math.min(1, Math.max(0, noise / apart));
  const factor = gram.map((value) => (1 - shrinkage) * value / n);
  for (let j = 0; j < D; j++) factor[j * D + j] += shrinkage * sphere;
  factorise(factor, D);
  return {
    mean: new Float32Array(mean),
    factor: new Float32Array(factor),
    shrinkage: Math.fround(shrinkage),
  };
}

/**
 * The Mahalanobis distance of each class token from the mean, over √D: about 1 for what is like the training images.
 *
 * @param tokens [n, D]
 * @returns [n]
 * @throws {Error} for tokens of another width
 */
export function distances({ mean, factor }: Familiarity, tokens: Matrix): Float64Array {
  const { data, shape: [n, D] } = tokens;
  if (D !== mean.length) {
    throw new Error(`Cannot measure what is familiar: expected width ${mean.length} but found ${D}`);
  }
  const solved = new Float64Array(D);
  return Float64Array.from({ length: n }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < D; i++) {
      let rest = data[row * D + i] - mean[i];
      for (let j = 0; j < i; j++) rest -= factor[i * D + j] * solved[j];
      solved[i] = rest / factor[i * D + i];
      sum += solved[i] ** 2;
    }
    return Math.sqrt(sum / D);
  });
}

/** The distribution as tensors to be kept: `mean` [D] and `factor` [D, D], and `shrinkage`. */
export function familiarityState({ mean, factor, shrinkage }: Familiarity): StateDict {
  const D = mean.length;
  return new Map([
    ["mean", { dtype: "float32", shape: [D], data: mean }],
    ["factor", { dtype: "float32", shape: [D, D], data: factor }],
    ["shrinkage", { dtype: "float32", shape: [1], data: Float32Array.of(shrinkage) }],
  ]);
}

/**
 * The distribution from its tensors.
 *
 * @throws {InputError} naming every missing, unexpected and misshaped key
 */
export function bindFamiliarity(dict: StateDict): Familiarity {
  const D = dict.get("mean")?.shape[0] ?? 1;
  checkState(dict, new Map([["mean", [D]], ["factor", [D, D]], ["shrinkage", [1]]]), {
    what: "what is familiar",
  });
  const numbers = (key: string) => Float32Array.from(dict.get(key)!.data as ArrayLike<number>);
  return { mean: numbers("mean"), factor: numbers("factor"), shrinkage: numbers("shrinkage")[0] };
}
