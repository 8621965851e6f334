/**
 * Files for the Python side.
 *
 * @module
 */
import { join } from "node:path";
import type { RunConfig } from "../../runs/config.ts";
import { InputError } from "../../base/errors.ts";
import { loadStateDict, loadWeights, savePth, saveSafetensors, type StateDict } from "../../weights/load.ts";
import type { Encoder } from "../encoders/open.ts";
import { weightsPath } from "../../runs/folder/folder.ts";

// Plain numbers that OpenAI's files keep among the tensors, and open_clip's model has no place for.
const notWeights = new Set(["input_resolution", "context_length", "vocab_size"]);

/**
 * A head together with the whole of CLIP, under the names of the reference's `ForgeLens` class: `load_state_dict(strict=True)`
 * takes it.
 *
 * @throws InputError when `clip` is a vision tower alone
 */
export function wholeModel(head: StateDict, clip: StateDict): StateDict {
  checkWhole(clip);
  const whole: StateDict = new Map();
  for (const [key, value] of clip) if (!notWeights.has(key)) whole.set(`extractor.clip.${key}`, value);
  for (const [key, value] of head) whole.set(key, value);
  return whole;
}

/** Throws unless `clip` is all of CLIP. @throws InputError */
export function checkWhole(clip: StateDict): void {
  if (clip.has("token_embedding.weight") && clip.has("visual.proj")) return;
  throw new InputError(
    "Cannot export the whole model: expected all of CLIP, text tower too, but found a part of it; give OpenAI's .pt or open_clip's file with --clip-weights",
  );
}

/** Writes `model-full.safetensors` (with `--pth` also `model-full.pth`) of a trained run, of several seeds the first; resolves to its path. */
export async function exportFull(
  config: RunConfig,
  options: { readonly folder: string; readonly encoder: Encoder },
): Promise<string> {
  const { folder, encoder } = options;
  if (encoder.file === undefined) {
    throw new InputError(
      "Cannot export the whole model: expected CLIP's weights from a file; give --clip-weights FILE",
    );
  }
  const { tensors, metadata } = await loadWeights(weightsPath(folder, 0));
  const whole = wholeModel(tensors, await loadStateDict(encoder.file));
  const path = join(folder, "model-full.safetensors");
  await saveSafetensors(path, whole, { metadata, checksum: true });
  if (config.pth) await savePth(join(folder, "model-full.pth"), whole);
  return path;
}
