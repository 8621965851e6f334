/** @module */
import type { Metric } from "../metric.ts";
import { classCounts, type Ranked } from "../ranking.ts";

/** Where the ROC curve, drawn with straight lines, has as many misses as false alarms; null with one class only. */
export const equalErrorRate = {
  title: "EER",
  better: "lower",
  table: "results",
  interval: false,
  chart: false,
  measure: (ranked: Ranked): number | null => {
    const { fps, tps } = ranked;
    const { real, fake } = classCounts(ranked);
    if (real === 0 || fake === 0) return null;
    // False alarms minus misses rises at every step, from -1 to 1, so it crosses 0 within exactly one.
    let fpr = 0;
    let surplus = -1;
    for (let i = 0; i < fps.length; i++) {
      const nextFpr = fps[i] / real;
      const nextSurplus = nextFpr - (1 - tps[i] / fake);
      if (nextSurplus >= 0) return fpr + (nextFpr - fpr) * (-surplus / (nextSurplus - surplus));
      fpr = nextFpr;
      surplus = nextSurplus;
    }
    return fpr;
  },
} as const satisfies Metric;
