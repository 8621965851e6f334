// Smooth noise and ramps for the demo data. Integer arithmetic, + - * / and sqrt alone: the same on every machine.

import type { Random } from "../../base/random.ts";

/** A uniform number from `low` to `high`. */
export const between = (random: Random, low: number, high: number): number =>
  low + (high - low) * random.uniform();
/** `x` held within 0..1. */
export const clamp01 = (x: number): number => x < 0 ? 0 : x > 1 ? 1 : x;
/** `a` at t = 0, `b` at t = 1. */
export const mix = (a: number, b: number, t: number): number => a + (b - a) * t;
/** 0 below `low`, 1 above `high`, a cubic between. */
export function smoothstep(low: number, high: number, x: number): number {
  const t = clamp01((x - low) / (high - low));
  return t * t * (3 - 2 * t);
}
/** A soft hill: 1 at 0, 0 from 1 on, for the squared distance `d2`. */
export const hill = (d2: number): number => d2 < 1 ? (1 - d2) * (1 - d2) : 0;

function lattice(x: number, y: number, seed: number): number {
  let h = (Math.imul(x, 374761393) + Math.imul(y, 668265263) + Math.imul(seed, 1274126177)) | 0;
  h = Math.imul(h ^ (h >>> 13), 1103515245);
  h = Math.imul(h ^ (h >>> 16), 668265263);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
}

/** Smooth value noise in 0..1 with one lattice point per unit. */
export function valueNoise(x: number, y: number, seed: number): number {
  const x0 = Math.floor(x), y0 = Math.floor(y);
  let fx = x - x0, fy = y - y0;
  fx = fx * fx * (3 - 2 * fx);
  fy = fy * fy * (3 - 2 * fy);
  const top = mix(lattice(x0, y0, seed), lattice(x0 + 1, y0, seed), fx);
  return mix(top, mix(lattice(x0, y0 + 1, seed), lattice(x0 + 1, y0 + 1, seed), fx), fy);
}
