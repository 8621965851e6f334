/**
 * Files for the Python side.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { loadStateDict, loadWeights } from "../../weights/load.ts";
import { savePth } from "../../weights/pth.ts";
import { saveSafetensors } from "../../weights/safetensors.ts";
import type { StateDict } from "../../weights/state.ts";

// Plain numbers that OpenAI's files keep among the tensors, and open_clip's model has no place for.
const notWeights = new Set(["input_resolution", "context_length", "vocab_size"]);

/**
 * A head together with the whole of CLIP, under the names of the reference's `ForgeLens` class: `load_state_dict(strict=True)`
 * takes it.
 *
 * @throws {InputError} when `clip` is a vision tower alone
 */
export function wholeModel(head: StateDict, clip: StateDict): StateDict {
  checkWhole(clip);
  const whole: StateDict = new Map();
  for (const [key, value] of clip) if (!notWeights.has(key)) whole.set(`extractor.clip.${key}`, value);
  for (const [key, value] of head) whole.set(key, value);
  return whole;
}

/**
 * Refuses weights that are not all of CLIP.
 *
 * @throws {InputError} when a part is missing
 */
export function checkWhole(clip: StateDict): void {
  if (clip.has("token_embedding.weight") && clip.has("visual.proj")) return;
  throw new InputError(
    "Cannot export the whole model: expected all of CLIP, text tower too, but found a part of it; give OpenAI's .pt or open_clip's file with --clip-weights",
  );
}

/**
 * Writes `model-full.safetensors` of a detector's file of weights, with what that says of itself; resolves to its path.
 *
 * @param weights the detector's `.safetensors`
 * @param options.folder where to
 * @param options.clip the file of CLIP's weights
 * @param options.pth also writes `model-full.pth`
 * @throws {InputError} when CLIP's weights are from no file, or not all of CLIP's
 */
export async function exportFull(
  weights: string,
  options: { readonly folder: string; readonly clip: string | undefined; readonly pth: boolean },
): Promise<string> {
  const { folder, clip, pth } = options;
  if (clip === undefined) {
    throw new InputError(
      "Cannot export the whole model: expected CLIP's weights from a file; give --clip-weights FILE",
    );
  }
  const { tensors, metadata } = await loadWeights(weights);
  const whole = wholeModel(tensors, await loadStateDict(clip));
  const path = join(folder, "model-full.safetensors");
  await saveSafetensors(path, whole, { metadata, checksum: true });
  if (pth) await savePth(join(folder, "model-full.pth"), whole);
  return path;
}
