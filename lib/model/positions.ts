/**
 * Positional embeddings for images of another size than the weights were trained on.
 *
 * @module
 */

/**
 * Positional embeddings for another grid, as open_clip's `resize_pos_embed`: the class token's row kept, the rest by
 * `F.interpolate(mode="bicubic", antialias=True, align_corners=False)`.
 */
export function resizePositions(
  data: Float32Array,
  sizes: { readonly width: number; readonly from: number; readonly to: number },
): Float32Array {
  const { width, from, to } = sizes;
  if (from === to) return data;
  const taps = bicubicTaps(from, to);
  const rows = new Float32Array(from * to * width); // columns resized
  for (let y = 0; y < from; y++) {
    taps.forEach(({ start, weights }, x) => {
      weights.forEach((weight, t) => {
        const source = (1 + y * from + start + t) * width;
        for (let d = 0; d < width; d++) rows[(y * to + x) * width + d] += weight * data[source + d];
      });
    });
  }
  const resized = new Float32Array((1 + to * to) * width);
  resized.set(data.subarray(0, width));
  taps.forEach(({ start, weights }, y) => {
    weights.forEach((weight, t) => {
      const source = (start + t) * to * width;
      const target = (1 + y * to) * width;
      for (let i = 0; i < to * width; i++) resized[target + i] += weight * rows[source + i];
    });
  });
  return resized;
}

function bicubicTaps(from: number, to: number): { start: number; weights: number[] }[] {
  const scale = from / to;
  const stretch = Math.max(scale, 1); // antialias: the kernel widens when shrinking
  const support = 2 * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = scale * (i + 0.5);
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const weights = Array.from(
      { length: end - start },
      (_, t) => cubic((start + t - centre + 0.5) / stretch),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { start, weights: weights.map((weight) => weight / sum) };
  });
}

// Keys' cubic with a = −0.5, which PyTorch takes when antialiasing.
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}
