/** @module */
import type { Metric } from "../metric.ts";
import { tprWithin } from "../tpr_at_fpr.ts";

/** A metric of the fakes found at a false positive rate. */
export type TprAtFpr = Metric & { readonly interval: true };

/** Of the fakes, the share found where at most `percent` % of the reals are called fake; null with one class only. */
function tprAt(percent: number): TprAtFpr {
  return {
    title: `TPR at FPR ${percent} %`,
    column: `TPR at ${percent} %`,
    better: "higher",
    table: "fewFalseAlarms",
    remark: ({ real }) =>
      real > 0 && 1 / real > percent / 100
        ? "no false alarm allowed: the share is of less than one real"
        : undefined,
    interval: true,
    chart: false,
    measure: (ranked) => tprWithin(ranked, percent / 100),
  };
}

/** The fakes found where at most 1 % of the reals are called fake: with fewer than 100 reals, none. */
export const tprAt1: TprAtFpr = tprAt(1);

/** The fakes found where at most 5 % of the reals are called fake. */
export const tprAt5: TprAtFpr = tprAt(5);

/** The fakes found where at most 10 % of the reals are called fake. */
export const tprAt10: TprAtFpr = tprAt(10);
