/**
 * Configuration → the frozen image encoder that a run uses.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { takeBreath } from "../../base/breath.ts";
import type { TaskOptions } from "../../base/task.ts";
import { tokenFolder } from "../../base/cache.ts";
import { isDemo, type RunConfig } from "../../runs/config.ts";
import { reasonOf } from "../../base/errors.ts";
import { bindClip, type Clip, clipModels, encodeTokens, randomClip, tokenCount, toPixels } from "./clip.ts";
import { type CompiledClip, encoderDigest, type EncoderPrecision, type Precision } from "./clip_graph.ts";
import { demoEncoder } from "./demo.ts";
import { clipWeights } from "../../weights/download.ts";
import { openTokenCache, type TokenCache } from "./token_cache.ts";
import { withoutPrefix } from "../../weights/prefix.ts";
import type { Rounds } from "../../backend/measure.ts";
import { dispose } from "../../backend/tensors.ts";
import { loadStateDict, type StateDict } from "../../weights/load.ts";
import { checkWhole } from "../detectors/export.ts";
import { compileAs, type EncoderUse, precisionsOf } from "./precisions.ts";

/** A frozen encoder and what a report says of it. */
export type Encoder = {
  readonly clip: Clip;
  /** For example `CLIP ViT-B-16`. */
  readonly name: string;
  /** The file of its weights, if they are from one. */
  readonly file?: string;
  /** What a reader must know before believing a number. */
  readonly warning?: string;
  /** Whether it is the built-in one, whose numbers are to differ little between machines. */
  readonly isBuiltIn?: boolean;
};

/** An encoder made fast: compiled, and with its tokens on disk where they are a function of the image alone. */
export type ReadyEncoder = Encoder & {
  /** What its matrix products are computed in. */
  readonly precision: EncoderPrecision;
  /** What the head's are computed in, in training. */
  readonly headPrecision: Precision;
  /** Why, where a measurement chose. */
  readonly reason?: string;
  /** What a measurement has against the precision that was asked for. */
  readonly doubt?: string;
  /** What each round of that measurement took, by precision. */
  readonly seconds?: Rounds;
  /** What was computed in another precision than it was asked to keep, and why. */
  readonly instead?: string;
  /** Runs in place of `encodeTokens()`. */
  readonly compiled?: CompiledClip;
  readonly cache?: TokenCache;
};

/**
 * Opens the encoder that `config` names, compiled and with its token cache; free it with `closeEncoder()`.
 *
 * @throws as `bindEncoder()` does
 */
export async function openEncoder(
  config: RunConfig,
  options: TaskOptions & EncoderUse & { readonly checkpoint?: StateDict } = {},
): Promise<ReadyEncoder> {
  const encoder = await bindEncoder(config, options);
  try {
    return await readyEncoder(encoder, { config, ...options });
  } catch (error) {
    dispose(encoder.clip);
    throw error;
  }
}

/** Compiles an encoder and opens its token cache, as `config` says; free it with `closeEncoder()`. */
export async function readyEncoder(
  encoder: Encoder,
  options: Pick<TaskOptions, "report" | "signal"> & EncoderUse & { readonly config: RunConfig },
): Promise<ReadyEncoder> {
  const { config, report, signal } = options;
  const { clip } = encoder;
  await takeBreath(signal); // weights may have been seconds in the making
  const { wanted, head, reason, seconds, doubt, canChange } = await precisionsOf(encoder, options);
  if (reason !== undefined) report?.({ type: "note", message: `Precision: ${reason}` });
  await takeBreath(signal);
  const { compiled, headPrecision, instead } = await compileAs(clip, { wanted, head, canChange });
  const { precision } = compiled;
  const warning = [encoder.warning, doubt, instead].filter((text) => text !== undefined).join(" ") ||
    undefined;
  const chosen = { precision, headPrecision, reason, doubt, seconds, instead };
  const ready: ReadyEncoder = { ...encoder, ...chosen, warning, compiled };
  const ofImage = clip.config.attendAcross === "tokens"; // else an image's tokens depend on its batch
  if (!ofImage || !config.cache) return ready;
  const cache = await openTokenCache(config.cacheFolder ?? tokenFolder(), {
    encoder: encoderDigest(clip, precision),
    shape: [tokenCount(clip.config), clip.config.width],
    limit: config.cacheLimit * 1e9,
    onNote: (message) => report?.({ type: "note", message }),
  });
  return { ...ready, cache };
}

/** What the report says of an encoder: its name and precision. */
export function describeEncoder({ name, precision }: ReadyEncoder): string {
  return `${name}, ${precision}`;
}

/** That the encoder is the built-in one beside data that is not the demo's; a report shows it as a banner. */
const NOT_CLIP =
  "NOT CLIP: the built-in demo encoder makes the tokens, and its numbers say nothing about CLIP.";

/** What a reader must know of an encoder before believing a number, beside demo data or others. */
export function encoderWarning(encoder: Encoder, options: { readonly demo: boolean }): string | undefined {
  const { warning, isBuiltIn } = encoder;
  if (!isBuiltIn || options.demo || warning?.startsWith("NOT CLIP")) return warning;
  return [NOT_CLIP, warning].filter((text) => text !== undefined).join(" ");
}

/** The tokens of images encoded as one batch, [B, N, D], neither compiled nor kept; the caller disposes them. */
export function encodeImages({ clip }: Encoder, images: readonly Uint8Array[]): tf.Tensor3D {
  return tf.tidy(() => encodeTokens(clip, toPixels(images, clip.config.imageSize)));
}

/** Frees an encoder. */
export function closeEncoder(encoder: ReadyEncoder): void {
  encoder.compiled?.dispose();
  dispose(encoder.clip);
}

/**
 * Binds the encoder that `config` names: the demo one for the demo data, CLIP from a file or downloaded once, or CLIP's
 * shape with random weights. The caller frees `clip` with `dispose()`.
 *
 * A whole ForgeLens `checkpoint` brings its own CLIP. With `clip: "auto"`, your own data and no weights to be had, it is the demo encoder with a warning.
 *
 * @throws when the named weights cannot be had, with the file to fetch and where to put it.
 */
export async function bindEncoder(
  config: RunConfig,
  options: TaskOptions & { readonly checkpoint?: StateDict } = {},
): Promise<Encoder> {
  const { activation, attendAcross } = config;
  const own = [...withoutPrefix(options.checkpoint ?? new Map())].filter(([key]) =>
    key.startsWith("extractor.clip.")
  );
  if (own.length > 0) {
    // The file does not say it, and the two presets differ.
    const message =
      `CLIP from the checkpoint runs with ${activation} and attention across the ${attendAcross}; weights that the reference notebook trained want --preset reference`;
    options.report?.({ type: "note", message });
    return { clip: bindClip(new Map(own), { activation, attendAcross }), name: "CLIP from the checkpoint" };
  }
  const builtIn = (warning?: string): Encoder => {
    const { dict, config: { heads } } = demoEncoder();
    return {
      clip: bindClip(dict, { activation, attendAcross, heads }),
      name: "demo encoder (spectral, not CLIP)",
      warning,
      isBuiltIn: true,
    };
  };
  const chosen = config.clip === "auto" || config.clip === "demo" ? "ViT-B-16" : config.clip;
  if (config.randomClip) {
    return {
      clip: bindClip(randomClip(clipModels[chosen], 0), { activation, attendAcross }),
      name: `${chosen} with random weights`,
      warning: `The encoder is ${chosen} with random weights: timings are real, scores mean nothing.`,
    };
  }
  const wantsClip = config.clip !== "auto" || config.clipWeights !== undefined || !isDemo(config);
  if (config.clip === "demo" || !wantsClip) return builtIn();
  try {
    const path = await clipWeights({
      model: chosen,
      path: config.clipWeights,
      signal: options.signal,
      onProgress: (done, total) => {
        const task = `Downloading CLIP ${chosen}`;
        if (total !== undefined) options.report?.({ type: "progress", task, unit: "bytes", done, total });
      },
    });
    options.report?.({ type: "note", message: `Loading CLIP from ${path}` });
    const dict = await loadStateDict(path);
    if (config.exportFull) checkWhole(dict); // now, not after training
    const clip = bindClip(dict, { activation, attendAcross });
    return { clip, name: `CLIP ${modelName(clip)}`, file: path };
  } catch (error) {
    const mustBeClip = config.clip !== "auto" || config.clipWeights !== undefined || config.exportFull;
    if (mustBeClip || options.signal?.aborted) throw error;
    const message = error instanceof Error ? error.message : reasonOf(error);
    return builtIn(
      `${NOT_CLIP} ${message}`,
    );
  }
}

/** OpenAI's name for a tower of this shape, else the shape. */
function modelName({ config }: Clip): string {
  const keys = ["width", "layers", "patchSize"] as const;
  const known = Object.entries(clipModels).find(([, model]) =>
    keys.every((key) => model[key] === config[key])
  );
  return known?.[0] ?? `of width ${config.width}, ${config.layers} layers, patches of ${config.patchSize}`;
}
