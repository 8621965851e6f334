/**
 * CLIP's frozen vision transformer: pixels → tokens.
 *
 * Shapes: B batch, S image size, P patch size, G = S/P patches a side, N = 1 + G² tokens (class token first), D width,
 * E embedding width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import {
  type Dropout,
  type Guidance,
  layerNorm,
  type Norm,
  type ResidualBlock,
  residualBlock,
} from "../layers.ts";

/** The shape of a CLIP vision tower and how it is run. */
export type ClipConfig = {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Side of the input image in pixels. */
  readonly imageSize: number;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  readonly embedDim: number;
  /** What the MLPs use: OpenAI's weights were trained with `quickgelu`. */
  readonly activation: "quickgelu" | "gelu";
  /**
   * `tokens`: attention runs across the tokens of an image, as CLIP was trained. `batch`: across the images of a batch
   * for each token position, which is what the reference notebook computes by permuting before batch-first blocks.
   */
  readonly attendAcross: "tokens" | "batch";
};

/** N: the class token and the patches. */
export function tokenCount(config: Pick<ClipConfig, "imageSize" | "patchSize">): number {
  return 1 + (config.imageSize / config.patchSize) ** 2;
}

/** The weights of a CLIP vision tower. */
export type ClipParams = {
  readonly patchFilter: tf.Tensor4D; // [P, P, 3, D]
  readonly classEmbedding: tf.Tensor1D; // [D]
  readonly positionalEmbedding: tf.Tensor2D; // [N, D]
  readonly lnPre: Norm;
  readonly blocks: readonly ResidualBlock[];
  readonly lnPost: Norm;
  readonly proj: tf.Tensor2D; // [D, E]
  /** Of the published ForgeLens, which `guidanceOf()` deals out to the blocks. */
  readonly guidance?: readonly Guidance[];
};

/** A CLIP vision tower with its weights on the tensor backend; free it with `dispose()`. */
export type Clip = { readonly config: ClipConfig; readonly params: ClipParams };

/** CLIP's published per-channel mean of RGB in [0, 1]. */
export const clipMean = [0.48145466, 0.4578275, 0.40821073] as const;
/** CLIP's published per-channel standard deviation of RGB in [0, 1]. */
export const clipStd = [0.26862954, 0.26130258, 0.27577711] as const;

/**
 * Bytes → CLIP-normalised pixels, [B, size, size, 3] float32: torchvision's `ToTensor` and `Normalize`, channels last.
 *
 * @throws {Error} when an image is not `size × size × 3` bytes.
 *
 * @example
 * ```ts
 * import { clipMean, clipStd, initBackend, toPixels } from "@forgelens/bench/model";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const pixels = toPixels([new Uint8Array(16 * 16 * 3).fill(255)], 16); // one white image
 * assertEquals(pixels.shape, [1, 16, 16, 3]);
 * assertAlmostEquals(pixels.dataSync()[0], (1 - clipMean[0]) / clipStd[0], 1e-6);
 * pixels.dispose();
 * ```
 */
export function toPixels(images: readonly Uint8Array[], size: number): tf.Tensor4D {
  const length = size * size * 3;
  images.forEach((image, i) => {
    if (image.length !== length) {
      throw new Error(
        `Cannot make pixels of image ${i}: expected ${size}×${size}×3 = ${length} bytes but found ${image.length}`,
      );
    }
  });
  const values = new Float32Array(images.length * length);
  images.forEach((image, i) => {
    for (let j = 0, offset = i * length; j < length; j += 3, offset += 3) {
      values[offset] = byteToPixel[0][image[j]];
      values[offset + 1] = byteToPixel[1][image[j + 1]];
      values[offset + 2] = byteToPixel[2][image[j + 2]];
    }
  });
  return tf.tensor4d(values, [images.length, size, size, 3]);
}

// Divided, then normalised, each step rounded to float32 as torchvision does it.
const byteToPixel = [0, 1, 2].map((channel) =>
  Float32Array.from(
    { length: 256 },
    (_, byte) =>
      Math.fround(Math.fround(byte / 255) - Math.fround(clipMean[channel])) / Math.fround(clipStd[channel]),
  )
);

/**
 * The tokens after `ln_post`, class token first: pixels [B, S, S, 3] → [B, N, D], as the reference's
 * `CLIPFeatureExtractor`.
 *
 * @example
 * ```ts
 * import { bindClip, encodeTokens, randomClip, toPixels } from "@forgelens/bench/model";
 * import { dispose, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
 * const pixels = toPixels([new Uint8Array(32 * 32 * 3)], 32);
 * const tokens = encodeTokens(clip, pixels);
 * assertEquals(tokens.shape, [1, 1 + 2 * 2, 64]);
 * dispose([clip, pixels, tokens]);
 * ```
 */
export function encodeTokens(clip: Clip, pixels: tf.Tensor4D): tf.Tensor3D {
  return tf.tidy(() => {
    const { config, params: p } = clip;
    let x = embedPatches(clip, pixels);
    if (config.attendAcross === "batch") x = tf.transpose(x, [1, 0, 2]); // [N, B, D]
    for (let i = 0; i < p.blocks.length; i++) {
      const previous = x;
      x = runBlock(clip, previous, { block: i });
      previous.dispose();
    }
    if (config.attendAcross === "batch") x = tf.transpose(x, [1, 0, 2]); // [B, N, D]
    return layerNorm(p.lnPost, x);
  });
}

/** One block of a tower, with its guidance where it has some: [B, N, D] → [B, N, D]. */
export function runBlock(
  clip: Clip,
  x: tf.Tensor3D,
  { block, dropout }: { readonly block: number; readonly dropout?: Dropout },
): tf.Tensor3D {
  const { config: { heads, activation }, params } = clip;
  return residualBlock(params.blocks[block], x, {
    heads,
    activation,
    guidance: guidanceOf(params, block),
    dropout,
  });
}

/** The guidance module of a block: neighbouring blocks share one, and modules beyond one a block stay unused. */
export function guidanceOf({ guidance, blocks }: ClipParams, block: number): Guidance | undefined {
  if (!guidance) return undefined;
  return guidance[Math.floor((block * Math.min(guidance.length, blocks.length)) / blocks.length)];
}

/** The class token after every block, each through the last layer norm: pixels [B, S, S, 3] → [B, L, D]. */
export function encodeClsTokens(clip: Clip, pixels: tf.Tensor4D): tf.Tensor3D {
  return tf.tidy(() => {
    needTokens(clip);
    const { params: p } = clip;
    let x = embedPatches(clip, pixels); // [B, N, D]
    const clsTokens = p.blocks.map((_, block) => {
      const previous = x;
      x = runBlock(clip, previous, { block });
      previous.dispose();
      return layerNorm(p.lnPost, clsTokenOf(x)); // [B, D]
    });
    return tf.stack(clsTokens, 1) as tf.Tensor3D; // [B, L, D]
  });
}

/** What enters a block, counted from 0: pixels [B, S, S, 3] → [B, N, D]. */
export function encodeEntering(
  clip: Clip,
  pixels: tf.Tensor4D,
  { block }: { readonly block: number },
): tf.Tensor3D {
  return tf.tidy(() => {
    needTokens(clip);
    let x = embedPatches(clip, pixels); // [B, N, D]
    for (let i = 0; i < block; i++) {
      const previous = x;
      x = runBlock(clip, previous, { block: i });
      previous.dispose();
    }
    return x;
  });
}

/** In the middle of a tower, attention across the batch is left to the notebook's way through it. */
function needTokens({ config }: Clip): void {
  if (config.attendAcross === "tokens") return;
  throw new Error(
    "Cannot take features inside the encoder: expected attention across the tokens but found it across the batch",
  );
}

/** What enters the first block: embedded patches behind the class token, with positions, normalised; [B, N, D]. */
export function embedPatches({ config, params: p }: Clip, pixels: tf.Tensor4D): tf.Tensor3D {
  return tf.tidy(() => {
    const B = pixels.shape[0];
    const patches = tf.conv2d(pixels, p.patchFilter, config.patchSize, "valid"); // [B, G, G, D]
    const flat = tf.reshape(patches, [B, -1, config.width]); // [B, G², D]
    const clsToken = tf.tile(tf.reshape(p.classEmbedding, [1, 1, config.width]), [B, 1, 1]); // [B, 1, D]
    const embedded = tf.add(tf.concat([clsToken, flat], 1), p.positionalEmbedding); // [B, N, D]
    return layerNorm(p.lnPre, embedded) as tf.Tensor3D;
  });
}

/**
 * CLIP's image embedding: the projected class token, pixels [B, S, S, 3] → [B, E], not normalised.
 *
 * @throws {Error} when the weights have no projection.
 *
 * @example
 * ```ts
 * import { bindClip, dispose, embed, initBackend, randomClip, toPixels } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
 * const pixels = toPixels([new Uint8Array(32 * 32 * 3)], 32);
 * const embedding = embed(clip, pixels);
 * assertEquals(embedding.shape, [1, 8]);
 * dispose([clip, pixels, embedding]);
 * ```
 */
export function embed(clip: Clip, pixels: tf.Tensor4D): tf.Tensor2D {
  needProjection(clip);
  return tf.tidy(() => projectClsToken(clip, clsTokenOf(encodeTokens(clip, pixels))));
}

/** The class token of each image: tokens [B, N, D] → [B, D]. */
export function clsTokenOf(tokens: tf.Tensor3D): tf.Tensor2D {
  return tf.tidy(() =>
    tf.reshape(tf.slice(tokens, [0, 0, 0], [-1, 1, -1]), [-1, tokens.shape[2]]) as tf.Tensor2D
  );
}

/**
 * Class tokens [B, D] → CLIP's image embeddings [B, E], not normalised.
 *
 * @throws {Error} when the weights have no projection
 */
export function projectClsToken(clip: Clip, clsToken: tf.Tensor2D): tf.Tensor2D {
  needProjection(clip);
  return tf.matMul(clsToken, clip.params.proj); // [B, E]
}

function needProjection({ config }: Clip): void {
  if (config.embedDim > 0) return;
  throw new Error(
    "Cannot embed: expected weights with a projection but found none, as in a CLIPVisionModel",
  );
}

/** Sizes of the vision towers that OpenAI published. */
export const clipModels = {
  "ViT-B-16": { width: 768, layers: 12, heads: 12, imageSize: 224, patchSize: 16, embedDim: 512 },
  "ViT-B-32": { width: 768, layers: 12, heads: 12, imageSize: 224, patchSize: 32, embedDim: 512 },
  "ViT-L-14": { width: 1024, layers: 24, heads: 16, imageSize: 224, patchSize: 14, embedDim: 768 },
  "ViT-L-14-336": { width: 1024, layers: 24, heads: 16, imageSize: 336, patchSize: 14, embedDim: 768 },
} as const;

/** The name of the published tower of that shape; undefined where there is none. */
export function modelOf(
  config: Pick<ClipConfig, "width" | "layers" | "patchSize" | "imageSize">,
): keyof typeof clipModels | undefined {
  const keys = ["width", "layers", "patchSize", "imageSize"] as const;
  const names = Object.keys(clipModels) as (keyof typeof clipModels)[];
  return names.find((name) => keys.every((key) => clipModels[name][key] === config[key]));
}
