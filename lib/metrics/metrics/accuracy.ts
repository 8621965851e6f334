/** @module */
import type { Metric } from "../metric.ts";
import { confusionAt, type Ranked } from "../ranking.ts";

/** The share of samples that are called what they are. */
export const accuracy = {
  title: "accuracy",
  better: "higher",
  table: "results",
  interval: true,
  chart: true,
  measure: (ranked: Ranked, { threshold }: { readonly threshold: number }): number => {
    const [[tn, fp], [fn, tp]] = confusionAt(ranked, threshold);
    return (tp + tn) / (tn + fp + fn + tp);
  },
} as const satisfies Metric;
