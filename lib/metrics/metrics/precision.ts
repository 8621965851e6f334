/** @module */
import type { Metric } from "../metric.ts";
import { type Confusion, confusionAt, type Ranked, ratio } from "../ranking.ts";

/** Of the samples called fake, the share that is; 0 when none is called fake, and with no fakes, which reports show as undefined. */
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
  isConvention: ([[, fp], [fn, tp]]: Confusion): boolean => fn + tp === 0 || tp + fp === 0,
} as const satisfies Metric;
