/**
 * How far a map can be trusted: what becomes of the score when patches are taken away in the map's order, or given in it.
 *
 * Shapes: B images, S image size, N tokens (class token first), D width, G² patches.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { createRandom } from "../../base/random.ts";
import { dispose } from "../../backend/tensors.ts";
import { takeBreath } from "../../base/breath.ts";
import { embedPatches } from "../encoders/clip.ts";
import { type MapSubject, needOwnTokens, towerFeatures } from "./map.ts";

/** Scores while patches go or come. */
export type TrustCurve = {
  /** The mean probability of fake, from the first step, 0, to the last, at which all but one patch went or all have come. */
  readonly scores: readonly number[];
  /** The mean over the steps of the probability of the class that the image is called, by trapezoids. */
  readonly area: number;
};

/** What becomes of a score by a map's order and by random ones. */
export type Trust = {
  /** How many images the scores are means of. */
  readonly images: number;
  /** What the images are called with all patches: 0 real, 1 fake. */
  readonly called: 0 | 1;
  /** Whether the map says which patches speak for that class; else only which ones count. */
  readonly isSigned: boolean;
  /** Patches go, those that speak most for that class first: the sooner its probability falls, the better the map. */
  readonly deletion: TrustCurve;
  /** Patches come, the same first: the sooner it rises, the better. */
  readonly insertion: TrustCurve;
  /** The same where they go in random orders, the mean over the orders. */
  readonly randomDeletion: TrustCurve;
  /** Where they come in those orders, the last first. */
  readonly randomInsertion: TrustCurve;
};

/**
 * Deletion and insertion (Petsiuk et al. 2018, "RISE") of a map, beside random orders.
 *
 * A patch is taken away by leaving its token out of the tower, not by painting over it: a grey or blurred patch is itself a trace of
 * manipulation to detectors that look at fine texture. On the demo data every image that is grey or blurred all over scores 0.9 or
 * more, so that a map's order would be lost in that; without tokens scores fall to those of the class token alone (Jain et al. 2022,
 * "Missingness bias in model debugging"). One patch is always left, as a mean of none is no number.
 *
 * Where patches come in a random order, the scores are those where they go in the reverse order: one computation serves both.
 *
 * @param map [G²]: one for all images, such as the mean over a video's frames
 * @param pixels normalised, [B, S, S, 3]; borrowed
 * @param options.isSigned whether values below 0 speak for real, so that they go first where the images are called real
 * @param options.threshold from which mean score on the images are called fake; 0.5 unless given
 * @param options.steps an even number, so that one has half of the patches; 10 unless given
 * @param options.orders how many random ones; 3 unless given
 * @throws {InputError} for a tower that attends across the batch
 * @throws {Error} for a map of another size, or the signal's reason
 *
 * @example
 * ```ts
 * import { bindClip, createForgeLens, headDetector, initBackend, randomClip, trustOf } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
 * const head = createForgeLens({ dim: 64, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 0);
 * const subject = { clip, scorer: headDetector(head), tap: "tokens" } as const;
 * const pixels = tf.randomNormal<tf.Rank.R4>([1, 32, 32, 3], 0, 1, "float32", 1);
 * const trust = await trustOf([0.3, 0.1, -0.2, 0], { subject, pixels, isSigned: true, steps: 4 });
 * assertEquals(trust.deletion.scores.length, 5);
 * assertEquals(trust.deletion.scores[0], trust.insertion.scores[4]); // all patches
 * ```
 */
export async function trustOf(
  map: ArrayLike<number>,
  options: {
    readonly subject: MapSubject;
    readonly pixels: tf.Tensor4D;
    readonly isSigned: boolean;
    readonly threshold?: number;
    readonly steps?: number;
    readonly orders?: number;
    readonly signal?: AbortSignal;
  },
): Promise<Trust> {
  const { subject, pixels, isSigned, threshold = 0.5, steps = 10, orders = 3, signal } = options;
  const { clip } = subject;
  needOwnTokens(clip);
  const embedded = embedPatches(clip, pixels); // [B, N, D]
  const count = embedded.shape[1] - 1;
  try {
    if (map.length !== count) {
      throw new Error(`Cannot test a map: expected ${count} patches but found ${map.length}`);
    }
    const places = Array.from({ length: count }, (_, i) => i);
    const whole = mean(await scoresWith(subject, embedded, [places]));
    const called = whole >= threshold ? 1 : 0;
    const sign = isSigned && called === 0 ? -1 : 1;
    const marked = [...places].sort((a, b) => sign * (map[b] - map[a])); // those alike in their order
    const random = Array.from({ length: orders }, (_, i) => createRandom(i, "trust").shuffled(places));
    const going = [marked, [...marked].reverse(), ...random];
    const curves = going.map(() => [whole]);
    for (let step = 1; step <= steps; step++) {
      await takeBreath(signal);
      const left = Math.max(1, Math.round(count * (1 - step / steps)));
      const scores = await scoresWith(subject, embedded, going.map((order) => order.slice(count - left)));
      const B = embedded.shape[0];
      curves.forEach((curve, i) => curve.push(mean(scores.subarray(i * B, (i + 1) * B))));
    }
    const [deletion, unmarked, ...others] = curves;
    const randomly = deletion.map((_, step) => mean(others.map((each) => each[step])));
    const curveOf = (scores: readonly number[]): TrustCurve => ({ scores, area: areaOf(scores, called) });
    return {
      images: embedded.shape[0],
      called,
      isSigned,
      deletion: curveOf(deletion),
      insertion: curveOf([...unmarked].reverse()),
      randomDeletion: curveOf(randomly),
      randomInsertion: curveOf([...randomly].reverse()),
    };
  } finally {
    dispose(embedded);
  }
}

/** The scores of images with some of their patches alone, for each set of these of all images: [sets · B]. */
async function scoresWith(
  { clip, tap, scorer }: MapSubject,
  embedded: tf.Tensor3D,
  sets: readonly (readonly number[])[],
): Promise<Float64Array> {
  const features = tf.tidy(() => {
    const each = sets.map((patches) => {
      const rows = [0, ...[...patches].sort((a, b) => a - b).map((patch) => patch + 1)];
      return tf.gather(embedded, tf.tensor1d(rows, "int32"), 1); // [B, 1 + patches, D]
    });
    return towerFeatures(clip, tf.concat(each, 0), { tap });
  });
  try {
    return await scorer.scores(features);
  } finally {
    dispose(features);
  }
}

function areaOf(scores: readonly number[], called: 0 | 1): number {
  const ofClass = scores.map((score) => called === 1 ? score : 1 - score);
  const inner = ofClass.slice(1, -1).reduce((sum, each) => sum + each, 0);
  return (inner + (ofClass[0] + ofClass.at(-1)!) / 2) / (scores.length - 1);
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
