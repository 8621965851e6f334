/**
 * What an encoder's matrix products are computed in here: chosen by measurement, once for each encoder and machine.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { isOnGpu, isTensorFlow } from "../backend.ts";
import { takeBreath } from "../base/breath.ts";
import { reasonOf } from "../base/errors.ts";
import { bestSeconds, measuredOnce } from "../measure.ts";
import { seedFrom } from "../base/random.ts";
import type { Clip } from "./clip.ts";
import {
  compileClip,
  type CompiledClip,
  encoderDigest,
  type EncoderPrecision,
  type Precision,
} from "./compile.ts";

/** What `choosePrecision()` found. */
export type PrecisionChoice = {
  /** The encoder's. */
  readonly precision: EncoderPrecision;
  /** The head's, in training: never int8. */
  readonly head: Precision;
  /** Why, in words for a reader, with the numbers that decided. */
  readonly reason: string;
};

/** Least mean cosine between a token in a lower precision and in float32. */
const LEAST_COSINE = 0.999;

/** How much faster a lower precision must be than the one above it. */
const LEAST_GAIN = 1.1;

/**
 * The fastest precision on this machine whose tokens agree with float32's on a batch of made-up images (mean cosine at
 * least 0.999), int8 for the encoder alone. The answer is kept in the cache.
 */
export async function choosePrecision(
  clip: Clip,
  options: { readonly folder?: string; readonly signal?: AbortSignal } = {},
): Promise<PrecisionChoice> {
  if (!isTensorFlow()) {
    return { precision: "float32", head: "float32", reason: "WebAssembly has float32 alone" };
  }
  return await measuredOnce(() => measure(clip, options.signal), {
    about: ["precision", VERSION, encoderDigest(clip, "int8")],
    folder: options.folder,
  });
}

/** Changes when the way of choosing does. */
const VERSION = 1;

/** A precision put to the test: seconds a batch, and its tokens' mean cosine with float32's. */
type Trial = { readonly seconds: number; readonly cosine: number };

async function measure(clip: Clip, signal?: AbortSignal): Promise<PrecisionChoice> {
  const pixels = calibrationPixels(clip);
  const full = await compileClip(clip, { precision: "float32" });
  const held: tf.Tensor[] = [pixels];
  try {
    let exact: tf.Tensor3D;
    let base: number;
    try {
      await takeBreath(signal);
      held.push(exact = await full.tokens(pixels));
      base = await secondsOf(full, pixels, signal);
    } finally {
      full.dispose();
    }
    return await compare(clip, { pixels, exact, base, signal });
  } finally {
    tf.dispose(held);
  }
}

/** Tries the lower precisions against float32's tokens and seconds. */
async function compare(
  clip: Clip,
  options: {
    readonly pixels: tf.Tensor4D;
    readonly exact: tf.Tensor3D;
    readonly base: number;
    readonly signal?: AbortSignal;
  },
): Promise<PrecisionChoice> {
  const { pixels, exact, base, signal } = options;
  const reasons: string[] = [];
  const attempt = async (precision: EncoderPrecision): Promise<Trial | undefined> => {
    let compiled: CompiledClip;
    try {
      compiled = await compileClip(clip, { precision });
    } catch (error) {
      reasons.push(`${precision} is not to be had here: ${reasonOf(error)}`);
      return undefined;
    }
    let cosine: number;
    let seconds: number;
    try {
      await takeBreath(signal);
      const tokens = await compiled.tokens(pixels);
      cosine = meanCosine(tokens, exact);
      tokens.dispose();
      seconds = await secondsOf(compiled, pixels, signal);
    } finally {
      compiled.dispose();
    }
    const speed = (base / seconds).toFixed(1);
    reasons.push(
      `${precision} is ${speed} times as fast as float32 here, its tokens' mean cosine with float32's is ${
        cosine.toFixed(5)
      }`,
    );
    return { seconds, cosine };
  };
  const isWorth = (trial: Trial | undefined, seconds: number): trial is Trial =>
    trial !== undefined && trial.cosine >= LEAST_COSINE && seconds / trial.seconds > LEAST_GAIN;
  const low = await attempt("bfloat16");
  const bytes = isOnGpu() ? undefined : await attempt("int8"); // which computes on the CPU
  const head = isWorth(low, base) ? "bfloat16" : "float32";
  const precision = isWorth(bytes, head === "bfloat16" ? low!.seconds : base) ? "int8" : head;
  return { precision, head, reason: reasons.join("; ") };
}

/** The mean over tokens of the cosine between two encoders' tokens, [B, N, D] each. */
export function meanCosine(a: tf.Tensor3D, b: tf.Tensor3D): number {
  return tf.tidy(() => {
    const dot = tf.sum(tf.mul(a, b), -1); // [B, N]
    const lengths = tf.mul(tf.norm(a, 2, -1), tf.norm(b, 2, -1)); // [B, N]
    return tf.mean(tf.div(dot, lengths)).dataSync()[0];
  });
}

/** Four images of smooth shading and noise, as CLIP-normalised pixels. */
function calibrationPixels({ config: { imageSize: S } }: Clip): tf.Tensor4D {
  return tf.tidy(() => {
    const smooth = tf.image.resizeBilinear(
      tf.randomUniform(
        [4, 8, 8, 3],
        -1.5,
        1.5,
        "float32",
        seedFrom(0, "shading") & 0x7fffffff,
      ) as tf.Tensor4D,
      [S, S],
    );
    return tf.add(smooth, tf.randomNormal([4, S, S, 3], 0, 0.1, "float32", 1)) as tf.Tensor4D; // [4, S, S, 3]
  });
}

async function secondsOf(compiled: CompiledClip, pixels: tf.Tensor4D, signal?: AbortSignal): Promise<number> {
  return await bestSeconds(async () => (await compiled.tokens(pixels)).dispose(), { signal });
}
