/**
 * Random regions of an image, which the demo tower's edits change.
 *
 * @module
 */
import type { Random } from "../../lib/base/random.ts";
import { between, smoothstep, valueNoise } from "../../lib/data/demo/noise.ts";

/** A region of a square image: how much each pixel belongs to it, 0..1, and the pixels around all that are above 0. */
export type Region = {
  readonly weights: Float32Array; // [size, size]
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
};

/** Share of a region's pixels, over the weights, below which another is drawn. */
const LEAST_SHARE = 0.03;

/** Draws a region: an ellipse, a polygon, a blob or a half-plane, of any size, with a hard or a soft edge. */
export function drawRegion(random: Random, size: number): Region {
  while (true) {
    const region = regionOf(drawShape(random, size), { size, edge: drawEdge(random) });
    if (region) return region;
  }
}

/** Width of the edge's slope in pixels: hard on half of all regions. */
function drawEdge(random: Random): number {
  return random.uniform() < 0.5 ? between(random, 0.7, 2) : 2 * 12 ** random.uniform();
}

/** Distance in pixels, about, from a shape's outline: positive inside. */
type Shape = (x: number, y: number) => number;

function drawShape(random: Random, size: number): Shape {
  const kind = random.uniform();
  const angle = between(random, 0, 2 * Math.PI), sin = Math.sin(angle), cos = Math.cos(angle);
  const x0 = size * between(random, 0.2, 0.8), y0 = size * between(random, 0.2, 0.8);
  if (kind < 0.1) return (x, y) => (x - x0) * cos + (y - y0) * sin;
  const radius = size * 0.14 * (0.5 / 0.14) ** random.uniform();
  if (kind < 0.35) { // polygon around its centre
    const corners = 3 + random.integer(6);
    const normals = Array.from({ length: corners }, (_, i) => {
      const turn = angle + 2 * Math.PI * (i + between(random, -0.3, 0.3)) / corners;
      return [Math.cos(turn), Math.sin(turn), radius * between(random, 0.5, 1.1)];
    });
    return (x, y) => {
      let least = Infinity;
      for (const [nx, ny, far] of normals) least = Math.min(least, far - (x - x0) * nx - (y - y0) * ny);
      return least;
    };
  }
  const slim = between(random, 0.4, 1);
  const ragged = kind < 0.65 ? 0 : between(random, 0.2, 0.8);
  const seed = random.integer(1_000_000_000), cell = radius * between(random, 0.25, 0.8);
  return (x, y) => {
    const u = ((x - x0) * cos + (y - y0) * sin) / radius,
      v = ((y - y0) * cos - (x - x0) * sin) / (radius * slim);
    const far = Math.sqrt(u * u + v * v);
    if (far > 1.5) return -radius;
    const noise = ragged === 0 ? 0 : ragged * (valueNoise(x / cell, y / cell, seed) - 0.5);
    return radius * Math.sqrt(slim) * (1 - far - noise);
  };
}

/** The pixels of a shape; undefined where it is nearly nothing, or everything. */
function regionOf(shape: Shape, { size, edge }: { size: number; edge: number }): Region | undefined {
  const weights = new Float32Array(size * size);
  let [left, top, right, bottom, sum] = [size, size, -1, -1, 0];
  for (let y = 0, p = 0; y < size; y++) {
    for (let x = 0; x < size; x++, p++) {
      const weight = smoothstep(-edge / 2, edge / 2, shape(x, y));
      if (weight === 0) continue;
      weights[p] = weight;
      sum += weight;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  const share = sum / weights.length;
  if (share < LEAST_SHARE || share > 0.8) return undefined;
  return { weights, left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** The region's share of each patch, [size/side · size/side], row by row. */
export function sharesOf({ weights }: Region, { size, side }: { size: number; side: number }): Float32Array {
  const grid = size / side;
  const shares = new Float32Array(grid * grid);
  for (let p = 0; p < weights.length; p++) {
    const x = p % size, y = (p - x) / size;
    shares[Math.floor(y / side) * grid + Math.floor(x / side)] += weights[p] / (side * side);
  }
  return shares;
}
