/** @module */
import type { Metric } from "../metric.ts";
import { classCounts, type Ranked } from "../ranking.ts";

/** Average precision: the step-wise area under the precision-recall curve; null with one class only. */
export const averagePrecision = {
  title: "AP",
  better: "higher",
  table: "results",
  interval: true,
  chart: true,
  measure: (ranked: Ranked): number | null => {
    const { fps, tps } = ranked;
    const { real, fake } = classCounts(ranked);
    if (real === 0 || fake === 0) return null;
    let sum = 0;
    let tp = 0;
    for (let i = 0; i < fps.length; i++) {
      // Where a resample holds nothing yet, precision is undefined and recall stands still.
      if (tps[i] > tp) sum += (tps[i] - tp) * (tps[i] / (tps[i] + fps[i]));
      tp = tps[i];
    }
    return sum / fake;
  },
} as const satisfies Metric;
