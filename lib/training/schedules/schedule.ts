/**
 * What every schedule is: the learning rate as a function of where training stands.
 *
 * @module
 */

/** Where training stands, before a step of the optimizer. */
export type Place = {
  /** Steps taken so far. */
  readonly step: number;
  /** Steps of the whole training. */
  readonly steps: number;
  /** Epochs finished so far. */
  readonly epoch: number;
};

/** What schedules can be set to; each takes its own. */
export type ScheduleSettings = {
  /** Where a schedule begins, or where its warm-up ends. */
  readonly learningRate: number;
  /** Where a schedule that falls ends, and where a warm-up begins. */
  readonly leastRate: number;
  /** Epochs between two falls. */
  readonly stepEvery: number;
  /** What a fall leaves of the rate. */
  readonly stepFactor: number;
};

/** A schedule of the list. */
export type ScheduleKind = {
  /** For the help and the README. */
  readonly about: string;
  /** Whether it ends at the least rate. */
  readonly hasLeast: boolean;
  /** The learning rate there, without warm-up. */
  rate(place: Place, settings: ScheduleSettings): number;
};
