/** @module */
import type { Metric } from "../metric.ts";
import { confusionAt, type Ranked, ratio } from "../ranking.ts";

/** Of the fakes, the share called fake; 0 when there are none. */
export const recall = {
  title: "recall",
  better: "higher",
  table: "further",
  interval: false,
  chart: false,
  measure: (ranked: Ranked, { threshold }: { readonly threshold: number }): number => {
    const [, [fn, tp]] = confusionAt(ranked, threshold);
    return ratio(tp, fn + tp);
  },
} as const satisfies Metric;
