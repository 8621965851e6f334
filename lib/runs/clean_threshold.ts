/**
 * The threshold that a robustness run keeps, chosen on clean validation scores.
 *
 * @module
 */
import type { VideoLevel } from "../metrics/levels.ts";
import { chooseThreshold, thresholdChoices, type ThresholdName } from "../metrics/threshold.ts";
import type { ScoredImage } from "../report/measure.ts";
import { scoresByLevel } from "../report/robustness/measure.ts";
import type { CleanThreshold } from "../report/robustness/robustness.ts";
import { THRESHOLD } from "./folder/card.ts";

/**
 * The threshold of each training seed: on videos, or on images where each is a video of its own. Without validation images of both
 * classes, and where the choice cannot be kept, it is 0.5, which `by` says.
 *
 * @param images the validation images; none where a run has none
 * @param scored their clean scores, one array for each training seed
 */
export function cleanThreshold(
  images: readonly ScoredImage[],
  scored: readonly Float64Array[],
  options: { readonly how: VideoLevel; readonly by: ThresholdName },
): CleanThreshold {
  const none: CleanThreshold = { by: "none", level: null, values: scored.map(() => THRESHOLD) };
  if (images.length === 0) return none;
  const [{ level, labels, scored: measured }] = scoresByLevel(images, scored, options);
  const { choice } = thresholdChoices[options.by];
  const values = measured.map((scores) => chooseThreshold(labels, scores, choice));
  return values.some((value) => value === null)
    ? none
    : { by: options.by, level: level === "video" ? "video" : "image", values: values.map((value) => value!) };
}
