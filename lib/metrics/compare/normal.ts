/**
 * The normal distribution, as far as tests of significance need it.
 *
 * @module
 */

/**
 * The probability that a standard normal number is at least as far from 0 as `z`, on either side.
 *
 * Right to about 13 digits, however small: a series up to the third standard deviation (Abramowitz and Stegun 1964, 26.2.11), a
 * continued fraction beyond (26.2.14).
 */
export function twoSidedP(z: number): number {
  const far = Math.abs(z);
  if (far === Infinity) return 0;
  const density = Math.exp(-far * far / 2) / Math.sqrt(2 * Math.PI);
  if (far < 3) {
    let [term, sum] = [far, 0];
    for (let odd = 3; sum + term !== sum; odd += 2) {
      sum += term;
      term *= far * far / odd;
    }
    return 1 - 2 * density * sum;
  }
  // 100 fractions are more than enough at 3, where they converge most slowly.
  let tail = far;
  for (let i = 100; i > 0; i--) tail = far + i / tail;
  return 2 * density / tail;
}
