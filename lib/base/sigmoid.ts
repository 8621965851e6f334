/**
 * The logistic function.
 *
 * @module
 */

/** The probability that a logit, or the difference of two, says: 1 / (1 + e⁻ˣ), in double precision. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
