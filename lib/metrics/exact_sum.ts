/**
 * Sums without rounding on the way.
 *
 * @module
 */

/**
 * The sum of finite numbers, rounded once, so that it does not depend on their order: as Python's `math.fsum` (Shewchuk 1997,
 * "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates").
 */
export function exactSum(values: ArrayLike<number>): number {
  // What rounding left over, from small to large; none of them overlap.
  const parts: number[] = [];
  for (let i = 0; i < values.length; i++) {
    let x = values[i];
    let kept = 0;
    for (let part of parts) {
      if (Math.abs(x) < Math.abs(part)) [x, part] = [part, x];
      const high = x + part;
      const low = part - (high - x);
      if (low !== 0) parts[kept++] = low;
      x = high;
    }
    parts.length = kept;
    parts.push(x);
  }
  let last = parts.length - 1;
  let sum = last < 0 ? 0 : parts[last];
  let rest = 0;
  while (last > 0 && rest === 0) {
    const part = parts[--last];
    const high = sum + part;
    rest = part - (high - sum);
    sum = high;
  }
  // Halfway between two numbers, those further down decide.
  if (last > 0 && Math.sign(rest) === Math.sign(parts[last - 1])) {
    const twice = 2 * rest;
    const rounded = sum + twice;
    if (twice === rounded - sum) sum = rounded;
  }
  return sum;
}
