/**
 * A learning rate that falls every few epochs.
 *
 * @module
 */
import type { ScheduleKind } from "./schedule.ts";

/** Times a factor after every so many epochs, as `torch.optim.lr_scheduler.StepLR`. */
export const step = {
  about: "times --step-factor after every --step-every epochs",
  hasLeast: false,
  rate: ({ epoch }, { learningRate, stepEvery, stepFactor }) =>
    learningRate * stepFactor ** Math.floor(epoch / stepEvery),
} as const satisfies ScheduleKind;
