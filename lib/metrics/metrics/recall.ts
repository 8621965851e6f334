/** @module */
import type { Metric } from "../metric.ts";
import { type Confusion, confusionAt, type Ranked, ratio } from "../ranking.ts";

/** Of the fakes, the share called fake; 0 when there are none, which reports show as undefined. */
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
  isConvention: ([, [fn, tp]]: Confusion): boolean => fn + tp === 0,
} as const satisfies Metric;
