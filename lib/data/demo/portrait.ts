// The renderer: a person and a view become one frame of linear light. Back to front: background, long hair, shoulders,
// neck, ears, head, hair, glasses. The head is an ellipsoid with a jaw; its map gives every pixel a point of the face.

import { paintFace, relief } from "./face.ts";
import { clamp01, hill, mix, smoothstep, valueNoise } from "./noise.ts";
import type { Person, View } from "./person.ts";

/** A rendered frame: linear light [size, size, 3], and for every pixel where on the face it lies. */
export type Portrait = {
  readonly size: number;
  readonly light: Float32Array;
  /** Across and down from the face's centre in units of half the head's width, and how much of the pixel is face (0..1). */
  readonly face: {
    readonly across: Float32Array;
    readonly down: Float32Array;
    readonly inside: Float32Array;
  };
};

/** Everything that the painters share while one frame is drawn. */
type Scene = {
  readonly size: number;
  readonly person: Person;
  readonly view: View;
  /** Half the head's width in pixels, and about a pixel in units of it: how soft an edge is. */
  readonly scale: number;
  readonly edge: number;
  /** Unit vector towards the light. */
  readonly key: readonly number[];
  readonly light: Float32Array;
  /** The head's smooth normals [size, size, 3] and the relief on top of them. */
  readonly normals: Float32Array;
  readonly height: Float32Array;
  readonly across: Float32Array;
  readonly down: Float32Array;
  readonly inside: Float32Array;
};

/** Renders one frame of `size` × `size` pixels (default 224). */
export function renderPortrait(person: Person, view: View, { size = 224 }: { size?: number } = {}): Portrait {
  const plane = () => new Float32Array(size * size);
  const [lx, ly, lz] = view.light, length = Math.sqrt(lx * lx + ly * ly + lz * lz);
  const scale = view.scale * size;
  const scene: Scene = {
    size,
    person,
    view,
    scale,
    edge: 0.9 / scale,
    key: [lx / length, ly / length, lz / length],
    light: new Float32Array(size * size * 3),
    normals: new Float32Array(size * size * 3),
    height: plane(),
    across: plane(),
    down: plane(),
    inside: plane(),
  };
  const roll = turn(view.roll);
  const centreX = size * (0.5 + view.x), centreY = size * (0.475 + view.y);
  const across = (px: number, py: number) =>
    ((px + 0.5 - centreX) * roll.cos + (py + 0.5 - centreY) * roll.sin) / scale;
  const down = (px: number, py: number) =>
    ((py + 0.5 - centreY) * roll.cos - (px + 0.5 - centreX) * roll.sin) / scale;

  const yaw = turn(view.yaw), pitch = turn(view.pitch);
  for (let py = 0, p = 0; py < size; py++) {
    for (let px = 0; px < size; px++, p++) mapHead(scene, p, across(px, py), down(px, py), yaw, pitch);
  }
  paintBackground(view, size, scene.light);
  for (let py = 0, p = 0; py < size; py++) {
    for (let px = 0; px < size; px++, p++) {
      const u = across(px, py), v = down(px, py);
      if (scene.inside[p] < 1) paintBehind(scene, p, u, v); // what the head hides is not drawn
      if (scene.inside[p] > 0) {
        paintSkin(scene, p);
        if (person.glasses > 0) paintGlasses(scene, p);
      }
      if (person.hair.volume > 0 && v < Math.max(0.2, person.hair.fall + 0.1)) paintHair(scene, p, u, v);
    }
  }
  return { size, light: scene.light, face: { across: scene.across, down: scene.down, inside: scene.inside } };
}

/** Sine and cosine of a small angle, from its half's tangent: no library function whose last bit may differ. */
function turn(angle: number): { sin: number; cos: number } {
  const t = angle / 2;
  return { sin: 2 * t / (1 + t * t), cos: (1 - t * t) / (1 + t * t) };
}

/** At (u, v) on the turned head: is it head, its smooth normal, the point of the face's map there, and its relief. */
function mapHead(
  { person, view, scale, normals, height, across, down, inside }: Scene,
  p: number,
  u: number,
  v: number,
  yaw: { sin: number; cos: number },
  pitch: { sin: number; cos: number },
): void {
  const { tall } = person;
  const t = v / tall, s = t * t;
  if (s >= 1) return;
  const jaw = t > 0 ? person.jaw : 0.02, square = t > 0 ? person.square : 0.1;
  const A = 1 - s * (1 - square) - s * s * square;
  const J = 1 - jaw * s;
  const f = A * J * J - u * u;
  if (f <= -0.1) return;
  const slope = ((-(1 - square) - 2 * s * square) * J * J - 2 * A * J * jaw) * 2 * t / tall;
  inside[p] = clamp01(0.5 + f / Math.sqrt(4 * u * u + slope * slope + 1e-6) * scale);
  const z = Math.sqrt(f > 0 ? f : 0);
  const nx = u * 1.05, ny = -slope * 0.5, nz = z + 0.02;
  const n = 1 / Math.sqrt(nx * nx + ny * ny + nz * nz);
  normals[3 * p] = nx * n, normals[3 * p + 1] = ny * n, normals[3 * p + 2] = nz * n;
  const width = Math.sqrt(A) * J;
  const r = clamp01(Math.abs(u) / width) * (u < 0 ? -1 : 1);
  const depth = Math.sqrt(1 - r * r);
  const x = (r * yaw.cos - depth * yaw.sin) * width;
  const y = (t * pitch.cos - Math.sqrt(1 - s) * depth * pitch.sin) * tall;
  across[p] = x, down[p] = y;
  height[p] = relief(person, view, x, y);
}

/** Lays a colour of linear light over pixel `p`. */
function put({ light }: Scene, p: number, r: number, g: number, b: number, amount: number): void {
  const q = 3 * p;
  light[q] += (r - light[q]) * amount;
  light[q + 1] += (g - light[q + 1]) * amount;
  light[q + 2] += (b - light[q + 2]) * amount;
}

/** Light on a matt surface with this normal; `wrap` carries it around the edge of the shadow. */
function lit({ view, key }: Scene, nx: number, ny: number, nz: number, wrap: number): number {
  const d = (nx * key[0] + ny * key[1] + nz * key[2] + wrap) / (1 + wrap);
  return view.ambient * (0.75 - 0.25 * ny) + view.key * (d > 0 ? d : 0);
}

/** Long hair, the neck, shoulders and clothes, the ears. */
function paintBehind(scene: Scene, p: number, u: number, v: number): void {
  const { person, view, edge } = scene;
  const { hair, tall, skin } = person;
  const au = u < 0 ? -u : u;
  if (hair.fall > 0.3 && au < 1.6 && v > -tall && v < hair.fall + 0.15) { // long hair behind the neck
    const swing = 0.16 * (valueNoise(v * 2.5, u < 0 ? 1 : 5, person.seed + 10) - 0.5) * (1 + hair.curl);
    const limit = v < 0
      ? Math.sqrt(Math.max(0, 1 - v * v / (tall * tall * 1.02))) * (1.06 + hair.volume)
      : 1.06 + hair.volume + 0.06 * v;
    const amount = smoothstep(edge * 2, -edge * 2, au - limit - swing) *
      smoothstep(0.12, -0.12, v - hair.fall + 0.5 * (valueNoise(u * 9, 2, person.seed + 17) - 0.5));
    if (amount > 0) putHair(scene, p, u, v, amount, v > 0.2 && au < 0.85 ? 0.35 : 0.75);
  }
  if (v > tall * 0.7) { // neck, then shoulders over it
    const neckHalf = 0.52 + 0.1 * (v - tall) * (v - tall) + (person.square - 0.3) * 0.15;
    const amount = smoothstep(edge, -edge, au - neckHalf);
    if (amount > 0) {
      const nx = u / neckHalf * 0.85;
      const under = smoothstep(tall * 0.8, tall * 1.4, v);
      const k = lit(scene, nx, 0.1, Math.sqrt(Math.max(0.05, 1 - nx * nx)), 0.25) * mix(0.3, 0.85, under);
      put(
        scene,
        p,
        skin[0] * skin[0] * k * view.tint[0],
        skin[1] * skin[1] * k * 0.93,
        skin[2] * skin[2] * k * 0.9 * view.tint[2],
        amount,
      );
    }
    const shoulder = tall + 0.34 + 0.13 * au * au - 0.16 * hill(au * au / 1.0);
    const collar = tall + 0.2 + person.collar * (1 - au / 0.62) + 0.02;
    const cloth = smoothstep(-edge, edge, v - shoulder + (au < 0.62 ? 0.3 : 0)) *
      (au < 0.62 ? smoothstep(-edge, edge, v - collar) : 1);
    if (cloth > 0) {
      let pattern = 1;
      if (person.clothPattern === "stripes") {
        pattern = 0.75 + 0.35 * smoothstep(0.4, 0.6, valueNoise(v * 9 + au, 0, person.seed + 11));
      } else if (person.clothPattern === "knit") {
        pattern = 0.78 + 0.4 * valueNoise(u * 30, v * 16, person.seed + 11);
      }
      const fold = 0.75 + 0.45 * valueNoise(u * 2.2, v * 1.4, person.seed + 12);
      const rim = smoothstep(0.05, 0.0, au < 0.62 ? v - collar : 1);
      const k = lit(scene, u * 0.3, -0.45, 0.75, 0.3) * pattern * fold * (1 - 0.25 * rim);
      put(
        scene,
        p,
        person.cloth[0] * person.cloth[0] * k,
        person.cloth[1] * person.cloth[1] * k,
        person.cloth[2] * person.cloth[2] * k,
        cloth,
      );
    }
  }
  if (hair.fall < 0.4 || hair.volume === 0) { // ears
    const side = u < 0 ? -1 : 1;
    const ex = au - 1.0 + 0.1 * side * -view.yaw, ey = v - 0.06 - 0.2 * view.pitch;
    const d = ex * ex / 0.0144 + ey * ey / 0.062;
    const amount = smoothstep(1.06, 0.94, d) * smoothstep(-0.36, -0.2, side * -view.yaw);
    if (amount > 0) {
      const k = lit(scene, side * 0.7, -0.1, 0.6, 0.4) * (0.62 + 0.5 * smoothstep(0.15, 0.9, d)) *
        (1 - 0.25 * hill(ex * ex / 0.004 + ey * ey / 0.02));
      put(
        scene,
        p,
        skin[0] * skin[0] * k * view.tint[0],
        skin[1] * skin[1] * k * 0.86,
        skin[2] * skin[2] * k * 0.82 * view.tint[2],
        amount,
      );
    }
  }
}

const colour = new Float64Array(3);

/** The face: its own colour under the light, with a soft terminator and a shine. */
function paintSkin(scene: Scene, p: number): void {
  const { size, person, view, scale, edge, normals, height, across, down, inside } = scene;
  const px = p % size, py = (p - px) / size;
  const [lx, ly, lz] = scene.key, hn = 1 / Math.sqrt(lx * lx + ly * ly + (lz + 1) * (lz + 1));
  const x = across[p], y = down[p];
  const right = px < size - 1 && inside[p + 1] > 0.5 ? p + 1 : p,
    left = px > 0 && inside[p - 1] > 0.5 ? p - 1 : p;
  const below = py < size - 1 && inside[p + size] > 0.5 ? p + size : p,
    above = py > 0 && inside[p - size] > 0.5 ? p - size : p;
  const hx = right === left ? 0 : (height[right] - height[left]) * scale / (right - left);
  const hy = below === above ? 0 : (height[below] - height[above]) * scale * size / (below - above);
  let nx = normals[3 * p] - hx, ny = normals[3 * p + 1] - hy, nz = normals[3 * p + 2];
  const n = 1 / Math.sqrt(nx * nx + ny * ny + nz * nz);
  nx *= n, ny *= n, nz *= n;
  const d = nx * lx + ny * ly + nz * lz;
  // Light bleeds through skin: red wraps furthest around the shadow's edge.
  const red = (d + 0.42) / 1.42, green = (d + 0.24) / 1.24, blue = (d + 0.2) / 1.2;
  const ambient = view.ambient * (0.8 - 0.25 * ny) * (0.6 + 0.4 * clamp01(nz * 1.3));
  let shine = nx * lx * hn + ny * ly * hn + nz * (lz + 1) * hn;
  shine = shine > 0 ? shine * shine : 0;
  shine *= shine, shine *= shine, shine *= shine;
  const brightness = person.skin[0];
  const gloss = view.key * shine * (0.05 + 0.05 * (1 - brightness));
  paintFace(person, view, x, y, edge, colour);
  const key = view.key;
  put(
    scene,
    p,
    colour[0] * (ambient + key * (red > 0 ? red : 0)) * view.tint[0] + gloss,
    colour[1] * (ambient + key * (green > 0 ? green : 0)) * view.tint[1] + gloss,
    colour[2] * (ambient + key * (blue > 0 ? blue : 0)) * view.tint[2] + gloss,
    inside[p],
  );
}

function paintGlasses(scene: Scene, p: number): void {
  const { person, edge, across, down, inside } = scene;
  const x = across[p], y = down[p];
  const gx = Math.abs(x) - 0.42, gy = y - person.eye.y - 0.02;
  const d = Math.sqrt(gx * gx * 0.8 + gy * gy * 1.15) - person.glasses;
  const frame = smoothstep(0.022 + edge, 0.012, Math.abs(d)) +
    smoothstep(0.02, 0.008, Math.abs(gy + 0.05)) * (Math.abs(x) < 0.21 || Math.abs(x) > 0.66 ? 1 : 0);
  put(scene, p, 0.02, 0.02, 0.022, clamp01(frame) * 0.92 * inside[p]);
  if (d < 0) put(scene, p, 0.9, 0.95, 1, 0.035 + 0.1 * smoothstep(0.03, 0.0, Math.abs(gx * 0.7 + gy + 0.06)));
}

/** Hair in front: the cap, the fringe, the strands beside the face. */
function paintHair(scene: Scene, p: number, u: number, v: number): void {
  const { person, light, across, down, inside } = scene;
  const { hair, tall } = person;
  const au = u < 0 ? -u : u;
  const outerX = 1.02 + 0.62 * hair.volume, outerY = tall * (1.01 + 0.62 * hair.volume);
  const outer = v < 0 ? 1 - u * u / (outerX * outerX) - v * v / (outerY * outerY) : (1 - au / outerX) * 2;
  // Far from the hair, and on the cheeks and chin, there is nothing to draw.
  if (outer < -0.2 || (inside[p] === 1 && v > 0 && au < 0.5)) return;
  const wob = 0.1 * (0.3 + hair.curl) * (valueNoise(u * 7, v * 7, person.seed + 13) - 0.5) +
    0.05 * (valueNoise(u * 26, v * 26, person.seed + 14) - 0.5);
  const cap = smoothstep(-0.04, 0.03, outer + wob * 0.8);
  if (cap > 0) {
    const x = inside[p] > 0 ? across[p] : u * 1.05, y = inside[p] > 0 ? down[p] : v;
    const ax = Math.abs(x);
    const lock = 0.1 * (valueNoise((x - hair.part) * 9, 3, person.seed + 15) - 0.5) +
      0.06 * (valueNoise(x * 30, y * 6, person.seed + 16) - 0.5);
    const away = x - hair.part;
    const line = hair.line + hair.fringe * (0.3 + clamp01(away * away * 2.2)) + hair.sweep * away +
      lock * (0.5 + hair.curl) + 0.5 * smoothstep(0.55, 1, ax);
    const side = 0.9 - 0.12 * (y > 0 ? y * y : 0) + 0.6 * lock - ax;
    // Distance below the hair's edge: the hairline above, or the strands beside the cheek.
    const below = Math.min(y - line, Math.max(side, y - hair.fall) * 1.4);
    if (inside[p] > 0) { // the shadow that the hair throws on the skin
      const shadow = 1 - 0.4 * smoothstep(0.16, 0.0, below) * inside[p];
      light[3 * p] *= shadow, light[3 * p + 1] *= shadow * 0.985, light[3 * p + 2] *= shadow * 0.98;
    }
    const amount = cap * smoothstep(0.025, -0.025, below);
    if (amount > 0) putHair(scene, p, u, v, amount, 0.6 + 0.4 * smoothstep(0, -0.3, below));
  }
}

/** One pixel of hair: strands that fan out from the parting, with a sheen; `depth` darkens what lies behind. */
function putHair(scene: Scene, p: number, u: number, v: number, amount: number, depth: number): void {
  const { person, view } = scene;
  const { hair, tall } = person;
  const [lx, ly] = scene.key;
  const top = -tall - 0.25;
  const fan = (u - hair.part) / (0.55 + 0.45 * (v - top));
  const wave = hair.curl > 0.3
    ? 0.35 * hair.curl * (valueNoise(u * 4, v * 6, person.seed + 9) - 0.5)
    : 0.03 * valueNoise(u * 2, v * 3, person.seed + 9);
  const strand = 0.55 * valueNoise((fan + wave) * 34, v * 2.2, person.seed + 7) +
    0.45 * valueNoise((fan + wave) * 80, v * 4, person.seed + 8);
  const nx = u * 0.75, ny = v / (tall * 1.6);
  const body = lit(scene, nx, ny, Math.sqrt(Math.max(0.05, 1 - nx * nx - ny * ny)), 0.45) * depth;
  const sheen = hill((ny - ly * 0.75) * (ny - ly * 0.75) / 0.1 + (nx - lx * 0.5) * (nx - lx * 0.5) / 0.5) *
    view.key * strand * 0.11 * depth;
  const k = body * (0.45 + 1.0 * strand);
  put(
    scene,
    p,
    hair.colour[0] * hair.colour[0] * k + sheen,
    hair.colour[1] * hair.colour[1] * k + sheen,
    hair.colour[2] * hair.colour[2] * k + sheen,
    amount,
  );
}

/** Fills the frame with what stands behind the person, out of focus: drawn on every fourth pixel, interpolated between. */
function paintBackground(view: View, size: number, light: Float32Array): void {
  const step = 4, side = Math.ceil(size / step) + 1;
  const coarse = new Float32Array(side * side * 3);
  const colour = new Float64Array(3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      backgroundAt(view, x * step / size, y * step / size, colour);
      coarse.set(colour, (y * side + x) * 3);
    }
  }
  for (let y = 0, q = 0; y < size; y++) {
    const row = Math.floor(y / step) * side, fy = (y % step) / step;
    for (let x = 0; x < size; x++) {
      const k = (row + Math.floor(x / step)) * 3, fx = (x % step) / step;
      for (let c = 0; c < 3; c++, q++) {
        const top = mix(coarse[k + c], coarse[k + 3 + c], fx);
        light[q] = mix(top, mix(coarse[k + 3 * side + c], coarse[k + 3 * side + 3 + c], fx), fy);
      }
    }
  }
}

/** The background's linear light at a point of the frame, 0..1 across and down. */
function backgroundAt(view: View, x: number, y: number, out: Float64Array): void {
  const { near, far, seed } = view;
  let t = clamp01(y * 0.8 + 0.25 * (x - 0.5) + 0.3 * (valueNoise(x * 2.5, y * 2.5, seed) - 0.5));
  let glow = 0;
  if (view.background === "studio") {
    const d = (x - 0.5) * (x - 0.5) + (y - 0.4) * (y - 0.4);
    t = clamp01(1.3 * d / 0.5 + 0.1);
  } else if (view.background === "room") {
    const level = y * 3.4 + 0.3 * x, row = Math.floor(level), middle = level - row - 0.5;
    const shelf = valueNoise(x * 5, row * 7, seed + 1);
    const gap = hill(4.4 * middle * middle);
    t = clamp01(mix(t, shelf, 0.7 * (0.35 + 0.65 * gap)));
  } else if (view.background === "lights") {
    const cx = Math.floor(x * 5), cy = Math.floor(y * 5);
    const ox = valueNoise(cx * 3.7, cy * 2.3, seed + 2) - 0.5,
      oy = valueNoise(cx * 2.9 + 50, cy * 3.1, seed + 2) - 0.5;
    const dx = x * 5 - cx - 0.5 - 0.4 * ox, dy = y * 5 - cy - 0.5 - 0.4 * oy;
    glow = smoothstep(0.1, 0.03, dx * dx + dy * dy) *
      smoothstep(0.5, 0.8, valueNoise(cx * 5.3, cy * 4.7, seed + 3)) * 0.55;
    t = clamp01(t * 0.6 + 0.35);
  } else {
    const ridge = y + 0.4 * (valueNoise(x * 3 + y, y * 3 - x, seed + 4) - 0.5);
    const leaves = valueNoise((x + y) * 9, (y - x) * 9, seed + 5) - 0.4;
    t = clamp01(smoothstep(0.3, 0.7, ridge) * 0.8 + 0.25 * leaves);
  }
  const level = 0.35 + 0.55 * (view.ambient + 0.35 * view.key);
  for (let c = 0; c < 3; c++) {
    const v = mix(near[c], far[c], t);
    out[c] = (v * v * level + glow * mix(near[c], 1, 0.6)) * view.tint[c];
  }
}
