/**
 * A small encoder for the demo: CLIP's vision transformer with weights that are constructed, not trained.
 *
 * Each patch becomes 40 log band energies of its discrete cosine transform and its mean colour (43 features), then the
 * same features against their neighbourhood and against the whole image. Traces of manipulation are differences in
 * noise and sharpness between one region and the rest, and these tokens show them to the head.
 *
 * The transformer computes it as follows. The patch embedding is the transform, whitened by frequency. Two channels
 * of the residual stream hold large constants, C and −C, and another the negated sum of all the others, so that the mean
 * is 0, the variance constant and every layer norm (nearly) the identity. Block 0's MLP takes magnitudes, |x| = f(x) + f(−x) for a steep quickGELU f, pools them into
 * bands and erases the coefficients, x = f(x) − f(−x); block 1's takes the logarithm, one hinge an interval; block 2's
 * attention averages over a near and a wide Gaussian neighbourhood, by positional channels, and over the image.
 *
 * @module
 */
import type { StateDict } from "../../weights/state.ts";
import { type ClipConfig, clipMean, clipStd } from "./clip.ts";
import { bindClip } from "./clip_weights.ts";
import { clipTower } from "./clip_tower.ts";
import type { EncoderKind, Tower, TowerSettings } from "./encoder.ts";

/** The demo encoder's sizes. */
export const demoEncoderConfig = {
  width: 192,
  layers: 3,
  heads: 3,
  imageSize: 224,
  patchSize: 16,
  embedDim: 192,
} as const;

/** How pixels become features: numbers that the weights and their test share. */
export const spectrum = {
  coefficients: 180,
  bands: 40,
  /** Typical magnitude of a coefficient at radius r (half cycles per patch), for whitening: floor + slope / r². */
  floor: 0.006,
  slope: 0.6,
  /** Gain of the mean colour, about its middle grey. */
  colourGain: 4,
  /** Smallest band energy whose logarithm is followed, the ratio from one hinge to the next, and their number. */
  energies: { low: 0.04, ratio: 2.2, hinges: 8 },
  /** A typical log energy, which becomes 0. */
  middle: -1,
  /** Gains of the four groups: features, against the wide neighbourhood, near against wide, near against the image. */
  groups: [1, 2, 2, 2],
  /** Standard deviations of the neighbourhoods, in patches: 1/(2σ²) is a power of 2, which no rounding to bfloat16 changes. */
  near: Math.sqrt(1 / 2),
  wide: Math.sqrt(8),
} as const;

const { width: D, layers, heads, imageSize, patchSize: P, embedDim } = demoEncoderConfig;
const G = imageSize / P;
const HIDDEN = 2 * D;
const HEAD = D / heads;
const FEATURES = spectrum.bands + 3;
/**
 * Channels of the residual stream: features in four groups, a patch's row and column about the middle and their squares by 8,
 * whether it is a patch, the constants C and −C, and the balance.
 */
const ROW = D - 8, ROW_SQUARE = D - 7, COLUMN = D - 6, COLUMN_SQUARE = D - 5, PATCH = D - 4;
const CONSTANT = D - 3, BALANCE = D - 1;
const MIDDLE = (G - 1) / 2;
const C = 2000;
const LUMA = [0.299, 0.587, 0.114];

/**
 * The coefficients used, by vertical and horizontal frequency: an even choice of the 255 that have one. The first ones are one of
 * each band: band energies take the place of coefficients of like magnitude, of which an erasure leaves a rounding error.
 */
export function spectrumCoefficients(): { v: number; h: number; radius: number; band: number }[] {
  const all = Array.from({ length: P * P - 1 }, (_, i) => ({ v: Math.floor((i + 1) / P), h: (i + 1) % P }))
    .map(({ v, h }) => ({ v, h, radius: Math.sqrt(v * v + h * h) }))
    .sort((a, b) => a.radius - b.radius || a.v - b.v);
  const { coefficients: K, bands } = spectrum;
  const byRadius = Array.from({ length: K }, (_, k) => ({
    ...all[Math.floor((k + 1) * all.length / K) - 1],
    band: Math.floor(k * bands / K),
  }));
  const isFirst = ({ band }: { band: number }, k: number) => k === 0 || byRadius[k - 1].band !== band;
  return [...byRadius.filter(isFirst), ...byRadius.filter((one, k) => !isFirst(one, k))];
}

/** The built-in encoder, as one of the list. */
export const demo: EncoderKind = {
  about: "the built-in encoder, which is not CLIP",
  bind: ({ settings }) => Promise.resolve(demoTower({ ...settings })),
};

/** What a reader calls it. */
export const demoName = "demo encoder (spectral, not CLIP)";

/** The built-in encoder as a tower. */
export function demoTower({ warning, ...settings }: TowerSettings & Pick<Tower, "warning">): Tower {
  const { dict, config: { heads } } = demoEncoder();
  const about = { kind: "demo", name: demoName, warning, isBuiltIn: true };
  return clipTower(bindClip(dict, { ...settings, heads }), about);
}

/**
 * The sizes of the demo encoder and its weights under open_clip's names; bind with `activation: "quickgelu"` and `heads: 3`.
 *
 * @example
 * ```ts
 * import { bindClip, demoEncoder, dispose, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const { dict, config: { heads } } = demoEncoder();
 * const clip = bindClip(dict, { activation: "quickgelu", attendAcross: "tokens", heads });
 * assertEquals([clip.config.width, clip.config.layers], [192, 3]);
 * dispose(clip);
 * ```
 */
export function demoEncoder(): { dict: StateDict; config: Omit<ClipConfig, keyof TowerSettings> } {
  const dict: StateDict = new Map();
  const put = (
    key: string,
    shape: readonly number[],
    data = new Float32Array(shape.reduce((a, b) => a * b, 1)),
  ) => {
    dict.set(`visual.${key}`, { dtype: "float32", shape: [...shape], data });
    return data;
  };
  // With the constants C and −C in a stream whose mean is 0, a layer norm divides by C·√(2/D): its weight undoes that.
  const norm = (key: string, scale: (channel: number) => number = () => 1) => {
    put(`${key}.weight`, [D], Float32Array.from({ length: D }, (_, d) => C * Math.sqrt(2 / D) * scale(d)));
    put(`${key}.bias`, [D]);
  };

  embedPatches(put);
  norm("ln_pre");
  for (let layer = 0; layer < layers; layer++) {
    const block = `transformer.resblocks.${layer}`;
    norm(`${block}.ln_1`);
    norm(`${block}.ln_2`);
    const attn = {
      inProj: put(`${block}.attn.in_proj_weight`, [3 * D, D]),
      outProj: put(`${block}.attn.out_proj.weight`, [D, D]),
    };
    put(`${block}.attn.in_proj_bias`, [3 * D]);
    put(`${block}.attn.out_proj.bias`, [D]);
    const mlp: Mlp = {
      fc: put(`${block}.mlp.c_fc.weight`, [HIDDEN, D]),
      fcBias: put(`${block}.mlp.c_fc.bias`, [HIDDEN]),
      proj: put(`${block}.mlp.c_proj.weight`, [D, HIDDEN]),
      projBias: put(`${block}.mlp.c_proj.bias`, [D]),
    };
    if (layer === 0) poolMagnitudes(mlp);
    if (layer === 1) takeLogarithms(mlp);
    if (layer === 2) {
      averageNeighbours(attn);
      copyFeatures(mlp);
    }
    balance(attn.outProj, D);
    balance(mlp.proj, HIDDEN);
    balance(mlp.projBias, 1);
  }
  norm("ln_post", (channel) => {
    if (channel === ROW || channel === COLUMN) return 1 / MIDDLE;
    if (channel === ROW_SQUARE || channel === COLUMN_SQUARE) return 8 / MIDDLE ** 2;
    return spectrum.groups[Math.floor(channel / FEATURES)] ?? 0;
  });
  const proj = put("proj", [D, embedDim]);
  for (let d = 0; d < D; d++) proj[d * embedDim + d] = 1;
  return { dict, config: demoEncoderConfig };
}

type Put = (key: string, shape: readonly number[]) => Float32Array;
type Mlp = { fc: Float32Array; fcBias: Float32Array; proj: Float32Array; projBias: Float32Array };

/** Makes the balance channel's row the negated sum of the others, so that what is added to the stream has mean 0. */
function balance(weight: Float32Array, columns: number): void {
  for (let i = 0; i < columns; i++) {
    let sum = 0;
    for (let d = 0; d < BALANCE; d++) sum += weight[d * columns + i];
    weight[BALANCE * columns + i] = -sum;
  }
}

function embedPatches(put: Put): void {
  const conv = put("conv1.weight", [D, 3, P, P]); // undoes CLIP's normalisation on the way
  const wave = (frequency: number, i: number) =>
    Math.sqrt((frequency === 0 ? 1 : 2) / P) * Math.cos(Math.PI * frequency * (2 * i + 1) / (2 * P));
  spectrumCoefficients().forEach(({ v, h, radius }, k) => {
    const gain = 1 / (spectrum.floor + spectrum.slope / (radius * radius));
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < P * P; i++) {
        conv[(k * 3 + c) * P * P + i] = gain * LUMA[c] * clipStd[c] * wave(v, Math.floor(i / P)) *
          wave(h, i % P);
      }
    }
  });
  for (let c = 0; c < 3; c++) {
    const channel = spectrum.coefficients + c;
    conv.fill(
      spectrum.colourGain * clipStd[c] / (P * P),
      (channel * 3 + c) * P * P,
      (channel * 3 + c + 1) * P * P,
    );
  }
  balance(conv, 3 * P * P);

  put("class_embedding", [D]);
  const position = put("positional_embedding", [1 + G * G, D]);
  for (let n = 0; n <= G * G; n++) {
    const row = position.subarray(n * D, (n + 1) * D);
    row[CONSTANT] = C, row[CONSTANT + 1] = -C;
    if (n > 0) {
      for (let c = 0; c < 3; c++) row[spectrum.coefficients + c] = spectrum.colourGain * (clipMean[c] - 0.5);
      const y = Math.floor((n - 1) / G), x = (n - 1) % G;
      const [dy, dx] = [y - MIDDLE, x - MIDDLE];
      row.set([dy, dy ** 2 / 8, dx, dx ** 2 / 8, 1], ROW);
    }
    balance(row, 1);
  }
}

/** Adds f(scale·x) to the hidden layer, f(x) = x·σ(1.702x), and its result times `gain/scale` to the stream's channels. */
function hidden(
  mlp: Mlp,
  unit: number,
  { from, sign, scale, shift = 0, to }: {
    from: number;
    sign: 1 | -1;
    scale: number;
    shift?: number;
    to: readonly (readonly [channel: number, gain: number])[];
  },
): void {
  mlp.fc[unit * D + from] = sign * scale;
  mlp.fcBias[unit] = scale * shift;
  for (const [channel, gain] of to) mlp.proj[channel * HIDDEN + unit] += gain / scale;
}

/** Coefficients → mean magnitude per band in channels 0 .. bands−1; the colours follow; the coefficients go. */
function poolMagnitudes(mlp: Mlp): void {
  const coefficients = spectrumCoefficients();
  const perBand = new Array(spectrum.bands).fill(0);
  for (const { band } of coefficients) perBand[band]++;
  let unit = 0;
  coefficients.forEach(({ band }, k) => {
    const mean = 1 / perBand[band];
    for (const sign of [1, -1] as const) {
      hidden(mlp, unit++, { from: k, sign, scale: 60, to: [[band, mean], [k, -sign]] });
    }
  });
  for (let c = 0; c < 3; c++) {
    const from = spectrum.coefficients + c;
    for (const sign of [1, -1] as const) {
      hidden(mlp, unit++, { from, sign, scale: 60, to: [[spectrum.bands + c, sign], [from, -sign]] });
    }
  }
}

/**
 * Band energy e → log e, piecewise linear between the hinges, in place.
 *
 * As e = f(e) − f(−e), a hinge may bend on either side. All but the last bend downwards from a line: their terms are then small
 * where e is large, and no large ones cancel, which roundings to bfloat16 would not survive.
 */
function takeLogarithms(mlp: Mlp): void {
  const { bands, energies: { low, ratio, hinges } } = spectrum;
  const knots = Array.from({ length: hinges }, (_, j) => low * ratio ** j);
  const slopes = knots.map((knot) => Math.log(ratio) / (knot * (ratio - 1)));
  const gains = slopes.map((slope, j) => slope - (j > 0 ? slopes[j - 1] : 0));
  const last = hinges - 1;
  for (let band = 0; band < bands; band++) {
    mlp.projBias[band] = Math.log(low) - spectrum.middle;
    gains.forEach((gain, j) => {
      const knot = knots[j];
      const sign = j === last ? 1 : -1;
      hidden(mlp, band * hinges + j, {
        from: band,
        sign,
        scale: 6 / knot,
        shift: -sign * knot,
        to: [[band, gain]],
      });
      if (j < last) mlp.projBias[band] -= gain * knot;
    });
    // The line, and the logarithm takes the place of e itself, which is never negative.
    hidden(mlp, bands * hinges + band, {
      from: band,
      sign: 1,
      scale: 60,
      to: [[band, slopes[last - 1] - 1]],
    });
  }
}

/**
 * Group 1 of the stream gets −wide, group 2 near − wide, group 3 near − image: means of the features with Gaussian
 * weights around the patch, or over the image. The likeness of a patch at y to one at y′ is −(y − y′)²/(2σ²) and the same for
 * columns: a query of y, 1 and y² and keys of y′, y′² and 1, whose numbers bfloat16 holds exactly. The class token is far from all
 * patches; it has no position of its own, so all its means are over the image.
 */
function averageNeighbours({ inProj, outProj }: { inProj: Float32Array; outProj: Float32Array }): void {
  const FAR = 64;
  [spectrum.near, spectrum.wide, Infinity].forEach((sigma, head) => {
    const slope = Math.sqrt(HEAD) / (2 * sigma ** 2); // what attention divides by is taken back
    let place = 0;
    const likeness = (query: readonly [number, number], key: readonly [number, number]) => {
      inProj[(head * HEAD + place) * D + query[0]] = slope * query[1];
      inProj[(D + head * HEAD + place) * D + key[0]] = key[1];
      place++;
    };
    for (const [axis, square] of [[ROW, ROW_SQUARE], [COLUMN, COLUMN_SQUARE]]) {
      likeness([axis, 2], [axis, 1]);
      likeness([PATCH, -1], [square, 8]);
      likeness([square, -8], [PATCH, 1]);
    }
    likeness([PATCH, FAR], [PATCH, 1]);
    const gains = [[0, 1, 1], [-1, -1, 0], [0, 0, -1]][head];
    for (let feature = 0; feature < FEATURES; feature++) {
      inProj[(2 * D + head * HEAD + feature) * D + feature] = 1;
      gains.forEach((gain, i) => {
        outProj[((i + 1) * FEATURES + feature) * D + head * HEAD + feature] = gain;
      });
    }
  });
}

/** Adds the features themselves to group 1, which then holds their difference to the wide neighbourhood. */
function copyFeatures(mlp: Mlp): void {
  for (let feature = 0; feature < FEATURES; feature++) {
    for (const sign of [1, -1] as const) {
      const unit = 2 * feature + (sign > 0 ? 0 : 1);
      hidden(mlp, unit, { from: feature, sign, scale: 1, to: [[FEATURES + feature, sign]] });
    }
  }
}
