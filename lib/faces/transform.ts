/**
 * Similarity transforms between sets of points: turned, scaled and moved, never sheared or mirrored.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";

/** A 2×3 matrix row by row, `[a, b, c, d, e, f]`: x, y goes to a·x + b·y + c, d·x + e·y + f. */
export type Transform = readonly [number, number, number, number, number, number];

/**
 * The similarity that moves points nearest to others, by least squares, as Umeyama's and scikit-image's `SimilarityTransform`.
 *
 * In two dimensions the closed form is the same as Umeyama's singular values (IEEE PAMI 13(4), 1991).
 *
 * @param from points as `[x, y, x, y, …]`, two at least
 * @param to as many points
 * @throws {InputError} for points that are no numbers, that coincide, or that only a mirror brings together
 */
export function similarityTransform(from: ArrayLike<number>, to: ArrayLike<number>): Transform {
  const n = from.length / 2;
  if (from.length !== to.length || n < 2 || !Number.isInteger(n)) {
    throw cannot(`as many points as there are others, two at least, but found ${n} and ${to.length / 2}`);
  }
  const [ux, uy] = mean(from);
  const [vx, vy] = mean(to);
  let [spread, along, across, target] = [0, 0, 0, 0];
  for (let i = 0; i < from.length; i += 2) {
    const [x, y, X, Y] = [from[i] - ux, from[i + 1] - uy, to[i] - vx, to[i + 1] - vy];
    spread += x * x + y * y;
    target += X * X + Y * Y;
    along += x * X + y * Y;
    across += x * Y - y * X;
  }
  if (!Number.isFinite(spread + target)) throw cannot("numbers but found a point that is none");
  // Points that coincide leave only what rounding leaves of their distances from their mean.
  const coincide = (squares: number, x: number, y: number) =>
    squares <= n * Number.EPSILON * (Math.abs(x) + Math.abs(y)) ** 2;
  if (coincide(spread, ux, uy) || coincide(target, vx, vy)) {
    throw cannot("points apart from each other but found that all coincide");
  }
  const scale = Math.hypot(along, across) / spread;
  if (scale * spread <= 1e-9 * Math.sqrt(spread * target)) {
    throw cannot("points in the same order but found some that only a mirror brings together");
  }
  const [a, b] = [along / spread, across / spread];
  return [a, -b, vx - (a * ux - b * uy), b, a, vy - (b * ux + a * uy)];
}

/**
 * The same where points that lie far off do not count: the least median of squares, then least squares on what lies near, as
 * OpenCV's `estimateAffinePartial2D(…, method=LMEDS)` finds it for five points.
 *
 * @param from five points as `[x, y, x, y, …]`
 * @param to five points
 * @throws {InputError} as `similarityTransform` does
 */
export function robustSimilarity(from: ArrayLike<number>, to: ArrayLike<number>): Transform {
  if (from.length !== 10 || to.length !== 10) {
    throw cannot(`five points but found ${from.length / 2} and ${to.length / 2}`);
  }
  let best: { readonly median: number; readonly squares: readonly number[] } | undefined;
  for (const pair of drawnPairs) {
    const two = pick(from, pair);
    if (two[0] === two[2] && two[1] === two[3]) continue;
    const moved = transformPoints(from, similarityTransform(two, pick(to, pair)));
    const squares = [0, 1, 2, 3, 4].map((i) =>
      // in float32, as OpenCV compares them
      Math.fround((moved[2 * i] - to[2 * i]) ** 2 + (moved[2 * i + 1] - to[2 * i + 1]) ** 2)
    );
    const median = squares.toSorted((a, b) => a - b)[2];
    if (!best || median < best.median) best = { median, squares };
  }
  if (!best) return similarityTransform(from, to); // which says that they coincide
  const sigma = Math.max(2.5 * 1.4826 * (1 + 5 / 3) * Math.sqrt(best.median), 0.001);
  const near = [0, 1, 2, 3, 4].filter((i) => best.squares[i] <= Math.fround(sigma ** 2));
  return similarityTransform(pick(from, near), pick(to, near));
}

/** The pairs of five points that OpenCV's generator draws from its fixed seed in 13 draws, without those that come again. */
const drawnPairs: readonly (readonly [number, number])[] = [[0, 4], [0, 3], [1, 2], [1, 0], [1, 4], [3, 1]];

/** The points that a transform moves others to, both as `[x, y, x, y, …]`. */
export function transformPoints(points: ArrayLike<number>, [a, b, c, d, e, f]: Transform): number[] {
  return Array.from(
    points,
    (value, i) => i % 2 === 0 ? a * value + b * points[i + 1] + c : d * points[i - 1] + e * value + f,
  );
}

/** The transform that undoes another. */
export function inverse([a, b, c, d, e, f]: Transform): Transform {
  // In the order of OpenCV's operations, whose rounding it shares.
  const determinant = a * e - b * d;
  const scale = determinant === 0 ? 0 : 1 / determinant;
  const [A, B, D, E] = [e * scale, b * -scale, d * -scale, a * scale];
  return [A, B, -A * c - B * f, D, E, -D * c - E * f];
}

function mean(points: ArrayLike<number>): [number, number] {
  let [x, y] = [0, 0];
  for (let i = 0; i < points.length; i += 2) {
    x += points[i];
    y += points[i + 1];
  }
  return [2 * x / points.length, 2 * y / points.length];
}

function pick(points: ArrayLike<number>, which: readonly number[]): number[] {
  return which.flatMap((i) => [points[2 * i], points[2 * i + 1]]);
}

function cannot(rest: string): InputError {
  return new InputError(`Cannot fit a transform to points: expected ${rest}`);
}
