/** @module */
import type { Metric } from "../metric.ts";
import { confusionAt, type Ranked } from "../ranking.ts";

/** Mean of the recall of real and the recall of fake; null with one class only. */
export const balancedAccuracy = {
  title: "balanced accuracy",
  column: "Bal. acc.",
  better: "higher",
  table: "results",
  interval: false,
  chart: true,
  measure: (ranked: Ranked, { threshold }: { readonly threshold: number }): number | null => {
    const [[tn, fp], [fn, tp]] = confusionAt(ranked, threshold);
    const [real, fake] = [tn + fp, fn + tp];
    return real === 0 || fake === 0 ? null : (tn / real + tp / fake) / 2;
  },
} as const satisfies Metric;
