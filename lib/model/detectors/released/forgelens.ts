/**
 * ForgeLens: Chen et al., ICCV 2025, arXiv 2408.13697; the names are those of its repository's models/network, in the
 * `model_state_dict` of what its training saves.
 *
 * @module
 */
import { InputError } from "../../../base/errors.ts";
import { clipSizes } from "../../encoders/clip_weights.ts";
import type { StateDict } from "../../../weights/state.ts";
import type { ReleasedKind } from "./released.ts";

/** The vision tower within each stage's names. */
const towers = { 1: "backbone.visual.", 2: "backbone.backbone.visual." } as const;
const modules = /^transformer\.WSGM_modules\.\d+\.down\.weight$/;

/** The stage whose names a file has; undefined where they are others. */
function stageOf(dict: StateDict): 1 | 2 | undefined {
  const has = (stage: 1 | 2) =>
    [...dict.keys()].some((key) =>
      key.startsWith(towers[stage]) && modules.test(key.slice(towers[stage].length))
    );
  if (!dict.has("fc.1.weight")) return undefined;
  return has(2) && dict.has("cls_token") ? 2 : has(1) ? 1 : undefined;
}

/** CLIP with guidance modules (stage 1), and a transformer over its class tokens (stage 2). */
export const forgeLens: ReleasedKind = {
  isOne: (dict) => stageOf(dict) !== undefined,
  translate(dict, { path }) {
    const stage = stageOf(dict)!;
    const visual: StateDict = new Map(
      [...dict].filter(([key]) => key.startsWith(towers[stage])).map(([key, value]) => [
        key.slice(towers[stage].length),
        value,
      ]),
    );
    const { embedDim } = clipSizes(visual);
    const dim = dict.get("fc.1.weight")!.shape[1];
    if (dim !== embedDim) {
      throw new InputError(
        `Cannot run ${path}: expected ForgeLens's last layer to take CLIP's embedding of width ${embedDim} but found ${dim}`,
      );
    }
    return {
      title: "ForgeLens",
      kind: stage === 1 ? "forgelens-stage1" : "forgelens",
      dict,
      sizes: { dim },
      settings: stage === 2 ? { faformerHeads: 2 } : {},
      clip: "ViT-L-14",
      hasTower: true,
      activation: "quickgelu",
      size: 224,
      fit: "crop",
      prior: 0.5,
      notes: [
        "ForgeLens as its authors released it: trained on ProGAN images of things, or for GenImage on Stable Diffusion's, not on faces.",
        "Images are cut at their centre and not resized, and tiled where a side is too short, as ForgeLens's own evaluation does.",
        ...(stage === 2
          ? ["Its file does not say how many heads FAFormer has: two, as in all of its published settings."]
          : []),
      ],
    };
  },
};
