/**
 * From which score on a prediction counts as fake, chosen on validation scores.
 *
 * @module
 */
import { checkScores, classCounts, type Ranked, rankScores } from "./ranking.ts";
import { checkFpr, stepsWithin } from "./tpr_at_fpr.ts";

/**
 * What a threshold is to hold: `eer`, as many false alarms as misses; `fpr`, at most the share `fpr` of reals called fake, and as
 * many fakes found as that allows.
 */
export type ThresholdChoice = { readonly by: "eer" } | { readonly by: "fpr"; readonly fpr: number };

/**
 * The choices by name, each with how a table says it. A further choice is a line here.
 *
 * @example
 * ```ts
 * import { chooseThreshold, thresholdChoices } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { choice, title } = thresholdChoices["fpr-5"];
 * assertEquals(title, "FPR of at most 5 %");
 * assertEquals(chooseThreshold([0, 1], [0.2, 0.6], choice), 0.4);
 * ```
 */
export const thresholdChoices = {
  eer: { title: "EER", choice: { by: "eer" } },
  "fpr-1": { title: "FPR of at most 1 %", choice: { by: "fpr", fpr: 0.01 } },
  "fpr-5": { title: "FPR of at most 5 %", choice: { by: "fpr", fpr: 0.05 } },
  "fpr-10": { title: "FPR of at most 10 %", choice: { by: "fpr", fpr: 0.1 } },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly choice: ThresholdChoice }>>;

/** A choice's name. */
export type ThresholdName = keyof typeof thresholdChoices;

/** All of them. */
export const thresholdNames = Object.keys(thresholdChoices) as [ThresholdName, ...ThresholdName[]];

/**
 * The threshold that validation scores give: scores of at least this count as fake.
 *
 * The candidates are the distinct scores, as the lowest that is still called fake. `eer` takes the one with the least difference of
 * the false positive and the false negative rate; of several the one with the least sum of the two, then the highest. `fpr` takes the
 * lowest whose false positive rate is at most `fpr`. The threshold is the middle between it and the next lower score, or the score
 * itself where there is none: every threshold between the two gives the same answers on these scores, and the middle is furthest
 * from both, so that a fake just below the lowest one that was seen is still found.
 *
 * @param scores any finite numbers, logits too; the threshold is on their scale
 * @returns null with one class only, and where even the highest score holds more reals than `fpr` allows
 * @throws {InputError} when `fpr` is outside [0, 1]
 * @throws {Error} when the lengths differ, there is no sample, a label is neither 0 nor 1, or a score is not finite
 *
 * @example
 * ```ts
 * import { chooseThreshold } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const [labels, scores] = [[0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]];
 * assertEquals(chooseThreshold(labels, scores, { by: "eer" }), 0.5); // between the highest real and the lowest fake
 * assertEquals(chooseThreshold([0, 0], [0.1, 0.2], { by: "fpr", fpr: 0.05 }), null);
 * ```
 */
export function chooseThreshold(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  choice: ThresholdChoice,
): number | null {
  if (choice.by === "fpr") checkFpr(choice.fpr, "choose a threshold");
  checkScores(labels, scores, "choose a threshold");
  const ranked = rankScores(labels, scores);
  const { real, fake } = classCounts(ranked);
  if (real === 0 || fake === 0) return null;
  const steps = choice.by === "eer" ? equalErrorSteps(ranked) : stepsWithin(ranked, choice.fpr);
  return steps === 0 ? null : middleBelow(ranked.thresholds, steps - 1);
}

/** How many of the distinct scores are called fake where false alarms and misses are most alike. */
function equalErrorSteps(ranked: Ranked): number {
  const { fps, tps } = ranked;
  const { real, fake } = classCounts(ranked);
  let [best, leastGap, leastSum] = [0, Infinity, Infinity];
  for (let i = 0; i < fps.length; i++) {
    // Both rates times real · fake: whole numbers, so that equal ones are equal.
    const [alarms, misses] = [fps[i] * fake, (fake - tps[i]) * real];
    const [gap, sum] = [Math.abs(alarms - misses), alarms + misses];
    if (gap < leastGap || (gap === leastGap && sum < leastSum)) {
      [best, leastGap, leastSum] = [i + 1, gap, sum];
    }
  }
  return best;
}

/** The middle of a score and the next lower one. */
function middleBelow(thresholds: Float64Array, i: number): number {
  const score = thresholds[i];
  if (i === thresholds.length - 1) return score;
  const middle = score / 2 + thresholds[i + 1] / 2;
  // Of two neighbouring floats the middle may round to the lower one.
  return middle > thresholds[i + 1] ? middle : score;
}
