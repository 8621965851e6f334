/**
 * The schema of metrics.json, by which the file is read, and which tools/metrics_schema.ts writes to docs/metrics.schema.json.
 *
 * A key that the types in report.ts gain gets a line here: the compiler asks for it. Keys that are not known here pass, so that
 * a report of a newer version can be read.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../base/errors.ts";
import { prepareSchema } from "../data/prepared.ts";
import { hasInterval, type Interval, type Intervals } from "../metrics/intervals/bootstrap.ts";
import type { Calibration, CalibrationComparison } from "../metrics/calibration.ts";
import type { Metrics } from "../metrics/evaluate.ts";
import type { GroupRates, RateGap } from "../metrics/fairness.ts";
import { videoLevelNames } from "../metrics/levels.ts";
import type { Metric } from "../metrics/metric.ts";
import { type MetricName, metricNames, metrics, type MetricValues } from "../metrics/metrics/mod.ts";
import type {
  DataSummary,
  EpochRecord,
  EvaluationResult,
  GroupColumnResult,
  GroupResult,
  LevelResult,
  ProbeResult,
  RunReport,
  ScoreReport,
  ThresholdResult,
} from "./report.ts";

/** Those that every report has; a metric that was added since is not in the reports that are older. */
const firstMetrics: readonly MetricName[] = [
  ...["auc", "ap", "eer", "balancedAccuracy", "accuracy"] as const,
  ...["precision", "recall", "f1", "mcc", "brier", "logLoss"] as const,
];

/** The least and the most that a metric can be where that is not 0 and 1. */
const ranges: { readonly [Name in MetricName]?: readonly [least: number, most: number] } = {
  mcc: [-1, 1],
  logLoss: [0, Infinity],
};

/** A schema for each key of a type, none left out and none besides. */
type Shape<Type> = { readonly [Key in keyof Required<Type>]: z.ZodType };

const count = z.int().min(0);
const share = z.number().min(0).max(1);

function metricValue(name: MetricName): z.ZodType<number | null | undefined> {
  const { title, better, isConvention }: Metric = metrics[name];
  const [least, most] = ranges[name] ?? [0, 1];
  // Sums in floating point may end a little beyond the range.
  const number = z.number().min(least - 1e-9);
  const value = (most === Infinity ? number : number.max(most + 1e-9)).nullable();
  const range = most === Infinity ? `from ${least} on` : `in [${least}, ${most}]`;
  const text = `${title}, ${range}; ${better} is better; ${
    isConvention ? "0 by scikit-learn's convention" : "null"
  } where it is undefined`;
  return (firstMetrics.includes(name) ? value : value.optional()).describe(text);
}

/** By name, as the types have them: a report that is older than a metric lacks it, which `metricsIn()` minds. */
const metricValues = Object.fromEntries(metricNames.map((name) => [name, metricValue(name)])) as {
  readonly [Name in MetricName]: z.ZodType<MetricValues[Name]>;
};

const measuredMetrics = z.looseObject(
  {
    n: count.describe("number of predictions: images at frame level, videos at video level"),
    real: count.describe("those that are real"),
    fake: count.describe("those that are fake"),
    threshold: z.number().describe("scores of at least this count as fake"),
    majorityAccuracy: share.describe("accuracy of always answering the larger class"),
    ...metricValues,
    confusion: z.tuple([z.tuple([count, count]), z.tuple([count, count])]).describe(
      "[[true real, false fake], [false real, true fake]]: rows are the truth, columns the answer",
    ),
  } satisfies Shape<Metrics>,
).meta({
  id: "Metrics",
  description: "the metrics of one set of predictions, and the counts behind them",
}) satisfies z.ZodType<Metrics>;

const interval = z.looseObject({ low: z.number(), high: z.number() } satisfies Shape<Interval>)
  .meta({ id: "Interval", description: "the two ends of a 95 % interval" }) satisfies z.ZodType<Interval>;

const intervalValues = Object.fromEntries(
  metricNames.filter(hasInterval).map((name) => [
    name,
    interval.nullable().optional().describe(`of ${metrics[name].title}; null where there is none`),
  ]),
) as unknown as { readonly [Name in keyof Intervals & MetricName]: z.ZodType<Interval | null> };

const intervals = z.looseObject(
  {
    ...intervalValues,
    samples: count.describe("number of resamples drawn"),
    units: count.describe("number of things resampled, such as videos"),
    groups: z.looseObject({ real: count, fake: count })
      .describe("units that hold a real one, and those that hold a fake"),
  } satisfies Shape<Intervals>,
).meta({
  id: "Intervals",
  description: "95 % percentile bootstrap intervals of the first run",
}) satisfies z.ZodType<Intervals>;

const calibration = z.looseObject(
  {
    brier: share.describe("mean squared error of the scores as probabilities"),
    logLoss: z.number().min(0).describe("mean negative log likelihood, in nats"),
    ece: share.describe("expected calibration error, in 15 bins"),
  } satisfies Shape<Calibration>,
).meta({
  id: "Calibration",
  description: "how well scores serve as probabilities; 0 is best",
}) satisfies z.ZodType<Calibration>;

const calibrationComparison = z.looseObject(
  {
    prior: share.describe("the data's share of fakes, which is put back"),
    raw: calibration.describe("as the scores are"),
    shifted: calibration.nullable().describe("with the prior put back; null with one class only"),
  } satisfies Shape<CalibrationComparison>,
).meta({
  id: "CalibrationComparison",
  description: "at frame level, of the first run",
}) satisfies z.ZodType<CalibrationComparison>;

const thresholdResult = z.looseObject(
  {
    by: z.string().describe("how it was chosen: eer, or fpr-5 for at most 5 % of the reals called fake"),
    threshold: z.number().describe("scores of at least this count as fake"),
    accuracy: share,
    balancedAccuracy: share.nullable().describe("null with one class only"),
    falsePositiveRate: share.nullable().describe("the share of the reals called fake; null without reals"),
    truePositiveRate: share.nullable().describe("the share of the fakes called fake; null without fakes"),
  } satisfies Shape<ThresholdResult>,
).meta({
  id: "ThresholdResult",
  description: "how a test's answers turn out at a threshold that was chosen on validation images",
}) satisfies z.ZodType<ThresholdResult>;

const probeResult = z.looseObject(
  {
    auc: share.nullable().describe("of the probe; null with one class only"),
    interval: interval.nullable().optional(),
    difference: z.number().nullable().describe(
      "the first run's AUC less the probe's; null with one class only",
    ),
    differenceInterval: interval.nullable().optional().describe(
      "of the difference, with the same units in each resample",
    ),
  } satisfies Shape<ProbeResult>,
).meta({
  id: "ProbeResult",
  description: "a linear probe on the class token, fitted to the same training images, on the same test",
}) satisfies z.ZodType<ProbeResult>;

/** What there is at either level; `metrics` is of the first run. */
const measured = {
  metrics: measuredMetrics.describe("of the first training seed or repeat"),
  intervals: intervals.optional(),
  runs: z.array(measuredMetrics).optional()
    .describe("one per training seed or repeat, where there are several, the first first"),
  chosen: z.array(thresholdResult).optional().describe("one per training seed"),
  probe: probeResult.optional().describe("missing for a run without a probe, or whose detector is one"),
};

const levelResult = z.looseObject(
  {
    how: z.enum(videoLevelNames).describe("how a video's score is made of its frames'"),
    ...measured,
  } satisfies Shape<LevelResult>,
).meta({ id: "LevelResult", description: "a test at video level" }) satisfies z.ZodType<LevelResult>;

const groupResult = z.looseObject(
  {
    name: z.string(),
    metrics: measuredMetrics.describe("of the first training seed or repeat"),
    runs: z.array(measuredMetrics).optional().describe(
      "one per training seed or repeat, where there are several",
    ),
  } satisfies Shape<GroupResult>,
).meta({
  id: "GroupResult",
  description: "one method's fakes against all reals, or one origin's reals against all fakes",
}) satisfies z.ZodType<GroupResult>;

const rateIntervals = z.looseObject({
  auc: interval.nullable(),
  fpr: interval.nullable(),
  tpr: interval.nullable(),
}).describe("null where a class has too few units, or every resample gave the same");

const groupRates = z.looseObject(
  {
    name: z.string().describe("the group"),
    real: count,
    fake: count,
    auc: share.nullable().describe("null with one class only"),
    fpr: share.nullable().describe("the share of the reals called fake; null without reals"),
    tpr: share.nullable().describe("the share of the fakes called fake; null without fakes"),
    intervals: rateIntervals,
  } satisfies Shape<GroupRates>,
).meta({ id: "GroupRates", description: "the rates of one group of persons" }) satisfies z.ZodType<
  GroupRates
>;

const rateGap = z.looseObject(
  {
    rate: z.enum(["auc", "fpr", "tpr"]),
    highest: z.string().describe("the group with the most"),
    lowest: z.string().describe("the group with the least"),
    gap: share.describe("the highest less the lowest"),
    interval: interval.nullable().describe(
      "of the same two groups' difference, which these data chose; null where either has none",
    ),
  } satisfies Shape<RateGap>,
).meta({
  id: "RateGap",
  description: "how far apart the two groups are that differ most in a rate",
}) satisfies z.ZodType<RateGap>;

const groupColumn = z.looseObject(
  {
    column: z.string().describe("the column of the file of scores that names the groups"),
    groups: z.array(groupRates).describe("lowest AUC first"),
    gaps: z.array(rateGap),
    unknown: count.describe("predictions of no known group, which are left out"),
    samples: count.describe("number of resamples drawn"),
    units: count.describe("number of things resampled"),
  } satisfies Shape<GroupColumnResult>,
).meta({
  id: "GroupColumnResult",
  description: "whom a test's mistakes fall on, by the groups of one column",
}) satisfies z.ZodType<GroupColumnResult>;

const evaluationResult = z.looseObject(
  {
    set: z.string().describe("the data set's name"),
    split: z.string().describe("empty where it has none"),
    perturbation: z.string().describe("none, or family and level, such as jpeg-90"),
    kind: z.enum(["within", "cross", "perturbed", "unknown"]).describe(
      "the set it was trained on, another one, or a test perturbed; unknown where the scores are another program's",
    ),
    demo: z.boolean().describe("whether it is the procedural data set, which says nothing about real faces"),
    ...measured,
    drawnBy: z.enum(["image", "video", "persons"]).optional().describe(
      "what the intervals' resamples draw, at either level: images, videos, or all videos that share persons or an original",
    ),
    calibration: calibrationComparison.optional(),
    video: levelResult.optional().describe("missing where every image is a video of its own"),
    methods: z.array(groupResult).optional().describe("by method of the fakes, worst AUC first"),
    origins: z.array(groupResult).optional().describe("by origin of the reals, worst AUC first"),
    methodMeans: z.array(z.looseObject(metricValues)).optional().describe(
      "the mean over the methods, one per training seed",
    ),
    originMeans: z.array(z.looseObject(metricValues)).optional().describe(
      "the mean over the origins, one per training seed",
    ),
    groups: z.array(groupColumn).optional().describe("by the columns of groups, of the first run"),
  } satisfies Shape<EvaluationResult>,
).meta({
  id: "EvaluationResult",
  description:
    "one test: a set and split under one perturbation, at frame level and, in video, at video level",
}) satisfies z.ZodType<EvaluationResult>;

const epochRecord = z.looseObject(
  {
    run: count.describe("the index of the seed, from 0"),
    epoch: z.int().min(1),
    step: count.describe("optimizer steps taken so far"),
    loss: z.number().describe("mean training loss; of cross-entropy in nats"),
    valLoss: z.number().optional().describe("cross-entropy on validation images, in nats"),
    valAuc: share.optional().describe("AUC on validation images"),
    learningRate: z.number().min(0).optional().describe("of the epoch's last step"),
    seconds: z.number().min(0).describe("what the epoch took"),
    best: z.boolean().describe("whether this epoch was the best so far"),
    stopped: z.boolean().optional().describe(
      "whether training stopped after this epoch though more were to follow, as none had become better",
    ),
  } satisfies Shape<EpochRecord>,
).meta({
  id: "EpochRecord",
  description: "one epoch of the training with one seed",
}) satisfies z.ZodType<EpochRecord>;

const dataSummary = z.looseObject(
  {
    set: z.string().describe("the data set's name"),
    split: z.string(),
    real: count.describe("real images"),
    fake: count.describe("fake images"),
    videos: count,
    skipped: count.describe("files that could not be used"),
    layout: z.string().optional().describe("the layout that a distributed set was read in, such as ffpp"),
    compression: z.string().optional().describe("raw, c0, c23 or c40; missing where nothing said it"),
    officialSplit: z.boolean().optional().describe(
      "of a test, whether its videos are by the set's official list; missing where the layout has none",
    ),
    prepared: prepareSchema.optional().describe(
      "how its frames and crops were made, where prepare made them",
    ),
  } satisfies Shape<DataSummary>,
).meta({
  id: "DataSummary",
  description: "how many images and videos a split holds",
}) satisfies z.ZodType<DataSummary>;

/** What metrics.json holds: a run's report, or of another program's scores as much of it as there is. */
export const reportSchema = z.looseObject(
  {
    schemaVersion: z.literal(1),
    name: z.string().describe("the run's name"),
    createdAt: z.string().describe("ISO 8601"),
    preset: z.string().optional().describe(
      "corrected, or reference: the notebook's protocol, mistakes included",
    ),
    demo: z.boolean().describe("whether the procedural data set is in it"),
    head: z.string().describe("the kind of detector in words"),
    encoder: z.string().optional().describe("the frozen encoder and its precision"),
    steps: z.string().optional().describe("what the training steps were computed in and by"),
    config: z.record(z.string(), z.unknown()).describe("the resolved configuration"),
    backend: z.looseObject({ name: z.string(), device: z.string(), version: z.string() }).optional()
      .describe("what computed it"),
    data: z.array(dataSummary).describe("the images that were used, by set and split"),
    history: z.array(epochRecord).describe("the training, epoch by epoch"),
    results: z.array(evaluationResult).describe("one a test"),
    noProbe: z.string().optional().describe("why no linear probe stands beside the results, where none does"),
    warnings: z.array(z.string()).describe("what a reader of the numbers must know"),
  } satisfies Shape<ScoreReport>,
) satisfies z.ZodType<ScoreReport>;

/**
 * Reads the text of metrics.json; older reports lack what was added since.
 *
 * @param options.path named in the error
 * @throws {InputError} when it is not JSON, of another schema version, or a key is not of its type, with the file and the key
 */
export function parseMetricsJson(text: string, { path = "metrics.json" }: { path?: string } = {}): RunReport {
  let report: unknown;
  try {
    report = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    throw new InputError(`Cannot read ${path}: expected JSON but found something else`, { cause });
  }
  const version = (report as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== 1) {
    throw new InputError(
      `Cannot read ${path}: expected schemaVersion 1 but found ${version}; evaluate the run again to rewrite it`,
    );
  }
  const fault = reportFault(report);
  if (fault !== undefined) {
    throw new InputError(`Cannot read ${path}: ${fault}; evaluate the run again to rewrite it`);
  }
  return report as RunReport;
}

/**
 * What of a value is not a report's, in words: `expected number at results[0].metrics.auc but found string`; undefined where all
 * of it is.
 */
function reportFault(value: unknown): string | undefined {
  const issue = reportSchema.safeParse(value, { reportInput: true }).error?.issues[0];
  if (issue === undefined) return undefined;
  const { path, message } = issue;
  const place = path.map((key) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("");
  const [, expected] = /expected (.+?)(?:, received .*)?$/.exec(message) ?? [];
  const text = JSON.stringify(issue.input)?.slice(0, 60) ?? "nothing";
  return `expected ${expected ?? message} at ${place.replace(/^\./, "") || "its top"} but found ${text}`;
}
