/**
 * The epochs of one seed: steps, validation, a checkpoint after each epoch and every five minutes.
 *
 * @module
 */
import { stateOf } from "../backend/tensors.ts";
import { seedFrom } from "../base/random.ts";
import type { TaskOptions } from "../base/task.ts";
import { InputError } from "../base/errors.ts";
import { epochOrder } from "../data/epoch.ts";
import type { Sample } from "../data/sample.ts";
import { drawPart } from "../images/fits/fit.ts";
import { fits } from "../images/fits/mod.ts";
import { drawAugmentation } from "../images/perturbations/augment.ts";
import { evaluateScores } from "../metrics/evaluate.ts";
import type { Detector } from "../model/detectors/detector.ts";
import { featureBatches } from "../model/features/batches.ts";
import type { Trunk } from "../model/features/trunk.ts";
import { type ThresholdChoices, thresholdsOn } from "../report/measure.ts";
import type { EpochRecord } from "../report/report.ts";
import { rateAt } from "../training/schedules/mod.ts";
import type { Trainer } from "../training/trainer.ts";
import type { RunConfig } from "./config/config.ts";
import { augmentationOf } from "./config/perturbations.ts";
import { drawingOf } from "./config/sets.ts";
import { otherLoss, scoreSamples } from "./evaluate.ts";
import { reporting, type RunEvent } from "./events.ts";
import { checkLoss, checkWeights } from "./finite.ts";
import { cardOf } from "./folder/card.ts";
import { writeCheckpoint, writeWeights } from "./folder/folder.ts";
import type { Numerics } from "./folder/numerics.ts";
import type { TrainState } from "./folder/train_state.ts";
import { imagesOfSets } from "./scored_test.ts";
import { hasStopped, isBest, isOutOfPatience, type Validation } from "./selection.ts";
import type { Session } from "./session.ts";

const SAVE_EVERY_MS = 5 * 60_000;

/** What all seeds of a run have in common. */
export type Training = {
  readonly config: RunConfig & { readonly run: string };
  readonly session: Session;
  readonly folder: string;
  readonly signal: AbortSignal;
};

/** Trains what is left of one seed's epochs; the best weights so far, and where the training stands, are in the run's folder. */
export async function* trainEpochs(
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
        data: experiment.data,
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
export function seesParts({ config, trunk }: { readonly config: RunConfig; readonly trunk: Trunk }): boolean {
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
    thresholds: thresholdsOn(imagesOfSets(val), scores, { how: config.videoScore }),
  };
}
