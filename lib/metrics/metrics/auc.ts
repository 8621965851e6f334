/** @module */
import type { Metric } from "../metric.ts";
import { classCounts, type Ranked } from "../ranking.ts";

/** Area under the ROC curve; null with one class only. */
export const auc = {
  title: "AUC",
  better: "higher",
  table: "results",
  interval: true,
  chart: true,
  measure: (ranked: Ranked): number | null => {
    const { fps, tps } = ranked;
    const { real, fake } = classCounts(ranked);
    if (real === 0 || fake === 0) return null;
    let doubled = 0;
    let fp = 0;
    let tp = 0;
    for (let i = 0; i < fps.length; i++) {
      doubled += (fps[i] - fp) * (tps[i] + tp);
      fp = fps[i];
      tp = tps[i];
    }
    return doubled / (2 * real * fake);
  },
} as const satisfies Metric;
