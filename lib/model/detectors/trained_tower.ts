/**
 * A tower some of whose parameters are trained: what detectors that change theirs have in common.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { toVariable } from "../../backend/tensors.ts";
import { InputError } from "../../base/errors.ts";
import { type Blocks, type BlocksOptions, openBlocks } from "../blocks.ts";
import type { Clip } from "../encoders/clip.ts";
import { mapClip } from "../encoders/clip_state.ts";
import type { Encoder } from "../encoders/encoder.ts";
import type { TrainedTower } from "./detector.ts";

/** The setting that no file of a tower's weights says. */
export const towerHeads = z.int().min(1).optional().describe(
  "attention heads of a tower in a file of trained weights that does not say it; width / 64 unless given",
);

/**
 * An encoder's tower, for a detector that changes it; it stays the encoder's.
 *
 * @param options.cannot the beginning of the error
 * @throws {InputError} for an encoder that is no CLIP, or attends across the batch
 */
export function towerOf(
  { clip, name, settings }: Pick<Encoder, "clip" | "name" | "settings">,
  { cannot }: { readonly cannot: string },
): Clip {
  if (!clip) throw new InputError(`${cannot}: expected a CLIP as encoder but found the ${name}`);
  if (settings.attendAcross === "tokens") return clip;
  throw new InputError(
    `${cannot}: expected attention across the tokens of an image but found it across the batch; leave --attend-across out`,
  );
}

/**
 * The same tower with variables for what is trained, copies that the caller disposes; all else is the tower's own still.
 *
 * @param options.isTrained of a parameter's name, as `mapClip()` gives it
 * @param options.prefix before those names in `weights`
 */
export function withTrained(
  frozen: Clip,
  { isTrained, prefix }: { readonly isTrained: (key: string) => boolean; readonly prefix: string },
): { readonly clip: Clip; readonly weights: Map<string, tf.Variable> } {
  const weights = new Map<string, tf.Variable>();
  const clip = mapClip(frozen, (tensor, key) => {
    if (!isTrained(key)) return tensor;
    const variable = toVariable(tf.clone(tensor), { trainable: true });
    weights.set(prefix + key, variable);
    return variable as tf.Tensor as typeof tensor;
  });
  return { clip, weights };
}

/** A trained tower whose blocks run op by op until an engine has its own for them. */
export function openTrainedTower(
  clip: Clip,
  options: Required<BlocksOptions>,
): TrainedTower & Pick<Blocks, "run"> {
  const eager = openBlocks(clip, options);
  let blocks: Blocks = eager;
  return {
    clip,
    ...options,
    run: (x, i, pass) => blocks.run(x, i, pass),
    use: (others = eager) => {
      blocks = others;
    },
  };
}
