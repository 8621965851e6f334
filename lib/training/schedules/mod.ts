/**
 * The schedules of the learning rate that `--schedule` takes.
 *
 * @module
 */
import { constant } from "./constant.ts";
import { cosine } from "./cosine.ts";
import type { Place, ScheduleKind, ScheduleSettings } from "./schedule.ts";
import { step } from "./step.ts";

/** The schedules by name. */
export const schedules = { constant, cosine, step } as const satisfies Readonly<Record<string, ScheduleKind>>;

/** The name of a schedule. */
export type ScheduleName = keyof typeof schedules;

/** The names of all schedules. */
export const scheduleNames = Object.keys(schedules) as [ScheduleName, ...ScheduleName[]];

/**
 * The learning rate of the step that training stands before.
 *
 * Over the first `warmup` steps it rises in a line from the least rate to the learning rate; a schedule by steps begins after them.
 * Without a least rate the first step of a warm-up has the rate 0, and moves nothing.
 */
export function rateAt(
  place: Place,
  options: ScheduleSettings & {
    readonly schedule: ScheduleName;
    /** Steps of the optimizer. */
    readonly warmup: number;
  },
): number {
  const { schedule, warmup, learningRate, leastRate } = options;
  const { step, steps } = place;
  if (step < warmup) return leastRate + (learningRate - leastRate) * step / warmup;
  return schedules[schedule].rate({ ...place, step: step - warmup, steps: steps - warmup }, options);
}
