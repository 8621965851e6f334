/**
 * What an encoder's matrix products are computed in here: chosen by measurement, once for each encoder and machine.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { onnxRuntime } from "../../backend/onnx/runtime.ts";
import { isOnGpu, isTensorFlow } from "../../backend/raw.ts";
import { takeBreath } from "../../base/breath.ts";
import { reasonOf } from "../../base/errors.ts";
import {
  gainOf,
  isUndecided,
  measuredOnce,
  type Rounds,
  roundsSchema,
  secondsInTurns,
} from "../../backend/measure.ts";
import { seedFrom } from "../../base/random.ts";
import type { CompiledTower, EncoderPrecision, Precision, Tower } from "./encoder.ts";

/** What `choosePrecision()` found. */
export type PrecisionChoice = {
  /** The encoder's. */
  readonly precision: EncoderPrecision;
  /** The head's, in training: never int8. */
  readonly head: Precision;
  /** Why, in words for a reader, with the numbers that decided. */
  readonly reason: string;
  /** By precision, what each round of the measurement took. */
  readonly seconds?: Rounds;
};

const choiceSchema: z.ZodType<PrecisionChoice> = z.object({
  precision: z.enum(["float32", "bfloat16", "int8"]),
  head: z.enum(["float32", "bfloat16"]),
  reason: z.string(),
  seconds: roundsSchema,
});

/** Least mean cosine between a token in a lower precision and in float32. */
const LEAST_COSINE = 0.999;

/** How much faster a lower precision must be than the one above it, in three rounds of four. */
const LEAST_GAIN = 1.1;

/**
 * The fastest precision on this machine whose tokens agree with float32's on a batch of made-up images (mean cosine at
 * least 0.999), int8 for the encoder alone; a lower one only where it is faster beyond the spread of the rounds. The answer is
 * kept in the cache.
 *
 * @example
 * ```ts
 * import { choosePrecision, encoders, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend({ backend: "wasm" }); // which leaves nothing to measure
 * const tower = await encoders.demo.bind({ settings: { activation: "quickgelu", attendAcross: "tokens" } });
 * const { precision, reason } = await choosePrecision(tower);
 * assertEquals([precision, reason], ["float32", "WebAssembly has float32 alone"]);
 * tower.close();
 * ```
 */
export async function choosePrecision(
  tower: Pick<Tower, "input" | "digestIn" | "compile">,
  options: { readonly folder?: string; readonly signal?: AbortSignal } = {},
): Promise<PrecisionChoice> {
  if (!isTensorFlow()) {
    const engine = onnxRuntime() ? "onnxruntime" : "WebAssembly";
    return { precision: "float32", head: "float32", reason: `${engine} has float32 alone` };
  }
  return await measuredOnce(() => measure(tower, options), {
    about: ["precision", VERSION, tower.digestIn("int8")],
    schema: choiceSchema,
    folder: options.folder,
  });
}

/** Changes when the way of choosing does, and when one of the precisions gets faster. */
const VERSION = 5;

async function measure(
  tower: Pick<Tower, "input" | "compile">,
  { signal }: { readonly signal?: AbortSignal },
): Promise<PrecisionChoice> {
  const pixels = calibrationPixels(tower);
  const compiled = new Map<EncoderPrecision, CompiledTower>();
  const cosines = new Map<EncoderPrecision, number>();
  const missing: string[] = [];
  try {
    const full = await tower.compile("float32");
    compiled.set("float32", full);
    const exact = await full.tokens(pixels);
    // On a GPU there is no int8: it computes on the CPU.
    for (const precision of isOnGpu() ? ["bfloat16"] as const : ["bfloat16", "int8"] as const) {
      await takeBreath(signal);
      try {
        compiled.set(precision, await tower.compile(precision));
      } catch (error) {
        missing.push(`${precision} is not to be had here: ${reasonOf(error)}`);
        continue;
      }
      const tokens = await compiled.get(precision)!.tokens(pixels); // which also makes it ready
      cosines.set(precision, meanCosine(tokens, exact));
      tokens.dispose();
    }
    exact.dispose();
    const bodies = Object.fromEntries([...compiled].map(([precision, each]) => [
      precision,
      async () => tf.dispose(await each.tokens(pixels)),
    ]));
    const seconds = await secondsInTurns(bodies, {
      signal,
      undecided: (rounds) => {
        const { head } = precisionFrom(rounds, cosines);
        return [["float32", "bfloat16"], [head, "int8"]].some(([above, precision]) =>
          rounds[precision] !== undefined && isUndecided(gainOf(rounds[above], rounds[precision]), LEAST_GAIN)
        );
      },
    });
    return {
      ...precisionFrom(seconds, cosines),
      reason: [reasonFrom(seconds, cosines), ...missing].join("; "),
      seconds,
    };
  } finally {
    for (const each of compiled.values()) each.dispose();
    pixels.dispose();
  }
}

/**
 * The choice that a measurement leads to: bfloat16 where it is faster than float32, int8 where it is faster than that.
 *
 * @param seconds of each round, by precision; float32 among them
 * @param cosines the mean cosine of its tokens with float32's, by lower precision
 */
export function precisionFrom(
  seconds: Rounds,
  cosines: ReadonlyMap<EncoderPrecision, number>,
): Pick<PrecisionChoice, "precision" | "head"> {
  const isWorth = (precision: EncoderPrecision, above: EncoderPrecision) =>
    seconds[precision] !== undefined && (cosines.get(precision) ?? 0) >= LEAST_COSINE &&
    gainOf(seconds[above], seconds[precision]).lowerQuartile > LEAST_GAIN;
  const head = isWorth("bfloat16", "float32") ? "bfloat16" : "float32";
  return { head, precision: isWorth("int8", head) ? "int8" : head };
}

function reasonFrom(seconds: Rounds, cosines: ReadonlyMap<EncoderPrecision, number>): string {
  return [...cosines].map(([precision, cosine]) => {
    const { median, lowerQuartile, upperQuartile } = gainOf(seconds.float32, seconds[precision]);
    const spread = `quartiles ${lowerQuartile.toFixed(2)} to ${upperQuartile.toFixed(2)}`;
    return `${precision} is ${
      median.toFixed(1)
    } times as fast as float32 here (${spread}), its tokens' mean cosine with float32's is ${
      cosine.toFixed(5)
    }`;
  }).join("; ");
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
function calibrationPixels({ input: { size: S } }: Pick<Tower, "input">): tf.Tensor4D {
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
