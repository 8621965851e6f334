/**
 * GenD: Yermakov et al., "Deepfake Detection that Generalizes Across Benchmarks", WACV 2026, arXiv 2508.06248; the names are those of
 * its code for Hugging Face (src/hf/modeling_gend.py), which its training checkpoints have too.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../../base/errors.ts";
import { fromHuggingFace } from "../../../weights/hugging_face.ts";
import type { StateDict } from "../../../weights/state.ts";
import { modelOf } from "../../encoders/clip.ts";
import { clipSizes } from "../../encoders/clip_weights.ts";
import type { ReleasedKind } from "./released.ts";

const EXTRACTOR = "feature_extractor.";
const TOWER = `${EXTRACTOR}vision_model.`;
const HEAD = "model.linear.";
const DINO = /^feature_extractor\.backbone\.(embeddings|encoder|layer|norm)\b/;

/** What its `config.json` says. */
const configSchema = z.looseObject({ backbone: z.string(), head: z.enum(["linear", "LinearNorm"]) });

/** CLIP whose layer norms were tuned, with a linear layer on the class token after the last of them. */
export const genD: ReleasedKind = {
  isOne: (dict) =>
    dict.has(`${HEAD}weight`) && dict.has(`${HEAD}bias`) &&
    [...dict.keys()].some((key) => key.startsWith(EXTRACTOR)),
  translate(dict, { path, config }) {
    const keys = [...dict.keys()].filter((key) => key.startsWith(EXTRACTOR));
    if (!keys.some((key) => key.startsWith(TOWER))) {
      const found = keys.some((key) => DINO.test(key)) ? "DINOv3" : "PE-Core";
      throw new InputError(
        `Cannot run ${path}: expected GenD on CLIP, whose names begin with ${TOWER}, but found GenD on another encoder, by its names ${found}, such as ${
          keys[0]
        }; its weights on CLIP ViT-L-14 (GenD_CLIP_L_14) can be run`,
      );
    }
    const { success, data } = configSchema.safeParse(config);
    // Nothing in the weights tells the two heads apart, and the scores differ.
    if (!success || !/^openai\/clip-vit-/.test(data.backbone)) {
      throw new InputError(
        `Cannot run ${path}: expected GenD's config.json beside it, with the backbone openai/clip-vit-… and the head linear or LinearNorm, but found ${
          config === undefined ? "none" : JSON.stringify(config).slice(0, 200)
        }; put the one there that was released with the weights`,
      );
    }
    const tower = fromHuggingFace(new Map(keys.map((key) => [key, dict.get(key)!])));
    const sizes = clipSizes(tower);
    const named = new Map<string, string>([["weight", "head.weight"], ["bias", "head.bias"]]);
    const head: StateDict = new Map([...named].map(([key, name]) => [name, dict.get(HEAD + key)!]));
    const imageSize = sizes.patchSize * Math.round(Math.sqrt(sizes.tokens - 1));
    return {
      title: "GenD",
      kind: "ln-tuned",
      dict: new Map([...[...tower].map(([key, value]) => [`visual.${key}`, value] as const), ...head]),
      sizes: { dim: sizes.width },
      settings: { normalise: data.head === "LinearNorm" },
      clip: modelOf({ ...sizes, imageSize }) ?? "ViT-L-14",
      hasTower: true,
      activation: "quickgelu",
      size: imageSize,
      fit: "clip",
      notes: [
        "GenD as its authors released it: trained on FaceForensics++, on faces that RetinaFace found, aligned and cropped with a margin of 1.3; other crops change its scores.",
        "Images are prepared as CLIP's own processor does: the shorter side resized, bicubic, and the centre cut out.",
      ],
    };
  },
};
