/**
 * Sums of products and Cholesky factors in double precision, in plain arrays: what fits to convergence need.
 *
 * @module
 */

/** A matrix in row-major order. */
export type Matrix = {
  readonly data: Float32Array | Float64Array;
  readonly shape: readonly [number, number];
};

/** Of a block of columns that {@link addGram} takes at once: 4 rows of it stay in the first cache. */
const BLOCK = 128;

/**
 * The products of all pairs of rows, or of columns, of some of a matrix's rows: R·Rᵀ [m, m], or RᵀR [D, D].
 *
 * @param options.rows their indices, and so how many they are
 * @param options.scales each row is multiplied by its own
 */
export function gramOf(
  { data, shape: [, D] }: Matrix,
  { between, rows, scales }: {
    readonly between: "rows" | "columns";
    readonly rows: ArrayLike<number>;
    readonly scales?: ArrayLike<number>;
  },
): Float64Array {
  const m = rows.length;
  const size = between === "rows" ? m : D;
  const gram = new Float64Array(size * size);
  const length = between === "rows" ? D : m;
  const block = new Float64Array(size * BLOCK);
  for (let start = 0; start < length; start += BLOCK) {
    const width = Math.min(BLOCK, length - start);
    if (between === "rows") {
      for (let i = 0; i < m; i++) {
        const from = rows[i] * D + start;
        const scale = scales?.[i] ?? 1;
        for (let k = 0; k < width; k++) block[i * width + k] = scale * data[from + k];
      }
    } else {
      for (let k = 0; k < width; k++) {
        const from = rows[start + k] * D;
        const scale = scales?.[start + k] ?? 1;
        for (let j = 0; j < D; j++) block[j * width + k] = scale * data[from + j];
      }
    }
    addGram(gram, block, { size, width });
  }
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) gram[j * size + i] = gram[i * size + j];
  return gram;
}

/** Adds B·Bᵀ of a block [size, width] to the lower triangle of a matrix, four rows by two at a time, whose sums stay in registers. */
function addGram(
  gram: Float64Array,
  block: Float64Array,
  { size, width }: { readonly size: number; readonly width: number },
): void {
  for (let i = 0; i < size; i += 4) {
    const rows = Math.min(4, size - i);
    // Rows beyond the last are the last again, and are not written.
    const [a, b, c, d] = [0, 1, 2, 3].map((row) => (i + Math.min(row, rows - 1)) * width);
    for (let j = 0; j < i + rows; j += 2) {
      const columns = Math.min(2, size - j);
      const u = j * width;
      const v = (j + columns - 1) * width;
      let [au, av, bu, bv, cu, cv, du, dv] = [0, 0, 0, 0, 0, 0, 0, 0];
      for (let k = 0; k < width; k++) {
        const [x, y] = [block[u + k], block[v + k]];
        au += block[a + k] * x;
        av += block[a + k] * y;
        bu += block[b + k] * x;
        bv += block[b + k] * y;
        cu += block[c + k] * x;
        cv += block[c + k] * y;
        du += block[d + k] * x;
        dv += block[d + k] * y;
      }
      const sums = [au, av, bu, bv, cu, cv, du, dv];
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          gram[(i + row) * size + j + column] += sums[2 * row + column];
        }
      }
    }
  }
}

/** Puts the Cholesky factor of a positive definite matrix [size, size] into its lower triangle. */
export function factorise(matrix: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j <= i; j++) {
      const other = j * size;
      const rest = matrix[row + j] - dot(matrix, row, matrix, other, j);
      // The rounding of a matrix that is only just positive definite.
      matrix[row + j] = i === j
        ? Math.sqrt(Math.max(rest, 1e-14 * matrix[row + i], 1e-300))
        : rest / matrix[other + j];
    }
  }
}

/** Solves L·Lᵀ·x = b in place, by the factor that {@link factorise} left. */
export function solveFactorised(factor: Float64Array, x: Float64Array): void {
  const size = x.length;
  for (let i = 0; i < size; i++) {
    x[i] = (x[i] - dot(factor, i * size, x, 0, i)) / factor[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    const value = x[i] /= factor[i * size + i];
    addScaled(x, -value, factor, i * size, i);
  }
}

/** The sum of products of `length` numbers of each of two arrays. */
export function dot(
  a: Float32Array | Float64Array,
  fromA: number,
  b: Float64Array,
  fromB: number,
  length: number,
): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += a[fromA + i] * b[fromB + i];
    s1 += a[fromA + i + 1] * b[fromB + i + 1];
    s2 += a[fromA + i + 2] * b[fromB + i + 2];
    s3 += a[fromA + i + 3] * b[fromB + i + 3];
  }
  for (; i < length; i++) s0 += a[fromA + i] * b[fromB + i];
  return (s0 + s1) + (s2 + s3);
}

/** Adds `scale` times `length` numbers of `b` to the first of `a`. */
export function addScaled(
  a: Float64Array,
  scale: number,
  b: Float32Array | Float64Array,
  fromB: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) a[i] += scale * b[fromB + i];
}
