/**
 * k nearest neighbours by cosine: an image is as likely fake as its nearest training images are.
 *
 * Shapes: n training samples, D features.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { InputError } from "../../base/errors.ts";
import { checkState, type StateDict } from "../../weights/state.ts";
import { dot, type Matrix } from "../cholesky.ts";
import type { DetectorKind, Scorer } from "./detector.ts";
import { checkLabels, type FeatureRows, matrixOf } from "./logistic.ts";
import { tapSetting, tapTrunk } from "./tap.ts";

const settings = z.strictObject({
  tap: tapSetting,
  neighbours: z.int().min(1).default(9).describe("how many nearest training images vote in kNN"),
});

/** Nearest neighbours as one of the list of detectors. */
export const knn = {
  about: "the share of fakes among the training images nearest by cosine, each of which counts alike",
  settings,
  fixed: ["tap", "neighbours"],
  trunk: tapTrunk,
  fit: ({ neighbours }, { features, labels }) => {
    const shape = [labels.length, features.length / labels.length];
    return bindKnn(
      new Map([
        ["features", { dtype: "float32", shape, data: features }],
        ["labels", { dtype: "uint8", shape: [labels.length], data: labels }],
      ]),
      { neighbours },
    );
  },
  bind: bindKnn,
} as const satisfies DetectorKind<z.output<typeof settings>>;

/** How far float32's cosines may be from float64's, at most: D roundings of parts that sum up to one. */
const COSINE_ERROR = 1e-4;

/** kNN from its training `features` [n, D] and `labels` [n]. */
function bindKnn(dict: StateDict, { neighbours: k }: { readonly neighbours: number }): Scorer {
  const [n = 0, dim = 0] = dict.get("features")?.shape ?? [];
  checkState(dict, new Map([["features", [n, dim]], ["labels", [n]]]), { what: "a kNN" });
  const data = dict.get("features")!.data as Float32Array;
  const labels = Uint8Array.from(dict.get("labels")!.data as Uint8Array);
  const matrix = matrixOf({ data, shape: [n, dim] }, { purpose: "bind a kNN" });
  checkLabels(labels, { rows: n, purpose: "bind a kNN" });
  checkNeighbours(k, n);
  const norms = normsOf(matrix);
  const units = tf.tidy(() => unitRows(tf.tensor2d(data, [n, dim]))); // [n, D]
  return {
    kind: "knn",
    sizes: { dim, neighbours: k },
    async scores(features) {
      const rows = tf.reshape(features, [-1, dim]) as tf.Tensor2D; // [B, D]
      const cosines = tf.tidy(() => tf.matMul(unitRows(rows), units, false, true)); // [B, n]
      const [values, near] = await Promise.all([rows.data(), cosines.data()]);
      const B = rows.shape[0];
      rows.dispose();
      cosines.dispose();
      return Float64Array.from({ length: B }, (_, i) => {
        const row = Float64Array.from(values.subarray(i * dim, (i + 1) * dim));
        const among = candidates(near.subarray(i * n, (i + 1) * n) as Float32Array, k);
        return shareOfFakes({ matrix, norms, labels }, row, { among, k });
      });
    },
    state: () =>
      new Map([
        ["features", { dtype: "float32", shape: [n, dim], data: data.slice() }],
        ["labels", { dtype: "uint8", shape: [n], data: labels.slice() }],
      ]),
    close: () => units.dispose(),
  };
}

/** Rows of length 1, but for those of zeros. */
function unitRows(rows: tf.Tensor2D): tf.Tensor2D {
  return tf.div(rows, tf.maximum(tf.norm(rows, 2, 1, true), 1e-30));
}

/** Which training samples may be among the k nearest by cosines in float32. */
function candidates(cosines: Float32Array, k: number): Uint32Array {
  const kth = cosines.toSorted()[cosines.length - k];
  const found: number[] = [];
  cosines.forEach((cosine, i) => {
    if (cosine >= kth - 2 * COSINE_ERROR) found.push(i);
  });
  return Uint32Array.from(found);
}

/**
 * The share of fakes among the k training samples with the highest cosine similarity to each test sample, in the test's order:
 * scikit-learn's `KNeighborsClassifier(k, metric="cosine")`, whose neighbours count alike.
 *
 * Similarities are in float64. Of equally similar samples the first ones are the nearest, where scikit-learn leaves it open; a
 * sample of zeros is as similar as an orthogonal one.
 *
 * @param training features and labels (0 real, 1 fake) to look for neighbours in
 * @param test features of as many columns
 * @param options.k how many neighbours, from 1 to the number of training samples
 * @throws {InputError} when shapes do not match, a number is not finite, or k is out of range
 *
 * @example
 * ```ts
 * import { knnScores } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const training = { features: [[1, 0], [0, 1], [1, 1]], labels: [0, 1, 1] };
 * assertEquals(knnScores(training, [[3, 0.1]], { k: 2 }), Float64Array.of(0.5));
 * ```
 */
export function knnScores(
  training: { readonly features: FeatureRows; readonly labels: ArrayLike<number> },
  test: FeatureRows,
  { k }: { readonly k: number },
): Float64Array {
  const purpose = "score by nearest neighbours";
  const matrix = matrixOf(training.features, { purpose });
  const tests = matrixOf(test, { purpose });
  const [n, D] = matrix.shape;
  checkLabels(training.labels, { rows: n, purpose });
  if (tests.shape[1] !== D) {
    throw new InputError(`Cannot ${purpose}: expected ${D} features but found ${tests.shape[1]} in the test`);
  }
  checkNeighbours(k, n);
  const norms = normsOf(matrix);
  const all = Uint32Array.from({ length: n }, (_, i) => i);
  const row = new Float64Array(D);
  return Float64Array.from({ length: tests.shape[0] }, (_, i) => {
    row.set(tests.data.subarray(i * D, (i + 1) * D));
    return shareOfFakes({ matrix, norms, labels: training.labels }, row, { among: all, k });
  });
}

/** @throws {InputError} when there are not so many training samples */
function checkNeighbours(k: number, n: number): void {
  if (Number.isInteger(k) && k >= 1 && k <= n) return;
  throw new InputError(
    `Cannot score by nearest neighbours: expected k from 1 to the ${n} training samples but found ${k}`,
  );
}

/** The lengths of a matrix's rows. */
function normsOf({ data, shape: [n, D] }: Matrix): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = i * D; j < (i + 1) * D; j++) sum += data[j] * data[j];
    return Math.sqrt(sum);
  });
}

/** The share of fakes among the k nearest of some of the training samples, which are given in ascending order. */
function shareOfFakes(
  { matrix: { data, shape: [, D] }, norms, labels }: {
    readonly matrix: Matrix;
    readonly norms: Float64Array;
    readonly labels: ArrayLike<number>;
  },
  row: Float64Array,
  { among, k }: { readonly among: Uint32Array; readonly k: number },
): number {
  // Divided by its own length too, each similarity would round once more.
  const similarities = Float64Array.from(
    among,
    (i) => (norms[i] === 0 ? 0 : dot(data, i * D, row, 0, D) / norms[i]),
  );
  const nearest = Uint32Array.from(among, (_, i) => i).sort((a, b) =>
    similarities[b] - similarities[a] || a - b
  );
  let fakes = 0;
  for (const i of nearest.subarray(0, k)) fakes += labels[among[i]];
  return fakes / k;
}
