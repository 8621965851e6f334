/**
 * How far a run's detectors hold under perturbation: the types of what is measured, and the files written from them
 * (robustness.json, robustness.csv). The table, the charts and robustness.html are made from the same types.
 *
 * @module
 */
import { csvText } from "../../base/csv.ts";
import type { VideoLevel } from "../../metrics/levels.ts";
import { thresholdChoices, type ThresholdName } from "../../metrics/threshold.ts";
import type { Estimate } from "../report.ts";

/** At which level scores are measured: `image` where every image is a video of its own. */
export type RobustnessLevel = "video" | "frame" | "image";

/** The threshold from which on a score counts as fake, fixed before anything is perturbed. */
export type CleanThreshold = {
  /** How it was chosen on clean validation scores, or `none`, where there were none that it could be chosen on. */
  readonly by: ThresholdName | "none";
  /** At which level it was chosen; null where it was not. */
  readonly level: "video" | "image" | null;
  /** One for each training seed. */
  readonly values: readonly number[];
};

/** What the detector of one training seed answers; null where the test has none of a class that it takes. */
export type RobustnessRates = {
  /** Area under the ROC curve. */
  readonly auc: number | null;
  /** The share of the reals that is called fake. */
  readonly falsePositiveRate: number | null;
  /** The share of the fakes that is called fake. */
  readonly truePositiveRate: number | null;
};

/** One of the rates. */
export type RobustnessRateName = keyof RobustnessRates;

/** The names of the rates, in the order of tables and files. */
export const robustnessRateNames = [
  "auc",
  "falsePositiveRate",
  "truePositiveRate",
] as const satisfies readonly RobustnessRateName[];

/** A test under one perturbation, at one level: mean and standard deviation over training seeds. */
export type RobustnessResult = { readonly [name in RobustnessRateName]: Estimate | null } & {
  readonly set: string;
  readonly split: string;
  /** "none" for the clean test, or family and level: "jpeg-90". */
  readonly perturbation: string;
  /** The kind of perturbation, "jpeg"; "none" for the clean test. */
  readonly family: string;
  /** How much of it, in the family's own measure; null for the clean test. */
  readonly severity: number | null;
  readonly level: RobustnessLevel;
  /** How many reals and fakes are measured: videos at video level, else images. */
  readonly real: number;
  readonly fake: number;
  /** What each rate is above the clean test's, over the same seeds; 0 for the clean test itself. */
  readonly drift: { readonly [name in RobustnessRateName]: Estimate | null };
  /** One for each training seed. */
  readonly runs: readonly RobustnessRates[];
};

/** One family's part of a score. */
export type FamilyScore = {
  readonly family: string;
  /** How many of its levels count. */
  readonly levels: number;
  /** The mean of their AUCs. */
  readonly auc: Estimate | null;
};

/** One number for how far a test's AUC holds, as {@link scoreDefinition} defines it. */
export type RobustnessScore = {
  readonly set: string;
  readonly split: string;
  readonly level: "video" | "image";
  /** The mean of the families' AUCs. */
  readonly score: Estimate | null;
  /** The AUC of the clean test, which does not count. */
  readonly clean: Estimate | null;
  /** In the order of the results. */
  readonly families: readonly FamilyScore[];
  /** The family of the least AUC. */
  readonly worst: string | null;
};

/** All that is known of a finished robustness run, as it lies in robustness.json; no time, so that two of one seed are one file. */
export type RobustnessReport = {
  readonly schemaVersion: 1;
  readonly name: string;
  readonly demo: boolean;
  /** The kind of detector in words. */
  readonly head: string;
  /** The frozen encoder and its precision. */
  readonly encoder: string;
  readonly backend: { readonly name: string; readonly device: string; readonly version: string };
  /** Changes when any number of the tested weights does. */
  readonly weights: string;
  /** How many training seeds were tested. */
  readonly seeds: number;
  /** How a video's score is made of its frames'. */
  readonly videoScore: VideoLevel;
  readonly threshold: CleanThreshold;
  /** What `scores` are. */
  readonly definition: string;
  /** One for each test. */
  readonly scores: readonly RobustnessScore[];
  /** Each test clean, then under each perturbation; at video level, then by frame. */
  readonly results: readonly RobustnessResult[];
  readonly warnings: readonly string[];
};

/** What a score is, in a sentence that stands wherever one does. */
export function scoreDefinition(level: "video" | "image"): string {
  return `Robustness score: the mean over the families of perturbations of the mean ${
    level === "video" ? "video-level" : "image-level"
  } AUC over a family's levels; a level that several ladders share counts once, and neither the clean test nor a factor of 1 counts.`;
}

/** The thresholds in words: "0.500", or "0.262 and 0.398, one for each seed". */
export function thresholdText({ values }: Pick<CleanThreshold, "values">): string {
  const texts = values.map((value) => value.toFixed(3));
  const [first] = texts;
  return texts.every((text) => text === first) ? first : `${and.format(texts)}, one for each seed`;
}

/** What the threshold is, in a sentence. */
export function thresholdSentence({ by, level, values }: CleanThreshold): string {
  const numbers = thresholdText({ values });
  return by === "none"
    ? `The threshold is ${numbers}, which was chosen on nothing: clean validation images allow no choice.`
    : `The threshold is ${numbers}, chosen by ${thresholdChoices[by].title} on clean validation ${
      level === "video" ? "videos" : "images"
    }; it stays there under every perturbation.`;
}

/** The results at the level that is quoted: videos where there are any. */
export function quotedResults(results: readonly RobustnessResult[]): RobustnessResult[] {
  return results.filter(({ level }) => level !== "frame");
}

/** The text of robustness.json. */
export function robustnessJson(report: RobustnessReport): string {
  return JSON.stringify(report, null, 2) + "\n";
}

/** The text of robustness.csv: one line per test, perturbation and level, in full precision; what is undefined is empty. */
export function robustnessCsv({ results, threshold }: RobustnessReport): string {
  const spread = (key: string, value: Estimate | null) => ({
    [key]: value?.mean,
    [`${key}Sd`]: value?.sd ?? undefined,
  });
  const rows = results.map((result) => ({
    ...result,
    ...Object.assign({}, ...robustnessRateNames.map((name) => spread(name, result[name]))),
    ...Object.assign({}, ...robustnessRateNames.map((name) => spread(driftKey(name), result.drift[name]))),
    severity: result.severity ?? undefined,
    threshold: threshold.values.join(" "),
    seeds: result.runs.length,
  }));
  const columns = [...robustnessRateNames, ...robustnessRateNames.map(driftKey)].flatMap((
    key,
  ) => [key, `${key}Sd`]);
  const places = ["set", "split", "perturbation", "family", "severity", "level", "real", "fake"];
  return csvText(rows, { columns: [...places, "threshold", "seeds", ...columns] });
}

function driftKey(name: RobustnessRateName): string {
  return `${name}Drift`;
}

const and = new Intl.ListFormat("en-GB");
