/**
 * The published ForgeLens: WSGM inside CLIP's encoder (stage 1), FAFormer over its class tokens (stage 2). Its model, for inference.
 *
 * Chen et al., "ForgeLens: Data-Efficient Forgery Focus for Generalizable Forgery Image Detection", ICCV 2025,
 * arXiv 2408.13697; names and order of operations are the official checkpoint's. It is trained on whole ProGAN images, not
 * on faces. Shapes: B batch, S image size, N tokens, D width, E embedding width, L layers.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { tensorsOf } from "../../../backend/tensors.ts";
import { InputError } from "../../../base/errors.ts";
import type { StateDict } from "../../../weights/state.ts";
import { type Clip, encodeClsTokens } from "../../encoders/clip.ts";
import { type Linear, linear, type Norm } from "../../layers.ts";
import { type FaformerBlock, faformerLogit, faformerOf } from "./faformer.ts";
import { bindGuided, publishedParts } from "./layout.ts";

/** The published model with its weights on the tensor backend; free it with `dispose()`. */
export type PaperModel = {
  /** With its guidance modules. */
  readonly clip: Clip;
  readonly faformerHeads: number;
  /** Stage 1's classifier on the embedding. */
  readonly stage1: Linear;
  readonly faformer: readonly FaformerBlock[];
  /** FAFormer's own class token, [E]. */
  readonly clsToken: tf.Tensor1D;
  readonly lnPost: Norm;
  /** Stage 2's classifier on FAFormer's class token. */
  readonly stage2: Linear;
};

/**
 * Binds the official stage-2 checkpoint (its `model_state_dict`), which holds stage 1 too.
 *
 * A guidance module stands in it once under `transformer.WSGM_modules` and again under every block that shares it; the
 * copies must be equal. CLIP's text tower is ignored.
 *
 * @param options.heads attention heads of CLIP; 16 in ViT-L/14
 * @param options.wsgmCount guidance modules, shared by neighbouring blocks; 4, 8 or 12 in the official settings
 * @param options.faformerHeads attention heads of FAFormer; 2 in the official settings
 * @throws {InputError} naming every missing, unexpected and misshaped key at once, or every copy that differs
 *
 * @example
 * ```ts
 * import { InputError } from "@forgelens/bench";
 * import { bindPaper, randomClip } from "@forgelens/bench/model";
 * import { assertThrows } from "@std/assert";
 *
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const dict = randomClip(sizes, 0); // and not the official file
 * const options = { heads: 1, wsgmCount: 1, faformerHeads: 2 };
 * assertThrows(() => bindPaper(dict, options), InputError, "Cannot bind the published ForgeLens");
 * ```
 */
export function bindPaper(
  all: StateDict,
  options: { readonly heads: number; readonly wsgmCount: number; readonly faformerHeads: number },
): PaperModel {
  const { heads, wsgmCount, faformerHeads } = options;
  if (!Number.isInteger(wsgmCount) || wsgmCount < 1) {
    throw new InputError(
      `Cannot bind the published ForgeLens: expected a wsgmCount of 1 or more but found ${wsgmCount}`,
    );
  }
  const parts = publishedParts(all, { stage: 2, wsgmCount });
  checkHeads(parts.stage2, faformerHeads);
  const clip = bindGuided(parts, { activation: "quickgelu", heads });
  const stage1 = tensorsOf(parts.stage1);
  stage1.get("ln_post.weight")!.dispose();
  stage1.get("ln_post.bias")!.dispose();
  const { blocks, clsToken, lnPost, classifier } = faformerOf(tensorsOf(parts.stage2), faformerHeads);
  return {
    clip,
    faformerHeads,
    stage1: {
      weight: stage1.get("fc.1.weight") as tf.Tensor2D,
      bias: stage1.get("fc.1.bias") as tf.Tensor1D,
    },
    faformer: blocks,
    clsToken,
    lnPost,
    stage2: classifier,
  };
}

/** @throws {InputError} unless FAFormer's heads divide its width. */
export function checkHeads(stage2: StateDict, faformerHeads: number): void {
  const [width] = stage2.get("cls_token")!.shape;
  if (Number.isInteger(width / faformerHeads)) return;
  throw new InputError(
    `Cannot bind the published ForgeLens: expected a width that ${faformerHeads} heads of FAFormer divide but found ${width}`,
  );
}

/**
 * The logit of fake: pixels [B, S, S, 3] → [B, 1]. Stage 1 classifies CLIP's guided embedding, stage 2 what FAFormer makes
 * of the class tokens of all layers; the probability is its sigmoid.
 *
 * @example
 * ```ts
 * import { bindClip, dispose, initBackend, randomClip } from "@forgelens/bench/model";
 * import { paperLogit, type PaperModel } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 1, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const { config, params } = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
 * const linear = (out: number, width: number) => ({
 *   weight: tf.zeros<tf.Rank.R2>([out, width]),
 *   bias: tf.zeros<tf.Rank.R1>([out]),
 * });
 * const guidance = [{ down: linear(16, 64), middle: linear(16, 16), up: linear(64, 16) }];
 * const clip = { config, params: { ...params, guidance } };
 * const heads = { stage1: linear(1, 8), stage2: linear(1, 8), faformer: [], faformerHeads: 2 };
 * const [clsToken, bias] = [tf.zeros<tf.Rank.R1>([8]), tf.zeros<tf.Rank.R1>([8])];
 * const lnPost = { weight: tf.ones<tf.Rank.R1>([8]), bias };
 * const model: PaperModel = { clip, ...heads, clsToken, lnPost }; // else of bindPaper()
 * const logit = paperLogit(model, tf.zeros([2, 32, 32, 3]), { stage: 2 });
 * assertEquals(logit.arraySync(), [[0], [0]]);
 * dispose([model, logit]);
 * ```
 */
export function paperLogit(
  model: PaperModel,
  pixels: tf.Tensor4D,
  options: { readonly stage: 1 | 2 },
): tf.Tensor2D {
  return tf.tidy(() => {
    const clsTokens = paperClsTokens(model, pixels); // [B, L, E]
    const [B, L, E] = clsTokens.shape;
    if (options.stage === 1) {
      const embedding = tf.reshape(tf.slice(clsTokens, [0, L - 1, 0], [-1, 1, -1]), [B, E]) as tf.Tensor2D; // [B, E]
      return linear(model.stage1, embedding); // [B, 1]
    }
    const { faformerHeads: heads, faformer: blocks, clsToken, lnPost, stage2: classifier } = model;
    return faformerLogit({ heads, blocks, clsToken, lnPost, classifier }, clsTokens);
  });
}

/**
 * The class token after each layer, normalised and projected: pixels [B, S, S, 3] → [B, L, E]; the last is the embedding.
 *
 * @example
 * ```ts
 * import { bindClip, dispose, initBackend, randomClip } from "@forgelens/bench/model";
 * import { paperClsTokens, type PaperModel } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 1, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const { config, params } = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
 * const linear = (out: number, width: number) => ({
 *   weight: tf.zeros<tf.Rank.R2>([out, width]),
 *   bias: tf.zeros<tf.Rank.R1>([out]),
 * });
 * const guidance = [{ down: linear(16, 64), middle: linear(16, 16), up: linear(64, 16) }];
 * const clip = { config, params: { ...params, guidance } };
 * const heads = { stage1: linear(1, 8), stage2: linear(1, 8), faformer: [], faformerHeads: 2 };
 * const [clsToken, bias] = [tf.zeros<tf.Rank.R1>([8]), tf.zeros<tf.Rank.R1>([8])];
 * const lnPost = { weight: tf.ones<tf.Rank.R1>([8]), bias };
 * const model: PaperModel = { clip, ...heads, clsToken, lnPost }; // else of bindPaper()
 * const clsTokens = paperClsTokens(model, tf.zeros([2, 32, 32, 3]));
 * assertEquals(clsTokens.shape, [2, 1, 8]);
 * dispose([model, clsTokens]);
 * ```
 */
export function paperClsTokens(model: Pick<PaperModel, "clip">, pixels: tf.Tensor4D): tf.Tensor3D {
  return tf.tidy(() => {
    const clsTokens = encodeClsTokens(model.clip, pixels); // [B, L, D]
    const [B, L, D] = clsTokens.shape;
    const rows = tf.reshape(clsTokens, [-1, D]) as tf.Tensor2D; // [B·L, D]
    return tf.reshape(tf.matMul(rows, model.clip.params.proj), [B, L, -1]) as tf.Tensor3D; // [B, L, E]
  });
}
