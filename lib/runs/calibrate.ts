/**
 * A trained run × videos that it never saw → what verdicts stand on, kept in its weights.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import { writeDemoData } from "../data/demo/demo.ts";
import { type Ownership, ownFolder } from "../base/owner.ts";
import type { Sample } from "../data/sample.ts";
import { readScores } from "../data/scores_file.ts";
import {
  type ConformalThresholds,
  conformalThresholds,
  countVerdicts,
  leastForRisk,
} from "../metrics/conformal.ts";
import { type VideoLevel, videoScores } from "../metrics/levels.ts";
import { distances, fitFamiliarity } from "../model/familiarity.ts";
import { parseMetricsJson } from "../report/schema.ts";
import type { VerdictResult } from "../report/tables/verdicts.ts";
import { saveSafetensors } from "../weights/safetensors.ts";
import { isDemo, resolveConfig, type RunConfig, type RunInput } from "./config/config.ts";
import { configFor, openDetectors, readWeights, type TrainedDetector, trunkOf } from "./detectors.ts";
import { scoreSamples } from "./evaluate.ts";
import type { RunTask } from "./events.ts";
import type { Experiment } from "./experiment.ts";
import { type Familiar, UNFAMILIAR, writeFamiliar } from "./familiar.ts";
import { collectFeatures } from "./fit.ts";
import { type CardedWeights, cardTexts, type ClassScores, type VerdictScores } from "./folder/card.ts";
import { readRunConfig } from "./folder/folder.ts";
import { keptRunData, loadRunData } from "./folder/run_data.ts";
import { stopOnSignals } from "./interrupt.ts";
import { probeHindrance, probeView } from "./probe.ts";
import { imagesOfSets } from "./scored_test.ts";
import { openSession, type Session } from "./session.ts";

/** What `calibrateRun()` is given beside the run's folder. */
export type CalibrateOptions = RunTask & {
  /** How to run it: precision, backend, cache; `test` names the sets, of which a demo run has its own. */
  readonly given?: RunInput;
  /** Where the run's images have moved: `OLD=NEW`. */
  readonly root?: string;
  /** The risk that the returned rates are for; 0.05 unless given. */
  readonly alpha?: number;
  /** The run's folder, where it is the caller's already. */
  readonly owner?: Ownership;
};

/** What a calibration came to. */
export type Calibrated = {
  /** Of videos, for the first seed. */
  readonly thresholds: ConformalThresholds;
  /** The verdicts on the run's own tests, where its report is there. */
  readonly results: readonly VerdictResult[];
  readonly demo: boolean;
  /** What a reader of verdicts must know. */
  readonly warnings: readonly string[];
};

/** Class tokens of no more images than this are looked at: their covariance then changes no more. */
const MOST_IMAGES = 20_000;

/**
 * Scores videos that a run neither trained on nor chose its epoch by, and keeps their scores in its weights, for verdicts at any risk;
 * beside these it keeps how far the class tokens of such videos lie from those of the training images.
 *
 * A demo run is calibrated on 202 further videos of the demo set, which are drawn once.
 *
 * @throws {InputError} when there is no run, no set is named, or a set has videos that it was trained with.
 */
export async function calibrateRun(folder: string, options: CalibrateOptions = {}): Promise<Calibrated> {
  const { given = {}, root, alpha = 0.05, report = () => {} } = options;
  leastForRisk(alpha); // refuses what is none, before the work
  const own = await readRunConfig(folder);
  using stop = stopOnSignals(options.signal);
  const { signal } = stop;
  await using _owner = options.owner ? undefined : await ownFolder(folder, {
    ...{ cannot: `Cannot calibrate ${folder}`, doing: "calibrate", instead: "wait for it" },
  });
  const place = { out: dirname(folder), run: basename(folder) };
  const demo = isDemo(own) && given.test === undefined;
  const test = demo ? await demoCalibration(own, { report, signal }) : given.test;
  if (test === undefined || test.length === 0) {
    throw new InputError(
      `Cannot calibrate ${folder}: expected videos that it was neither trained nor chosen by but found none named; name a set with --test NAME=FOLDER or --test NAME=REAL,FAKE`,
    );
  }
  // The demo's have a folder a video, which need not be found out by looking at them.
  const videos = demo ? "folder" : own.videos;
  const input = { ...own, testReal: undefined, testFake: undefined, videos, ...given, ...place, test };
  const weights = await readWeights(resolveConfig(input), { folder });
  const config = await configFor(weights, input);
  const session = await openSession(config, {
    ...{ signal, tests: true, trainedIn: folder, kept: weights[0].card?.precision, testing: true },
    ...{ checkpoint: weights[0].dict, demo },
    // Of data that are the demo's own there is nothing to say.
    report: demo ? quietly(report) : report,
  });
  let detectors: readonly TrainedDetector[] = [];
  try {
    detectors = await openDetectors(weights, { config, encoder: session.encoder, report, signal });
    const samples = session.experiment.tests.flatMap(({ samples }) => samples);
    const sets = session.experiment.tests.map(({ set, split }) => `${set} ${split}`).join(", ");
    const scores = await scoreSamples(detectors, trunkOf(config, session.encoder), {
      ...{ samples, batchSize: config.batchSize, task: "Calibrating", report, signal },
    });
    const kept = scores.map((each): VerdictScores => ({
      set: demo ? "demo calibration" : sets,
      videoScore: config.videoScore,
      ...classScoresOf(samples, each, { how: config.videoScore }),
    }));
    const warnings = fewWarnings(kept[0], { alpha });
    const familiar = await familiarOf(samples, { session, config, folder, root, report, signal });
    if (typeof familiar === "string") warnings.push(familiar);
    else await writeFamiliar(weights[0].path, familiar);
    for (const [i, each] of weights.entries()) await keepIn(each, kept[i]);
    const thresholds = thresholdsFrom(kept[0].videos, { alpha });
    const all = await ownResults(folder, { thresholds, how: config.videoScore });
    const held = await heldOutTests(folder, session.experiment);
    const results = all.filter(({ test }) => held?.has(test) ?? true);
    for (const { test } of all.filter((each) => !results.includes(each))) {
      warnings.push(
        `${test} has images that are calibrated on: how often its verdicts are wrong says nothing of others, and is not measured`,
      );
    }
    return { thresholds, results, demo: isDemo(own), warnings };
  } finally {
    for (const each of detectors) each.close();
    session.close();
  }
}

/** The thresholds that kept scores give at a risk. */
export function thresholdsFrom(
  { real, fake }: ClassScores,
  options: { readonly alpha: number },
): ConformalThresholds {
  const labels = [...real.map(() => 0), ...fake.map(() => 1)];
  return conformalThresholds(labels, [...real, ...fake], options);
}

/** Draws the demo's videos for calibration where they are not there yet; as the texts that name them. */
async function demoCalibration(
  { demoRoot }: RunConfig,
  { report, signal }: { readonly report: NonNullable<RunTask["report"]>; readonly signal: AbortSignal },
): Promise<string[]> {
  const root = `${demoRoot}-calibration`;
  await writeDemoData({
    ...{ root, part: "calibration", signal },
    onNote: (message) => report({ type: "note", message }),
    onProgress: (done, total) =>
      report({ type: "progress", task: "Writing the demo's calibration data", unit: "images", done, total }),
  });
  const folder = join(root, "demo", "calibration");
  return [`calibration=${join(folder, "real")},${join(folder, "fake")}`];
}

/** Only how far the work is. */
function quietly(report: NonNullable<RunTask["report"]>): NonNullable<RunTask["report"]> {
  return (event) => event.type === "progress" && report(event);
}

/** One score a video, and one of its frame in the middle: frames of one video are not drawn each on its own. */
function classScoresOf(
  samples: readonly Sample[],
  scores: Float64Array,
  { how }: { readonly how: VideoLevel },
): Pick<VerdictScores, "videos" | "images"> {
  const rows = imagesOfSets(samples).map((image, i) => ({ ...image, score: scores[i] }));
  const videos = videoScores(rows, { how });
  const sorted = (labels: readonly number[], values: readonly number[]): ClassScores => {
    const [real, fake] = [0, 1].map((label) =>
      values.filter((_, i) => labels[i] === label).sort((a, b) => a - b)
    );
    return { real, fake };
  };
  const middle = middleRows(videos.videoOf);
  return {
    videos: sorted(videos.labels, videos.scores),
    images: sorted(middle.map((row) => samples[row].label), middle.map((row) => scores[row])),
  };
}

/** Of each video the row in the middle. */
function middleRows(videoOf: ArrayLike<number>): number[] {
  const rows = Map.groupBy(Array.from(videoOf).keys(), (row) => videoOf[row]);
  return [...rows.values()].map((of) => of[Math.floor((of.length - 1) / 2)]);
}

/** That a class has too few videos to promise a risk. */
function fewWarnings({ videos }: VerdictScores, { alpha }: { readonly alpha: number }): string[] {
  const least = leastForRisk(alpha);
  return (["real", "fake"] as const).filter((name) => videos[name].length < least).map((name) =>
    `${
      videos[name].length
    } ${name} videos are too few to promise a risk of ${alpha}, for which it takes ${least}: nothing will be called ${
      name === "real" ? "fake" : "real"
    } at that risk`
  );
}

/** What is familiar, or why that cannot be said. */
async function familiarOf(
  samples: readonly Sample[],
  options: Pick<RunTask, "report"> & {
    readonly session: Session;
    readonly config: RunConfig;
    readonly folder: string;
    readonly root?: string;
    readonly signal: AbortSignal;
  },
): Promise<Familiar | string> {
  const { session: { encoder }, config, folder, root, report, signal } = options;
  const unknown = (reason: string) =>
    `What is unlike the training images will not be told: ${reason.replace(/^Cannot /, "cannot ")}`;
  const hindrance = probeHindrance(config, encoder);
  if (hindrance !== undefined) return unknown(hindrance);
  try {
    const { train } = await loadRunData(await readRunConfig(folder), {
      ...{ folder, root, signal, training: true, report: report && quietly(report) },
    });
    const view = probeView(encoder, trunkOf(config, encoder));
    const step = Math.max(1, train.length / MOST_IMAGES);
    const some = Array.from(
      { length: Math.floor(train.length / step) },
      (_, i) => train[Math.floor(i * step)],
    );
    const tokensOf = async (of: readonly Sample[]) => {
      const data = await collectFeatures(view, of, { batchSize: config.batchSize, report, signal });
      return { data, shape: [of.length, data.length / of.length] as const };
    };
    const familiarity = fitFamiliarity(await tokensOf(some));
    const far = distances(familiarity, await tokensOf(samples));
    const rows = imagesOfSets(samples).map((image, i) => ({ ...image, score: far[i] }));
    const videos = videoScores(rows, { how: "mean" });
    const limits = {
      video: upperLimit(videos.scores),
      image: upperLimit(middleRows(videos.videoOf).map((row) => far[row])),
    };
    return { familiarity, encoderDigest: encoder.digest, limits };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return unknown(error.message);
  }
}

/** The distance that one drawn alike exceeds with a probability of at most {@link UNFAMILIAR}; null of too few. */
function upperLimit(values: readonly number[]): number | null {
  return conformalThresholds(values.map(() => 0), values, { alpha: UNFAMILIAR }).notRealAbove;
}

/** Writes weights again with the scores in their card. */
async function keepIn({ path, dict, card }: CardedWeights, verdicts: VerdictScores): Promise<void> {
  if (!card || card.released !== undefined || !path.endsWith(".safetensors")) {
    throw new InputError(
      `Cannot calibrate ${path}: expected weights that a run wrote as .safetensors but found others`,
    );
  }
  await saveSafetensors(path, dict, { metadata: cardTexts({ ...card, verdicts }), checksum: true });
}

/** The run's own tests of which no file is calibrated on; undefined where the run does not say which files they have. */
async function heldOutTests(folder: string, calibration: Experiment): Promise<Set<string> | undefined> {
  const kept = await keptRunData(folder).catch(() => undefined); // said already where it is damaged
  if (!kept) return undefined;
  const digestsOf = ({ tests, digests }: Experiment) =>
    tests.map(({ samples }) => samples.map(({ path }) => digests.get(path) ?? ""));
  const used = new Set(digestsOf(calibration).flat().filter((digest) => digest !== ""));
  const own = digestsOf(kept);
  return new Set(
    kept.tests.filter((_, i) => !own[i].some((digest) => used.has(digest))).map(({ set, split }) =>
      `${set} ${split}`
    ),
  );
}

/** The verdicts on the videos of a run's own unperturbed tests, by its first seed; none without its report. */
async function ownResults(
  folder: string,
  options: { readonly thresholds: ConformalThresholds; readonly how: VideoLevel },
): Promise<VerdictResult[]> {
  const { thresholds, how } = options;
  const [scores, report] = ["predictions.csv", "metrics.json"].map((name) => join(folder, name));
  if (!(await exists(scores)) || !(await exists(report))) return [];
  const { results } = parseMetricsJson(await Deno.readTextFile(report), { path: report });
  const { tests } = await readScores(scores, { set: "" });
  return tests.filter(({ perturbation }) => perturbation === "none").map((test) => {
    const rows = test.items.map(({ label, video, method }, i) => (
      { label, video: `${method} ${video}`, score: test.scores[0][i] }
    ));
    const videos = videoScores(rows, { how });
    const kind = results.find(({ set, split }) => set === test.set && split === test.split)?.kind ??
      "unknown";
    return {
      test: `${test.set} ${test.split}`,
      kind,
      ...countVerdicts(videos.labels, videos.scores, thresholds),
    };
  });
}
