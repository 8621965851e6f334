/**
 * Stage 2 of the published ForgeLens: FAFormer on the projected class tokens of all blocks of a tower that is frozen with its
 * guidance modules.
 *
 * Shapes: B batch, S image size, L layers, E embedding width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { dispose, stateOf, tensorsOf, toVariable } from "../../../backend/tensors.ts";
import { InputError } from "../../../base/errors.ts";
import type { StateDict } from "../../../weights/state.ts";
import type { Blocks } from "../../blocks.ts";
import { type Clip, clsTokenOf, embedPatches, projectClsToken } from "../../encoders/clip.ts";
import type { Encoder } from "../../encoders/encoder.ts";
import { layerNorm, layerSeed } from "../../layers.ts";
import { type Detector, type DetectorKind, fakeProbability, type TrainedTower } from "../detector.ts";
import { openTrainedTower, towerHeads, towerOf } from "../trained_tower.ts";
import { faformerLogit, faformerOf, initialFaformer } from "./faformer.ts";
import { bindGuided, publishedParts, stage1State } from "./layout.ts";
import { checkHeads, paperClsTokens } from "./published.ts";
import { asPublished, closing, DROPOUT, needEmbedding } from "./stage1.ts";

const settings = z.strictObject({
  faformerLayers: z.int().min(0).max(64).default(2).describe("blocks of ForgeLens's FAFormer"),
  faformerHeads: z.int().min(1).default(2).describe("attention heads of a block of FAFormer"),
  stageOne: z.string().min(1).optional().describe(
    "what ForgeLens's second stage stands on: a run of forgelens-stage1 by its name or folder, a file of its weights, or none for the encoder as it is; trained first unless given",
  ),
  stage1Epochs: z.int().min(1).max(1000).optional().describe(
    "epochs of ForgeLens's first stage where it is trained first; as for the second unless given",
  ),
  stage1BatchSize: z.int().min(1).max(1024).optional().describe("images per step of that stage, likewise"),
  stage1LearningRate: z.number().positive().max(1).optional().describe(
    "learning rate of that stage, likewise",
  ),
  asPublished,
  towerHeads,
});

/** Stage 2 as one of the list of detectors. */
export const forgelens = {
  about:
    "the published ForgeLens: a transformer over the class tokens of all blocks of the tower that stage 1 guided",
  settings,
  fixed: ["faformerLayers", "faformerHeads", "asPublished", "towerHeads"],
  defaults: { loss: "binary-cross-entropy" },
  base: "forgelens-stage1",
  trunk: (encoder: Encoder, { asPublished }) => {
    needEmbedding(encoder);
    return encoder.trunk(asPublished ? "pixels" : "embeddings"); // with dropout on, a class token is not of its image alone
  },
  create: (
    { faformerLayers: layers, faformerHeads, asPublished },
    { encoder, base, seed }: {
      readonly encoder: Encoder;
      readonly base?: StateDict;
      readonly seed: number;
    },
  ) => {
    needEmbedding(encoder);
    const clip = towerOf(encoder, { cannot: "Cannot train ForgeLens" });
    const { embedDim: width } = clip.config;
    if (width % faformerHeads !== 0) {
      throw new InputError(
        `Cannot train ForgeLens: expected --faformer-heads that divide the embedding's width, ${width}, but found ${faformerHeads}`,
      );
    }
    return openStage2(initialFaformer({ width, layers, seed }), {
      ...{ clip, faformerHeads },
      stage1: base ? publishedParts(base).stage1 : new Map(),
      dropoutRate: DROPOUT,
      hasFrozenDropout: asPublished,
    });
  },
  bind: (dict, { towerHeads: heads, faformerHeads, activation }) => {
    const parts = publishedParts(dict, { stage: 2 });
    const clip = bindGuided(parts, { heads, activation });
    const { stage1 } = parts;
    const detector = openStage2(parts.stage2, { clip, faformerHeads, stage1, dropoutRate: DROPOUT });
    return closing(detector, clip);
  },
  tuned: {
    tower: (dict, { towerHeads: heads, activation }) =>
      bindGuided(publishedParts(dict, { stage: 2 }), { heads, activation }),
    tap: () => "embeddings",
    bind: (dict, { faformerHeads }) =>
      openStage2(publishedParts(dict, { stage: 2 }).stage2, { faformerHeads, dropoutRate: 0 }),
  },
} as const satisfies DetectorKind<z.output<typeof settings>>;

/**
 * FAFormer on projected class tokens [B, L, E], or on pixels [B, S, S, 3] of which its tower, which it borrows, makes them.
 *
 * @param stage2 its weights
 * @param options.clip the frozen tower; its state is without one unless given, and it takes no pixels
 * @param options.stage1 what else of stage 1 its state has
 * @param options.hasFrozenDropout whether dropout falls in the tower's guidance modules too while training; not unless given
 */
export function openStage2(
  stage2: StateDict,
  options: {
    readonly faformerHeads: number;
    readonly dropoutRate: number;
    readonly clip?: Clip;
    readonly stage1?: StateDict;
    readonly hasFrozenDropout?: boolean;
  },
): Detector {
  const { faformerHeads, dropoutRate, clip, stage1 = new Map(), hasFrozenDropout = false } = options;
  checkHeads(stage2, faformerHeads);
  const weights = new Map(
    [...tensorsOf(stage2)].map(([key, value]) => [key, toVariable(value, { trainable: true })]),
  );
  const faformer = faformerOf(weights, faformerHeads);
  const [dim] = faformer.clsToken.shape;
  const tower = clip && hasFrozenDropout ? openTrainedTower(clip, { dropoutRate }) : undefined;
  const forward: Detector["forward"] = (features, { training, seed = 0 }) =>
    tf.tidy(() => {
      const towerSeed = layerSeed(seed, faformer.blocks.length + 1); // beyond those that FAFormer draws from
      const clsTokens = features.rank !== 4
        ? features as tf.Tensor3D // [B, L, E]
        : tower
        ? droppedClsTokens(tower, features as tf.Tensor4D, { training, seed: towerSeed })
        : paperClsTokens({ clip: clip! }, features as tf.Tensor4D);
      const dropout = training ? { rate: dropoutRate, seed } : undefined;
      return { logits: faformerLogit(faformer, clsTokens, { dropout }) };
    });
  return {
    kind: "forgelens",
    sizes: {
      dim,
      faformerLayers: faformer.blocks.length,
      faformerHeads,
      ...(clip && { towerHeads: clip.config.heads }),
    },
    weights,
    tower,
    forward,
    scores: (features) => fakeProbability(() => forward(features, { training: false })),
    state: () => new Map([...(clip ? stage1State(clip, { stage1, stage: 2 }) : []), ...stateOf(weights)]),
    close: () => dispose(weights),
  };
}

/**
 * The projected class token after every block, with dropout in the guidance modules while training: pixels [B, S, S, 3] → [B, L, E].
 * No gradient comes back so far, and nothing is kept for one.
 */
function droppedClsTokens(
  { clip, run }: TrainedTower & Pick<Blocks, "run">,
  pixels: tf.Tensor4D,
  pass: { readonly training: boolean; readonly seed: number },
): tf.Tensor3D {
  const frozen = tf.customGrad((pixels) => {
    let x = embedPatches(clip, pixels as tf.Tensor4D); // [B, N, D]
    const clsTokens = clip.params.blocks.map((_, i) => {
      const previous = x;
      x = run(previous, i, { ...pass, entering: true });
      previous.dispose();
      return projectClsToken(clip, layerNorm(clip.params.lnPost, clsTokenOf(x))); // [B, E]
    });
    return { value: tf.stack(clsTokens, 1), gradFunc: () => tf.zerosLike(pixels as tf.Tensor) };
  });
  return frozen(pixels) as tf.Tensor3D; // [B, L, E]
}
