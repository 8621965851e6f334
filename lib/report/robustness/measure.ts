/**
 * Scores of a test, clean and perturbed → its rates at a fixed threshold, their drift, and one number for all of them.
 *
 * @module
 */
import { numberVideos, type VideoLevel } from "../../metrics/levels.ts";
import { metrics } from "../../metrics/metrics/mod.ts";
import { checkProbabilities, classCounts, confusionAt, rankScores } from "../../metrics/ranking.ts";
import { parsePerturbation } from "../../images/perturbations/mod.ts";
import { labelsOf, type Level, type ScoredImage, toVideos } from "../measure.ts";
import { type Estimate, meanAndSd } from "../report.ts";
import {
  quotedResults,
  type RobustnessLevel,
  type RobustnessRateName,
  robustnessRateNames,
  type RobustnessRates,
  type RobustnessResult,
  type RobustnessScore,
} from "./robustness.ts";

/** Labels with the scores that each training seed gave. */
export type LevelScores = Pick<Level, "labels" | "scored"> & {
  /** `image` where every image is a video of its own. */
  readonly level: RobustnessLevel;
};

/**
 * The scores of images at each level: of their videos and then their own, or their own alone where each is a video of its own.
 *
 * @param scored one array for each training seed
 * @throws {Error} when a score is not finite
 */
export function scoresByLevel(
  images: readonly ScoredImage[],
  scored: readonly Float64Array[],
  { how }: { readonly how: VideoLevel },
): LevelScores[] {
  const frames = { labels: labelsOf(images), scored };
  const videos = numberVideos(images);
  if (videos.firstRows.length === images.length) return [{ level: "image", ...frames }];
  return [
    { level: "video", ...toVideos({ ...frames, videos }, { how }) },
    { level: "frame", ...frames },
  ];
}

/** A test's scores under one perturbation. */
export type PerturbedScores = {
  /** "none", or family and level. */
  readonly perturbation: string;
  /** The images' scores, one array for each training seed. */
  readonly scored: readonly Float64Array[];
};

/**
 * Measures one test.
 *
 * @param tested clean first
 * @param options.thresholds one for each training seed; scores of at least this count as fake
 * @throws {Error} when there is no image, a score is not in [0, 1], or the first is not clean
 */
export function measureRobustness(
  { set, split, images }: {
    readonly set: string;
    readonly split: string;
    readonly images: readonly ScoredImage[];
  },
  tested: readonly PerturbedScores[],
  options: { readonly thresholds: readonly number[]; readonly how: VideoLevel },
): RobustnessResult[] {
  const clean = new Map<RobustnessLevel, readonly RobustnessRates[]>();
  return tested.flatMap(({ perturbation, scored }) =>
    scoresByLevel(images, scored, options).map(({ level, labels, scored }): RobustnessResult => {
      const runs = scored.map((scores, i) => ratesOf(labels, scores, options.thresholds[i]));
      if (perturbation === "none") clean.set(level, runs);
      const before = clean.get(level);
      if (!before) throw new Error("Cannot measure the drift: expected the clean test first but found none");
      const { kind, level: severity = null } = parsePerturbation(perturbation) ?? {};
      const fake = labels.filter((label) => label === 1).length;
      return {
        ...{ set, split, perturbation, family: kind?.family ?? "none", severity, level },
        ...{ real: labels.length - fake, fake },
        ...eachRate((name) => meanAndSd(runs.map((rates) => rates[name]))),
        drift: eachRate((name) =>
          meanAndSd(runs.map((rates, i) => difference(rates[name], before[i][name])))
        ),
        runs,
      };
    })
  );
}

/**
 * One number for each test of the results, as `scoreDefinition()` says.
 *
 * @param results of `measureRobustness()`
 */
export function robustnessScores(results: readonly RobustnessResult[]): RobustnessScore[] {
  const tests = Map.groupBy(quotedResults(results), ({ set, split }) => JSON.stringify([set, split]));
  return [...tests.values()].map((test) => {
    const [{ set, split, level }] = test;
    const families = Map.groupBy(test.filter(counts), ({ family }) => family);
    const byFamily = [...families].map(([family, members]) => ({
      family,
      levels: members.length,
      // By seed, so that the spread is that of the score and not of its parts.
      aucs: members[0].runs.map((_, seed) => mean(members.map(({ runs }) => runs[seed].auc))),
    }));
    const seeds = test[0].runs.length;
    const scored = byFamily.map(({ aucs, ...family }) => ({ ...family, auc: meanAndSd(aucs) }));
    const known = scored.filter(({ auc }) => auc !== null);
    return {
      ...{ set, split, level: level === "video" ? "video" as const : "image" as const },
      score: meanAndSd(
        Array.from({ length: seeds }, (_, seed) => mean(byFamily.map(({ aucs }) => aucs[seed]))),
      ),
      clean: test.find(({ perturbation }) => perturbation === "none")?.auc ?? null,
      families: scored,
      worst: known.length === 0
        ? null
        : known.reduce((least, each) => each.auc!.mean < least.auc!.mean ? each : least).family,
    };
  });
}

/** Whether a result counts in a score: what changes nothing does not. */
function counts({ perturbation }: RobustnessResult): boolean {
  const found = parsePerturbation(perturbation);
  return found !== undefined && found.level !== found.kind.neutral;
}

function ratesOf(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  threshold: number,
): RobustnessRates {
  checkProbabilities(labels, scores, "measure the robustness");
  const ranked = rankScores(labels, scores);
  const { real, fake } = classCounts(ranked);
  const [[, alarms], [, hits]] = confusionAt(ranked, threshold);
  return {
    auc: metrics.auc.measure(ranked),
    falsePositiveRate: real === 0 ? null : alarms / real,
    truePositiveRate: fake === 0 ? null : hits / fake,
  };
}

function eachRate(
  value: (name: RobustnessRateName) => Estimate | null,
): { [name in RobustnessRateName]: Estimate | null } {
  return Object.fromEntries(robustnessRateNames.map((name) => [name, value(name)])) as {
    [name in RobustnessRateName]: Estimate | null;
  };
}

function difference(value: number | null, before: number | null): number | null {
  return value === null || before === null ? null : value - before;
}

/** null when a value is, or there is none. */
function mean(values: readonly (number | null)[]): number | null {
  return meanAndSd(values)?.mean ?? null;
}
