/**
 * SHA-256 of short texts, many of them: the system's leaves some hundred bytes behind with each call, of which a million are a lot.
 *
 * @module
 */

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const roundConstants = Uint32Array.from(firstPrimes(64), (prime) => fraction(Math.cbrt(prime)));
/** The same of their square roots, of the first eight. */
const initial = Uint32Array.from(firstPrimes(8), (prime) => fraction(Math.sqrt(prime)));
const encoder = new TextEncoder();
const words = new Uint32Array(64);
let bytes = new Uint8Array(1024);

/** The first 48 bits of a text's SHA-256, as a number: what its first twelve hexadecimal digits say. */
export function hash48(text: string): number {
  const most = 3 * text.length + 72; // a unit of text has at most three bytes in UTF-8, and the end up to 72
  if (bytes.length < most) bytes = new Uint8Array(2 * most);
  const { written } = encoder.encodeInto(text, bytes);
  const blocks = (written + 72) >> 6;
  bytes.fill(0, written, 64 * blocks);
  bytes[written] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(64 * blocks - 8, Math.floor(written / 2 ** 29));
  view.setUint32(64 * blocks - 4, written << 3);
  const state = initial.slice();
  for (let block = 0; block < blocks; block++) addBlock(state, view, 64 * block);
  return state[0] * 2 ** 16 + (state[1] >>> 16);
}

function addBlock(state: Uint32Array, view: DataView, from: number): void {
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(from + 4 * i);
  for (let i = 16; i < 64; i++) {
    const [early, late] = [words[i - 15], words[i - 2]];
    words[i] = words[i - 16] + words[i - 7] + (turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)) +
      (turned(late, 17) ^ turned(late, 19) ^ (late >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const one =
      h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + roundConstants[i] +
        words[i] | 0;
    const other = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c)) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, d + one | 0, c, b, a, one + other | 0];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] += word;
}

function turned(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function fraction(value: number): number {
  return Math.floor((value % 1) * 2 ** 32);
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
}
