/**
 * The presets: settings that belong together.
 *
 * @module
 */
import type { RunConfig, RunInput } from "./run_config.ts";

/** What ForgeLens's settings have in common, of its official `train_*.sh` (arXiv 2408.13697); its encoder is ViT-L-14. */
const forgeLens: RunInput = {
  ...{ detector: "forgelens", faformerHeads: 2, wsgmReduction: 4, fit: "crop", seed: 3407 },
  ...{ loss: "binary-cross-entropy", optimizer: "adam", weightDecay: 0, schedule: "step", stepFactor: 0.7 },
  selectBy: "loss",
};

/**
 * What each preset changes of the defaults.
 *
 * @example
 * ```ts
 * import { presets, resolveConfig } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(resolveConfig({ preset: "reference" }).activation, presets.reference.activation);
 * ```
 */
export const presets: Readonly<Record<RunConfig["preset"], RunInput>> = {
  corrected: {},
  reference: { activation: "gelu", attendAcross: "batch", balance: false, select: "last", valShare: 0 },
  // arXiv 2508.06248; how many epochs, and its augmentation, stay as they are given.
  gend: {
    ...{ detector: "ln-tuned", normalise: true, fit: "clip" },
    ...{ loss: "uniformity-alignment", alignment: 0.1, uniformity: 0.5 },
    ...{ optimizer: "adamw", learningRate: 3e-4, weightDecay: 0, schedule: "cosine", leastRate: 1e-6 },
    ...{ batchSize: 32, accumulate: 4 }, // 128 images a step; pairs are those of a batch
  },
  "published-1": {
    ...forgeLens,
    ...{ wsgmCount: 12, faformerLayers: 2, stepEvery: 2 },
    ...{ stage1Epochs: 50, stage1BatchSize: 32, stage1LearningRate: 5e-5 },
    ...{ epochs: 10, batchSize: 16, learningRate: 2e-6 },
  },
  "published-2": {
    ...forgeLens,
    ...{ wsgmCount: 8, faformerLayers: 4, stepEvery: 1 },
    ...{ stage1Epochs: 5, stage1BatchSize: 32, stage1LearningRate: 1e-5 },
    ...{ epochs: 5, batchSize: 32, learningRate: 1e-7 },
  },
  "published-3": {
    ...forgeLens,
    ...{ wsgmCount: 8, faformerLayers: 16, stepEvery: 1 },
    ...{ stage1Epochs: 3, stage1BatchSize: 32, stage1LearningRate: 1e-5 },
    ...{ epochs: 3, batchSize: 16, learningRate: 2.5e-8 },
  },
  "published-genimage": {
    ...forgeLens,
    ...{ wsgmCount: 4, faformerLayers: 2, stepEvery: 2 },
    ...{ stage1Epochs: 20, stage1BatchSize: 16, stage1LearningRate: 5e-5 },
    ...{ epochs: 10, batchSize: 16, learningRate: 2.5e-6 },
  },
};
