/**
 * The keys that say how a detector learns, and what of them contradicts each other.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../base/errors.ts";
import { lossKind, lossKinds, lossNames } from "../../training/losses/mod.ts";
import { optimizerNames, optimizers } from "../../training/optimizers.ts";
import { scheduleNames, schedules } from "../../training/schedules/mod.ts";
import type { RunConfig } from "./run_config.ts";

/** How the detector learns. */
export const training = {
  loss: z.enum(lossNames).default("cross-entropy").describe(`what training makes small; ${about(lossKinds)}`),
  alignment: z.number().min(0).max(100).default(0.1).describe(
    "how much the squared distance of images with one label counts in uniformity-alignment",
  ),
  uniformity: z.number().min(0).max(100).default(0.5).describe(
    "how much the closeness of all images counts in uniformity-alignment",
  ),
  labelSmoothing: z.number().min(0).lt(1).default(0).describe(
    "the share of each label that goes to real and fake alike",
  ),
  epochs: z.int().min(1).max(1000).default(5).describe("passes over the training images"),
  batchSize: z.int().min(1).max(1024).default(8).describe("images per training step"),
  accumulate: z.int().min(1).max(1024).default(1).describe(
    "batches whose gradients make one step of the optimizer",
  ),
  optimizer: z.enum(optimizerNames).default("adamw").describe(`what takes the steps; ${about(optimizers)}`),
  learningRate: z.number().positive().max(1).default(1e-4).describe("the optimizer's learning rate"),
  weightDecay: z.number().min(0).max(1).default(optimizers.adamw.weightDecay).describe(
    `the optimizer's weight decay; with Adam ${optimizers.adam.weightDecay} unless given`,
  ),
  clipGradients: z.number().positive().optional().describe(
    "the greatest length of a step's gradient over all weights; no limit unless given",
  ),
  schedule: z.enum(scheduleNames).default("constant").describe(
    `how the learning rate changes; ${about(schedules)}`,
  ),
  warmup: z.int().min(0).default(0).describe(
    "steps of the optimizer over which the learning rate first rises from the least rate",
  ),
  leastRate: z.number().min(0).max(1).default(0).describe(
    "where the cosine schedule ends and the warm-up begins",
  ),
  stepEvery: z.int().min(1).default(2).describe("epochs between two falls of the step schedule"),
  stepFactor: z.number().positive().max(1).default(0.7).describe(
    "what a fall of the step schedule leaves of the rate",
  ),
  balance: z.boolean().default(true).describe(
    "draw real and fake, and each method within the fakes, equally often",
  ),
  augment: z.array(z.string().min(1)).default([]).describe(
    "what training images are put through, one drawn for an image and epoch, named as for --perturb; nothing unless given",
  ),
  augmentShare: z.number().min(0).max(1).default(0.5).describe(
    "how likely --augment is applied to an image of an epoch",
  ),
  select: z.enum(["best", "last"]).default("best").describe(
    "keep the epoch that is best on validation images, or the last",
  ),
  selectBy: z.enum(["auc", "loss"]).default("auc").describe(
    "what makes an epoch better: a greater AUC or a lesser cross-entropy on validation images",
  ),
  patience: z.int().min(1).optional().describe(
    "stop after so many epochs without a better one; none stops unless given",
  ),
};

/** What is said of each of a list, by its name. */
function about(list: Readonly<Record<string, { readonly about: string }>>): string {
  return Object.entries(list).map(([name, { about }]) => `${name}: ${about}`).join("; ");
}

/**
 * Refuses settings that contradict each other or that would do nothing.
 *
 * @throws {InputError} naming both
 */
export function checkTraining(config: RunConfig): void {
  const { loss, labelSmoothing, schedule, warmup, leastRate, learningRate, select, patience } = config;
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new InputError(`Cannot use the configuration: expected ${expected} but found ${found}; ${hint}`);
  };
  if (labelSmoothing > 0 && !lossKind(loss).settings.includes("labelSmoothing")) {
    const names = lossNames.filter((name) => lossKind(name).settings.includes("labelSmoothing"));
    refuse(
      `--label-smoothing with a loss that takes it (${names.join(", ")})`,
      `--loss ${loss}`,
      "leave --label-smoothing out",
    );
  }
  if (leastRate > 0 && !schedules[schedule].hasLeast && warmup === 0) {
    refuse(
      "--least-rate with --schedule cosine or --warmup",
      `--schedule ${schedule} without warm-up`,
      "add one of them, or give --least-rate 0",
    );
  }
  if (leastRate > learningRate) {
    refuse(
      `--least-rate of at most the learning rate, ${learningRate},`,
      `${leastRate}`,
      "give a lower --least-rate",
    );
  }
  if (patience !== undefined && select === "last") {
    refuse("--select best with --patience", "--select last", "leave one of them out");
  }
}
