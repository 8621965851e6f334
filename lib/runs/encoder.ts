/**
 * Configuration → the frozen image encoder that a run uses.
 *
 * @module
 */
import { tokenFolder } from "../base/cache.ts";
import { reasonOf } from "../base/errors.ts";
import type { TaskOptions } from "../base/task.ts";
import { checkWhole } from "../model/detectors/export.ts";
import { detectorKind, detectorTitle } from "../model/detectors/mod.ts";
import { modelOf } from "../model/encoders/clip.ts";
import { bindClip } from "../model/encoders/clip_weights.ts";
import { clipTower, modelName } from "../model/encoders/clip_tower.ts";
import { demoName, demoTower } from "../model/encoders/demo.ts";
import { demoTowerFacts } from "../model/encoders/demo_tower.ts";
import type { Encoder, Tower } from "../model/encoders/encoder.ts";
import { encoders } from "../model/encoders/mod.ts";
import { openTower } from "../model/encoders/open.ts";
import type { EncoderUse } from "../model/encoders/precisions.ts";
import type { StateDict } from "../weights/state.ts";
import { withoutPrefix } from "../weights/prefix.ts";
import { isDemo, type RunConfig } from "./config/config.ts";
import { headUseOf } from "./head_use.ts";

/**
 * Opens the encoder that `config` names, compiled and with its features kept; the caller closes it.
 *
 * @throws {InputError} as {@link bindEncoder} does
 *
 * @example
 * ```ts
 * import { dispose, initBackend, openEncoder, resolveConfig } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const encoder = await openEncoder(resolveConfig({ clip: "demo", precision: "float32", cache: false }));
 * const features = await encoder.trunk("clsToken").features([new Uint8Array(224 * 224 * 3)]);
 * assertEquals(features.shape, [1, 192]);
 * dispose(features);
 * encoder.close();
 * ```
 */
export async function openEncoder(
  config: RunConfig,
  options: TaskOptions & EncoderUse & { readonly checkpoint?: StateDict } = {},
): Promise<Encoder> {
  const tuned = detectorKind(config.detector).tuned !== undefined;
  return await openFor(config, await bindEncoder(config, options), { ...options, tuned });
}

/** A tower as a run opens it: in its precision, with its features kept where it says; the encoder owns the tower. */
async function openFor(
  config: RunConfig,
  tower: Tower,
  options: TaskOptions & EncoderUse,
): Promise<Encoder> {
  const { precision, fit, cache, cacheFolder, cacheLimit } = config;
  const keep = {
    folder: cacheFolder ?? tokenFolder(),
    limit: cacheLimit * 1e9,
    onNote: (message: string) => options.report?.({ type: "note", message }),
  };
  const kept = { fit, keep: cache ? keep : undefined };
  const head = await headUseOf(config, { tower, use: options });
  return await openTower(tower, { ...options, ...kept, ...head, precision });
}

/**
 * The tower that a detector's training changed, of the detector's weights, in the precision of a run's encoder, or that encoder where it
 * is this tower already; the caller closes it.
 *
 * @throws {InputError} naming every missing, unexpected and misshaped key
 */
export async function openTuned(
  dict: StateDict,
  options: TaskOptions & { readonly config: RunConfig; readonly encoder: Encoder },
): Promise<Encoder> {
  const { config, encoder } = options;
  const { choice, precision } = encoder;
  const tower = tunedTower(dict, config);
  if (tower.digest === encoder.digest) { // the run's was opened from this file, and stays open
    tower.close();
    return { ...encoder, close: () => {} };
  }
  return await openFor(config, tower, { ...options, kept: { ...choice, encoder: precision }, testing: true });
}

/** @throws {Error} for a kind of detector that leaves the tower as it is */
function tunedTower(dict: StateDict, config: RunConfig): Tower {
  const { detector, clip: asked } = config;
  const clip = detectorKind(detector).tuned!.tower(dict, config);
  const facts = asked === "demo-tower"
    ? demoTowerFacts
    : asked === "demo"
    ? { name: demoName, isBuiltIn: true }
    : { name: `CLIP ${modelName(clip)}` };
  return clipTower(clip, {
    ...facts,
    kind: asked === "auto" ? modelOf(clip.config) ?? "ViT-B-16" : asked,
    name: `${facts.name}, tuned as ${detectorTitle(detector)}`,
  });
}

/** That the encoder is the built-in one beside data that is not the demo's; a report shows it as a banner. */
const NOT_CLIP =
  "NOT CLIP: the built-in demo encoder makes the tokens, and its numbers say nothing about CLIP.";

/** What a reader must know of an encoder before believing a number, beside demo data or others. */
export function encoderWarning(encoder: Tower, options: { readonly demo: boolean }): string | undefined {
  const { warning, isBuiltIn } = encoder;
  if (!isBuiltIn || options.demo || warning?.startsWith("NOT CLIP")) return warning;
  return [NOT_CLIP, warning].filter((text) => text !== undefined).join(" ");
}

/**
 * Binds the encoder that `config` names: the demo one for the demo data, one of the list with its weights from a file or
 * downloaded once, or its shape with random weights. The caller closes it.
 *
 * A whole ForgeLens `checkpoint` brings its own CLIP, and so do the weights of a detector whose training changed it. With `clip: "auto"`, your own data and no weights to be had, it is the demo encoder with a warning.
 *
 * @throws {InputError} when the named weights cannot be had, with the file to fetch and where to put it.
 */
export async function bindEncoder(
  config: RunConfig,
  options: Pick<TaskOptions, "report" | "signal"> & { readonly checkpoint?: StateDict } = {},
): Promise<Tower> {
  const { activation, attendAcross, randomClip, clipWeights } = config;
  const settings = { activation, attendAcross };
  const own = [...withoutPrefix(options.checkpoint ?? new Map())].filter(([key]) =>
    key.startsWith("extractor.clip.")
  );
  const kind = config.clip === "auto" ? "ViT-B-16" : config.clip;
  if (options.checkpoint && detectorKind(config.detector).tuned) {
    return tunedTower(options.checkpoint, config);
  }
  if (own.length > 0) {
    // The file does not say it, and the two presets differ.
    const message =
      `CLIP from the checkpoint runs with ${activation} and attention across the ${attendAcross}; weights that the reference notebook trained want --preset reference`;
    options.report?.({ type: "note", message });
    return clipTower(bindClip(new Map(own), settings), { kind, name: "CLIP from the checkpoint" });
  }
  const { report, signal } = options;
  const wantsClip = config.clip !== "auto" || clipWeights !== undefined || randomClip || !isDemo(config);
  try {
    return await encoders[wantsClip ? kind : "demo"].bind({
      ...{ settings, report, signal },
      file: clipWeights,
      isNamed: config.clip !== "auto",
      random: randomClip,
      check: config.exportFull ? checkWhole : undefined, // now, not after training
    });
  } catch (error) {
    const isNamed = config.clip !== "auto" || clipWeights !== undefined || config.exportFull;
    if (isNamed || signal?.aborted) throw error;
    const message = error instanceof Error ? error.message : reasonOf(error);
    return demoTower({ ...settings, warning: `${NOT_CLIP} ${message}` });
  }
}
