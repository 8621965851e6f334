/** @module */
import type { Metric } from "../metric.ts";
import type { Ranked } from "../ranking.ts";

/** Mean negative log-likelihood, in nats. */
export const logLoss = {
  title: "log loss",
  better: "lower",
  table: "further",
  note: "Log loss in nats.",
  interval: false,
  chart: false,
  measure: ({ labels, scores, counts, ranks }: Ranked): number => {
    let nats = 0;
    let n = 0;
    for (const rank of ranks) {
      // scikit-learn clips the probability of the true class to [ε, 1 - ε], ε being float64's.
      const likelihood = labels[rank] === 1 ? scores[rank] : 1 - scores[rank];
      nats -= counts[rank] * Math.log(Math.min(Math.max(likelihood, Number.EPSILON), 1 - Number.EPSILON));
      n += counts[rank];
    }
    return nats / n;
  },
} as const satisfies Metric;
