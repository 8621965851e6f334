/**
 * Logistic regression to convergence, as scikit-learn defines it.
 *
 * Shapes: n samples, D features.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { addScaled, dot, factorise, gramOf, type Matrix, solveFactorised } from "../cholesky.ts";

/** Features of n samples: rows of D numbers, or all of them in row-major order. */
export type FeatureRows = readonly ArrayLike<number>[] | Matrix;

/** A linear function of D features: the logit of fake is coef · x + intercept. */
export type LogisticFit = { readonly coef: Float64Array; readonly intercept: number };

/** Up to so many features the whole Hessian is factorised; beyond, that of as many rows. */
const MOST_FACTORISED = 2048;
/** Rows for each feature that the approximate Hessian is summed over: it guides the search, and decides nothing. */
const ROWS_A_FEATURE = 8;
/** How far from the minimum the coefficients may be, as a share of their norm. */
const TOLERANCE = 1e-9;
const MOST_STEPS = 200;

/**
 * The logistic regression that minimises ½‖w‖² + C · Σ weightᵢ · log(1 + exp(−yᵢ·(w·xᵢ + b))), y = ±1: scikit-learn's
 * `LogisticRegression(C=C)`, brought to within 1e-9 of the norm of its coefficients in float64.
 *
 * The intercept is not penalised, and features are taken as they are, neither centred nor scaled. The minimum is unique and finite,
 * also where a plane separates the classes: there it is the penalty that holds it. The same input gives the same bits.
 *
 * @param features n rows of D, or `{ data, shape: [n, D] }`
 * @param labels n numbers, 0 or 1, both among them
 * @param options.C how much the samples weigh against the penalty, above 0
 * @param options.weights of samples, as scikit-learn's `sample_weight`; 1 each unless given
 * @throws {InputError} when lengths do not match, a number is not finite, or one class alone has any weight
 * @throws {Error} when the search does not converge
 *
 * @example
 * ```ts
 * import { fitLogistic } from "@forgelens/bench/model";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { coef, intercept } = fitLogistic([[-1], [0], [1], [2]], [0, 0, 1, 1], { C: 1 });
 * assertAlmostEquals(coef[0] * 0.5 + intercept, 0, 1e-8); // midway between the classes
 * ```
 */
export function fitLogistic(
  features: FeatureRows,
  labels: ArrayLike<number>,
  options: { readonly C: number; readonly weights?: ArrayLike<number> },
): LogisticFit {
  const matrix = matrixOf(features, { purpose: "fit a logistic regression" });
  const { C, weights } = options;
  checkLabels(labels, { rows: matrix.shape[0], purpose: "fit a logistic regression" });
  if (!(C > 0 && C < Infinity)) {
    throw new InputError(`Cannot fit a logistic regression: expected a C above 0 but found ${C}`);
  }
  const scales = scalesOf(labels, { C, weights });
  return minimise({ matrix, labels, scales });
}

/**
 * Features as one matrix.
 *
 * @throws {InputError} when rows differ in length, or a number is not finite, with its row and column
 */
export function matrixOf(features: FeatureRows, { purpose }: { readonly purpose: string }): Matrix {
  let matrix: Matrix;
  if ("shape" in features) {
    matrix = features;
    const [n, D] = matrix.shape;
    if (matrix.data.length !== n * D) {
      throw new InputError(
        `Cannot ${purpose}: expected ${n} × ${D} features but found ${matrix.data.length} numbers`,
      );
    }
  } else {
    const D = features[0]?.length ?? 0;
    const data = new Float64Array(features.length * D);
    features.forEach((row, i) => {
      if (row.length !== D) {
        throw new InputError(
          `Cannot ${purpose}: expected ${D} features in each row but found ${row.length} in row ${i}`,
        );
      }
      data.set(row, i * D);
    });
    matrix = { data, shape: [features.length, D] };
  }
  const { data, shape: [n, D] } = matrix;
  if (n === 0 || D === 0) throw new InputError(`Cannot ${purpose}: expected features but found ${n} × ${D}`);
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new InputError(
      `Cannot ${purpose}: expected finite features but found ${data[i]} in row ${Math.floor(i / D)}, column ${
        i % D
      }`,
    );
  }
  return matrix;
}

/**
 * Refuses labels that are not one of 0 and 1 for each row.
 *
 * @throws {InputError} with the first that is not
 */
export function checkLabels(
  labels: ArrayLike<number>,
  { rows, purpose }: { readonly rows: number; readonly purpose: string },
): void {
  if (labels.length !== rows) {
    throw new InputError(`Cannot ${purpose}: expected ${rows} labels but found ${labels.length}`);
  }
  for (let i = 0; i < rows; i++) {
    if (labels[i] !== 0 && labels[i] !== 1) {
      throw new InputError(`Cannot ${purpose}: expected labels 0 and 1 but found ${labels[i]} in row ${i}`);
    }
  }
}

/** What each sample's loss is multiplied by. @throws {InputError} for bad weights, and when a class has none */
function scalesOf(
  labels: ArrayLike<number>,
  { C, weights }: { readonly C: number; readonly weights?: ArrayLike<number> },
): Float64Array {
  if (weights && weights.length !== labels.length) {
    throw new InputError(
      `Cannot fit a logistic regression: expected ${labels.length} weights but found ${weights.length}`,
    );
  }
  const total = [0, 0];
  const scales = Float64Array.from(labels, (label, i) => {
    const weight = weights?.[i] ?? 1;
    if (!(weight >= 0 && weight < Infinity)) {
      throw new InputError(
        `Cannot fit a logistic regression: expected weights of at least 0 but found ${weight} in row ${i}`,
      );
    }
    total[label] += weight;
    return C * weight;
  });
  if (total[0] > 0 && total[1] > 0) return scales;
  throw new InputError(
    `Cannot fit a logistic regression: expected both real and fake samples but found only ${
      total[1] > 0 ? "fake" : "real"
    } ones`,
  );
}

type Problem = {
  readonly matrix: Matrix;
  readonly labels: ArrayLike<number>;
  /** C times each sample's weight. */
  readonly scales: Float64Array;
};

/** What the objective is at a point [D + 1], the intercept last. */
type Place = {
  readonly value: number;
  readonly gradient: Float64Array;
  /** Of each sample's loss, by its logit. */
  readonly curvatures: Float64Array;
};

/**
 * Newton's method: each step by conjugate gradients on the exact Hessian, led by an approximate one that is factorised, until the
 * step left is below the tolerance. As H is at least the identity, that step's norm in H bounds the distance to the minimum.
 */
function minimise(problem: Problem): LogisticFit {
  const { matrix: { shape: [, D] } } = problem;
  const isWide = D > MOST_FACTORISED;
  let point = new Float64Array(D + 1);
  let place = placeAt(problem, point);
  const preconditionerAt = preconditioning(problem);
  let precondition: Preconditioner | undefined;
  for (let step = 0; step < MOST_STEPS; step++) {
    precondition ??= preconditionerAt(place.curvatures);
    const { direction, rounds } = newtonStep(problem, place, precondition);
    const decrement = Math.sqrt(Math.max(0, -dot(direction, 0, place.gradient, 0, D + 1)));
    const norm = Math.sqrt(dot(point, 0, point, 0, D));
    if (decrement <= TOLERANCE * Math.max(norm, TOLERANCE)) {
      addScaled(point, 1, direction, 0, D + 1);
      return { coef: point.slice(0, D), intercept: point[D] };
    }
    const next = lineSearch(problem, { point, place, direction, slope: -decrement * decrement });
    if (!next) {
      // No step is seen to help any more where sums round: good enough when it was a small one.
      if (decrement <= 1e-6 * norm) return { coef: point.slice(0, D), intercept: point[D] };
      break;
    }
    ({ point, place } = next);
    if (rounds > (isWide ? 8 : 25)) precondition = undefined; // a wide one's products are kept
  }
  throw new Error(
    "Cannot fit a logistic regression: expected it to converge but found no minimum; take a smaller C, or scale the features",
  );
}

function placeAt({ matrix, labels, scales }: Problem, point: Float64Array): Place {
  const { data, shape: [n, D] } = matrix;
  const gradient = point.slice();
  gradient[D] = 0;
  const curvatures = new Float64Array(n);
  let value = dot(point, 0, point, 0, D) / 2;
  for (let i = 0; i < n; i++) {
    const logit = dot(data, i * D, point, 0, D) + point[D];
    const away = Math.exp(-Math.abs(logit));
    const margin = labels[i] === 1 ? logit : -logit;
    value += scales[i] * (Math.max(0, -margin) + Math.log1p(away));
    const wrong = margin >= 0 ? away / (1 + away) : 1 / (1 + away); // the probability of the other class
    const slope = (labels[i] === 1 ? -wrong : wrong) * scales[i];
    addScaled(gradient, slope, data, i * D, D);
    gradient[D] += slope;
    curvatures[i] = scales[i] * away / (1 + away) ** 2;
  }
  return { value, gradient, curvatures };
}

/** The Hessian times a vector. */
function hessianTimes({ matrix }: Problem, curvatures: Float64Array, vector: Float64Array): Float64Array {
  const { data, shape: [n, D] } = matrix;
  const product = vector.slice();
  product[D] = 0;
  for (let i = 0; i < n; i++) {
    if (curvatures[i] === 0) continue;
    const slope = curvatures[i] * (dot(data, i * D, vector, 0, D) + vector[D]);
    addScaled(product, slope, data, i * D, D);
    product[D] += slope;
  }
  return product;
}

/** Divides a vector by an approximate Hessian. */
type Preconditioner = (vector: Float64Array) => Float64Array;

/** What makes a preconditioner of the curvatures at a point, from few enough of the rows. */
function preconditioning(problem: Problem): (curvatures: Float64Array) => Preconditioner {
  const { matrix: { shape: [n, D] } } = problem;
  const isWide = D > MOST_FACTORISED;
  const m = Math.min(n, isWide ? MOST_FACTORISED : ROWS_A_FEATURE * D);
  const rows = Uint32Array.from({ length: m }, (_, i) => Math.floor(i * n / m)); // evenly, so of all sets and methods
  return (isWide ? byRows : byColumns)(problem, rows);
}

/** By the Cholesky factor of the Hessian [D + 1, D + 1] over some rows. */
function byColumns({ matrix }: Problem, rows: Uint32Array): (curvatures: Float64Array) => Preconditioner {
  const { data, shape: [n, D] } = matrix;
  return (curvatures) => {
    const size = D + 1;
    const shares = Float64Array.from(rows, (row) => curvatures[row] * n / rows.length);
    const gram = gramOf(matrix, { between: "columns", rows, scales: shares.map(Math.sqrt) });
    const factor = new Float64Array(size * size);
    for (let i = 0; i < D; i++) {
      factor.set(gram.subarray(i * D, i * D + i + 1), i * size);
      factor[i * size + i] += 1;
    }
    const last = factor.subarray(D * size);
    shares.forEach((share, i) => {
      addScaled(last, share, data, rows[i] * D, D);
      last[D] += share;
    });
    factorise(factor, size);
    return (vector) => {
      const solved = vector.slice();
      solveFactorised(factor, solved);
      return solved;
    };
  };
}

/** By Woodbury's identity: the Hessian over m rows is a diagonal plus AᵀA, so that a factor of I + AAᵀ [m, m] divides by it. */
function byRows({ matrix }: Problem, rows: Uint32Array): (curvatures: Float64Array) => Preconditioner {
  const { data, shape: [n, D] } = matrix;
  const m = rows.length;
  const gram = gramOf(matrix, { between: "rows", rows });
  return (curvatures) => {
    const roots = Float64Array.from(rows, (row) => Math.sqrt(curvatures[row] * n / m));
    const small = 1e-6 * dot(roots, 0, roots, 0, m); // the intercept, which has no penalty of its own
    const factor = new Float64Array(m * m);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j <= i; j++) factor[i * m + j] = roots[i] * roots[j] * (gram[i * m + j] + 1 / small);
      factor[i * m + i] += 1;
    }
    factorise(factor, m);
    return (vector) => {
      const solved = vector.slice();
      solved[D] /= small;
      const inner = Float64Array.from(
        rows,
        (row, i) => roots[i] * (dot(data, row * D, solved, 0, D) + solved[D]),
      );
      solveFactorised(factor, inner);
      inner.forEach((value, i) => {
        addScaled(solved, -value * roots[i], data, rows[i] * D, D);
        solved[D] -= value * roots[i] / small;
      });
      return solved;
    };
  };
}

/** The step H⁻¹·(−g) to a thousandth, and after how many rounds of conjugate gradients. */
function newtonStep(
  problem: Problem,
  { gradient, curvatures }: Place,
  precondition: Preconditioner,
): { readonly direction: Float64Array; readonly rounds: number } {
  const size = gradient.length;
  const direction = new Float64Array(size);
  const residual = gradient.map((value) => -value);
  let led = precondition(residual);
  let search = led.slice();
  let left = dot(residual, 0, led, 0, size);
  const enough = 1e-6 * left; // squared
  let rounds = 0;
  while (left > enough && rounds < 2000) {
    rounds++;
    const product = hessianTimes(problem, curvatures, search);
    const length = left / dot(search, 0, product, 0, size);
    addScaled(direction, length, search, 0, size);
    addScaled(residual, -length, product, 0, size);
    led = precondition(residual);
    const before = left;
    left = dot(residual, 0, led, 0, size);
    const next = led.slice();
    addScaled(next, left / before, search, 0, size);
    search = next;
  }
  return { direction, rounds };
}

/** The point that a step, halved until it helps, leads to; undefined where none helps. */
function lineSearch(
  problem: Problem,
  { point, place, direction, slope }: {
    readonly point: Float64Array;
    readonly place: Place;
    readonly direction: Float64Array;
    readonly slope: number;
  },
): { readonly point: Float64Array<ArrayBuffer>; readonly place: Place } | undefined {
  const rounding = 1e-13 * Math.abs(place.value);
  for (let length = 1; length > 1e-10; length /= 2) {
    const next = Float64Array.from(point);
    addScaled(next, length, direction, 0, point.length);
    const there = placeAt(problem, next);
    if (there.value <= place.value + 1e-4 * length * slope + rounding) return { point: next, place: there };
  }
  return undefined;
}
