/**
 * UniversalFakeDetect's linear layer (UnivFD): Ojha et al., "Towards Universal Fake Image Detectors that Generalize Across
 * Generative Models", CVPR 2023; its repository's `pretrained_weights/fc_weights.pth` holds `weight` [1, 768] and `bias` [1].
 *
 * @module
 */
import { checkState, type StateTensor } from "../../../weights/state.ts";
import type { ReleasedKind } from "./released.ts";

/** Width of ViT-L/14's embedding. */
const E = 768;

/** A linear probe on the embedding of OpenAI's ViT-L/14, which is not normalised. */
export const univFd: ReleasedKind = {
  isOne: (dict) => dict.size === 2 && `${dict.get("weight")?.shape}` === `1,${E}` && dict.has("bias"),
  translate(dict) {
    checkState(dict, new Map([["weight", [1, E]], ["bias", [1]]]), { what: "UnivFD's linear layer" });
    return {
      title: "UnivFD",
      kind: "linear-probe",
      dict: new Map([
        ["head.weight", belowZeros(dict.get("weight")!)],
        ["head.bias", belowZeros(dict.get("bias")!)],
      ]),
      sizes: { dim: E },
      settings: { tap: "embedding" },
      clip: "ViT-L-14",
      hasTower: false,
      activation: "quickgelu",
      size: 224,
      fit: "pad",
      prior: 0.5,
      notes: [
        "UnivFD as its authors released it: trained on ProGAN images of 20 classes of things, not on faces; its file is the linear layer alone, and the encoder is OpenAI's CLIP ViT-L-14.",
        "Images are cut at their centre and not resized, as UnivFD's own evaluation does.",
      ],
    };
  },
};

/** A row of zeros above: the softmax of (0, z) is the sigmoid of z. */
function belowZeros({ shape: [, ...rest], data }: StateTensor): StateTensor {
  const both = new Float32Array(2 * data.length);
  both.set(data as Float32Array, data.length);
  return { dtype: "float32", shape: [2, ...rest], data: both };
}
