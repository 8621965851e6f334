/**
 * Scored images of one test → its result: at frame level and at video level, by method and by origin.
 *
 * @module
 */
import { bootstrapIntervals, type Intervals, resamplesFor } from "../metrics/intervals/bootstrap.ts";
import { groupsOf } from "../metrics/intervals/groups_of.ts";
import { compareByBootstrap } from "../metrics/compare/by_bootstrap.ts";
import { type GroupedScores, metricsByMethod, metricsByOrigin } from "../metrics/by_group.ts";
import { compareCalibration } from "../metrics/calibration.ts";
import { evaluateScores, type Metrics } from "../metrics/evaluate.ts";
import { numberVideos, scoreVideos, type VideoLevel, type VideoRows } from "../metrics/levels.ts";
import { checkScores } from "../metrics/ranking.ts";
import {
  chooseThreshold,
  thresholdChoices,
  type ThresholdName,
  thresholdNames,
} from "../metrics/threshold.ts";
import {
  answersOf,
  type EvaluationResult,
  type GroupResult,
  type ProbeResult,
  type ThresholdResult,
} from "./report.ts";

/** What is known of a scored image. */
export type ScoredImage = {
  /** 0 real, 1 fake. */
  readonly label: 0 | 1;
  /** Unique within the class and method; the image's own name where it is of no video. */
  readonly video: string;
  /** How a fake was made, or where a real one is from; undefined where that is unknown. */
  readonly method?: string;
  /** One name for all videos that share persons or an original, as {@link personsOf} gives it; undefined where that is unknown. */
  readonly persons?: string;
};

/** A threshold chosen before the test, for each level. */
export type ChosenThreshold = {
  /** How it was chosen: a name of {@link thresholdChoices}. */
  readonly by: string;
  /** null, as that of videos, where the choice could not be kept. */
  readonly frame: number | null;
  readonly video: number | null;
};

/** How a test's scores are measured. */
export type MeasureOptions = {
  /** From which score on an image or video counts as fake; 0.5 unless given. */
  readonly threshold?: number;
  /** Chosen on other images, one for each array of scores; measured beside `threshold`. */
  readonly chosen?: readonly ChosenThreshold[];
  /** How a video's score is made of its frames'; `mean` unless given. */
  readonly how?: VideoLevel;
  /** Leaves out intervals, methods and origins, as for perturbed tests. */
  readonly isBrief?: boolean;
  /** The scores of the run's linear probe on the same images. */
  readonly probe?: Float64Array;
  /** Share of fakes that training saw; without it, or with one class alone, calibration is left out. */
  readonly prior?: number;
};

/** What {@link measureTest} finds. */
export type MeasuredTest = Pick<
  EvaluationResult,
  | "metrics"
  | "intervals"
  | "drawnBy"
  | "calibration"
  | "runs"
  | "chosen"
  | "probe"
  | "video"
  | "methods"
  | "origins"
  | "methodMeans"
  | "originMeans"
>;

/** The scores of a level, one array for each training seed or repeat, and what a bootstrap draws together. */
export type Level = {
  readonly labels: Uint8Array;
  readonly scored: readonly Float64Array[];
  readonly units?: Uint32Array;
  /** Those of the run's linear probe. */
  readonly probe?: Float64Array;
};

/**
 * Measures one test.
 *
 * Where every image is a video of its own there is no video level. Intervals are by video at either level, or where it is known
 * which videos share persons by all of these together; with more than 200,000 predictions they are of fewer resamples.
 *
 * @param scored the images' scores, in [0, 1], one array for each training seed or repeat; the first is what is reported, and all
 * give mean ± sd
 * @throws {Error} when there is no image, or a score is not in [0, 1]
 */
export function measureTest(
  images: readonly ScoredImage[],
  scored: readonly Float64Array[],
  options: MeasureOptions = {},
): MeasuredTest {
  const { threshold, chosen = [], isBrief = false, prior = 0, probe } = options;
  const labels = labelsOf(images);
  const videos = numberVideos(images);
  const { videoOf, firstRows } = videos;
  const hasVideos = firstRows.length < images.length;
  const units = unitsOf(images, videos);
  const measured = ({ labels, scored, units, probe }: Level, level: "frame" | "video") => {
    const runs = scored.map((scores) => evaluateScores(labels, scores, { threshold }));
    return {
      metrics: runs[0],
      runs: runs.length > 1 ? runs : undefined,
      intervals: isBrief ? undefined : intervalsOf({ labels, scored, units }, threshold),
      chosen: chosen.length === scored.length
        ? thresholdResults({ labels, scored }, { chosen, level })
        : undefined,
      ...(probe ? { probe: besideProbe({ labels, scored, units }, { probe, isBrief }) } : {}),
    };
  };
  const methodsOf = (rows: readonly ScoredImage[]) => rows.map(({ method = "" }) => method);
  const ofVideos = hasVideos
    ? toVideos({ labels, scored, videos, probe }, options)
    : { labels, scored, probe };
  const top = { ...ofVideos, methods: methodsOf(hasVideos ? firstRows.map((row) => images[row]) : images) };
  const frameUnits = hasVideos ? videoOf.map((video) => units?.[video] ?? video) : units;
  return {
    ...measured({ labels, scored, units: frameUnits, probe }, "frame"),
    drawnBy: isBrief ? undefined : units ? "persons" : hasVideos ? "video" : "image",
    calibration: prior > 0 && prior < 1 ? compareCalibration(labels, scored[0], { from: prior }) : undefined,
    video: hasVideos
      ? { how: options.how ?? "mean", ...measured({ ...ofVideos, units }, "video") }
      : undefined,
    ...(isBrief ? {} : groupResults(top, threshold)),
  };
}

/** Every choice of a threshold on validation images, for each level. */
export type ThresholdChoices = { readonly [Name in ThresholdName]: Omit<ChosenThreshold, "by"> };

/**
 * The thresholds that validation images give: each choice at frame level and at video level, which are the same where every image is
 * a video of its own.
 *
 * @param options.how how a video's score is made of its frames'; `mean` unless given
 * @throws {Error} when there is no image, or a score is not finite
 */
export function thresholdsOn(
  images: readonly ScoredImage[],
  scores: Float64Array,
  { how }: Pick<MeasureOptions, "how"> = {},
): ThresholdChoices {
  const labels = labelsOf(images);
  const videos = toVideos({ labels, scored: [scores], videos: numberVideos(images) }, { how });
  return Object.fromEntries(thresholdNames.map((name) => {
    const { choice } = thresholdChoices[name];
    return [name, {
      frame: chooseThreshold(labels, scores, choice),
      video: chooseThreshold(videos.labels, videos.scored[0], choice),
    }];
  })) as ThresholdChoices;
}

/**
 * One name for all images whose videos share an identity, also by a chain of others; undefined for each where no two videos do, as
 * then videos are what is independent.
 *
 * @param images with the persons or originals that each shows, where they are known
 */
export function personsOf(
  images: readonly (ScoredImage & { readonly identities?: readonly string[] })[],
): (string | undefined)[] {
  const { videoOf } = numberVideos(images);
  // Of a video's frames that do not say whom they show, one does it for all.
  const groups = groupsOf(images.map(({ identities = [] }, i) => [`video ${videoOf[i]}`, ...identities]));
  const first = new Map<number, number>();
  const isShared = videoOf.some((video, i) => {
    if (!first.has(groups[i])) first.set(groups[i], video);
    return first.get(groups[i]) !== video;
  });
  return Array.from(groups, (group) => (isShared ? `${group}` : undefined));
}

/**
 * What a bootstrap draws, by video: all videos of the same persons together, and each of which they are not known by itself;
 * undefined where they are known of none, so that each video is drawn by itself.
 */
export function unitsOf(
  images: readonly ScoredImage[],
  { firstRows }: Pick<VideoRows, "firstRows">,
): Uint32Array | undefined {
  if (images.every(({ persons }) => persons === undefined)) return undefined;
  const numbers = new Map<string, number>();
  let count = 0;
  return Uint32Array.from(firstRows, (row) => {
    const { persons } = images[row];
    const number = persons === undefined ? count++ : numbers.get(persons) ?? count++;
    if (persons !== undefined) numbers.set(persons, number);
    return number;
  });
}

/** The labels of images, in their order. */
export function labelsOf(images: readonly ScoredImage[]): Uint8Array {
  return Uint8Array.from(images, ({ label }) => label);
}

/** The labels of videos, and their scores by each array of their frames'. @throws {Error} when a score is not finite. */
export function toVideos(
  { labels, scored, probe, videos }: Level & { readonly videos: VideoRows },
  { how = "mean" }: Pick<MeasureOptions, "how">,
): Level {
  const ofVideos = (scores: Float64Array) => {
    checkScores(labels, scores, "score the videos");
    return scoreVideos(videos, scores, { how });
  };
  return {
    labels: Uint8Array.from(videos.firstRows, (row) => labels[row]),
    scored: scored.map(ofVideos),
    probe: probe && ofVideos(probe),
  };
}

/** The probe's AUC beside the first run's, of the same predictions. */
function besideProbe(
  { labels, scored: [scores], units }: Level,
  { probe, isBrief }: { readonly probe: Float64Array; readonly isBrief: boolean },
): ProbeResult {
  const [auc, own] = [probe, scores].map((each) => evaluateScores(labels, each).auc);
  const difference = auc === null || own === null ? null : own - auc;
  if (isBrief) return { auc, difference };
  const samples = resamplesFor(labels.length);
  return {
    auc,
    interval: intervalsOf({ labels, scored: [probe], units }, undefined).auc,
    difference,
    differenceInterval: compareByBootstrap(labels, scores, probe, { groups: units, samples }).interval,
  };
}

function intervalsOf({ labels, scored: [scores], units }: Level, threshold: number | undefined): Intervals {
  const samples = resamplesFor(labels.length);
  return bootstrapIntervals(labels, scores, { groups: units, samples, seed: 0, threshold });
}

/** Of each run with the threshold that was chosen for it; undefined where one has none. */
function thresholdResults(
  { labels, scored }: Level,
  { chosen, level }: { readonly chosen: readonly ChosenThreshold[]; readonly level: "frame" | "video" },
): ThresholdResult[] | undefined {
  const results = chosen.flatMap(({ by, [level]: threshold }, run): ThresholdResult[] => {
    if (threshold === null) return [];
    return [answersOf(evaluateScores(labels, scored[run], { threshold }), { by })];
  });
  return results.length === chosen.length && results.length > 0 ? results : undefined;
}

/** By method of the fakes and by origin of the reals, worst first on average over runs; neither where there is one alone. */
function groupResults(
  { labels, scored, methods }: Level & Pick<GroupedScores, "methods">,
  threshold: number | undefined,
): Pick<EvaluationResult, "methods" | "origins" | "methodMeans" | "originMeans"> {
  if (new Set(labels).size < 2) return {};
  const results = (by: typeof metricsByMethod) => {
    const measured = scored.map((scores) => by({ labels, scores, methods }, { threshold }));
    const runs = new Map<string, Metrics[]>();
    for (const { name, metrics } of measured.flatMap(({ groups }) => groups)) {
      runs.set(name, [...runs.get(name) ?? [], metrics]);
    }
    if (runs.size < 2) return {};
    const sum = (all: readonly Metrics[]) => all.reduce((sum, { auc }) => sum + auc!, 0);
    const groups = [...runs].sort(([, a], [, b]) => sum(a) - sum(b)).map(([name, all]): GroupResult => ({
      name: name || (runs.has("unknown") ? "unknown (not named)" : "unknown"),
      metrics: all[0],
      runs: all.length > 1 ? all : undefined,
    }));
    return { groups, means: measured.map(({ macro }) => macro) };
  };
  const [ofMethods, ofOrigins] = [results(metricsByMethod), results(metricsByOrigin)];
  return {
    methods: ofMethods.groups,
    origins: ofOrigins.groups,
    methodMeans: ofMethods.means,
    originMeans: ofOrigins.means,
  };
}
