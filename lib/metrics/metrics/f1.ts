/** @module */
import type { Metric } from "../metric.ts";
import { type Confusion, confusionAt, type Ranked, ratio } from "../ranking.ts";

/** Harmonic mean of precision and recall; 0 when both are, and with no fakes, which reports show as undefined. */
export const f1 = {
  title: "F1",
  better: "higher",
  table: "further",
  interval: false,
  chart: false,
  measure: (ranked: Ranked, { threshold }: { readonly threshold: number }): number => {
    const [[, fp], [fn, tp]] = confusionAt(ranked, threshold);
    return ratio(2 * tp, 2 * tp + fp + fn);
  },
  isConvention: ([, [fn, tp]]: Confusion): boolean => fn + tp === 0,
} as const satisfies Metric;
