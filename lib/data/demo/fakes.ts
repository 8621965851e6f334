// From linear light to a photograph (camera), and from a photograph to a fake (the manipulations). Bytes are RGB,
// [size, size, 3], row-major. A manipulation changes the photograph where its mask says so and nowhere else.

import { between, clamp01, smoothstep, valueNoise } from "./noise.ts";
import type { Portrait } from "./portrait.ts";
import type { Random } from "../../base/random.ts";

/** What a camera does to light: noise in linear units at mid grey, blur and demosaicing as 3-tap side weights. */
export type Camera = {
  readonly read: number;
  readonly shot: number;
  readonly blur: number;
  readonly demosaic: number;
};

/** The families of manipulation. */
export type Method = "self-blend" | "resample" | "warp" | "face-swap" | "regenerate";

/** Noise of unit variance with triangular density, from one 32-bit draw. */
function unitNoise(random: Random): number {
  const bits = random.bits();
  return ((bits >>> 16) + (bits & 0xffff)) * (TRIANGLE / 65536) - TRIANGLE;
}
// Two uniform numbers on 0..1 have a sum of variance 1/6.
const TRIANGLE = 2.449489742783178;

/** Blurs [size, size, 3] in place with [side, 1 - 2·side, side] along both axes; edges repeat. */
function soften(data: Float32Array, size: number, side: number): void {
  const middle = 1 - 2 * side, row = size * 3;
  for (let y = 0; y < size; y++) {
    for (let c = 0; c < 3; c++) {
      let before = data[y * row + c], here = before;
      for (let x = 0, q = y * row + c; x < size; x++, q += 3) {
        const after = x < size - 1 ? data[q + 3] : here;
        data[q] = middle * here + side * (before + after);
        before = here, here = after;
      }
    }
  }
  const above = data.slice(0, row);
  for (let y = 0; y < size; y++) {
    for (let x = 0, q = y * row; x < row; x++, q++) {
      const here = data[q], after = y < size - 1 ? data[q + row] : here;
      data[q] = middle * here + side * (above[x] + after);
      above[x] = here;
    }
  }
}

/** Photographs a portrait: optics, sensor noise that grows with the light, demosaicing, display gamma 2, bytes. */
export function photograph(portrait: Portrait, camera: Camera, random: Random): Uint8Array<ArrayBuffer> {
  const { size } = portrait;
  const light = portrait.light.slice();
  soften(light, size, camera.blur);
  for (let q = 0; q < light.length; q++) {
    const level = light[q] > 0 ? light[q] : 0;
    light[q] = level +
      Math.sqrt(camera.read * camera.read + camera.shot * camera.shot * level) * unitNoise(random);
  }
  soften(light, size, camera.demosaic);
  const bytes = new Uint8Array(light.length);
  for (let q = 0; q < bytes.length; q++) bytes[q] = Math.floor(255 * Math.sqrt(clamp01(light[q])) + 0.5);
  return bytes;
}

/** How strongly the manipulations of one data set show. */
export type Strength = {
  /** Self-blending: largest change of a channel's gain. */
  readonly colour: number;
  /** Softness of the mask's border, as a part of its radius. */
  readonly soft: number;
  /** Resampling: amplitude of the up-sampler's checkerboard, as a part of the pixel's value. */
  readonly checker: number;
  /** Warping: largest displacement in pixels. */
  readonly bend: number;
  /** Smallest and largest size of the mask relative to the inner face. */
  readonly reach: readonly [number, number];
};

/** A random, slightly ragged region of the face: the whole inner face, its lower half, or the band of the eyes. 0..1 per pixel. */
function faceMask(portrait: Portrait, { soft, reach }: Strength, random: Random): Float32Array {
  const { size, face } = portrait;
  const mask = new Float32Array(size * size);
  const kind = random.uniform();
  const scale = between(random, reach[0], reach[1]);
  const [x0, y0, rx, ry] = kind < 0.6
    ? [0, 0.28, 0.74, 0.8]
    : kind < 0.82
    ? [0, 0.62, 0.6, 0.5]
    : [0, -0.02, 0.78, 0.36];
  const dx = between(random, -0.06, 0.06), dy = between(random, -0.06, 0.06);
  const seed = random.integer(1_000_000_000);
  const border = soft * between(random, 0.6, 1.4);
  for (let p = 0; p < mask.length; p++) {
    if (face.inside[p] < 0.5) continue;
    const x = (face.across[p] - x0 - dx) / (rx * scale), y = (face.down[p] - y0 - dy) / (ry * scale);
    const d = Math.sqrt(x * x + y * y) + 0.25 * (valueNoise(x * 2, y * 2, seed) - 0.5);
    mask[p] = smoothstep(1, 1 - border, d);
  }
  return mask;
}

/** Bilinear sample of channel `c` at fractional pixel (x, y); edges repeat. */
function sample(bytes: ArrayLike<number>, size: number, x: number, y: number, c: number): number {
  const last = size - 1;
  const cx = x < 0 ? 0 : x > last ? last : x, cy = y < 0 ? 0 : y > last ? last : y;
  const x0 = Math.floor(cx), y0 = Math.floor(cy);
  const x1 = x0 < last ? x0 + 1 : x0, y1 = y0 < last ? y0 + 1 : y0;
  const fx = cx - x0, fy = cy - y0;
  const top = bytes[(y0 * size + x0) * 3 + c] * (1 - fx) + bytes[(y0 * size + x1) * 3 + c] * fx;
  const low = bytes[(y1 * size + x0) * 3 + c] * (1 - fx) + bytes[(y1 * size + x1) * 3 + c] * fx;
  return top * (1 - fy) + low * fy;
}

/** What a manipulation puts at pixel (x, y), channel c; asked only where the mask is above 0. */
type Source = (x: number, y: number, c: number) => number;

/** The frame resampled by a slight turn and stretch, its colours off: what a face pasted from elsewhere looks like. */
function selfBlend(photo: Uint8Array, size: number, strength: Strength, random: Random): Source {
  const gain = [0, 1, 2].map(() => 1 + between(random, -1, 1) * strength.colour);
  const lift = between(random, -0.5, 0.5) * strength.colour * 60;
  const stretch = 1 + between(random, -0.02, 0.02), turn = between(random, -0.02, 0.02);
  const shiftX = between(random, -1, 1), shiftY = between(random, -1, 1);
  return (x, y, c) => {
    const u = x - size / 2, v = y - size / 2;
    return sample(
          photo,
          size,
          size / 2 + stretch * u - turn * v + shiftX,
          size / 2 + stretch * v + turn * u + shiftY,
          c,
        ) * gain[c] + lift;
  };
}

/** The frame at a lower resolution and up again, with the checkerboard that transposed convolutions leave. */
function resample(photo: Uint8Array, size: number, strength: Strength, random: Random): Source {
  const factor = between(random, 1.5, 2.2);
  const low = Math.ceil(size / factor);
  const small = new Float32Array(low * low * 3);
  for (let y = 0, q = 0; y < low; y++) {
    for (let x = 0; x < low; x++) {
      for (let c = 0; c < 3; c++, q++) {
        const u = (x + 0.5) * factor - 0.5, v = (y + 0.5) * factor - 0.5, h = factor / 4;
        small[q] = (sample(photo, size, u - h, v - h, c) + sample(photo, size, u + h, v - h, c) +
          sample(photo, size, u - h, v + h, c) + sample(photo, size, u + h, v + h, c)) / 4;
      }
    }
  }
  const checker = strength.checker * between(random, 0.5, 1);
  return (x, y, c) => {
    const value = sample(small, low, (x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5, c);
    return value * (1 + ((x + y) % 2 === 0 ? checker : -checker));
  };
}

/** The frame pulled out of shape by a smooth field; a hard border leaves the seam. */
function warp(photo: Uint8Array, size: number, strength: Strength, random: Random): Source {
  const seed = random.integer(1_000_000_000);
  const cell = between(random, 24, 40);
  const bend = strength.bend * between(random, 0.6, 1);
  const step = 1 + between(random, -0.05, 0.05);
  let pixel = -1, sx = 0, sy = 0;
  return (x, y, c) => {
    if (pixel !== y * size + x) { // the three channels of a pixel share its displacement
      pixel = y * size + x;
      sx = x + 2 * bend * (valueNoise(x / cell, y / cell, seed) - 0.5);
      sy = y + 2 * bend * (valueNoise(x / cell, y / cell, seed + 1) - 0.5);
    }
    return sample(photo, size, sx, sy, c) * step;
  };
}

/** Another person's face in the same pose, its colours brought near to the frame's, camera noise of its own. */
function faceSwap(
  photo: Uint8Array,
  size: number,
  donor: Uint8Array,
  mask: Float32Array,
  random: Random,
): Source {
  const mean = (bytes: Uint8Array, c: number) => {
    let sum = 0, weight = 1e-6;
    for (let p = 0; p < mask.length; p++) sum += mask[p] * bytes[3 * p + c], weight += mask[p];
    return sum / weight;
  };
  const gain = [0, 1, 2].map((c) =>
    (mean(photo, c) + 1) / (mean(donor, c) + 1) * between(random, 0.94, 1.06)
  );
  const shiftX = between(random, -0.5, 0.5), shiftY = between(random, -0.5, 0.5);
  return (x, y, c) => sample(donor, size, x + shiftX, y + shiftY, c) * gain[c];
}

/** The frame smoothed as a generator would, with white noise in place of the camera's. */
function regenerate(photo: Uint8Array, size: number, random: Random): Source {
  const smooth = Float32Array.from(photo);
  soften(smooth, size, 0.25);
  soften(smooth, size, 0.25);
  const grain = between(random, 2, 4);
  return (x, y, c) => smooth[(y * size + x) * 3 + c] + grain * unitNoise(random);
}

/**
 * Makes a fake of a photograph. Returns its bytes and its mask, one byte a pixel, 255 where the manipulation has at
 * least half its weight. `donor` is the other person's photograph, which face swapping alone needs.
 */
export function manipulate(
  photo: Uint8Array<ArrayBuffer>,
  portrait: Portrait,
  { method, strength, random, donor }: {
    method: Method;
    strength: Strength;
    random: Random;
    donor?: Uint8Array;
  },
): { photo: Uint8Array<ArrayBuffer>; mask: Uint8Array<ArrayBuffer> } {
  const { size } = portrait;
  const border = method === "warp" ? { ...strength, soft: 0.03 } : strength;
  const weight = faceMask(portrait, border, random);
  const source = method === "self-blend"
    ? selfBlend(photo, size, strength, random)
    : method === "resample"
    ? resample(photo, size, strength, random)
    : method === "warp"
    ? warp(photo, size, strength, random)
    : method === "face-swap"
    ? faceSwap(photo, size, donor!, weight, random)
    : regenerate(photo, size, random);
  const out = photo.slice(), mask = new Uint8Array(size * size);
  for (let p = 0; p < mask.length; p++) {
    if (weight[p] === 0) continue;
    if (weight[p] >= 0.5) mask[p] = 255;
    const x = p % size, y = (p - x) / size;
    for (let c = 0; c < 3; c++) {
      const value = photo[3 * p + c] + weight[p] * (source(x, y, c) - photo[3 * p + c]);
      out[3 * p + c] = Math.floor(255 * clamp01(value / 255) + 0.5);
    }
  }
  return { photo: out, mask };
}
