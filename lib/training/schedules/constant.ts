/**
 * A learning rate that stays.
 *
 * @module
 */
import type { ScheduleKind } from "./schedule.ts";

/** The same rate at every step. */
export const constant = {
  about: "the same at every step",
  hasLeast: false,
  rate: (_place, { learningRate }) => learningRate,
} as const satisfies ScheduleKind;
