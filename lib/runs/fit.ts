/**
 * Fits a detector to all training features at once: no epochs, no steps, no seed.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import { takeBreath } from "../base/breath.ts";
import type { TaskOptions } from "../base/task.ts";
import { evaluateScores } from "../metrics/evaluate.ts";
import { logisticCs } from "../model/detectors/linear_probe.ts";
import { sampleWeights } from "../data/epoch.ts";
import type { Sample } from "../data/sample.ts";
import { featureBatches } from "../model/features/batches.ts";
import type { DetectorKind, Fitted, Scorer } from "../model/detectors/detector.ts";
import { detectorKind, type DetectorSettings, detectorTitle } from "../model/detectors/mod.ts";
import { saveSafetensors } from "../weights/safetensors.ts";
import { type ThresholdChoices, thresholdsOn } from "../report/measure.ts";
import type { RunConfig } from "./config/config.ts";
import { drawingOf } from "./config/sets.ts";
import { trunkOf } from "./detectors.ts";
import { scoreSamples } from "./evaluate.ts";
import { cardOf, cardTexts, type WeightsCard } from "./folder/card.ts";
import { writeWeights } from "./folder/folder.ts";
import { type Numerics, readNumerics } from "./folder/numerics.ts";
import { probeConfig, probeHindrance, probeOn, probePath, type ProbeView, probeView } from "./probe.ts";
import { imagesOfSets } from "./scored_test.ts";
import type { Session } from "./session.ts";

/** The kind of a run's detector where it is fitted at once; undefined where it learns step by step. */
export function fittedKind(
  { detector }: Pick<RunConfig, "detector">,
): (DetectorKind<DetectorSettings> & Fitted<DetectorSettings>) | undefined {
  const kind = detectorKind(detector);
  return kind.fit ? kind : undefined;
}

/** What is fitted, on which features, and what its file says of it. */
export type FittedRun = { readonly scorer: Scorer; readonly card: WeightsCard };

/**
 * Fits a run's detector to its training images and writes its weights; its thresholds are those of the validation images.
 *
 * @throws {InputError} for features or labels that say nothing
 * @throws {Error} the signal's reason
 */
export async function fitRun(
  config: RunConfig,
  options: TaskOptions & {
    readonly session: Session;
    readonly folder: string;
    readonly numerics: Numerics;
  },
): Promise<void> {
  const { session, folder, numerics, ...task } = options;
  const { scorer, card } = await fitDetector(config, {
    session,
    numerics,
    view: { trunk: trunkOf(config, session.encoder), of: tf.clone },
    ...task,
  });
  try {
    await writeWeights(folder, { dict: scorer.state(), card, seedIndex: 0, pth: config.pth });
  } finally {
    scorer.close();
  }
}

/**
 * A detector that is fitted to a run's training images; the caller closes it.
 *
 * @param options.view its features, and what it takes of them
 * @throws {InputError} for features or labels that say nothing
 * @throws {Error} the signal's reason
 */
export async function fitDetector(
  config: RunConfig,
  options: TaskOptions & {
    readonly session: Session;
    readonly numerics: Numerics;
    readonly view: ProbeView;
  },
): Promise<FittedRun> {
  const { session: { experiment: { train, val, data }, encoder }, numerics, view, ...task } = options;
  const kind = fittedKind(config);
  if (!kind) {
    throw new Error(`Cannot fit a ${detectorTitle(config.detector)}: expected a kind that is fitted`);
  }
  if (new Set(train.map(({ label }) => label)).size < 2) {
    throw new InputError(
      `Cannot fit a ${
        detectorTitle(config.detector)
      }: expected real and fake training images but found one class; give both`,
    );
  }
  const { batchSize } = config;
  // kNN's neighbours are drawn from all images as they are.
  const drawing = config.detector === "knn" ? { balance: false } : drawingOf(config);
  const features = await collectFeatures(view, train, { batchSize, ...task });
  task.report?.({
    type: "note",
    message: `Fitting the ${detectorTitle(config.detector)} to ${train.length} images`,
  });
  const training = {
    features,
    shape: [features.length / train.length],
    labels: Uint8Array.from(train, ({ label }) => label),
    weights: sampleWeights(train, drawing),
  };
  const chooses = config.detector === "linear-probe" && config.logisticC === undefined &&
    new Set(val.map(({ label }) => label)).size === 2;
  const settings = chooses
    ? await withChosenC(config, { ...task, kind, training, view, val, batchSize })
    : config;
  const fitted = kind.fit(settings, training);
  const scorer = probeOn(fitted, view);
  try {
    let thresholds: ThresholdChoices | undefined;
    if (val.length > 0) {
      const [scores] = await scoreSamples([scorer], view.trunk, {
        samples: val,
        batchSize,
        task: "Validating",
        ...task,
      });
      thresholds = thresholdsOn(imagesOfSets(val), scores, { how: config.videoScore });
    }
    const card = cardOf(scorer, {
      ...{ encoder, config: settings, numerics, thresholds },
      train,
      drawing,
      data,
    });
    return { scorer, card };
  } catch (error) {
    scorer.close();
    throw error;
  }
}

/** The configuration with the C whose fit has the best AUC on the validation images; of equal ones the least. */
async function withChosenC(
  config: RunConfig,
  options: TaskOptions & {
    readonly kind: Fitted<DetectorSettings>;
    readonly training: Parameters<Fitted<DetectorSettings>["fit"]>[1];
    readonly view: ProbeView;
    readonly val: readonly Sample[];
    readonly batchSize: number;
  },
): Promise<RunConfig> {
  const { kind, training, view, val, report } = options;
  const values = await collectFeatures(view, val, options);
  const features = tf.tensor(values, [val.length, values.length / val.length]); // [n, D]
  const labels = val.map(({ label }) => label);
  let best = { logisticC: 1, auc: -1 };
  try {
    for (const logisticC of logisticCs) {
      await takeBreath(options.signal);
      const scorer = kind.fit({ ...config, logisticC }, training);
      const auc = evaluateScores(labels, await scorer.scores(features)).auc!;
      scorer.close();
      if (auc > best.auc) best = { logisticC, auc };
    }
  } finally {
    features.dispose();
  }
  const message = `C of the linear probe: ${best.logisticC}, whose validation AUC of ${
    best.auc.toFixed(3)
  } is the best of ${logisticCs.join(", ")}`;
  report?.({ type: "note", message });
  return { ...config, logisticC: best.logisticC };
}

/**
 * Fits the probe that stands beside a run's detector to the same training images, and writes it with its card; resolves to why there
 * is none where it cannot.
 *
 * @throws {Error} the signal's reason, or what the system says against the file
 */
export async function fitProbe(
  config: RunConfig,
  options: TaskOptions & { readonly session: Session; readonly folder: string },
): Promise<string | undefined> {
  const { session, folder, ...task } = options;
  const { encoder } = session;
  if (config.detector === "linear-probe" || await exists(probePath(folder))) return undefined;
  const hindrance = probeHindrance(config, encoder);
  if (hindrance !== undefined) return hindrance;
  const numerics = await readNumerics(folder);
  if (!numerics) return "what the run was begun with was not kept";
  const view = probeView(encoder, trunkOf(config, encoder));
  try {
    const { scorer, card } = await fitDetector(probeConfig(config), { session, numerics, view, ...task });
    if (view.trunk.keptIn === "float16" && await view.trunk.cache()) {
      card.notes = [
        ...card.notes ?? [],
        "Fitted to class tokens rounded to half precision, as those among a run's kept tokens are: alone, as a file, it is tested on such as are not, and scores differ a little.",
      ];
    }
    await saveSafetensors(probePath(folder), scorer.state(), { metadata: cardTexts(card), checksum: true });
    scorer.close();
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

/** The features of all samples, [n, ...shape] in row-major order. */
export async function collectFeatures(
  { trunk, of }: ProbeView,
  samples: readonly Sample[],
  { batchSize, report, signal }: TaskOptions & { readonly batchSize: number },
): Promise<Float32Array> {
  let all = new Float32Array();
  let done = 0;
  for await (const { features } of featureBatches(trunk, samples, { batchSize })) {
    try {
      signal?.throwIfAborted();
      const taken = of(features);
      const values = await taken.data() as Float32Array;
      taken.dispose();
      const length = values.length / features.shape[0];
      if (done === 0) all = new Float32Array(samples.length * length);
      all.set(values, done * length);
      done += features.shape[0];
    } finally {
      features.dispose();
    }
    report?.({ type: "progress", task: "Reading features", unit: "images", done, total: samples.length });
  }
  return all;
}
