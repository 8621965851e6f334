/**
 * Trains a detector on frozen features: one event per step, a checkpoint per epoch, exact resume.
 *
 * Every random choice is a function of seed, epoch and step, so a resumed run makes the ones that it would have made.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";
import { fits } from "../images/fits/mod.ts";
import { resolveConfig, type RunConfig, type RunInput } from "./config/config.ts";
import { drawingOf } from "./config/sets.ts";
import { setShares } from "../data/epoch.ts";
import { exists } from "../base/files.ts";
import { type Detector, restoreWeights } from "../model/detectors/detector.ts";
import { detectorTitle } from "../model/detectors/mod.ts";
import { type Ownership, unlockedNote } from "../base/owner.ts";
import { createDetector, trunkOf } from "./detectors.ts";
import { openBase, stageOneFiles, stageOneOf } from "./stage_one.ts";
import { unusedNotes } from "./unused.ts";
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
} from "./folder/folder.ts";
import { seedRun, seedsOf, seedWeights, takeSeed } from "./folder/seeds.ts";
import { checkSameConfig, type TrainState } from "./folder/train_state.ts";
import { Interrupted, stopOnSignals } from "./interrupt.ts";
import {
  noteIn,
  type Numerics,
  readNumerics,
  settleNumerics,
  settleStageOne,
  writeNumerics,
} from "./folder/numerics.ts";
import { lossKind } from "../training/losses/mod.ts";
import { otherImages, writeRunData } from "./folder/run_data.ts";
import { openSession, type Session } from "./session.ts";
import { stepsText } from "../training/engine.ts";
import { openTrainer, type Trainer } from "../training/trainer.ts";
import { seesParts, trainEpochs, type Training } from "./train_epochs.ts";

/**
 * Trains as a configuration, or a part of one, says and writes the weights to its run folder; `evaluateRun()` then reloads and tests them.
 *
 * While it runs, SIGINT and SIGTERM stop it after the current step, with a checkpoint, and so does `signal`; leaving the
 * `for await` loop goes back to the last checkpoint.
 *
 * @param options.resume goes on from the run folder's checkpoint, with the numbers of a run that was never stopped
 * @param options.session what `openSession()` gave for this configuration; opened and closed here unless given
 * @param options.owner what `ownRunFolder()` gave for the run; the folder is owned here unless given
 * @param options.onlySeed trains this seed alone, by its index from 0, in a folder below the run's; a call without it then takes all
 * seeds that were trained so, and ends as if it had trained them
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
    readonly onlySeed?: number;
  } = {},
): AsyncGenerator<RunEvent> {
  using stop = stopOnSignals(options.signal);
  const { signal } = stop;
  const { onlySeed } = options;
  const config = resolveConfig(input);
  const named = { ...config, run: config.run ?? newRunName(config) };
  if (onlySeed !== undefined) checkSeed(named, onlySeed);
  const placed = onlySeed === undefined ? named : seedRun(named, onlySeed);
  const folderBefore = join(placed.out, placed.run);
  if (!options.owner) await checkRunFolder(placed, options);
  await using owner = options.owner ? undefined : await ownRunFolder(folderBefore);
  const unlocked = owner && unlockedNote(folderBefore, owner);
  if (unlocked) yield { type: "warning", message: unlocked };
  await checkRunFolder(placed, options); // its last owner may have begun it meanwhile
  let session = options.session;
  try {
    const runFolder = options.resume ? { folder: folderBefore } : undefined;
    const kept = (await readNumerics(folderBefore))?.precision;
    session ??= yield* reporting((report) => openSession(named, { report, signal, runFolder, kept }), {
      abandon: (opened) => opened.close(),
    });
    const folder = await makeRunFolder(placed);
    yield* trainSeeds({ config: named, session, folder, signal, onlySeed });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    yield { type: "interrupted", run: named.run };
  } finally {
    if (session !== options.session) session?.close();
  }
}

/** @throws {InputError} for a run without seeds to be trained alone, or one that it has not */
function checkSeed(config: RunConfig, seedIndex: number): void {
  const seeds = seedsOf(config);
  if (seeds > 1 && seedIndex >= 0 && seedIndex < seeds) return;
  throw new InputError(
    `Cannot train one seed alone: expected one of ${
      seeds > 1 ? `1 to ${seeds}` : "several, as --runs has them"
    } but found ${seedIndex + 1}`,
  );
}

/** One training run for each seed. */
async function* trainSeeds(
  training: Training & { readonly onlySeed?: number },
): AsyncGenerator<RunEvent> {
  const { config, session: { experiment, encoder }, folder, onlySeed } = training;
  const checkpoint = await readCheckpoint(folder);
  const state = checkpoint?.state ?? { ...newState(experiment.digest, config), run: onlySeed ?? 0 };
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
  const seeds = seedsOf(config);
  if (!state.done) {
    for (const message of unusedNotes(config)) yield { type: "warning", message };
    const mix = mixNote(config, training.session);
    if (mix !== undefined) yield { type: "note", message: mix };
    yield* trainStageOne(training);
  }
  const bases = state.done ? [] : await stageOneFiles(config, { onlySeed });
  if (numerics) numerics = await settleStageOne(folder, { numerics, files: bases });
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
    const taken = weights || onlySeed !== undefined
      ? undefined
      : await takeSeed(config, { state, numerics: numerics! });
    if (taken) {
      const message = `Seed ${state.run + 1} of ${seeds} was trained as a task of its own: taken`;
      yield { type: "note", message };
      numerics = taken.numerics;
      state.history.push(...taken.history);
      Object.assign(state, { run: state.run + 1, done: state.run + 1 >= seeds });
      await finishSeed(folder, state);
      continue;
    }
    const seed = config.seed + state.run;
    const file = bases.at(onlySeed === undefined ? state.run : 0);
    const base = yield* reporting(
      (report) => openBase(file, { config, encoder, report, signal: training.signal }),
      { abandon: (opened) => opened.close() },
    );
    let detector: Detector | undefined;
    let trainer: Trainer | undefined;
    try {
      if (base.seed !== undefined && base.seed !== seed) {
        const message = `Seed ${seed} stands on a first stage that was trained with seed ${base.seed}.`;
        numerics = await noteIn(folder, numerics!, message);
        yield { type: "note", message };
      }
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
        engine: numerics!.engine ?? (config.engine === "auto" ? undefined : config.engine),
        signal: training.signal,
      });
      if (weights) trainer.restore(weights.optimizer);
      weights = undefined;
      numerics = await settleEngine(folder, { numerics: numerics!, trainer, asked: config.engine });
      yield { type: "note", message: `Training: ${detectorTitle(config.detector)}, ${stepsText(trainer)}` };
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
      done: onlySeed !== undefined || seedIndex >= seeds,
    });
    await finishSeed(folder, state);
  }
  if (onlySeed !== undefined) {
    yield { type: "trained", run: config.run, folder };
    return;
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
async function* trainStageOne(
  { config, session, signal, onlySeed }: Training & { readonly onlySeed?: number },
): AsyncGenerator<RunEvent> {
  const first = stageOneOf(config);
  if (!first) return;
  if (onlySeed !== undefined && await seedWeights(first, onlySeed) !== undefined) return;
  createDetector(config, { encoder: session.encoder, seed: config.seed }).close(); // refuses what it cannot be, before hours
  const { out, run } = onlySeed === undefined ? first : seedRun(first, onlySeed);
  const resume = await exists(join(out, run, "config.json"));
  yield {
    type: "note",
    message: `First the ${detectorTitle(first.detector)}, as the run ${first.run}: the ${
      detectorTitle(config.detector)
    } stands on it`,
  };
  for await (const event of trainRun(first, { session, signal, resume, onlySeed })) {
    if (event.type === "interrupted") signal.throwIfAborted();
    if (event.type === "trained") yield { type: "note", message: `Trained ${event.folder}` };
    else yield event;
  }
}

/**
 * The choices with the engine that takes the first step, or with a note where another has to go on.
 *
 * @throws {InputError} when a run is to begin with one that is not to be had
 */
async function settleEngine(
  folder: string,
  options: { readonly numerics: Numerics; readonly trainer: Trainer; readonly asked: RunConfig["engine"] },
): Promise<Numerics> {
  const { numerics, trainer: { engine, measured: engineSeconds }, asked } = options;
  if (numerics.engine === engine) return numerics;
  if (numerics.engine === undefined && asked !== "auto" && asked !== engine) {
    throw new InputError(
      `Cannot train in ${folder}: expected --engine ${asked} but found that this machine has ${engine} for these settings; give --engine ${engine}, or leave it out`,
    );
  }
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
