/**
 * Scored images of one test → its result: at frame level and at video level, by method and by origin.
 *
 * @module
 */
import { bootstrapIntervals } from "../metrics/intervals/bootstrap.ts";
import { type GroupedScores, metricsByMethod, metricsByOrigin } from "../metrics/by_group.ts";
import { compareCalibration } from "../metrics/calibration.ts";
import { evaluateScores } from "../metrics/evaluate.ts";
import { valuesByVideo, type VideoLevel, videoScores } from "../metrics/levels.ts";
import type { EvaluationResult, GroupResult, LevelResult } from "./report.ts";

/** What is known of a scored image. */
export type ScoredImage = {
  /** 0 real, 1 fake. */
  readonly label: 0 | 1;
  /** Unique within the class; the image's own name where it is of no video. */
  readonly video: string;
  /** How a fake was made, or where a real one is from; undefined where that is unknown. */
  readonly method?: string;
};

/** How a test's scores are measured. */
export type MeasureOptions = {
  /** From which score on an image or video counts as fake; 0.5 unless given. */
  readonly threshold?: number;
  /** How a video's score is made of its frames'; `mean` unless given. */
  readonly how?: VideoLevel;
  /** Leaves out intervals, methods and origins, as for perturbed tests. */
  readonly isBrief?: boolean;
  /** Share of fakes that training saw; without it, or with one class alone, calibration is left out. */
  readonly prior?: number;
};

/**
 * Measures one test.
 *
 * Where every image is a video of its own there is no video level. Intervals are by video at either level.
 *
 * @param scored the images' scores, in [0, 1], one array for each training seed or repeat; the first is what is reported, and all
 * give mean ± sd
 * @throws {Error} when there is no image, or a score is not in [0, 1]
 */
export function measureTest(
  images: readonly ScoredImage[],
  scored: readonly Float64Array[],
  options: MeasureOptions = {},
): Pick<
  EvaluationResult,
  "metrics" | "intervals" | "calibration" | "runs" | "video" | "methods" | "origins"
> {
  const { threshold, how = "mean", isBrief = false, prior = 0 } = options;
  const labels = images.map(({ label }) => label);
  const groups = images.map(({ label, video }) => `${label} ${video}`);
  const measured = (labels: readonly number[], scored: readonly ArrayLike<number>[]) => {
    const all = scored.map((scores) => evaluateScores(labels, scores, { threshold }));
    return { metrics: all[0], runs: all.length > 1 ? all : undefined };
  };
  // Methods make videos of one name from the same originals: 000_003 by each of FaceForensics++'s four.
  const frames = images.map(({ label, video, method = "" }) => ({ label, video: `${method}/${video}` }));
  const videos = scored.map((scores) =>
    videoScores(frames.map((frame, i) => ({ ...frame, score: scores[i] })), { how })
  );
  const [first] = videos;
  const hasVideos = first.labels.length < images.length;
  const video: LevelResult | undefined = hasVideos
    ? {
      how,
      ...measured(first.labels, videos.map(({ scores }) => scores)),
      intervals: isBrief ? undefined : bootstrapIntervals(first.labels, first.scores, { seed: 0, threshold }),
    }
    : undefined;
  const methods = images.map(({ method }) => method ?? "");
  const grouped: GroupedScores = hasVideos
    ? {
      labels: first.labels,
      scores: first.scores,
      methods: valuesByVideo(first, methods, { name: "method" }),
    }
    : { labels, scores: scored[0], methods };
  return {
    ...measured(labels, scored),
    intervals: isBrief ? undefined : bootstrapIntervals(labels, scored[0], { groups, seed: 0, threshold }),
    calibration: prior > 0 && prior < 1 ? compareCalibration(labels, scored[0], { from: prior }) : undefined,
    video,
    ...(isBrief ? {} : groupResults(grouped, threshold)),
  };
}

/** By method of the fakes and by origin of the reals, worst first; neither where there is one alone. */
function groupResults(
  grouped: GroupedScores,
  threshold: number | undefined,
): Pick<EvaluationResult, "methods" | "origins"> {
  const labels = new Set(Array.from(grouped.labels));
  if (labels.size < 2) return {};
  const results = (by: typeof metricsByMethod): GroupResult[] | undefined => {
    const { groups } = by(grouped, { threshold });
    return groups.length < 2
      ? undefined
      : groups.map(({ name, metrics }) => ({ name: name || "unknown", metrics }));
  };
  return { methods: results(metricsByMethod), origins: results(metricsByOrigin) };
}
