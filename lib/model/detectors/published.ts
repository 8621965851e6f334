/**
 * The published ForgeLens: WSGM inside CLIP's encoder (stage 1), FAFormer over its class tokens (stage 2). Inference only.
 *
 * Chen et al., "ForgeLens: Data-Efficient Forgery Focus for Generalizable Forgery Image Detection", ICCV 2025,
 * arXiv 2408.13697; names and order of operations are the official checkpoint's. It is trained on whole ProGAN images, not
 * on faces. Shapes: B batch, S image size, N tokens, D width, E embedding width, L layers.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../base/errors.ts";
import { bindClip, type Clip, clipShapes, clipSizes, encodeClsTokens } from "../encoders/clip.ts";
import {
  type Attention,
  attention,
  type Guidance,
  layerNorm,
  type Linear,
  linear,
  type Norm,
} from "../layers.ts";
import { withoutPrefix } from "../../weights/prefix.ts";
import { tensorsOf } from "../../backend/tensors.ts";
import { checkState, type StateDict } from "../../weights/state.ts";

/** One pre-norm block of FAFormer over [B, 1 + L, E]. */
export type FaformerBlock = {
  readonly ln1: Norm;
  readonly attn: Attention;
  readonly ln2: Norm;
  readonly hidden: Linear;
  readonly out: Linear;
};

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

const tower = "backbone.backbone.visual.";

// The official code builds all of CLIP, with guidance modules in the text tower too, and runs the vision tower alone.
const textTower =
  /^backbone\.backbone\.(transformer\.(resblocks|WSGM_modules)\.|token_embedding\.|positional_embedding$|ln_final\.|text_projection$|logit_scale$)/;

/** The number of the guidance module of a block, as `guidanceOf()` of the encoder deals them out. */
function guidanceIndex(
  block: number,
  sizes: { readonly layers: number; readonly wsgmCount: number },
): number {
  return Math.floor((block * Math.min(sizes.wsgmCount, sizes.layers)) / sizes.layers);
}

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
  const dict = withoutPrefix(all);
  const visual: StateDict = new Map();
  for (const [key, value] of dict) if (key.startsWith(tower)) visual.set(key.slice(tower.length), value);
  const sizes = clipSizes(visual);
  if (!Number.isInteger(wsgmCount) || wsgmCount < 1) {
    throw new InputError(
      `Cannot bind the published ForgeLens: expected a wsgmCount of 1 or more but found ${wsgmCount}`,
    );
  }
  checkState(dict, paperShapes(dict, { visual, wsgmCount }), {
    what: "the published ForgeLens",
    ignore: (key) => textTower.test(key),
  });
  if (!Number.isInteger(sizes.embedDim / faformerHeads)) {
    throw new InputError(
      `Cannot bind the published ForgeLens: expected a width that ${faformerHeads} heads of FAFormer divide but found ${sizes.embedDim}`,
    );
  }
  checkCopies(visual, { layers: sizes.layers, wsgmCount });
  const plain = new Map([...visual].filter(([key]) => !/WSGM_modules|wsgm_module/.test(key)));
  const clip = bindClip(plain, { activation: "quickgelu", attendAcross: "tokens", heads });
  const isGuidance = (key: string) => key.startsWith(`${tower}transformer.WSGM_modules.`);
  const isHead = (key: string) => !key.startsWith("backbone.") || key.startsWith("backbone.fc.");
  const t = tensorsOf(new Map([...dict].filter(([key]) => isGuidance(key) || isHead(key))));
  const norm = (key: string): Norm => ({
    weight: t.get(`${key}.weight`) as tf.Tensor1D,
    bias: t.get(`${key}.bias`) as tf.Tensor1D,
  });
  const layer = (key: string): Linear => ({
    weight: t.get(`${key}.weight`) as tf.Tensor2D,
    bias: t.get(`${key}.bias`) as tf.Tensor1D,
  });
  const guidance = Array.from({ length: wsgmCount }, (_, i): Guidance => {
    const prefix = `${tower}transformer.WSGM_modules.${i}`;
    return { down: layer(`${prefix}.down`), middle: layer(`${prefix}.middle`), up: layer(`${prefix}.up`) };
  });
  return {
    clip: { ...clip, params: { ...clip.params, guidance } },
    faformerHeads,
    stage1: layer("backbone.fc.1"),
    faformer: Array.from({ length: faformerDepth(dict) }, (_, i): FaformerBlock => {
      const prefix = `transformer.resblocks.${i}`;
      const inProj = {
        weight: t.get(`${prefix}.attn.in_proj_weight`) as tf.Tensor2D,
        bias: t.get(`${prefix}.attn.in_proj_bias`) as tf.Tensor1D,
      };
      return {
        ln1: norm(`${prefix}.ln_1`),
        attn: { inProj, outProj: layer(`${prefix}.attn.out_proj`) },
        ln2: norm(`${prefix}.ln_2`),
        hidden: layer(`${prefix}.mlp.0`),
        out: layer(`${prefix}.mlp.3`),
      };
    }),
    clsToken: t.get("cls_token") as tf.Tensor1D,
    lnPost: norm("ln_post"),
    stage2: layer("fc.1"),
  };
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
    const own = tf.tile(tf.reshape(model.clsToken, [1, 1, E]), [B, 1, 1]); // [B, 1, E]
    let x = tf.concat([own, clsTokens], 1) as tf.Tensor3D; // [B, 1 + L, E]
    for (const p of model.faformer) {
      x = tf.add(x, attention(p.attn, layerNorm(p.ln1, x), { heads: model.faformerHeads }));
      x = tf.add(x, linear(p.out, tf.relu(linear(p.hidden, layerNorm(p.ln2, x)))));
    }
    const first = tf.reshape(tf.slice(x, [0, 0, 0], [-1, 1, -1]), [B, E]) as tf.Tensor2D; // [B, E]
    return linear(model.stage2, layerNorm(model.lnPost, first)); // [B, 1]
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
export function paperClsTokens(model: PaperModel, pixels: tf.Tensor4D): tf.Tensor3D {
  return tf.tidy(() => {
    const clsTokens = encodeClsTokens(model.clip, pixels); // [B, L, D]
    const [B, L, D] = clsTokens.shape;
    const rows = tf.reshape(clsTokens, [-1, D]) as tf.Tensor2D; // [B·L, D]
    return tf.reshape(tf.matMul(rows, model.clip.params.proj), [B, L, -1]) as tf.Tensor3D; // [B, L, E]
  });
}

function faformerDepth(dict: StateDict): number {
  const blocks = [...dict.keys()].map((key) =>
    Number(/^transformer\.resblocks\.(\d+)\./.exec(key)?.[1] ?? -1)
  );
  return 1 + blocks.reduce((most, block) => Math.max(most, block), -1);
}

function wsgmShapes(D: number, bottleneck: number): Map<string, readonly number[]> {
  return new Map<string, readonly number[]>([
    ["down.weight", [bottleneck, D]],
    ["down.bias", [bottleneck]],
    ["middle.weight", [bottleneck, bottleneck]],
    ["middle.bias", [bottleneck]],
    ["up.weight", [D, bottleneck]],
    ["up.bias", [D]],
  ]);
}

/** Throws unless each block's own copy of a guidance module equals the one that it shares. */
function checkCopies(
  visual: StateDict,
  sizes: { readonly layers: number; readonly wsgmCount: number },
): void {
  const differing: string[] = [];
  for (let block = 0; block < sizes.layers; block++) {
    for (const key of wsgmShapes(0, 0).keys()) {
      const copy = `transformer.resblocks.${block}.wsgm_module.${key}`;
      const shared = `transformer.WSGM_modules.${guidanceIndex(block, sizes)}.${key}`;
      const [a, b] = [visual.get(copy)!.data, visual.get(shared)!.data];
      if (a.some((value, i) => !Object.is(value, b[i]))) differing.push(`${copy} (of ${shared})`);
    }
  }
  if (differing.length === 0) return;
  throw new InputError(
    `Cannot bind the published ForgeLens: expected every block's copy of a guidance module to equal the module but found ${differing.length} that differ with wsgmCount ${sizes.wsgmCount}: ${
      differing.slice(0, 2).join(", ")
    }`,
  );
}

function paperShapes(
  dict: StateDict,
  options: { readonly visual: StateDict; readonly wsgmCount: number },
): Map<string, readonly number[]> {
  const { visual, wsgmCount } = options;
  const sizes = clipSizes(visual);
  const shapes = new Map<string, readonly number[]>();
  for (const [key, shape] of clipShapes(sizes)) shapes.set(tower + key, shape);
  const guidance = wsgmShapes(
    sizes.width,
    visual.get("transformer.WSGM_modules.0.down.weight")?.shape[0] ?? 0,
  );
  for (const [key, shape] of guidance) {
    for (let i = 0; i < wsgmCount; i++) shapes.set(`${tower}transformer.WSGM_modules.${i}.${key}`, shape);
    for (let i = 0; i < sizes.layers; i++) {
      shapes.set(`${tower}transformer.resblocks.${i}.wsgm_module.${key}`, shape);
    }
  }
  const E = sizes.embedDim;
  const layer = (key: string, weight: readonly number[]) =>
    shapes.set(`${key}.weight`, weight).set(`${key}.bias`, [weight[0]]);
  layer("backbone.fc.1", [1, E]);
  layer("backbone.ln_post", [E]); // stage 1 has it and does not use it
  for (let i = 0; i < faformerDepth(dict); i++) {
    const prefix = `transformer.resblocks.${i}`;
    const hidden = dict.get(`${prefix}.mlp.0.weight`)?.shape[0] ?? E;
    shapes.set(`${prefix}.attn.in_proj_weight`, [3 * E, E]).set(`${prefix}.attn.in_proj_bias`, [3 * E]);
    layer(`${prefix}.attn.out_proj`, [E, E]);
    layer(`${prefix}.ln_1`, [E]);
    layer(`${prefix}.ln_2`, [E]);
    layer(`${prefix}.mlp.0`, [hidden, E]);
    layer(`${prefix}.mlp.3`, [E, hidden]);
  }
  shapes.set("cls_token", [E]);
  layer("ln_post", [E]);
  layer("fc.1", [1, E]);
  return shapes;
}
