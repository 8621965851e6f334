/**
 * What a run leaves behind: the types of its report, and the files written from them (metrics.json, history.csv,
 * predictions.csv). Charts, tables and report.html are made from the same types in charts/, tables/ and page.ts.
 *
 * @module
 */
import { csvText } from "../base/csv.ts";
import type { PrepareSettings } from "../data/prepared.ts";
import type { Interval, Intervals } from "../metrics/intervals/bootstrap.ts";
import type { CalibrationComparison } from "../metrics/calibration.ts";
import type { Metrics } from "../metrics/evaluate.ts";
import type { Fairness } from "../metrics/fairness.ts";
import type { VideoLevel } from "../metrics/levels.ts";
import type { Metric } from "../metrics/metric.ts";
import { type MetricName, metricNames, metrics, type MetricValues } from "../metrics/metrics/mod.ts";

/** One scored image. */
export type Prediction = {
  readonly set: string;
  readonly split: string;
  /** "none", or family and level: "jpeg-90". */
  readonly perturbation: string;
  /** Id of the video that the image was taken from; the image's own where it has none. */
  readonly video: string;
  /** How the fake was made; "" for a real image or where it is unknown. */
  readonly method: string;
  /** 0 real, 1 fake. */
  readonly label: 0 | 1;
  /** Probability of fake, in [0, 1]. */
  readonly score: number;
  /** Relative to its set. */
  readonly path: string;
  /** The index of the training seed, or of the repeat, that scored it, from 0. */
  readonly run: number;
  /** The videos of its set that share persons or an original, as one name for all of them; missing where that is not known. */
  readonly persons?: string;
};

/** How a test's answers turn out at a threshold that was chosen before it. */
export type ThresholdResult = {
  /** How it was chosen: `eer`, or `fpr-5` for at most 5 % of the reals called fake. */
  readonly by: string;
  /** Scores of at least this count as fake. */
  readonly threshold: number;
  readonly accuracy: number;
  /** null with one class. */
  readonly balancedAccuracy: number | null;
  /** The share of the test's reals that is called fake; null without reals. */
  readonly falsePositiveRate: number | null;
  /** The share of the test's fakes that is called fake; null without fakes. */
  readonly truePositiveRate: number | null;
};

/** The linear probe of the same run on the same test, and how far the first run's AUC is above the probe's. */
export type ProbeResult = {
  /** null with one class. */
  readonly auc: number | null;
  /** As the test's own; missing where that has none. */
  readonly interval?: Interval | null;
  /** The detector's AUC less the probe's; null with one class. */
  readonly difference: number | null;
  /** Paired: each resample holds the same units for both. */
  readonly differenceInterval?: Interval | null;
};

/** A test at video level. */
export type LevelResult = {
  /** How a video's score is made of its frames'. */
  readonly how: VideoLevel;
  /** Of the first run. */
  readonly metrics: Metrics;
  readonly intervals?: Intervals;
  /** As at frame level. */
  readonly runs?: readonly Metrics[];
  /** As at frame level. */
  readonly chosen?: readonly ThresholdResult[];
  /** As at frame level. */
  readonly probe?: ProbeResult;
};

/** One method's fakes against all reals, or one origin's reals against all fakes. */
export type GroupResult = {
  readonly name: string;
  /** Of the first run. */
  readonly metrics: Metrics;
  /** One per training seed or repeat, where there are several. */
  readonly runs?: readonly Metrics[];
};

/** Who a test's mistakes fall on, by the groups of one column. */
export type GroupColumnResult = Fairness & {
  /** The column's name in the file of scores. */
  readonly column: string;
};

/** The metrics of one test: a set and split under one perturbation. */
export type EvaluationResult = {
  readonly set: string;
  readonly split: string;
  /** "none", or family and level: "jpeg-90". */
  readonly perturbation: string;
  /** The set it was trained on, another one, or a test perturbed; `unknown` where the scores are another program's. */
  readonly kind: "within" | "cross" | "perturbed" | "unknown";
  /** True for the procedural data set, which says nothing about real faces. */
  readonly demo: boolean;
  /** Of the first training seed or repeat. */
  readonly metrics: Metrics;
  readonly intervals?: Intervals;
  /** What the intervals' resamples draw, at either level: images, videos, or all videos that share persons or an original. */
  readonly drawnBy?: "image" | "video" | "persons";
  readonly calibration?: CalibrationComparison;
  /** One per training seed or repeat, `metrics` first; tables and charts then show mean ± sd. */
  readonly runs?: readonly Metrics[];
  /** At the threshold chosen on validation images, one per training seed; missing where none was chosen. */
  readonly chosen?: readonly ThresholdResult[];
  /** Missing for a run without a probe, or whose detector is one. */
  readonly probe?: ProbeResult;
  /** The same at video level; missing where every image is a video of its own, and in older reports. */
  readonly video?: LevelResult;
  /** By method of the fakes, worst AUC first, at video level where there is one; missing with one method. */
  readonly methods?: readonly GroupResult[];
  /** By origin of the reals, likewise. */
  readonly origins?: readonly GroupResult[];
  /** The mean of each metric over the methods, each of which counts the same, one per training seed or repeat. */
  readonly methodMeans?: readonly MetricValues[];
  /** Over the origins, likewise. */
  readonly originMeans?: readonly MetricValues[];
  /** By the columns of groups, of the first run, at video level where there is one; missing where there are none. */
  readonly groups?: readonly GroupColumnResult[];
};

/** One epoch of the training with one seed. */
export type EpochRecord = {
  /** The index of the seed, from 0. */
  readonly run: number;
  /** From 1. */
  readonly epoch: number;
  /** Optimizer steps taken so far. */
  readonly step: number;
  /** Mean training loss; of cross-entropy in nats. */
  readonly loss: number;
  readonly valLoss?: number;
  readonly valAuc?: number;
  /** Of the epoch's last step; older runs did not keep it. */
  readonly learningRate?: number;
  /** What the epoch took. */
  readonly seconds: number;
  /** True where this epoch was the best so far. */
  readonly best: boolean;
  /** True where training stopped after this epoch though more were to follow, as none had become better. */
  readonly stopped?: boolean;
};

/** How many images a split holds. */
export type DataSummary = {
  readonly set: string;
  readonly split: string;
  readonly real: number;
  readonly fake: number;
  readonly videos: number;
  readonly skipped: number;
  /** The layout that a distributed set was read in, by its name; missing for a folder of each class, manifests and older reports. */
  readonly layout?: string;
  /** `raw`, `c0`, `c23` or `c40`; missing where nothing said it. */
  readonly compression?: string;
  /** Of a test, whether its videos are by the set's official list; missing where the layout has none. */
  readonly officialSplit?: boolean;
  /** How its frames and crops were made, where `prepare` made them. */
  readonly prepared?: PrepareSettings;
};

/** All that is known of a finished run, as it lies in metrics.json. */
export type RunReport = {
  readonly schemaVersion: 1;
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly preset: string;
  readonly demo: boolean;
  /** The kind of detector in words, for example `notebook head`. */
  readonly head: string;
  /** The frozen encoder and its precision, for example `CLIP ViT-B-16, bfloat16`. */
  readonly encoder: string;
  /** What the training steps were computed in and by, for example `bfloat16 (engine native)`, where it is known; a fit takes no steps. */
  readonly steps?: string;
  /** The resolved configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly backend: { readonly name: string; readonly device: string; readonly version: string };
  readonly data: readonly DataSummary[];
  readonly history: readonly EpochRecord[];
  readonly results: readonly EvaluationResult[];
  /** Why no linear probe stands beside the results, where none does. */
  readonly noProbe?: string;
  readonly warnings: readonly string[];
};

/** As much of a report as there is where the scores are another program's; its pages, tables and charts are the same. */
export type ScoreReport =
  & Omit<RunReport, "preset" | "encoder" | "backend">
  & Partial<Pick<RunReport, "preset" | "encoder" | "backend">>;

/** A result at one of its levels. */
export type LevelledResult = EvaluationResult & {
  /** `image` where every image is a video of its own. */
  readonly level: "video" | "frame" | "image";
};

/** Results at all of their levels, video level first. */
export function byLevel(results: readonly EvaluationResult[]): LevelledResult[] {
  return results.flatMap((result): LevelledResult[] => {
    const { video, ...others } = result;
    if (!video) return [{ ...others, level: "image" }];
    const { metrics, intervals, runs, chosen, probe } = video;
    return [{ ...others, metrics, intervals, runs, chosen, probe, level: "video" }, {
      ...others,
      level: "frame",
    }];
  });
}

/** Mean and standard deviation (n - 1) of a metric over runs; `sd` is null with a single run. */
export type Estimate = { readonly mean: number; readonly sd: number | null };

/** What metrics say of the answers at their threshold. */
export function answersOf(metrics: Metrics, { by }: Pick<ThresholdResult, "by">): ThresholdResult {
  const { threshold, accuracy, balancedAccuracy, real, fake, confusion: [[, falseFake], [, trueFake]] } =
    metrics;
  return {
    by,
    threshold,
    accuracy,
    balancedAccuracy,
    falsePositiveRate: real === 0 ? null : falseFake / real,
    truePositiveRate: fake === 0 ? null : trueFake / fake,
  };
}

/** The metrics that tables and charts can show: a report that is older than a metric has none of it. */
export function metricsIn(results: readonly EvaluationResult[]): MetricName[] {
  return metricNames.filter((name) =>
    results.length === 0 || results.some((result) => name in result.metrics)
  );
}

/**
 * A metric of a result over its runs.
 *
 * @returns null where the metric is undefined in any run, by convention 0 in metrics.json or not, or was not measured
 */
export function estimate(result: EvaluationResult, metric: MetricName): Estimate | null {
  return meanAndSd(runsOf(result).map((run) => isConvention(run, metric) ? null : run[metric] ?? null));
}

/** Whether a metric of any run has a value by convention alone, which metrics.json keeps. */
export function hasConvention(result: EvaluationResult, metric: MetricName): boolean {
  return runsOf(result).some((run) => isConvention(run, metric));
}

function isConvention(run: Metrics, name: MetricName): boolean {
  const { isConvention }: Metric = metrics[name];
  return isConvention?.(run.confusion) ?? false;
}

function runsOf({ runs, metrics }: EvaluationResult): readonly Metrics[] {
  return runs && runs.length > 0 ? runs : [metrics];
}

/** Mean and standard deviation (n - 1); null when a value is, or there is none. */
export function meanAndSd(values: readonly (number | null)[]): Estimate | null {
  const numbers = values.filter((value) => value !== null);
  if (numbers.length === 0 || numbers.length < values.length) return null;
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  if (numbers.length === 1) return { mean, sd: null };
  const squares = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / (numbers.length - 1)) };
}

/** A title that says DEMO, first, where the data is the procedural data set. */
export function demoTitle(title: string, demo: boolean): string {
  return demo ? `DEMO: ${title}` : title;
}

/** What a test is called where space is short: "celeb-df test", "ffpp test, jpeg-90". */
export function testName(result: Pick<EvaluationResult, "set" | "split" | "perturbation">): string {
  const name = result.split ? `${result.set} ${result.split}` : result.set;
  return result.perturbation === "none" ? name : `${name}, ${result.perturbation}`;
}

/** The text of metrics.json. */
export function metricsJson(report: ScoreReport): string {
  return JSON.stringify(report, null, 2) + "\n";
}

/** The text of history.csv: one line per epoch; a value that was not measured is empty. */
export function historyCsv(history: readonly EpochRecord[]): string {
  const rows = history.map((record) => ({
    ...record,
    best: record.best ? 1 : 0,
    stopped: record.stopped ? 1 : 0,
  }));
  const columns = [
    "run",
    "epoch",
    "step",
    "loss",
    "valLoss",
    "valAuc",
    "learningRate",
    "seconds",
    "best",
    "stopped",
  ];
  const isKnown = (key: "learningRate" | "stopped") => history.some((record) => record[key] !== undefined);
  return csvText(rows, {
    columns: columns.filter((key) => !(key === "learningRate" || key === "stopped") || isKnown(key)),
  });
}

/**
 * The text of predictions.csv: one line per image, scores in full precision.
 *
 * A text such as a path that a spreadsheet would run as a formula has an apostrophe before it, as `csvText()` says; where a
 * program reads the file, `csvRows()` or `unguarded()` takes it off.
 */
export function predictionsCsv(predictions: readonly Prediction[]): string {
  const columns = ["set", "split", "perturbation", "video", "method", "label", "score", "path", "run"];
  const isKnown = predictions.some(({ persons }) => persons !== undefined);
  return csvText(predictions, { columns: isKnown ? [...columns, "persons"] : columns });
}
