/** @module */
import type { Metric } from "../metric.ts";
import { type Confusion, confusionAt, type Ranked, ratio } from "../ranking.ts";

/** Matthews correlation coefficient, in [-1, 1]; 0 when a row or column of the confusion matrix is empty, which reports show as undefined. */
export const matthews = {
  title: "MCC",
  better: "higher",
  table: "further",
  interval: false,
  chart: false,
  measure: (ranked: Ranked, { threshold }: { readonly threshold: number }): number => {
    const [[tn, fp], [fn, tp]] = confusionAt(ranked, threshold);
    const scale = Math.sqrt(tp + fp) * Math.sqrt(fn + tp) * Math.sqrt(tn + fp) * Math.sqrt(tn + fn);
    return ratio(tp * tn - fp * fn, scale);
  },
  isConvention: ([[tn, fp], [fn, tp]]: Confusion): boolean =>
    [tn + fp, fn + tp, tn + fn, fp + tp].includes(0),
} as const satisfies Metric;
