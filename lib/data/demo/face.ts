// The face itself as functions of a point on its map: relief that light models, and the skin's own colour.

import { clamp01, hill, mix, smoothstep, valueNoise } from "./noise.ts";
import type { Person, View } from "./person.ts";

/** Height of the face above the smooth head, at a point of its map; what the light models into a nose and lips. */
export function relief(person: Person, view: View, x: number, y: number): number {
  const { eye, nose, mouth } = person;
  const ax = x < 0 ? -x : x;
  const ex = ax - eye.x, ey = y - eye.y;
  let h = -0.075 * hill(ex * ex / 0.1 + (ey + 0.02) * (ey + 0.02) / 0.05);
  h += 0.045 * hill(ex * ex / 0.05 + ey * ey / 0.022);
  const brow = y - eye.y + 0.2;
  h += 0.04 * hill(ex * ex / 0.14 + brow * brow / 0.022);
  const tip = nose.base - 0.08;
  if (y > -0.5 && y < nose.base + 0.14) {
    const along = smoothstep(-0.35, tip, y);
    const spread = mix(0.13, nose.width + 0.07, along * along);
    const ridge = mix(0.04 * smoothstep(-0.5, -0.2, y), 0.19 * nose.height, along) *
      (1 - smoothstep(tip + 0.02, nose.base + 0.08, y));
    h += ridge * hill(x * x / (spread * spread));
    const wing = ax - nose.width, wy = y - nose.base + 0.05;
    h += 0.075 * hill(wing * wing / 0.008 + wy * wy / 0.009);
  }
  const cx = ax - 0.55, cy = y - 0.36;
  h += 0.06 * hill(cx * cx / 0.16 + cy * cy / 0.1);
  if (y > 0.4) {
    const my = y - mouth.y;
    h += 0.05 * hill(x * x / 0.2 + my * my / 0.09);
    const lx = x * x / (mouth.width * mouth.width * 1.1);
    const upper = my + mouth.upper * 0.6, lower = my - mouth.lower * 0.6 - 0.08 * view.open;
    h += 0.035 * hill(lx + upper * upper / 0.006) + 0.05 * hill(lx + lower * lower / 0.01);
    const chin = y - person.tall * 0.86;
    h += 0.07 * hill(x * x / 0.1 + chin * chin / 0.04);
    const fold = ax - 0.25 - 0.36 * (y - nose.base), along = y - mouth.y + 0.16;
    h -= (0.008 + 0.016 * person.age * clamp01(0.4 + view.smile)) *
      hill(fold * fold / 0.006 + along * along / 0.05);
  }
  return h;
}

/** Paints a display-referred colour over `out`, which is linear light. */
function cover(out: Float64Array, r: number, g: number, b: number, amount: number): void {
  if (amount <= 0) return;
  out[0] += (r * r - out[0]) * amount;
  out[1] += (g * g - out[1]) * amount;
  out[2] += (b * b - out[2]) * amount;
}
function darken(out: Float64Array, r: number, g: number, b: number, amount: number): void {
  out[0] *= 1 - r * amount, out[1] *= 1 - g * amount, out[2] *= 1 - b * amount;
}

/** The skin's own colour at a point of the face, lips, eyes, brows and beard included; returned in `out` as linear light. */
export function paintFace(
  person: Person,
  view: View,
  x: number,
  y: number,
  edge: number,
  out: Float64Array,
): void {
  const { brow, eye, nose, mouth, skin, hair } = person;
  const ax = x < 0 ? -x : x;
  const pores = valueNoise(x * 42, y * 42, person.seed) - 0.5;
  const blotch = valueNoise(x * 5, y * 5, person.seed + 1) - 0.5;
  const tone = 1 + 0.09 * pores + 0.09 * blotch;
  out[0] = skin[0] * skin[0] * tone, out[1] = skin[1] * skin[1] * tone, out[2] = skin[2] * skin[2] * tone;
  const cx = ax - 0.52, cy = y - 0.34;
  const blush = hill(cx * cx / 0.1 + cy * cy / 0.07) +
    0.7 * hill(x * x / 0.03 + (y - nose.base + 0.1) * (y - nose.base + 0.1) / 0.03);
  darken(out, 0, 0.13, 0.12, blush);
  if (person.freckles > 0 && y > -0.2 && y < 0.6) {
    const fleck = valueNoise((x + 0.6 * y) * 34, (y - 0.6 * x) * 34, person.seed + 2);
    const spot = smoothstep(0.74, 0.9, fleck) * person.freckles * smoothstep(0.9, 0.4, ax);
    darken(out, 0.2, 0.35, 0.4, spot);
  }
  if (person.beard > 0 && y > 0.25) {
    const jawline = smoothstep(0.5, 0.85, ax + (y - 0.4) * 0.55) * smoothstep(0.2, 0.5, y);
    const chin = smoothstep(mouth.y + 0.1, mouth.y + 0.22, y);
    const lip = smoothstep(0.06, 0.02, (y - mouth.y + 0.13) * (y - mouth.y + 0.13) * 8 + ax * ax * 0.3);
    const hairs = 0.65 + 0.7 * (valueNoise(x * 55, y * 22, person.seed + 3) - 0.3);
    const amount = clamp01(Math.max(jawline, chin, lip) * person.beard * hairs);
    cover(out, hair.colour[0] * 0.9, hair.colour[1] * 0.9, hair.colour[2] * 0.9, amount * 0.9);
  }
  // Eyebrows: an arc that thins outwards, with its own hairs.
  const bx = (ax - eye.x) / 0.26;
  if (bx > -1.1 && bx < 1.2) {
    const bend = (bx - 0.3) * (bx - 0.3);
    const arc = eye.y - brow.gap - brow.arch * (1 - bend * (bx < 0.3 ? 0.45 : 1.2));
    const thick = brow.thick * (bx < -0.6 ? 1 - (-0.6 - bx) * 1.2 : 1 - 0.5 * clamp01(bx));
    const amount = smoothstep(thick + edge, thick - edge, Math.abs(y - arc)) *
      smoothstep(1.12, 0.8, Math.abs(bx));
    const hairs = 0.7 + 0.5 * valueNoise((ax + y * 0.8) * 60, y * 18, person.seed + 4);
    cover(
      out,
      hair.colour[0] * 0.75,
      hair.colour[1] * 0.7,
      hair.colour[2] * 0.7,
      clamp01(amount * brow.strength * hairs),
    );
  }
  const ex = ax - eye.x, ey = y - eye.y + eye.tilt * ex;
  if (ex > -0.3 && ex < 0.32 && ey > -0.24 && ey < 0.22) {
    paintEye(person, view, ex, ey, x < 0 ? -1 : 1, edge, out);
  }
  // Nostrils.
  const hx = ax - nose.width * 0.62, hy = y - nose.base - 0.005;
  const nostril = hill(hx * hx / 0.0032 + hy * hy / 0.0011);
  if (nostril > 0) cover(out, skin[0] * 0.25, skin[1] * 0.16, skin[2] * 0.14, nostril * 0.95);
  // Lips: two arcs that meet in the corners, the mouth's dark line or its opening between them.
  const lx = x / (mouth.width * (1 + 0.14 * view.smile));
  if (lx > -1.15 && lx < 1.15 && y > 0.5) {
    const span = clamp01(1 - lx * lx);
    const line = mouth.y - 0.06 * view.smile * lx * lx - 0.008 * hill(lx * lx / 0.12);
    const gap = 0.1 * view.open * span;
    const bow = mouth.upper *
      (span * 0.75 + 0.35 * hill((Math.abs(lx) - 0.22) * (Math.abs(lx) - 0.22) / 0.16) * span);
    const top = line - gap * 0.4 - bow, bottom = line + gap * 0.6 + mouth.lower * Math.sqrt(span) * span;
    const amount = smoothstep(-edge, edge, y - top) * smoothstep(-edge, edge, bottom - y) *
      smoothstep(1.03, 0.9, Math.abs(lx));
    const red = mouth.red;
    const crease = 1 + 0.12 * (valueNoise(x * 50, y * 8, person.seed + 5) - 0.5);
    const lipR = mix(skin[0] * 0.92, 0.72 * (0.4 + 0.6 * skin[0]), red) * crease;
    cover(
      out,
      lipR,
      mix(skin[1] * 0.72, 0.3, red * 0.75) * crease,
      mix(skin[2] * 0.75, 0.32, red * 0.7) * crease,
      amount * 0.9,
    );
    const inner = Math.max(gap * 0.55, 0.010);
    const slit = smoothstep(inner + edge, inner - edge * 0.6, Math.abs(y - line - gap * 0.1)) *
      smoothstep(1.08, 0.85, Math.abs(lx));
    cover(out, 0.2, 0.08, 0.08, slit * (gap > 0.02 ? 1 : 0.75));
    if (gap > 0.03) {
      const teeth = smoothstep(line + gap * 0.25 + edge, line + gap * 0.25 - edge, y) * slit *
        smoothstep(0.75, 0.55, Math.abs(lx));
      cover(out, 0.9, 0.87, 0.82, teeth * 0.9);
    }
  }
}

function paintEye(
  person: Person,
  view: View,
  ex: number,
  ey: number,
  side: number,
  edge: number,
  out: Float64Array,
) {
  const { eye, skin } = person;
  const wide = ex / eye.width;
  const span = clamp01(1 - wide * wide);
  const opened = eye.height * view.lids;
  const top = -opened * span * (1 - 0.12 * wide), bottom = opened * 0.62 * span;
  const socket = hill(ex * ex / 0.075 + (ey + 0.01) * (ey + 0.01) / 0.03);
  darken(out, 0.2, 0.26, 0.24, socket);
  const crease = ey - top + 0.05;
  const creased = hill(crease * crease / 0.0005) * smoothstep(1.2, 0.7, Math.abs(wide));
  darken(out, 0.3, 0.36, 0.36, creased);
  const open = smoothstep(-edge, edge, ey - top) * smoothstep(-edge, edge, bottom - ey) *
    smoothstep(1.02, 0.94, Math.abs(wide));
  const shade = 1 - 0.35 * smoothstep(top + 0.05, top, ey);
  cover(out, 0.9 * shade, 0.87 * shade, 0.85 * shade, open);
  const ix = ex - side * view.gaze * 0.1, iy = ey + 0.012;
  const d = Math.sqrt(ix * ix + iy * iy);
  const iris = smoothstep(0.086 + edge, 0.086 - edge, d) * open;
  const fibre = (0.8 + 0.5 * valueNoise(ix * 60, iy * 60, person.seed + 6)) *
    (1 - 0.5 * smoothstep(0.055, 0.088, d)) * shade;
  cover(out, eye.iris[0] * fibre * 1.15, eye.iris[1] * fibre * 1.15, eye.iris[2] * fibre * 1.15, iris);
  cover(out, 0.03, 0.03, 0.03, smoothstep(0.04 + edge, 0.04 - edge, d) * open);
  const gx = ix + side * (view.light[0] < 0 ? 0.03 : -0.03), gy = iy + 0.032;
  cover(
    out,
    1,
    1,
    1,
    smoothstep(0.018 + edge, 0.012 - edge * 0.5, Math.sqrt(gx * gx + gy * gy)) * open * 0.95,
  );
  const lash = ey - top + 0.004;
  const line = hill(lash * lash / 0.0007) * smoothstep(1.1, 0.95, Math.abs(wide));
  cover(out, 0.1, 0.07, 0.06, line * 0.85);
  const under = ey - bottom;
  cover(
    out,
    skin[0] * 0.55,
    skin[1] * 0.42,
    skin[2] * 0.4,
    hill(under * under / 0.0003) * smoothstep(1.05, 0.8, Math.abs(wide)) * 0.5,
  );
}
