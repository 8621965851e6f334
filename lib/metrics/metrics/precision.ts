/** @module */
import type { Metric } from "../metric.ts";
import { confusionAt, type Ranked, ratio } from "../ranking.ts";

/** Of the samples called fake, the share that is; 0 when none is called fake. */
export const precision = {
  title: "precision",
  better: "higher",
  table: "further",
  interval: false,
  chart: false,
  measure: (ranked: Ranked, { threshold }: { readonly threshold: number }): number => {
    const [[, fp], [, tp]] = confusionAt(ranked, threshold);
    return ratio(tp, tp + fp);
  },
} as const satisfies Metric;
