/**
 * Scored images and the groups of persons that they show → who the mistakes fall on.
 *
 * @module
 */
import { measureFairness } from "../metrics/fairness.ts";
import { resamplesFor } from "../metrics/intervals/bootstrap.ts";
import { valuesByVideo, type VideoLevel, videoScores } from "../metrics/levels.ts";
import { type ScoredImage, videoName } from "./measure.ts";
import type { GroupColumnResult } from "./report.ts";

/**
 * Measures fairness by each column, of videos where images are of some.
 *
 * @param images what is known of them; where persons are known, videos that share some are drawn together
 * @param scores of the images, in [0, 1], in their order
 * @param options.columns by name, the group of each image; "" where that is unknown
 * @param options.threshold from which score on a video counts as fake; 0.5 unless given
 * @param options.how how a video's score is made of its frames'; `mean` unless given
 * @throws {InputError} when the images of a video are of different groups
 */
export function measureGroups(
  images: readonly ScoredImage[],
  scores: Float64Array,
  options: {
    readonly columns: ReadonlyMap<string, readonly string[]>;
    readonly threshold?: number;
    readonly how?: VideoLevel;
  },
): GroupColumnResult[] {
  const { columns, threshold, how = "mean" } = options;
  if (columns.size === 0) return [];
  const videos = videoScores(
    images.map((image, i) => ({ label: image.label, video: videoName(image), score: scores[i] })),
    { how },
  );
  const units = videos.firstRows.map((row, i) => images[row].persons ?? `video ${i}`);
  const samples = resamplesFor(units.length);
  return [...columns].map(([column, values]) => ({
    column,
    ...measureFairness(
      { ...videos, groups: valuesByVideo(videos, values, { name: column }) },
      { threshold, units, samples },
    ),
  }));
}
