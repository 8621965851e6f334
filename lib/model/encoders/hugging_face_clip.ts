/**
 * CLIP ViT-B/16 as Hugging Face distributes it, under the names of its transformers library.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { exists } from "../../base/files.ts";
import { isHuggingFace } from "../../weights/hugging_face.ts";
import { loadStateDict } from "../../weights/load.ts";
import { checkActivation } from "./activation.ts";
import { bindClip } from "./clip_weights.ts";
import { checkModel, clipTower, modelName, randomTower } from "./clip_tower.ts";
import type { EncoderKind } from "./encoder.ts";

const REPOSITORY = "openai/clip-vit-base-patch16";
const kind = "hf-clip-vit-base-patch16";

/** ViT-B/16 from Hugging Face's own cache, or a file of theirs. */
export const huggingFaceClip: EncoderKind = {
  about: `CLIP ViT-B/16 from Hugging Face's cache (${REPOSITORY})`,
  async bind({ settings, file, random, isNamed, check, report }) {
    if (random) return randomTower("ViT-B-16", { kind, settings });
    const path = file ?? await cachedFile();
    report?.({ type: "note", message: `Loading CLIP from ${path}` });
    const dict = await loadStateDict(path);
    if (!isHuggingFace(dict)) {
      throw new InputError(
        `Cannot load ${path}: expected CLIP under Hugging Face's names (vision_model.…) but found others; open OpenAI's and open_clip's files with --clip ViT-B-16`,
      );
    }
    await checkActivation(path, settings);
    check?.(dict);
    const clip = bindClip(dict, settings);
    if (isNamed) checkModel(clip, { name: "ViT-B-16", path });
    return clipTower(clip, { kind, name: `CLIP ${modelName(clip)} (Hugging Face)`, file: path });
  },
};

/** The weights in the cache of Hugging Face's hub, at the revision that its `main` names. */
async function cachedFile(): Promise<string> {
  const home = Deno.env.get("HF_HOME") ?? join(Deno.env.get("HOME") ?? "", ".cache", "huggingface");
  const hub = Deno.env.get("HF_HUB_CACHE") ?? join(home, "hub");
  const folder = join(hub, `models--${REPOSITORY.replace("/", "--")}`);
  const revision = await Deno.readTextFile(join(folder, "refs", "main")).catch(() => undefined);
  const path = revision && join(folder, "snapshots", revision.trim(), "model.safetensors");
  if (path && await exists(path)) return path;
  throw new InputError(
    `Cannot load CLIP from Hugging Face: expected ${REPOSITORY} in ${folder} but found no model.safetensors of its main revision; fetch it with: hf download ${REPOSITORY} model.safetensors config.json, or name a file with --clip-weights FILE`,
  );
}
