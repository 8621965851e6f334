/**
 * Detectors × data sets × perturbations → predictions → metrics.
 *
 * @module
 */
import { type Perturbation, perturbationName } from "../images/perturbations/perturbation.ts";
import { dirname, join } from "node:path";
import { resolveConfig, type RunConfig, type RunInput } from "./config/config.ts";
import { perturbationsOf } from "./config/perturbations.ts";
import type { TaskOptions } from "../base/task.ts";
import type { Sample, TestSet } from "../data/sample.ts";
import { takeBreath } from "../base/breath.ts";
import { checkWritable, exists } from "../base/files.ts";
import { type Ownership, unlockedNote } from "../base/owner.ts";
import type { Scorer } from "../model/detectors/detector.ts";
import { detectorTitle } from "../model/detectors/mod.ts";
import type { Trunk } from "../model/features/trunk.ts";
import { tooFewGroups } from "../metrics/intervals/bootstrap.ts";
import {
  checkTrunk,
  chosenThresholds,
  configFor,
  doubtsOf,
  openDetectors,
  readWeights,
  type TrainedDetector,
  trainedPrior,
  trainedThreshold,
  trunkOf,
} from "./detectors.ts";
import { describeEncoder } from "../model/encoders/open.ts";
import type { RunEvent } from "./events.ts";
import { stepsOf } from "./folder/card.ts";
import { newRunName, progressOf, readRunConfig } from "./folder/folder.ts";
import { unfinishedDoubts } from "./folder/train_state.ts";
import { stopOnSignals } from "./interrupt.ts";
import { checkOwnData, runOfWeights, withDataOf } from "./folder/own_data.ts";
import type { EpochRecord, EvaluationResult, Prediction, RunReport } from "../report/report.ts";
import { predictionsOf, resultOf, scoredImages } from "./scored_test.ts";
import type { ChosenThreshold } from "../report/measure.ts";
import { saveResults } from "../report/results.ts";
import { openResultsFolder } from "./folder/results_folder.ts";
import { reportGallery } from "./gallery.ts";
import { openSession, type Session } from "./session.ts";
import { featureBatches } from "../model/features/batches.ts";

/**
 * The probability of fake, in [0, 1], that each detector gives each sample, in the samples' order: one array a detector.
 *
 * Images are encoded once for all detectors of a trunk, `batchSize` at a time in the order given, which matters only where attention
 * runs across the batch.
 *
 * @param trunk what those stand on that have none of their own
 *
 * @example
 * ```ts
 * import { initBackend, openEncoder, resolveConfig, type Sample, scoreSamples } from "@forgelens/bench";
 * import { createForgeLens, headDetector } from "@forgelens/bench/model";
 * import { assert } from "@std/assert";
 * import sharp from "sharp";
 *
 * await initBackend();
 * const encoder = await openEncoder(resolveConfig({ clip: "demo", precision: "float32", cache: false }));
 * const head = createForgeLens({ dim: 192, heads: 8, depth: 1, feedForward: 64, dropout: 0 }, 0);
 * const detector = headDetector(head);
 * const path = await Deno.makeTempFile({ suffix: ".png" });
 * await sharp({ create: { width: 8, height: 8, channels: 3, background: "gray" } }).toFile(path);
 * const samples: Sample[] = Array(3).fill({ path, label: 0, set: "faces" });
 * const [scores] = await scoreSamples([detector], encoder.trunk("tokens"), { samples, batchSize: 2 });
 * assert(scores.length === 3 && scores.every((score) => score > 0 && score < 1));
 * detector.close();
 * encoder.close();
 * await Deno.remove(path);
 * ```
 */
export async function scoreSamples(
  detectors: readonly Scorer[],
  trunk: Trunk,
  options: TaskOptions & {
    readonly samples: readonly Sample[];
    readonly batchSize: number;
    /** What is done to the images first. */
    readonly perturbation?: Perturbation;
    readonly task?: string;
  },
): Promise<Float64Array[]> {
  const { samples, batchSize, perturbation, task = "Scoring", report, signal } = options;
  const scores = detectors.map(() => new Float64Array(samples.length));
  const byTrunk = Map.groupBy(detectors.keys(), (i) => detectors[i].trunk ?? trunk);
  const total = byTrunk.size * samples.length;
  let before = 0;
  for (const [trunk, indices] of byTrunk) {
    let done = 0;
    for await (const { features } of featureBatches(trunk, samples, { batchSize, perturbation })) {
      try {
        signal?.throwIfAborted();
        for (const i of indices) scores[i].set(await detectors[i].scores(features), done);
        done += features.shape[0];
      } finally {
        features.dispose();
      }
      report?.({ type: "progress", task, unit: "images", done: before + done, total });
    }
    before += samples.length;
  }
  return scores;
}

/** What `evaluateRun()` can be told beside the configuration. */
export type EvaluateOptions = {
  /** The run's folder; `out`/`run` of the configuration unless given. */
  readonly folder?: string;
  /** Weights to test, `.safetensors` or `.pth`, instead of the run's own. */
  readonly checkpoint?: string;
  /** Tests on the sets that the configuration names alone, and not on what was held out of the training data. */
  readonly named?: boolean;
  /** Where the results go; unless given, as `openResultsFolder()` says: beside the run's own where sets are `named` or a `checkpoint` is given. */
  readonly into?: string;
  /** The run's folder, where it is the caller's already. */
  readonly owner?: Ownership;
  /**
   * The run whose images and split are tested on, as they were when it was trained: unless sets are `named`, the run itself, or
   * for a `checkpoint` the one in whose folder it lies where the configuration names no other data.
   */
  readonly dataOf?: string;
  /** Where those images have moved: `OLD=NEW`. */
  readonly root?: string;
  /** What `openSession()` gave for this configuration; opened and closed here unless given. */
  readonly session?: Session;
  readonly onEvent?: (event: RunEvent) => void;
  readonly signal?: AbortSignal;
};

/**
 * Reloads a run's weights and tests them: within the data set, perturbed, and across data sets; writes
 * `metrics.json`, `predictions.csv`, `history.csv` and `report.html` and resolves to the report.
 *
 * What `given` leaves open is as the weights were trained, in the precision of their run. A run whose training is not finished
 * is tested with a warning, beside the place of its report.
 *
 * @throws {InputError} when the run has no weights, they were trained otherwise than `given` says, the results cannot be written or
 * another process is writing some to the same folder, or the data cannot be used or are not those that it was trained with.
 *
 * @example
 * ```ts
 * import { evaluateRun, type RunInput, trainRun } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const root = await Deno.makeTempDir();
 * for (const video of ["real/a", "real/b", "real/c", "fake/d", "fake/e", "fake/f"]) {
 *   await Deno.mkdir(`${root}/${video}`, { recursive: true });
 *   const noise = crypto.getRandomValues(new Uint8Array(32 * 32 * 3));
 *   await sharp(noise, { raw: { width: 32, height: 32, channels: 3 } }).toFile(`${root}/${video}/0.png`);
 * }
 * const folders = { real: `${root}/real`, fake: `${root}/fake`, out: root, run: "first" };
 * const config: RunInput = { ...folders, clip: "demo", epochs: 1, cache: false, jpegQualities: [50] };
 * await Array.fromAsync(trainRun(config));
 * const { results } = await evaluateRun(config);
 * assertEquals(results.map(({ perturbation }) => perturbation), ["none", "jpeg-50"]);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function evaluateRun(given: RunInput, options: EvaluateOptions = {}): Promise<RunReport> {
  const { checkpoint: file, named } = options;
  const own = file === undefined || named ? undefined : await runOfWeights(file, given);
  const input = own ? withDataOf(own, given) : given;
  const asked = resolveConfig(input);
  using stop = stopOnSignals(options.signal);
  const report = options.onEvent ?? (() => {});
  const folder = options.folder ?? join(asked.out, asked.run ?? newRunName(asked));
  await checkWritable(options.into ?? folder);
  const beside = named || file !== undefined;
  await using into = await openResultsFolder(folder, { ...options, beside });
  const unlocked = unlockedNote(into.path, into);
  if (unlocked) report({ type: "warning", message: unlocked });
  const home = file === undefined ? folder : own && dirname(file); // the run that the weights are of
  const state = home === undefined ? undefined : await progressOf(home);
  // A run has a file for each seed, of which none is to be left out unsaid.
  const runs = file === undefined && given.runs === undefined ? await runsOf(folder) : given.runs;
  const weights = await readWeights({ ...asked, runs: runs ?? asked.runs }, { folder, ...options });
  const config = await configFor(weights, { ...input, runs });
  const [{ dict: checkpoint, card }] = weights;
  const dataOf = named ? undefined : options.dataOf ?? home;
  if (dataOf !== undefined && !options.session) await checkOwnData(dataOf, config);
  const session = options.session ?? await openSession(config, {
    ...{ report, signal: stop.signal, tests: named, checkpoint },
    ...{ kept: card?.precision, testing: true },
    runFolder: dataOf === undefined ? undefined : { folder: dataOf, tests: true, root: options.root },
    trainedIn: dataOf === undefined ? (file === undefined ? folder : dirname(file)) : undefined,
  });
  let detectors: readonly TrainedDetector[] = [];
  try {
    detectors = await openDetectors(weights, {
      config,
      encoder: session.encoder,
      report,
      signal: stop.signal,
    });
    const doubts = [...unfinishedDoubts(state, config), ...doubtsOf(detectors, { config, session })];
    for (const message of doubts) report({ type: "warning", message });
    const results: EvaluationResult[] = [];
    const predictions: Prediction[] = [];
    for (const { test, perturbation } of plan(session.experiment.tests, config)) {
      const tested = await testDetectors(detectors, session, {
        config,
        test,
        perturbation,
        report,
        signal: stop.signal,
      });
      for (const each of tested.predictions) predictions.push(each); // too many for a call's arguments
      results.push(tested.result);
      report({ type: "result", result: tested.result });
      await takeBreath(stop.signal);
    }
    // A run's report has the run's own configuration, `auto` too; what that came to stands beside it as the encoder.
    const history = file === undefined ? state?.history ?? [] : [];
    const said = { ...config, clip: input.clip ?? config.clip };
    const finished = makeReport(said, { session, history, results, doubts, detectors });
    const gallery = await reportGallery(detectors, session, {
      ...{ config, test: session.experiment.tests[0], results, predictions, report, signal: stop.signal },
    });
    const written = await saveResults(into.path, { report: finished, predictions, gallery }, {
      report,
      signal: stop.signal,
    });
    report({ type: "written", folder: written });
    return finished;
  } finally {
    for (const each of detectors) each.close();
    if (session !== options.session) session.close();
  }
}

/** How many seeds a run trained; undefined where its folder does not say. */
async function runsOf(folder: string): Promise<number | undefined> {
  return await exists(join(folder, "config.json")) ? (await readRunConfig(folder)).runs : undefined;
}

/**
 * Scores one test set, perturbed first where that is asked for, and measures.
 *
 * @param detectors one for each training seed; the caller keeps them
 * @throws {InputError} when they were trained on another encoder's tokens than the session's
 */
export async function testDetectors(
  detectors: readonly TrainedDetector[],
  session: Session,
  options: TaskOptions & {
    readonly config: RunConfig;
    readonly test: TestSet;
    readonly perturbation?: Perturbation;
  },
): Promise<{ result: EvaluationResult; predictions: Prediction[] }> {
  const { config, test } = options;
  const { experiment: { demo }, encoder } = session;
  checkTrunk(detectors, { config, encoder });
  const trunk = trunkOf(config, encoder);
  const beside = detectors[0]?.beside?.probe;
  // What is perturbed is encoded for the detectors alone.
  const probe = beside && (options.perturbation === undefined || beside.trunk === trunk) ? beside : undefined;
  const scored = await scoreRuns(probe ? [...detectors, probe] : detectors, trunk, options);
  const probeScores = probe && scored.pop();
  await takeBreath(options.signal);
  const perturbation = options.perturbation ? perturbationName(options.perturbation) : "none";
  const prior = trainedPrior(detectors, { config, session });
  const images = scoredImages(test.samples);
  return {
    result: resultOf(test, {
      images,
      perturbation,
      scored,
      prior,
      threshold: trainedThreshold(detectors),
      chosen: chosenFor(scored, { detectors, config }),
      how: config.videoScore,
      probe: probeScores,
      demo,
    }),
    predictions: predictionsOf(test, { images, perturbation, scored }),
  };
}

/** One chosen threshold for each array of scores: repeats of one detector share its own. */
function chosenFor(
  scored: readonly Float64Array[],
  { detectors, config }: { readonly detectors: readonly TrainedDetector[]; readonly config: RunConfig },
): ChosenThreshold[] | undefined {
  const chosen = chosenThresholds(detectors, config);
  return chosen && scored.map((_, i) => chosen[i % chosen.length]);
}

/** All that is known of a finished run. */
export function makeReport(
  config: RunConfig,
  options: {
    readonly session: Session;
    readonly history: readonly EpochRecord[];
    readonly results: readonly EvaluationResult[];
    /** What a reader must know beside the session's warnings. */
    readonly doubts?: readonly string[];
    /** Whose results they are; unless given, nothing is said of their probe. */
    readonly detectors?: readonly TrainedDetector[];
  },
): RunReport {
  const { session: { experiment, encoder, backend, warnings }, history, results, doubts = [] } = options;
  const { beside, source } = options.detectors?.[0] ?? {};
  const trained = stepsOf(source?.card);
  const few = results.flatMap(({ set, split, intervals, drawnBy }) =>
    (intervals && tooFewGroups(`${set} ${split}`, intervals.groups, { drawnBy })) ?? []
  );
  return {
    schemaVersion: 1,
    name: config.run ?? "evaluation",
    createdAt: new Date().toISOString(),
    preset: config.preset,
    demo: experiment.demo,
    head: detectorTitle(config.detector),
    encoder: describeEncoder(encoder),
    ...(trained === undefined ? {} : { steps: trained }),
    config,
    backend: { name: backend.name, device: backend.device, version: backend.version },
    data: experiment.data,
    history,
    results,
    ...(beside?.missing === undefined ? {} : { noProbe: beside.missing }),
    warnings: [...new Set([...warnings, ...doubts, ...few, ...otherLoss(config, history)])],
  };
}

/** That training and validation losses are of two kinds, where they are. */
export function otherLoss(
  { loss, labelSmoothing }: RunConfig,
  history: readonly EpochRecord[],
): string[] {
  const isSame = labelSmoothing === 0 && (loss === "cross-entropy" || loss === "binary-cross-entropy");
  if (isSame || !history.some(({ valLoss }) => valLoss !== undefined)) return [];
  const smoothed = labelSmoothing === 0 ? "" : " against smoothed labels";
  return [
    `The training loss is ${loss}${smoothed}, the validation loss cross-entropy: they are not to be compared.`,
  ];
}

/** Every test, the perturbed ones after the one that they perturb. */
function plan(
  tests: readonly TestSet[],
  config: RunConfig,
): { test: TestSet; perturbation?: Perturbation }[] {
  const perturbed = perturbationsOf(config);
  return tests.flatMap((test) => [
    { test },
    ...(test.kind === "within" ? perturbed.map((perturbation) => ({ test, perturbation })) : []),
  ]);
}

/** One array of scores for each run: a detector for each seed, or with the reference preset the same evaluation again. */
async function scoreRuns(
  detectors: readonly Scorer[],
  trunk: Trunk,
  options: TaskOptions & {
    readonly test: TestSet;
    readonly perturbation?: Perturbation;
    readonly config: RunConfig;
  },
): Promise<Float64Array[]> {
  const { test, perturbation, config, report, signal } = options;
  const task = `Testing ${test.set} ${test.split}${
    perturbation ? ` at ${perturbation.kind.title} ${perturbation.level}` : ""
  }`;
  const score = () =>
    scoreSamples(detectors, trunk, {
      samples: test.samples,
      batchSize: config.batchSize,
      perturbation,
      task,
      report,
      signal,
    });
  if (config.preset !== "reference") return await score();
  const scored: Float64Array[] = [];
  for (let repeat = 0; repeat < config.runs; repeat++) scored.push(...await score());
  return scored;
}
