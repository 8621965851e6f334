/** @module */
import type { Metric } from "../metric.ts";
import { classCounts, type Ranked } from "../ranking.ts";

const MOST_FPR = 0.1;

/**
 * Area under the ROC curve up to a false positive rate of 0.1, standardised (McClish 1989, Analyzing a Portion of the ROC Curve,
 * Medical Decision Making 9, 190–195): 0.5 for chance, 1 for all fakes found without a false alarm. As scikit-learn's
 * `roc_auc_score(max_fpr=0.1)`; null with one class only.
 */
export const partialAuc = {
  title: "partial AUC",
  column: "pAUC",
  better: "higher",
  table: "further",
  note: `pAUC: AUC up to a false positive rate of ${MOST_FPR}, 0.5 for chance.`,
  interval: true,
  chart: true,
  measure: (ranked: Ranked): number | null => {
    const { fps, tps } = ranked;
    const { real, fake } = classCounts(ranked);
    if (real === 0 || fake === 0) return null;
    const most = MOST_FPR * real;
    let doubled = 0;
    let fp = 0;
    let tp = 0;
    for (let i = 0; fp < most; i++) {
      // The last step is cut where the curve, drawn with straight lines, crosses the rate.
      const share = fps[i] > most ? (most - fp) / (fps[i] - fp) : 1;
      const [nextFp, nextTp] = [Math.min(fps[i], most), tp + share * (tps[i] - tp)];
      doubled += (nextFp - fp) * (nextTp + tp);
      fp = nextFp;
      tp = nextTp;
    }
    const area = doubled / (2 * real * fake);
    const chance = MOST_FPR ** 2 / 2;
    return (1 + (area - chance) / (MOST_FPR - chance)) / 2;
  },
} as const satisfies Metric;
