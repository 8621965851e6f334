/**
 * Trains a detector on frozen features: one event per step, a checkpoint per epoch, exact resume.
 *
 * Every random choice is a function of seed, epoch and step, so a resumed run makes the ones that it would have made.
 *
 * @module
 */
import { join } from "node:path";
import { stateOf } from "../backend/tensors.ts";
import { drawPart } from "../images/fits/fit.ts";
import { fits } from "../images/fits/mod.ts";
import { drawAugmentation } from "../images/perturbations/augment.ts";
import { resolveConfig, type RunConfig, type RunInput } from "./config/config.ts";
import { augmentationOf } from "./config/perturbations.ts";
import { drawingOf } from "./config/sets.ts";
import type { TaskOptions } from "../base/task.ts";
import { epochOrder, setShares } from "../data/epoch.ts";
import { exists } from "../base/files.ts";
import { type Detector, restoreWeights } from "../model/detectors/detector.ts";
import { detectorTitle } from "../model/detectors/mod.ts";
import { type Ownership, unlockedNote } from "../base/owner.ts";
import { seedFrom } from "../base/random.ts";
import { cardOf } from "./folder/card.ts";
import type { Trunk } from "../model/features/trunk.ts";
import { createDetector, trunkOf } from "./detectors.ts";
import { openBase, stageOneFiles, stageOneOf } from "./stage_one.ts";
import { unusedNotes } from "./unused.ts";
import { otherLoss, scoreSamples } from "./evaluate.ts";
import { validationImages } from "./scored_test.ts";
import { reporting, type RunEvent } from "./events.ts";
import { fitProbe, fitRun, fittedKind } from "./fit.ts";
import { exportFull } from "../model/detectors/export.ts";
import {
  checkRunFolder,
  finishSeed,
  makeRunFolder,
  newRunName,
  ownRunFolder,
  readCheckpoint,
  weightsPath,
  writeCheckpoint,
  writeWeights,
} from "./folder/folder.ts";
import { checkSameConfig, type TrainState } from "./folder/train_state.ts";
import { Interrupted, stopOnSignals } from "./interrupt.ts";
import { evaluateScores } from "../metrics/evaluate.ts";
import { noteIn, type Numerics, readNumerics, settleNumerics, writeNumerics } from "./folder/numerics.ts";
import { lossKind } from "../training/losses/mod.ts";
import { type ThresholdChoices, thresholdsOn } from "../report/measure.ts";
import type { EpochRecord } from "../report/report.ts";
import { InputError } from "../base/errors.ts";
import type { Sample } from "../data/sample.ts";
import { checkLoss, checkWeights } from "./finite.ts";
import { hasStopped, isBest, isOutOfPatience, type Validation } from "./selection.ts";
import { rateAt } from "../training/schedules/mod.ts";
import { otherImages, writeRunData } from "./folder/run_data.ts";
import { openSession, type Session } from "./session.ts";
import { featureBatches } from "../model/features/batches.ts";
import { openTrainer, type Trainer } from "../training/trainer.ts";

const SAVE_EVERY_MS = 5 * 60_000;

/**
 * Trains as a configuration, or a part of one, says and writes the weights to its run folder; `evaluateRun()` then reloads and tests them.
 *
 * While it runs, SIGINT and SIGTERM stop it after the current step, with a checkpoint, and so does `signal`; leaving the
 * `for await` loop goes back to the last checkpoint.
 *
 * @param options.resume goes on from the run folder's checkpoint, with the numbers of a run that was never stopped
 * @param options.session what `openSession()` gave for this configuration; opened and closed here unless given
 * @param options.owner what `ownRunFolder()` gave for the run; the folder is owned here unless given
 * @throws {InputError} for data that cannot be used, a run folder that exists already, one that cannot be resumed, or one that
 * another process trains in
 *
 * @example
 * ```ts
 * import { type RunInput, trainRun } from "@forgelens/bench";
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
 * const config: RunInput = { ...folders, clip: "demo", epochs: 2, cache: false };
 * const epochs = (await Array.fromAsync(trainRun(config))).filter(({ type }) => type === "epoch");
 * assertEquals(epochs.length, 2);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function* trainRun(
  input: RunInput,
  options: {
    readonly resume?: boolean;
    readonly session?: Session;
    readonly owner?: Ownership;
    readonly signal?: AbortSignal;
  } = {},
): AsyncGenerator<RunEvent> {
  using stop = stopOnSignals(options.signal);
  const { signal } = stop;
  const config = resolveConfig(input);
  const named = { ...config, run: config.run ?? newRunName(config) };
  const folderBefore = join(named.out, named.run);
  if (!options.owner) await checkRunFolder(named, options);
  await using owner = options.owner ? undefined : await ownRunFolder(folderBefore);
  const unlocked = owner && unlockedNote(folderBefore, owner);
  if (unlocked) yield { type: "warning", message: unlocked };
  await checkRunFolder(named, options); // its last owner may have begun it meanwhile
  let session = options.session;
  try {
    const runFolder = options.resume ? { folder: folderBefore } : undefined;
    const kept = (await readNumerics(folderBefore))?.precision;
    session ??= yield* reporting((report) => openSession(named, { report, signal, runFolder, kept }), {
      abandon: (opened) => opened.close(),
    });
    const folder = await makeRunFolder(named);
    yield* trainSeeds({ config: named, session, folder, signal });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    yield { type: "interrupted", run: named.run };
  } finally {
    if (session !== options.session) session?.close();
  }
}

type Training = {
  readonly config: RunConfig & { readonly run: string };
  readonly session: Session;
  readonly folder: string;
  readonly signal: AbortSignal;
};

/** One training run for each seed. */
async function* trainSeeds(training: Training): AsyncGenerator<RunEvent> {
  const { config, session: { experiment, encoder }, folder } = training;
  const checkpoint = await readCheckpoint(folder);
  const state = checkpoint?.state ?? newState(experiment.digest, config);
  checkSameConfig(config, { state, file: join(folder, "config.json") });
  if (state.digest !== experiment.digest) throw otherImages(folder);
  await writeRunData(folder, experiment);
  let numerics = state.done
    ? undefined
    : await settleNumerics(folder, { encoder, started: checkpoint !== undefined });
  if (checkpoint && !state.done) {
    const message = `Going on with ${folder} from epoch ${state.epoch}, step ${state.step}`;
    yield { type: "note", message };
  }
  // The reference's runs repeat the evaluation, not the training.
  const seeds = config.preset === "reference" ? 1 : config.runs;
  if (!state.done) {
    for (const message of unusedNotes(config)) yield { type: "warning", message };
    const mix = mixNote(config, training.session);
    if (mix !== undefined) yield { type: "note", message: mix };
    yield* trainStageOne(training);
  }
  const bases = state.done ? [] : await stageOneFiles(config, seeds);
  let { weights } = checkpoint ?? {};
  if (!state.done && fittedKind(config)) {
    yield* reporting((report) =>
      fitRun(config, {
        session: training.session,
        folder,
        numerics: numerics!,
        report,
        signal: training.signal,
      })
    );
    Object.assign(state, { run: 1, done: true });
    await finishSeed(folder, state);
  }
  while (!state.done) {
    const seed = config.seed + state.run;
    const file = bases.at(state.run);
    const base = yield* reporting(
      (report) => openBase(file, { config, encoder, report, signal: training.signal }),
      { abandon: (opened) => opened.close() },
    );
    let detector: Detector | undefined;
    let trainer: Trainer | undefined;
    try {
      const trunk = trunkOf(config, base.encoder);
      detector = createDetector(config, { encoder: base.encoder, base: base.weights, seed });
      if (weights) restoreWeights(detector, weights.model);
      trainer = await openTrainer(detector, {
        loss: lossKind(config.loss).create(config),
        optimizer: {
          kind: config.optimizer,
          learningRate: config.learningRate,
          weightDecay: config.weightDecay,
        },
        accumulate: config.accumulate,
        clip: config.clipGradients,
        precision: encoder.choice.head,
        shape: trunk.shape,
        engine: numerics!.engine,
        signal: training.signal,
      });
      if (weights) trainer.restore(weights.optimizer);
      weights = undefined;
      numerics = await settleEngine(folder, { numerics: numerics!, trainer });
      if (fits[config.fit].hasParts && !seesParts({ config, trunk })) {
        const message =
          `Training images are cut at their centre and not at random as --fit ${config.fit} has it for trained encoders: the encoder is frozen, and an image is encoded once.`;
        yield { type: "note", message };
      }
      yield* trainEpochs({ ...training, state, numerics, trunk, detector, trainer, seed, seeds });
    } finally {
      trainer?.close();
      detector?.close();
      base.close();
    }
    const seedIndex = state.run + 1;
    Object.assign(state, {
      ...newState(experiment.digest, config),
      history: state.history,
      run: seedIndex,
      done: seedIndex >= seeds,
    });
    await finishSeed(folder, state);
  }
  const missing = yield* reporting((report) =>
    fitProbe(config, { session: training.session, folder, report, signal: training.signal })
  );
  if (missing !== undefined) yield { type: "note", message: `No linear probe stands beside: ${missing}` };
  if (config.exportFull) {
    const { pth } = config;
    const path = await exportFull(weightsPath(folder, 0), { folder, clip: encoder.file, pth });
    yield { type: "note", message: `Exported ${path}` };
  }
  yield { type: "trained", run: config.run, folder };
}

/** What an epoch takes of each training set, in words; undefined where there is one, or where all images count alike. */
function mixNote(config: RunConfig, { experiment: { train } }: Session): string | undefined {
  const { weights } = drawingOf(config);
  if (!weights || config.detector === "knn") return undefined;
  const parts = setShares(train, weights).map(({ set, indices, count }) =>
    `${count} of ${set} (it has ${indices.length}, its weight is ${weights.get(set) ?? 1})`
  );
  return `An epoch's ${train.length} images: ${new Intl.ListFormat("en-GB").format(parts)}`;
}

/** Trains what a run's detector stands on, as a run of its own with the same seeds, or what is left of it. */
async function* trainStageOne({ config, session, signal }: Training): AsyncGenerator<RunEvent> {
  const first = stageOneOf(config);
  if (!first) return;
  createDetector(config, { encoder: session.encoder, seed: config.seed }).close(); // refuses what it cannot be, before hours
  const resume = await exists(join(first.out, first.run, "config.json"));
  yield {
    type: "note",
    message: `First the ${detectorTitle(first.detector)}, as the run ${first.run}: the ${
      detectorTitle(config.detector)
    } stands on it`,
  };
  for await (const event of trainRun(first, { session, signal, resume })) {
    if (event.type === "interrupted") signal.throwIfAborted();
    if (event.type === "trained") yield { type: "note", message: `Trained ${event.folder}` };
    else yield event;
  }
}

/** The choices with the engine that took the first step, or with a note where another has to go on. */
async function settleEngine(
  folder: string,
  { numerics, trainer }: { readonly numerics: Numerics; readonly trainer: Trainer },
): Promise<Numerics> {
  const { engine, measured: engineSeconds } = trainer;
  if (numerics.engine === engine) return numerics;
  if (numerics.engine !== undefined) {
    const note =
      `Trained in part with another engine: ${engine} instead of ${numerics.engine}, which is not to be had ` +
      "on every machine that it ran on; sums differ in their last digits.";
    return await noteIn(folder, numerics, note);
  }
  const settled = { ...numerics, engine, engineSeconds };
  await writeNumerics(folder, settled);
  return settled;
}

function newState(digest: string, config: RunConfig): TrainState {
  return {
    version: 1,
    run: 0,
    epoch: 1,
    step: 0,
    lossSum: 0,
    seconds: 0,
    history: [],
    best: null,
    digest,
    config,
    done: false,
  };
}

/** What is left of one seed's epochs. */
async function* trainEpochs(
  training: Training & {
    readonly state: TrainState;
    readonly numerics: Numerics;
    readonly trunk: Trunk;
    readonly detector: Detector;
    readonly trainer: Trainer;
    readonly seed: number;
    readonly seeds: number;
  },
): AsyncGenerator<RunEvent> {
  const { config, session: { experiment, encoder }, folder, signal, state, detector, trainer, seed } =
    training;
  const { train, val } = experiment;
  const { batchSize, epochs } = config;
  const augmentation = augmentationOf(config);
  const drawing = drawingOf(config);
  const steps = Math.ceil(train.length / batchSize);
  const rate = ratesOf(config, { steps });
  let savedAt = Date.now();
  let latest: readonly Sample[] = [];
  const synced = () => {
    trainer.sync();
    const dict = stateOf(detector.weights);
    const place = { epoch: state.epoch, step: state.step, samples: latest };
    checkWeights(dict, { keys: detector.weights.keys(), place });
    return dict;
  };
  const save = async () => {
    const weights = { model: synced(), optimizer: trainer.state() };
    await writeCheckpoint(folder, { state, weights });
    savedAt = Date.now();
  };
  while (state.epoch <= epochs && !hasStopped(state)) {
    const { run: seedIndex, epoch } = state;
    const order = epochOrder(train, { seed, epoch, ...drawing });
    const before = state.step * batchSize;
    const rest = order.slice(before).map((i) => train[i]);
    let began = performance.now();
    const perturbation = (place: number) => drawAugmentation(augmentation, { seed, epoch, place });
    const part = seesParts(training) ? (place: number) => drawPart({ seed, epoch, place }) : undefined;
    const batches = featureBatches(training.trunk, rest, { batchSize, before, perturbation, part });
    for await (const { features, samples } of batches) {
      const labels = samples.map(({ label }) => label);
      const learningRate = rate(trainer.steps, epoch);
      const input = { input: features, labels, seed: seedFrom(seed, epoch, state.step), learningRate };
      const loss = await trainer.step(input).finally(() => features.dispose());
      checkLoss(loss, { epoch, step: state.step + 1, samples });
      latest = samples;
      state.step++;
      state.lossSum += loss;
      state.seconds += (performance.now() - began) / 1000;
      yield {
        type: "step",
        seedIndex,
        seeds: training.seeds,
        epoch,
        epochs,
        step: state.step,
        steps,
        loss,
        meanLoss: state.lossSum / state.step,
        images: labels.length,
      };
      if (signal.aborted || Date.now() - savedAt > SAVE_EVERY_MS) await save();
      signal.throwIfAborted();
      began = performance.now();
    }
    trainer.finishStep({ learningRate: rate(trainer.steps, epoch) });
    synced();
    let validated: Validated = {};
    try {
      if (val.length > 0) validated = yield* reporting((report) => validate(training, { report, signal }));
    } catch (error) {
      if (signal.aborted) await save(); // the epoch's steps are done
      throw error;
    }
    const { validation, thresholds } = validated;
    const best = isBest(config, { state, validation });
    if (best) {
      state.best = { epoch, auc: validation?.valAuc ?? 0 };
      const { numerics } = training;
      const card = cardOf(detector, {
        encoder,
        config,
        numerics: { ...numerics, precision: { ...numerics.precision, head: trainer.precision } },
        train,
        drawing,
        thresholds,
        epoch,
        seed,
      });
      await writeWeights(folder, { dict: detector.state(), card, seedIndex, pth: config.pth });
    }
    const record: EpochRecord = {
      run: seedIndex,
      epoch,
      step: trainer.steps,
      loss: state.lossSum / state.step,
      ...validation,
      learningRate: rate(trainer.steps - 1, epoch),
      seconds: state.seconds,
      best,
      ...(isOutOfPatience(config, state) ? { stopped: true } : {}),
    };
    state.history.push(record);
    if (state.history.length === 1) {
      for (const message of otherLoss(config, state.history)) yield { type: "warning", message };
    }
    Object.assign(state, { epoch: epoch + 1, step: 0, lossSum: 0, seconds: 0 });
    await save();
    yield { type: "epoch", record };
    if (record.stopped) {
      const value = config.selectBy === "auc" ? "a greater validation AUC" : "a lesser validation loss";
      const message = `Stopped after epoch ${epoch} of ${epochs}: none of the last ${
        epoch - state.best!.epoch
      } epochs had ${value} than epoch ${state.best!.epoch}, whose weights are kept`;
      yield { type: "note", message };
    }
    signal.throwIfAborted();
  }
}

/** Whether training sees a drawn part of each image: of the pixels that a tower is trained on, as frozen features are of the centre. */
function seesParts({ config, trunk }: { readonly config: RunConfig; readonly trunk: Trunk }): boolean {
  return fits[config.fit].hasParts && trunk.shape.length === 3; // [S, S, 3]
}

/**
 * The learning rate of the step that the optimizer takes after so many, in an epoch from 1.
 *
 * @throws {InputError} where the warm-up is no shorter than the training
 */
function ratesOf(
  config: RunConfig,
  { steps: batches }: { readonly steps: number },
): (step: number, epoch: number) => number {
  const steps = config.epochs * Math.ceil(batches / config.accumulate);
  if (config.warmup >= steps) {
    throw new InputError(
      `Cannot train: expected --warmup shorter than the ${steps} steps of this training but found ${config.warmup}; give a lower --warmup or more --epochs`,
    );
  }
  return (step, epoch) => rateAt({ step, steps, epoch: epoch - 1 }, config);
}

/** What validation images say of an epoch; nothing where there are none. */
type Validated = {
  readonly validation?: Validation;
  readonly thresholds?: ThresholdChoices;
};

async function validate(
  training: Training & { readonly state: TrainState; readonly trunk: Trunk; readonly detector: Detector },
  options: TaskOptions,
): Promise<Validated> {
  const { config, session: { experiment: { val } }, state, trunk, detector } = training;
  const [scores] = await scoreSamples([detector], trunk, {
    samples: val,
    batchSize: config.batchSize,
    task: `Validating epoch ${state.epoch}`,
    ...options,
  });
  const { auc, logLoss } = evaluateScores(val.map(({ label }) => label), scores);
  return {
    validation: { valLoss: logLoss, valAuc: auc! },
    thresholds: thresholdsOn(validationImages(val), scores, { how: config.videoScore }),
  };
}
