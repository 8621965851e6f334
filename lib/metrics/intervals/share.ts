/**
 * The interval of a share of independent cases.
 *
 * @module
 */

/** The standard normal quantile of 97.5 %. */
const Z = 1.959963984540054;

/**
 * The 95 % interval of a share by Wilson's score (1927, "Probable inference, the law of succession, and statistical inference"): within
 * [0, 1], and not empty where none or all of the cases count.
 *
 * @param count the cases that count, of `total`
 * @returns null of no case
 */
export function shareInterval(count: number, total: number): readonly [number, number] | null {
  if (total === 0) return null;
  const share = count / total;
  const scale = 1 + Z ** 2 / total;
  const centre = share + Z ** 2 / (2 * total);
  const spread = Z * Math.sqrt(share * (1 - share) / total + Z ** 2 / (4 * total ** 2));
  // Rounding may leave −1e-18 where it is 0.
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}
