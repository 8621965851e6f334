/** @module */
import type { Metric } from "../metric.ts";
import type { Ranked } from "../ranking.ts";

/** Mean squared difference of score and label, in [0, 1]. */
export const brier = {
  title: "Brier",
  better: "lower",
  table: "further",
  interval: false,
  chart: false,
  measure: ({ labels, scores, counts, ranks }: Ranked): number => {
    let squares = 0;
    let n = 0;
    for (const rank of ranks) {
      squares += counts[rank] * (scores[rank] - labels[rank]) ** 2;
      n += counts[rank];
    }
    return squares / n;
  },
} as const satisfies Metric;
