/**
 * The weights of CLIP's vision transformer: bound to a state dict, drawn at random, and what shapes they have.
 *
 * Key names are open_clip's and OpenAI's.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { tensorsOf } from "../../backend/tensors.ts";
import { createRandom } from "../../base/random.ts";
import { fromHuggingFace, isHuggingFace } from "../../weights/hugging_face.ts";
import { withoutPrefix } from "../../weights/prefix.ts";
import { checkState, type StateDict } from "../../weights/state.ts";
import type { Norm, ResidualBlock } from "../layers.ts";
import { resizePositions } from "../positions.ts";
import type { Clip, ClipConfig, ClipParams } from "./clip.ts";

/**
 * Binds a vision tower to a state dict with open_clip's, OpenAI's or Hugging Face's names.
 *
 * The prefixes `visual.` and `extractor.clip.visual.` are stripped, and `module.`, `_orig_mod.`, `model.` and `net.` where all
 * names have them. Text tower and `logit_scale` are ignored. Hugging Face's `CLIPVisionModel` has no projection: then
 * E is 0, and `embed()` refuses. Sizes are
 * read from the weights; `heads` is width/64 unless given, and positional embeddings are interpolated when `imageSize`
 * differs from theirs.
 *
 * @throws {InputError} naming missing, unexpected and misshaped keys at once.
 *
 * @example
 * ```ts
 * import { bindClip, dispose, initBackend, randomClip } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const dict = randomClip(sizes, 0); // or of a file: await loadStateDict("ViT-B-16.pt")
 * const clip = bindClip(dict, { activation: "quickgelu", attendAcross: "tokens" });
 * assertEquals(clip.config, { ...sizes, activation: "quickgelu", attendAcross: "tokens" });
 * dispose(clip);
 * ```
 */
export function bindClip(
  dict: StateDict,
  options: {
    readonly activation: ClipConfig["activation"];
    readonly attendAcross: ClipConfig["attendAcross"];
    readonly heads?: number;
    readonly imageSize?: number;
  },
): Clip {
  const tower = visionTower(dict);
  const sizes = clipSizes(tower);
  checkState(tower, clipShapes(sizes), { what: "CLIP's vision tower" });
  const { width, layers, tokens, patchSize, embedDim } = sizes;
  const heads = options.heads ?? Math.max(1, Math.floor(width / 64));
  const grid = Math.round(Math.sqrt(tokens - 1));
  const imageSize = options.imageSize ?? grid * patchSize;
  if (grid * grid !== tokens - 1 || imageSize % patchSize !== 0 || width % heads !== 0) {
    throw new Error(
      `Cannot bind CLIP's vision tower: expected a square grid of patches, an image size that is a multiple of the patch size and a width that is a multiple of the heads ` +
        `but found ${
          tokens - 1
        } patches, image size ${imageSize}, patch size ${patchSize}, width ${width} and ${heads} heads`,
    );
  }
  const position = tower.get("positional_embedding")!;
  const resized: StateDict = new Map(tower).set("positional_embedding", {
    ...position,
    shape: [1 + (imageSize / patchSize) ** 2, width],
    data: resizePositions(position.data as Float32Array, { width, from: grid, to: imageSize / patchSize }),
  });
  const config: ClipConfig = {
    width,
    layers,
    heads,
    imageSize,
    patchSize,
    embedDim,
    activation: options.activation,
    attendAcross: options.attendAcross,
  };
  return { config, params: clipParams(tensorsOf(resized), layers) };
}

/**
 * A vision tower with seeded random weights, for plumbing and timing: its features mean nothing.
 *
 * Drawn as open_clip initialises a tower (standard deviations from width and depth); layer norms are 1 and 0.
 *
 * @example
 * ```ts
 * import { randomClip } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const dict = randomClip(sizes, 0);
 * assertEquals(dict.get("visual.conv1.weight")?.shape, [64, 3, 16, 16]);
 * assertEquals(randomClip(sizes, 0), dict);
 * ```
 */
export function randomClip(
  config: Pick<ClipConfig, "width" | "layers" | "heads" | "imageSize" | "patchSize" | "embedDim">,
  seed: number,
): StateDict {
  const { width, layers, imageSize, patchSize, embedDim } = config;
  const tokens = 1 + (imageSize / patchSize) ** 2;
  const attnStd = width ** -0.5;
  const shapes = clipShapes({ width, layers, tokens, patchSize, embedDim, hidden: 4 * width });
  const dict: StateDict = new Map();
  for (const [key, shape] of shapes) {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    const std = key.endsWith("c_fc.weight")
      ? (2 * width) ** -0.5
      : /(out_proj|c_proj)\.weight$/.test(key)
      ? attnStd * (2 * layers) ** -0.5
      : key === "conv1.weight"
      ? (3 * patchSize * patchSize) ** -0.5
      : attnStd;
    if (/ln_(pre|post|1|2)\.weight$/.test(key)) data.fill(1);
    else if (!key.endsWith("bias")) {
      const random = createRandom(seed, key);
      for (let i = 0; i < data.length; i++) data[i] = std * random.normal();
    }
    dict.set(`visual.${key}`, { dtype: "float32", shape: [...shape], data });
  }
  return dict;
}

function visionTower(all: StateDict): StateDict {
  const dict = withoutPrefix(all);
  if (isHuggingFace(dict)) return fromHuggingFace(dict);
  const keys = [...dict.keys()];
  const prefix = ["extractor.clip.visual.", "visual."].find((p) => keys.some((key) => key.startsWith(p)));
  if (prefix === undefined) return dict;
  const tower: StateDict = new Map();
  for (const [key, value] of dict) {
    if (key.startsWith(prefix)) tower.set(key.slice(prefix.length), value);
    else if (!textKey.test(key)) tower.set(key, value);
  }
  return tower;
}

// CLIP's text tower and scalars under their published names, and the rest of a whole ForgeLens checkpoint.
const textKey =
  /^(extractor\.clip\.)?(transformer\.resblocks\.|token_embedding\.|positional_embedding$|ln_final\.|text_projection|text\.|attn_mask$|logit_scale$|logit_bias$|input_resolution$|context_length$|vocab_size$)|^(wsgm|faformer|cls_head)\./;

/** What the shapes of a vision tower depend on. */
export type ClipSizes = {
  readonly width: number;
  readonly layers: number;
  readonly tokens: number;
  readonly patchSize: number;
  readonly embedDim: number;
  /** Width of the MLPs' hidden layer; 4·width in CLIP. */
  readonly hidden: number;
};

/** Reads the sizes off a tower's weights, under names without `visual.`; 0 for what is missing. */
export function clipSizes(tower: StateDict): ClipSizes {
  const [width = 0, , patchSize = 0] = tower.get("conv1.weight")?.shape ?? [];
  const blocks = [...tower.keys()].map((key) =>
    Number(/^transformer\.resblocks\.(\d+)\./.exec(key)?.[1] ?? -1)
  );
  return {
    width,
    layers: 1 + blocks.reduce((most, block) => Math.max(most, block), -1),
    tokens: tower.get("positional_embedding")?.shape[0] ?? 0,
    patchSize,
    embedDim: tower.get("proj")?.shape[1] ?? 0,
    hidden: tower.get("transformer.resblocks.0.mlp.c_fc.weight")?.shape[0] ?? 4 * width,
  };
}

/** Key → shape of a vision tower, under names without `visual.`. */
export function clipShapes(sizes: ClipSizes): Map<string, readonly number[]> {
  const { width: D, layers, tokens, patchSize, embedDim, hidden } = sizes;
  const shapes = new Map<string, readonly number[]>([
    ["class_embedding", [D]],
    ["positional_embedding", [tokens, D]],
    ["proj", [D, embedDim]],
    ["conv1.weight", [D, 3, patchSize, patchSize]],
  ]);
  const norm = (key: string) => shapes.set(`${key}.weight`, [D]).set(`${key}.bias`, [D]);
  const linear = (key: string, out: number, width: number) =>
    shapes.set(`${key}.weight`, [out, width]).set(`${key}.bias`, [out]);
  norm("ln_pre");
  norm("ln_post");
  for (let i = 0; i < layers; i++) {
    const block = `transformer.resblocks.${i}`;
    norm(`${block}.ln_1`);
    norm(`${block}.ln_2`);
    shapes.set(`${block}.attn.in_proj_weight`, [3 * D, D]).set(`${block}.attn.in_proj_bias`, [3 * D]);
    linear(`${block}.attn.out_proj`, D, D);
    linear(`${block}.mlp.c_fc`, hidden, D);
    linear(`${block}.mlp.c_proj`, D, hidden);
  }
  return shapes;
}

function clipParams(tensors: Map<string, tf.Tensor>, layers: number): ClipParams {
  const vector = (key: string) => tensors.get(key) as tf.Tensor1D;
  const matrix = (key: string) => tensors.get(key) as tf.Tensor2D;
  const norm = (key: string): Norm => ({ weight: vector(`${key}.weight`), bias: vector(`${key}.bias`) });
  const linear = (key: string) => ({ weight: matrix(`${key}.weight`), bias: vector(`${key}.bias`) });
  const conv = tensors.get("conv1.weight")!;
  const patchFilter = tf.transpose(conv, [2, 3, 1, 0]) as tf.Tensor4D; // [D, 3, P, P] → [P, P, 3, D]
  conv.dispose();
  const blocks = Array.from({ length: layers }, (_, i): ResidualBlock => {
    const block = `transformer.resblocks.${i}`;
    return {
      ln1: norm(`${block}.ln_1`),
      attn: {
        inProj: {
          weight: matrix(`${block}.attn.in_proj_weight`),
          bias: vector(`${block}.attn.in_proj_bias`),
        },
        outProj: linear(`${block}.attn.out_proj`),
      },
      ln2: norm(`${block}.ln_2`),
      cFc: linear(`${block}.mlp.c_fc`),
      cProj: linear(`${block}.mlp.c_proj`),
    };
  });
  return {
    patchFilter,
    classEmbedding: vector("class_embedding"),
    positionalEmbedding: matrix("positional_embedding"),
    lnPre: norm("ln_pre"),
    blocks,
    lnPost: norm("ln_post"),
    proj: matrix("proj"),
  };
}
