/**
 * Images, and parts of them, at other sizes by the mean of each area: what `torch.nn.functional.interpolate` does with
 * `mode="area"`.
 *
 * @module
 */
import type { RgbImage } from "../../images/resize.ts";

/**
 * The sums of all pixels above and to the left, [height + 1, width + 1, 3]: any area's sum is that of four of them, so that a
 * pyramid costs what its levels have pixels, and not the image as many times. They are kept modulo 2³², which the sum of an area below
 * 16.8 million pixels does not notice.
 */
export type AreaSums = { readonly width: number; readonly height: number; readonly sums: Uint32Array };

/** The sums of an image; twelve bytes a pixel. */
export function areaSums({ width, height, data }: RgbImage): AreaSums {
  const stride = (width + 1) * 3;
  const sums = new Uint32Array((height + 1) * stride);
  for (let y = 0, from = 0; y < height; y++) {
    let [red, green, blue] = [0, 0, 0];
    let to = (y + 1) * stride + 3;
    for (let x = 0; x < width; x++, from += 3, to += 3) {
      sums[to] = sums[to - stride] + (red += data[from]);
      sums[to + 1] = sums[to - stride + 1] + (green += data[from + 1]);
      sums[to + 2] = sums[to - stride + 2] + (blue += data[from + 2]);
    }
  }
  return { width, height, sums };
}

/** The part of an image from `left` and `top` to before `right` and `bottom`. */
export type Part = {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
};

/** Where each of `count` equal steps of a side begins and ends, in whole pixels, as offsets in `stride`s. */
function stepsOf(begin: number, end: number, { count, stride }: { count: number; stride: number }) {
  const length = end - begin;
  const from = Int32Array.from(
    { length: count },
    (_, i) => (begin + Math.floor(i * length / count)) * stride,
  );
  const to = Int32Array.from(from, (_, i) => (begin + Math.ceil((i + 1) * length / count)) * stride);
  return { from, to };
}

/**
 * Writes a part of an image at another size into `into`, as MTCNN takes it: [height, width, 3], (value − 127.5) / 128.
 *
 * @param options.part of the image that becomes `width` × `height`
 * @param options.rows of the result that are written; all unless given
 */
export function writeResized(
  { width: imageWidth, sums }: AreaSums,
  into: Float32Array,
  options: {
    readonly part: Part;
    readonly width: number;
    readonly height: number;
    readonly rows?: { readonly from: number; readonly to: number };
  },
): void {
  const { part, width, height, rows = { from: 0, to: height } } = options;
  const down = stepsOf(part.top, part.bottom, { count: height, stride: (imageWidth + 1) * 3 });
  const across = stepsOf(part.left, part.right, { count: width, stride: 3 });
  const rowStride = (imageWidth + 1) * 3;
  for (let y = rows.from, i = 0; y < rows.to; y++) {
    const [above, below] = [down.from[y], down.to[y]];
    const lines = (below - above) / rowStride;
    for (let x = 0; x < width; x++) {
      const [left, right] = [across.from[x], across.to[x]];
      const count = lines * (right - left) / 3;
      for (let c = 0; c < 3; c++, i++) {
        const sum = (sums[below + right + c] - sums[below + left + c] - sums[above + right + c] +
          sums[above + left + c]) >>>
          0;
        into[i] = (sum / count - 127.5) / 128;
      }
    }
  }
}
