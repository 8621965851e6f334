/**
 * A learning rate that falls as half a cosine.
 *
 * @module
 */
import type { ScheduleKind } from "./schedule.ts";

/** From the learning rate to the least one over the whole training, step by step, as `torch.optim.lr_scheduler.CosineAnnealingLR`. */
export const cosine = {
  about: "falls to the least rate over all steps, as half a cosine",
  hasLeast: true,
  rate: ({ step, steps }, { learningRate, leastRate }) =>
    leastRate + (learningRate - leastRate) * (1 + Math.cos(Math.PI * step / steps)) / 2,
} as const satisfies ScheduleKind;
