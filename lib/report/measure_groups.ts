/**
 * Scored images and the groups of persons that they show → who the mistakes fall on.
 *
 * @module
 */
import { measureFairness } from "../metrics/fairness.ts";
import { resamplesFor } from "../metrics/intervals/bootstrap.ts";
import { numberVideos, scoreVideos, valuesByVideo, type VideoLevel } from "../metrics/levels.ts";
import { type ScoredImage, unitsOf } from "./measure.ts";
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
  const rows = numberVideos(images);
  const { firstRows } = rows;
  const videos = {
    labels: firstRows.map((row) => images[row].label),
    scores: scoreVideos(rows, scores, { how }),
  };
  const units = unitsOf(images, rows);
  const samples = resamplesFor(firstRows.length);
  const names = { ...rows, videos: firstRows.map((row) => images[row].video) };
  return [...columns].map(([column, values]) => ({
    column,
    ...measureFairness(
      { ...videos, groups: valuesByVideo(names, values, { name: column }) },
      { threshold, units, samples },
    ),
  }));
}
