/**
 * Seeded random numbers: every stream is a function of what it is for, so that any draw of a run can be made again
 * without replaying the ones before it.
 *
 * @module
 */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** A stream of random numbers. */
export interface Random {
  /** The next number, uniform in [0, 1) with 53 bits. */
  uniform(): number;
  /** The next whole number, uniform in [0, 2³²). */
  bits(): number;
  /** A whole number, uniform in [0, below). */
  integer(below: number): number;
  /** A standard normal number (Box–Muller). */
  normal(): number;
  /** The items in a random order (Fisher–Yates), in a new array. */
  shuffled<T>(items: readonly T[]): T[];
}

/** A stream named by its parts, for example `createRandom(seed, "shuffle", epoch)`; equal parts give equal streams. */
export function createRandom(...parts: readonly (number | string)[]): Random {
  const generator = xoroshiro128plus(seedFrom(...parts));
  let spare: number | undefined;
  const random: Random = {
    uniform: () => uniformFloat64(generator),
    bits: () => generator.next() >>> 0,
    integer: (below) => uniformInt(generator, 0, below - 1),
    normal: () => {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
      const angle = 2 * Math.PI * random.uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    shuffled: (items) => {
      const copy = items.slice();
      for (let i = copy.length - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [copy[i], copy[j]] = [copy[j], copy[i]];
      }
      return copy;
    },
  };
  return random;
}

/** A 32-bit signed seed that depends on every part (FNV-1a with MurmurHash3's finaliser). */
export function seedFrom(...parts: readonly (number | string)[]): number {
  let hash = 0x811c9dc5;
  for (const char of parts.map((part) => `${typeof part}:${part}`).join("\0")) {
    hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
