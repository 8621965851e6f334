/**
 * The threshold that a robustness run keeps, chosen on clean validation scores.
 *
 * @module
 */
import type { VideoLevel } from "../metrics/levels.ts";
import { chooseThreshold } from "../metrics/threshold.ts";
import type { ScoredImage } from "../report/measure.ts";
import { scoresByLevel } from "../report/robustness/measure.ts";
import type { CleanThreshold } from "../report/robustness/robustness.ts";
import { THRESHOLD } from "./folder/card.ts";

/**
 * The threshold of each training seed where false alarms and misses are most alike: on videos, or on images where each is a video
 * of its own. Without validation images of both classes it is 0.5, which `by` says.
 *
 * @param images the validation images; none where a run has none
 * @param scored their clean scores, one array for each training seed
 */
export function cleanThreshold(
  images: readonly ScoredImage[],
  scored: readonly Float64Array[],
  options: { readonly how: VideoLevel },
): CleanThreshold {
  const none: CleanThreshold = { by: "none", level: null, values: scored.map(() => THRESHOLD) };
  if (images.length === 0) return none;
  const [{ level, labels, scored: measured }] = scoresByLevel(images, scored, options);
  const values = measured.map((scores) => chooseThreshold(labels, scores, { by: "eer" }));
  return values.some((value) => value === null)
    ? none
    : { by: "eer", level: level === "video" ? "video" : "image", values: values.map((value) => value!) };
}
