/**
 * Stage 1 of the published ForgeLens: guidance modules (WSGM) inside a frozen tower, and a linear function of its embedding.
 *
 * Initial weights and dropout are the official code's (models/network/{net_stage1,clip/model}.py of Yingjian-Chen/ForgeLens).
 * Shapes: B batch, S image size, N tokens, D width, E embedding width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { dispose, stateOf, tensorsOf, toVariable } from "../../../backend/tensors.ts";
import { InputError } from "../../../base/errors.ts";
import type { StateDict } from "../../../weights/state.ts";
import { type Clip, clsTokenOf, embedPatches, projectClsToken } from "../../encoders/clip.ts";
import type { Encoder } from "../../encoders/encoder.ts";
import { dropout, layerNorm, layerSeed, type Linear, linear } from "../../layers.ts";
import { type Detector, type DetectorKind, fakeProbability, type Scorer } from "../detector.ts";
import { constantState, linearState, normalState } from "../initial.ts";
import { openTrainedTower, towerHeads, towerOf } from "../trained_tower.ts";
import {
  bindGuided,
  moduleOf,
  moduleShapes,
  publishedParts,
  type Stage,
  stage1State,
  stagePrefix,
  towerPrefix,
  withModules,
} from "./layout.ts";

/** The published rate of dropout, in both stages. */
export const DROPOUT = 0.5;

/** The setting of both stages that keeps what their official code does and the bench does not. */
export const asPublished = z.boolean().default(false).describe(
  "train ForgeLens as its official code does: images drawn with replacement, and in the second stage the frozen first stage's dropout left on, so that class tokens are computed anew at each step",
);

const settings = z.strictObject({
  wsgmCount: z.int().min(1).max(64).default(12).describe(
    "ForgeLens's guidance modules (WSGM), shared by neighbouring blocks; no more than blocks are made",
  ),
  wsgmReduction: z.int().min(1).default(4).describe("the tower's width over that inside a guidance module"),
  asPublished,
  towerHeads,
});

/** Stage 1 as one of the list of detectors. */
export const forgelensStage1 = {
  about:
    "stage 1 of the published ForgeLens: guidance modules inside CLIP's blocks, and a linear function of its embedding",
  settings,
  fixed: ["asPublished", "towerHeads"],
  defaults: { loss: "binary-cross-entropy" },
  trunk: (encoder: Encoder) => {
    needEmbedding(encoder);
    return encoder.trunk("pixels");
  },
  create: (
    { wsgmCount, wsgmReduction },
    { encoder, seed }: { readonly encoder: Encoder; readonly seed: number },
  ) => {
    needEmbedding(encoder);
    const clip = towerOf(encoder, { cannot: "Cannot train stage 1 of ForgeLens" });
    const { width, layers, embedDim } = clip.config;
    const bottleneck = Math.floor(width / wsgmReduction);
    if (bottleneck < 1) {
      throw new InputError(
        `Cannot train stage 1 of ForgeLens: expected a --wsgm-reduction of at most the tower's width, ${width}, but found ${wsgmReduction}`,
      );
    }
    const modules: StateDict = new Map();
    for (let i = 0; i < Math.min(wsgmCount, layers); i++) {
      for (const [name, shape] of moduleShapes(width, bottleneck)) {
        const key = `transformer.WSGM_modules.${i}.${name}`;
        modules.set(
          key,
          shape.length === 2 ? normalState(key, { shape, seed, std: 0.01 }) : constantState(shape, 0),
        );
      }
    }
    const stage1: StateDict = new Map([
      ...linearState("fc.1", { shape: [1, embedDim], seed }),
      ["ln_post.weight", constantState([embedDim], 1)],
      ["ln_post.bias", constantState([embedDim], 0)],
    ]);
    return openStage1(clip, { modules, stage1, stage: 1, dropoutRate: DROPOUT });
  },
  bind: (dict, { towerHeads: heads, activation }) => {
    const parts = publishedParts(dict, { stage: 1 });
    const clip = bindGuided({ ...parts, modules: new Map() }, { heads, activation });
    return closing(openStage1(clip, { ...parts, dropoutRate: DROPOUT }), clip);
  },
  tuned: {
    tower: (dict, { towerHeads: heads, activation }) =>
      bindGuided(publishedParts(dict), { heads, activation }),
    tap: () => "embedding",
    bind: (dict) => bindClassifier(publishedParts(dict).stage1),
  },
} as const satisfies DetectorKind<z.output<typeof settings>>;

/** @throws {InputError} for an encoder without a projection */
export function needEmbedding({ sizes, name }: Encoder): void {
  if (sizes.embedDim > 0) return;
  throw new InputError(
    `Cannot train ForgeLens: expected an encoder with a projection but found the ${name}`,
  );
}

/** A detector that frees more when it is closed. */
export function closing(detector: Detector, more: unknown): Detector {
  const close = () => {
    detector.close();
    dispose(more);
  };
  return { ...detector, close };
}

/**
 * Stage 1 on a tower without guidance modules, which it borrows.
 *
 * @param options.modules initial guidance modules, of which those that a block uses are trained
 * @param options.stage in whose layout its weights are named
 * @param options.rest what that layout has beside stage 1
 */
export function openStage1(
  frozen: Clip,
  options: {
    readonly modules: StateDict;
    readonly stage1: StateDict;
    readonly stage: Stage;
    readonly dropoutRate: number;
    readonly rest?: StateDict;
  },
): Detector {
  const { modules, stage1, stage, dropoutRate, rest = new Map() } = options;
  const { width: dim, heads, layers } = frozen.config;
  const wsgmCount = modules.size / moduleShapes(0, 0).size;
  const isUsed = (key: string) => Number(key.split(".")[2]) <= moduleOf(layers - 1, { layers, wsgmCount });
  const weights = new Map<string, tf.Variable>();
  const tensors = tensorsOf(new Map([...modules, ...stage1]));
  for (const [key, tensor] of tensors) {
    const isModule = modules.has(key);
    if (isModule ? !isUsed(key) : !key.startsWith("fc.1.")) continue;
    const variable = toVariable(tensor, { trainable: true });
    tensors.set(key, variable);
    weights.set((isModule ? towerPrefix(stage) : stagePrefix[stage]) + key, variable);
  }
  const clip = withModules(frozen, new Map([...tensors].filter(([key]) => modules.has(key))));
  const ofStage1 = new Map([...tensors].filter(([key]) => !modules.has(key)));
  const classifier = classifierOf(ofStage1);
  const tower = openTrainedTower(clip, { dropoutRate });
  const forward: Detector["forward"] = (features, { training, seed = 0 }) =>
    tf.tidy(() => {
      let x = embedPatches(clip, features as tf.Tensor4D); // [B, N, D]
      for (let i = 0; i < layers; i++) x = tower.run(x, i, { training, seed, entering: i === 0 });
      const embedding = projectClsToken(clip, layerNorm(clip.params.lnPost, clsTokenOf(x))); // [B, E]
      const dropped = training ? { rate: dropoutRate, seed: layerSeed(seed, layers) } : undefined;
      return { logits: linear(classifier, dropout(embedding, dropped)), embedding };
    });
  return {
    kind: "forgelens-stage1",
    sizes: { dim, towerHeads: heads, wsgmCount },
    weights,
    tower,
    forward,
    scores: (features) => fakeProbability(() => forward(features, { training: false })),
    state: () => new Map([...stage1State(clip, { stage1: stateOf(ofStage1), stage }), ...rest]),
    close: () => dispose(tensors),
  };
}

function classifierOf(stage1: ReadonlyMap<string, tf.Tensor>): Linear {
  return {
    weight: stage1.get("fc.1.weight") as tf.Tensor2D,
    bias: stage1.get("fc.1.bias") as tf.Tensor1D,
  };
}

/** The classifier alone, on embeddings [B, E] of a guided tower. */
function bindClassifier(stage1: StateDict): Scorer {
  const tensors = tensorsOf(stage1);
  const classifier = classifierOf(tensors);
  const logits = (features: tf.Tensor) => linear(classifier, features as tf.Tensor2D);
  return {
    kind: "forgelens-stage1",
    sizes: { dim: classifier.weight.shape[1] },
    logits,
    scores: (features) => fakeProbability(() => ({ logits: logits(features) })),
    state: () => stateOf(tensors),
    close: () => dispose(tensors),
  };
}
