/**
 * ROC and precision-recall curves, with scikit-learn's points.
 *
 * @module
 */
import { checkScores, classCounts, rankScores } from "./ranking.ts";

/** A ROC curve from (0, 0), at threshold infinity, to (1, 1). */
export type RocCurve = { readonly fpr: number[]; readonly tpr: number[]; readonly thresholds: number[] };

/** A precision-recall curve by rising threshold; precision and recall end with (1, 0), which has no threshold. */
export type PrCurve = {
  readonly precision: number[];
  readonly recall: number[];
  readonly thresholds: number[];
};

/**
 * The ROC curve with one point per distinct score, as scikit-learn's `roc_curve(…, drop_intermediate=False)`.
 *
 * Scores may be any finite numbers, logits too.
 *
 * @param options.dropIntermediate leave out the points that lie on a straight line between others (scikit-learn's
 *   own default); false unless given
 * @throws {Error} when the input is malformed (see {@link checkScores}) or holds one class only
 *
 * @example
 * ```ts
 * import { rocCurve } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { fpr, tpr, thresholds } = rocCurve([0, 1], [0.2, 0.8]);
 * assertEquals(fpr, [0, 0, 1]);
 * assertEquals(tpr, [0, 1, 1]);
 * assertEquals(thresholds, [Infinity, 0.8, 0.2]);
 * ```
 */
export function rocCurve(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { dropIntermediate = false }: { dropIntermediate?: boolean } = {},
): RocCurve {
  checkScores(labels, scores, "draw the ROC curve");
  const ranked = rankScores(labels, scores);
  const { fps, tps, thresholds } = ranked;
  const { real, fake } = classCounts(ranked);
  if (real === 0 || fake === 0) {
    throw new Error(
      `Cannot draw the ROC curve: expected real and fake samples but found ${real} real and ${fake} fake`,
    );
  }
  const curve: RocCurve = { fpr: [0], tpr: [0], thresholds: [Infinity] };
  for (let i = 0; i < fps.length; i++) {
    if (dropIntermediate && i > 0 && i < fps.length - 1 && isStraight(fps, i) && isStraight(tps, i)) continue;
    curve.fpr.push(fps[i] / real);
    curve.tpr.push(tps[i] / fake);
    curve.thresholds.push(thresholds[i]);
  }
  return curve;
}

/**
 * The precision-recall curve with one point per distinct score, as scikit-learn's `precision_recall_curve`.
 *
 * Scores may be any finite numbers, logits too.
 *
 * @throws {Error} when the input is malformed (see {@link checkScores}) or holds no fake
 *
 * @example
 * ```ts
 * import { prCurve } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { precision, recall, thresholds } = prCurve([0, 1], [0.2, 0.8]);
 * assertEquals(precision, [0.5, 1, 1]);
 * assertEquals(recall, [1, 1, 0]);
 * assertEquals(thresholds, [0.2, 0.8]);
 * ```
 */
export function prCurve(labels: ArrayLike<number>, scores: ArrayLike<number>): PrCurve {
  checkScores(labels, scores, "draw the precision-recall curve");
  const ranked = rankScores(labels, scores);
  const { fps, tps, thresholds } = ranked;
  const { fake } = classCounts(ranked);
  if (fake === 0) {
    throw new Error("Cannot draw the precision-recall curve: expected fake samples but found only real ones");
  }
  const curve: PrCurve = { precision: [], recall: [], thresholds: [] };
  for (let i = fps.length - 1; i >= 0; i--) {
    curve.precision.push(tps[i] / (tps[i] + fps[i]));
    curve.recall.push(tps[i] / fake);
    curve.thresholds.push(thresholds[i]);
  }
  curve.precision.push(1);
  curve.recall.push(0);
  return curve;
}

function isStraight(counts: Float64Array, i: number): boolean {
  return counts[i + 1] - counts[i] === counts[i] - counts[i - 1];
}
