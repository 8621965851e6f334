/**
 * The demo tower before training, and its parameters by name.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import { dispose } from "../../lib/backend/tensors.ts";
import { createRandom } from "../../lib/base/random.ts";
import { withTrained } from "../../lib/model/detectors/trained_tower.ts";
import type { Clip } from "../../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../../lib/model/encoders/clip_weights.ts";
import { demoEncoder, spectrum, spectrumCoefficients } from "../../lib/model/encoders/demo.ts";
import type { StateDict } from "../../lib/weights/state.ts";

/** The demo tower's sizes. */
export const towerSizes = {
  width: 192,
  layers: 6,
  heads: 3,
  imageSize: 224,
  patchSize: 16,
  embedDim: 128,
} as const;

/** Channels that the constructed encoder's patch filters fill: 180 coefficients and 3 mean colours. */
const FILTERS = 183;

/**
 * The weights to begin with: the constructed encoder's patch filters and channels that hold positions, blocks as open_clip
 * initialises them. From random filters nothing is learnt in minutes: traces of edits are weak beside the face.
 */
export function initialTower(seed: number): StateDict {
  const { width: D, imageSize, patchSize: P } = towerSizes;
  const G = imageSize / P, middle = (G - 1) / 2, filter = 3 * P * P;
  const dict = randomClip(towerSizes, seed);
  const random = createRandom(seed, "demo-tower");
  const constructed = demoEncoder().dict;
  const from = (key: string) => constructed.get(key)!.data as Float32Array;
  const conv = dict.get("visual.conv1.weight")!.data as Float32Array;
  conv.set(from("visual.conv1.weight").subarray(0, FILTERS * filter));
  for (let i = FILTERS * filter; i < conv.length; i++) conv[i] = 0.02 * random.normal();
  const position = dict.get("visual.positional_embedding")!.data as Float32Array;
  const offsets = from("visual.positional_embedding");
  for (let n = 0; n <= G * G; n++) {
    const row = position.subarray(n * D, (n + 1) * D);
    for (let d = 0; d < D; d++) row[d] = 0.02 * random.normal();
    row[189] += 4, row[190] -= 4; // so that layer norms keep absolute energies
    if (n === 0) {
      row[191] += 4;
      continue;
    }
    for (let d = 180; d < FILTERS; d++) row[d] += offsets[n * D + d]; // the mean colours' middle grey
    const dy = Math.floor((n - 1) / G) - middle, dx = (n - 1) % G - middle;
    [dy / 4, dy * dy / 20 - 1, dx / 4, dx * dx / 20 - 1, dx * dy / 16, Math.abs(dx) / 4]
      .forEach((value, i) => row[FILTERS + i] += value);
  }
  pointAtCoefficients(dict);
  return dict;
}

/**
 * Has the first block's MLP take magnitudes of coefficients and sum them by band, each sum into a random direction: energies are
 * what edits change, and a random MLP would have to find the coefficients one by one.
 */
function pointAtCoefficients(dict: StateDict): void {
  const { width: D } = towerSizes;
  const block = "visual.transformer.resblocks.0.mlp";
  const fc = dict.get(`${block}.c_fc.weight`)!.data as Float32Array; // [4D, D]
  const proj = dict.get(`${block}.c_proj.weight`)!.data as Float32Array; // [D, 4D]
  const random = createRandom("demo-tower bands");
  const bands = Array.from(
    { length: spectrum.bands },
    () => Array.from({ length: D }, () => random.normal()),
  );
  spectrumCoefficients().forEach(({ band }, k) => {
    for (const sign of [1, -1]) {
      const unit = 2 * k + (sign > 0 ? 0 : 1);
      fc.fill(0, unit * D, (unit + 1) * D);
      fc[unit * D + k] = 3 * sign;
      for (let d = 0; d < D; d++) proj[d * 4 * D + unit] = bands[band][d] / 12;
    }
  });
}

/** A tower whose every parameter is a variable, and those by open_clip's names without `visual.`; the caller owns both. */
export function trainableTower(dict: StateDict): {
  readonly clip: Clip;
  readonly weights: Map<string, tf.Variable>;
} {
  const frozen = bindClip(dict, {
    activation: "quickgelu",
    attendAcross: "tokens",
    heads: towerSizes.heads,
  });
  const trained = withTrained(frozen, { isTrained: () => true, prefix: "" });
  dispose(frozen);
  return trained;
}
