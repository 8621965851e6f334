/**
 * Detectors side by side on the same videos: the types of comparison.json, and the files comparison.json and comparison.csv.
 *
 * @module
 */
import { csvText } from "../base/csv.ts";
import type { AucComparison } from "../metrics/compare/aucs.ts";
import type { Metrics } from "../metrics/evaluate.ts";
import type { Interval } from "../metrics/intervals/bootstrap.ts";
import type { VideoLevel } from "../metrics/levels.ts";
import type { MetricName } from "../metrics/metrics/mod.ts";
import type { PublishedFigure, TrainingSet } from "./published.ts";
import { type Estimate, meanAndSd } from "./report.ts";
import type { Standing } from "./standing.ts";

/** What is compared: a run, or a file of any detector's scores. */
export type ComparedInput = {
  /** Of the run or the file; with its folder where two have one name. */
  readonly name: string;
  readonly path: string;
  /** The detector and its encoder in words; missing where it is not known. */
  readonly detector?: string;
  /** Missing where it is not known. */
  readonly trainedOn?: TrainingSet;
};

/** What a bootstrap draws: videos (images where each is one of its own), or groups of videos that share persons. */
export type Drawn = "videos" | "persons";

/** One detector's result. */
export type InputResult = {
  /** Its name. */
  readonly input: string;
  /** Of the first seed. */
  readonly metrics: Metrics;
  /** One per seed or repeat, `metrics` first, where there are several. */
  readonly runs?: readonly Metrics[];
  /** Of the first seed's AUC. */
  readonly interval: Interval | null;
  /** How many of its videos are left out, as another has not scored them. */
  readonly leftOut: number;
};

/** The paired bootstrap of a difference of AUCs. */
export type BootstrapDifference = {
  /** Null where there are too few groups, or the two never differ. */
  readonly interval: Interval | null;
  /** Number of things resampled. */
  readonly units: number;
  readonly samples: number;
};

/** Two detectors on the same videos, each with its first seed. */
export type PairResult = {
  readonly first: string;
  readonly second: string;
  /** The first's AUC minus the second's; null with one class. */
  readonly difference: number | null;
  /** DeLong's test, which takes videos as independent; null with fewer than two of a class. */
  readonly deLong: (Omit<AucComparison, "p"> & { readonly p: number | null }) | null;
  /** Its p by Holm over the pairs of the test; null where there is one pair, or no p. */
  readonly holm: number | null;
  readonly byVideo: BootstrapDifference;
  /** Missing where no input says which videos share persons. */
  readonly byPersons?: BootstrapDifference;
};

/** A published figure that may stand beside a test. */
export type FigureBeside = PublishedFigure & {
  /** How it stands to each input, in their order. */
  readonly standings: readonly (Standing & { readonly input: string })[];
};

/** One test that the detectors share: a set and split without perturbation. */
export type ComparedTest = {
  readonly set: string;
  readonly split: string;
  /** `image` where every image is a video of its own. */
  readonly level: "video" | "image";
  /** How a video's score is made of its frames'. */
  readonly videoScore: VideoLevel;
  readonly demo: boolean;
  /** Videos that all have scored. */
  readonly real: number;
  readonly fake: number;
  /** What intervals are drawn by, and so which one is quoted. */
  readonly drawn: Drawn;
  readonly inputs: readonly InputResult[];
  readonly pairs: readonly PairResult[];
  readonly published: readonly FigureBeside[];
};

/** All of comparison.json. */
export type Comparison = {
  readonly schemaVersion: 1;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly demo: boolean;
  readonly inputs: readonly ComparedInput[];
  readonly tests: readonly ComparedTest[];
  readonly warnings: readonly string[];
};

/** The metrics that are compared, in the order of the table. */
export const comparedMetrics = [
  "auc",
  "ap",
  "eer",
  "tprAt5",
  "balancedAccuracy",
] as const satisfies readonly MetricName[];

/** A metric over the seeds; null where it is undefined in any. */
export function inputEstimate({ metrics, runs = [metrics] }: InputResult, name: MetricName): Estimate | null {
  return meanAndSd(runs.map((run) => run[name]));
}

/** The bootstrap that is quoted: by persons where they are known. */
export function quotedBootstrap({ byVideo, byPersons }: PairResult): BootstrapDifference {
  return byPersons ?? byVideo;
}

/** The text of comparison.json. */
export function comparisonJson(comparison: Comparison): string {
  return JSON.stringify(comparison, null, 2) + "\n";
}

const columns = [
  "kind",
  ...["set", "split", "level", "real", "fake"],
  ...[
    "name",
    "other",
    "metric",
    "value",
    "upTo",
    "sd",
    "runs",
    "firstSeed",
    "low",
    "high",
    "drawn",
    "units",
    "samples",
  ],
  ...["deLongSe", "deLongP", "holmP", "leftOut"],
  ...["trainedOn", "source", "secondHand", "read", "published", "standing", "differs"],
];

/**
 * The text of comparison.csv: a line for each metric of an input, each bootstrap of a pair, and each published figure, in full
 * precision. The value of an input is its mean over the seeds; its interval, and all of a pair, are of the first seed alone, whose
 * value is `firstSeed`.
 */
export function comparisonCsv({ tests }: Comparison): string {
  const rows = tests.flatMap((test) => {
    const { set, split, level, real, fake } = test;
    const own = { set, split, level, real, fake };
    return [
      ...test.inputs.flatMap((input) =>
        comparedMetrics.map((metric) => ({ kind: "result", ...own, ...resultCells(input, { metric, test }) }))
      ),
      ...test.pairs.flatMap((pair) => pairCells(pair).map((cells) => ({ kind: "pair", ...own, ...cells }))),
      ...test.published.map((figure) => ({ kind: "published", set, split, ...figureCells(figure) })),
    ];
  });
  return csvText(rows, { columns });
}

function resultCells(
  input: InputResult,
  { metric, test }: { readonly metric: typeof comparedMetrics[number]; readonly test: ComparedTest },
): Record<string, string | number | undefined> {
  const { mean, sd } = inputEstimate(input, metric) ?? {};
  return {
    name: input.input,
    metric,
    value: mean,
    sd: sd ?? undefined,
    runs: input.runs?.length ?? 1,
    firstSeed: input.metrics[metric] ?? undefined,
    ...(metric === "auc" ? { ...input.interval, drawn: test.drawn } : {}),
    leftOut: input.leftOut,
  };
}

function pairCells(pair: PairResult): Record<string, string | number | undefined>[] {
  const { first, second, difference, deLong, holm, byVideo, byPersons } = pair;
  const cells = (drawn: Drawn, { interval, units, samples }: BootstrapDifference) => ({
    name: first,
    other: second,
    metric: "auc",
    value: difference ?? undefined,
    ...interval,
    drawn,
    units,
    samples,
    deLongSe: deLong?.standardError,
    deLongP: deLong?.p ?? undefined,
    holmP: holm ?? undefined,
  });
  return [...(byPersons ? [cells("persons", byPersons)] : []), cells("videos", byVideo)];
}

function figureCells(figure: FigureBeside): Record<string, string | number | undefined> {
  const { model, metric, value, upTo, level, trainedOn, source, secondHand, read, published } = figure;
  return {
    level,
    name: model,
    metric,
    value,
    upTo,
    trainedOn: trainingText(trainedOn),
    source,
    secondHand: secondHand ? 1 : 0,
    read,
    published,
    standing: figure.standings.map(({ input, kind }) => `${input}: ${kind}`).join("; "),
    differs: figure.standings.map(({ input, differs }) => `${input}: ${differs.join(", ")}`).join("; "),
  };
}

/** `FF++ c23`; "not known" where it is not. */
export function trainingText(trainedOn: TrainingSet | undefined): string {
  return trainedOn ? [trainedOn.set, trainedOn.compression ?? ""].join(" ").trim() : "not known";
}
