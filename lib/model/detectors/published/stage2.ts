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
import type { Clip } from "../../encoders/clip.ts";
import type { Encoder } from "../../encoders/encoder.ts";
import { type Detector, type DetectorKind, fakeProbability } from "../detector.ts";
import { towerHeads, towerOf } from "../trained_tower.ts";
import { faformerLogit, faformerOf, initialFaformer } from "./faformer.ts";
import { bindGuided, publishedParts, stage1State } from "./layout.ts";
import { checkHeads, paperClsTokens } from "./published.ts";
import { closing, DROPOUT, needEmbedding } from "./stage1.ts";

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
  towerHeads,
});

/** Stage 2 as one of the list of detectors. */
export const forgelens = {
  about:
    "the published ForgeLens: a transformer over the class tokens of all blocks of the tower that stage 1 guided",
  settings,
  fixed: ["faformerLayers", "faformerHeads", "towerHeads"],
  defaults: { loss: "binary-cross-entropy" },
  base: "forgelens-stage1",
  trunk: (encoder: Encoder) => {
    needEmbedding(encoder);
    return encoder.trunk("embeddings");
  },
  create: (
    { faformerLayers: layers, faformerHeads },
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
 */
export function openStage2(
  stage2: StateDict,
  options: {
    readonly faformerHeads: number;
    readonly dropoutRate: number;
    readonly clip?: Clip;
    readonly stage1?: StateDict;
  },
): Detector {
  const { faformerHeads, dropoutRate, clip, stage1 = new Map() } = options;
  checkHeads(stage2, faformerHeads);
  const weights = new Map(
    [...tensorsOf(stage2)].map(([key, value]) => [key, toVariable(value, { trainable: true })]),
  );
  const faformer = faformerOf(weights, faformerHeads);
  const [dim] = faformer.clsToken.shape;
  const forward: Detector["forward"] = (features, { training, seed = 0 }) =>
    tf.tidy(() => {
      const clsTokens = features.rank === 4
        ? paperClsTokens({ clip: clip! }, features as tf.Tensor4D)
        : features as tf.Tensor3D; // [B, L, E]
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
    forward,
    scores: (features) => fakeProbability(() => forward(features, { training: false })),
    state: () => new Map([...(clip ? stage1State(clip, { stage1, stage: 2 }) : []), ...stateOf(weights)]),
    close: () => dispose(weights),
  };
}
