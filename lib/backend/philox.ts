/**
 * Random bytes as TensorFlow's stateless generator draws them, where there is no TensorFlow.
 *
 * Philox 4x32-10 (Salmon et al., SC 2011): a counter goes through ten rounds and comes out as four numbers of 32 bits.
 *
 * @module
 */

/** A mask of `count` numbers: 1 where the byte that is drawn is at least `least`, else 0. */
export function seededMask(
  count: number,
  { seed, least }: { readonly seed: number; readonly least: number },
): Uint8Array<ArrayBuffer> {
  const mask = drawn(count, seed);
  for (let i = 0; i < count; i++) mask[i] = mask[i] >= least ? 1 : 0;
  return mask;
}

/** The first `count` bytes of `StatelessRandomUniformFullInt` for the seed (`seed`, 0). */
export function drawn(count: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(4 * Math.ceil(count / 16));
  const start = new Uint32Array(4);
  tenRounds(start, { count: 1, key: [0x3ec8f720, 0x02461e29], counter: [seed, seed < 0 ? -1 : 0, 0, 0] });
  const [key0, key1, third, fourth] = start;
  tenRounds(words, { count: words.length / 4, key: [key0, key1], counter: [0, 0, third, fourth] });
  return new Uint8Array(words.buffer, 0, count);
}

/** Fills `words` with what `count` counters come out as, the first of whose numbers goes up by one. */
function tenRounds(
  words: Uint32Array,
  { count, key, counter }: {
    readonly count: number;
    readonly key: readonly [number, number];
    readonly counter: readonly [number, number, number, number];
  },
): void {
  const [key0, key1] = key;
  for (let i = 0; i < count; i++) {
    let a = counter[0] + i | 0, b = counter[1] | 0, c = counter[2] | 0, d = counter[3] | 0;
    let k0 = key0 | 0, k1 = key1 | 0;
    for (let round = 0; round < 10; round++) {
      const high0 = highHalf(a, 0xd251, 0x1f53), low0 = Math.imul(a, 0xd2511f53);
      const high1 = highHalf(c, 0xcd9e, 0x8d57), low1 = Math.imul(c, 0xcd9e8d57);
      a = high1 ^ b ^ k0;
      b = low1;
      c = high0 ^ d ^ k1;
      d = low0;
      k0 = k0 + 0x9e3779b9 | 0;
      k1 = k1 + 0xbb67ae85 | 0;
    }
    words[4 * i] = a;
    words[4 * i + 1] = b;
    words[4 * i + 2] = c;
    words[4 * i + 3] = d;
  }
}

/** The upper 32 bits of a product of 32 bits by 32, the factor in two halves. */
function highHalf(x: number, high: number, low: number): number {
  const x0 = x & 0xffff, x1 = x >>> 16;
  const middle = Math.imul(x1, low) + (Math.imul(x0, low) >>> 16) | 0; // below 2³², as x1·low is at most (2¹⁶ − 1)²
  const lower = Math.imul(x0, high) + (middle & 0xffff) | 0;
  return Math.imul(x1, high) + (middle >>> 16) + (lower >>> 16) | 0;
}
