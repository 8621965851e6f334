/**
 * The trained detectors of a run, or of a file, with what their files say of them.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import { fakeShare } from "../data/epoch.ts";
import type { TaskOptions } from "../base/task.ts";
import { resolveConfig, type RunConfig, type RunInput } from "./config/config.ts";
import type { Detector, DetectorKind, Scorer, Stepped } from "../model/detectors/detector.ts";
import { detectorKind, type DetectorSettings, detectorTitle } from "../model/detectors/mod.ts";
import { type CardedWeights, detectorOf, loadCarded, THRESHOLD, type WeightsCard } from "./folder/card.ts";
import { checkEncoder, settingsFor } from "./folder/card_settings.ts";
import type { Clip } from "../model/encoders/clip.ts";
import type { Encoder } from "../model/encoders/encoder.ts";
import type { Trunk } from "../model/features/trunk.ts";
import type { ChosenThreshold } from "../report/measure.ts";
import { openProbe, type ProbeBeside } from "./probe.ts";
import type { StateDict } from "../weights/state.ts";
import { openTuned } from "./encoder.ts";
import type { Session } from "./session.ts";
import { weightsPath } from "./folder/folder.ts";
import { seedsOf } from "./folder/seeds.ts";

/** A detector, and the file that it is from where it is from one; free it with `close()`. */
export type TrainedDetector = Scorer & {
  readonly source?: CardedWeights;
  /** The tower that its training changed, where its trunk is of that; closed with it. */
  readonly clip?: Clip;
  /** The probe of its run; the first of a run has it, and closes it. */
  readonly beside?: ProbeBeside;
};

/**
 * The weights of a run, one file for each seed, or of a single file.
 *
 * @throws {InputError} when there are none, or one cannot be read
 */
export async function readWeights(
  config: RunConfig,
  options: { readonly folder: string; readonly checkpoint?: string },
): Promise<CardedWeights[]> {
  if (options.checkpoint !== undefined) return [await loadCarded(options.checkpoint)];
  const all: CardedWeights[] = [];
  for (let seedIndex = 0; seedIndex < seedsOf(config); seedIndex++) {
    const path = weightsPath(options.folder, seedIndex);
    if (!(await exists(path))) {
      throw new InputError(
        `Cannot evaluate ${options.folder}: expected trained weights in ${path} but found none; run train first`,
      );
    }
    all.push(await loadCarded(path));
  }
  return all;
}

/**
 * The whole configuration to run weights with: as given, and what that leaves open as they were trained.
 *
 * @throws {InputError} when they were trained with other settings than those given
 */
export async function configFor(weights: readonly CardedWeights[], given: RunInput): Promise<RunConfig> {
  const settings: RunInput[] = [];
  for (const each of weights) settings.push(await settingsFor(each, given));
  const inWords = (i: number) => JSON.stringify([settings[i], weights[i].card?.threshold]);
  for (let i = 1; i < weights.length; i++) {
    if (inWords(i) === inWords(0)) continue;
    throw new InputError(
      `Cannot evaluate ${weights[i].path}: expected the settings and threshold of ${
        weights[0].path
      }, as another seed of the same run has them, but found others; test it as a file of its own`,
    );
  }
  return resolveConfig(settings[0]);
}

/**
 * Detectors from their files, without dropout, on the run's encoder or the towers that their training changed; the caller closes them.
 *
 * @param options.encoder the run's, or where that was opened from the first file, its tower
 * @throws {InputError} when the weights are not those of one of its kind
 */
export async function openDetectors(
  weights: readonly CardedWeights[],
  options: TaskOptions & { readonly config: RunConfig; readonly encoder: Encoder },
): Promise<TrainedDetector[]> {
  const detectors: TrainedDetector[] = [];
  try {
    for (const source of weights) detectors.push(await openDetector(source, options));
    checkTrunk(detectors, options);
    const [first, ...others] = detectors;
    const { config, encoder } = options;
    const beside = await openProbe(weights[0], { config, encoder, own: trunkOf(config, encoder) });
    const close = () => {
      first.close();
      beside.probe?.close();
    };
    return [{ ...first, beside, close }, ...others];
  } catch (error) {
    for (const each of detectors) each.close();
    throw error;
  }
}

async function openDetector(
  source: CardedWeights,
  options: TaskOptions & { readonly config: RunConfig; readonly encoder: Encoder },
): Promise<TrainedDetector> {
  const { config } = options;
  const name = source.card ? detectorOf(source) : config.detector; // a file without a card is what the flag says
  const settings = { ...config, dropout: 0 };
  const kind = detectorKind(name);
  if (!kind.tuned) return { ...kind.bind(source.dict, settings), source };
  const rest = kind.tuned.bind(source.dict, settings);
  try {
    const tower = await openTuned(source.dict, { ...options, config: { ...config, detector: name } });
    const close = () => {
      rest.close();
      tower.close();
    };
    return { ...rest, source, clip: tower.clip, trunk: tower.trunk(kind.tuned.tap(settings)), close };
  } catch (error) {
    rest.close();
    throw error;
  }
}

/**
 * The trained detectors of a run, one for each seed; the caller closes them.
 *
 * @throws {InputError} when there are none.
 */
export async function loadDetectors(
  config: RunConfig & { readonly run: string },
  encoder: Encoder,
): Promise<TrainedDetector[]> {
  const weights = await readWeights(config, { folder: join(config.out, config.run) });
  await configFor(weights, config);
  return await openDetectors(weights, { config, encoder });
}

/**
 * A run's untrained detector; the caller closes it.
 *
 * @param options.base the weights that the encoder's tower is from, where its training begins with another's
 * @throws {Error} for a kind that is fitted
 */
export function createDetector(
  config: RunConfig,
  options: { readonly encoder: Encoder; readonly base?: StateDict; readonly seed: number },
): Detector {
  const { shape } = trunkOf(config, options.encoder);
  return steppedKind(config).create(config, { ...options, shape });
}

/**
 * The kind of a run's detector, which learns step by step.
 *
 * @throws {Error} for a kind that is fitted
 */
function steppedKind(
  { detector }: RunConfig,
): DetectorKind<DetectorSettings> & Stepped<DetectorSettings> {
  const kind = detectorKind(detector);
  if (kind.create) return kind;
  throw new Error(
    `Cannot train the ${detectorTitle(detector)} step by step: expected one that is not fitted`,
  );
}

/** What a run's detector stands on. */
export function trunkOf(config: RunConfig, encoder: Encoder): Trunk {
  return detectorKind(config.detector).trunk(encoder, config);
}

/**
 * Throws unless the session's encoder is the one that detectors were trained on.
 *
 * @throws {InputError} with both
 */
export function checkTrunk(
  detectors: readonly TrainedDetector[],
  options: { readonly config: RunConfig; readonly encoder: Encoder },
): void {
  const { config, encoder } = options;
  const { shape } = trunkOf(config, encoder);
  const isFitted = detectorKind(config.detector).fit !== undefined; // to all that there is of an image
  const width = isFitted ? shape.reduce((a, b) => a * b, 1) : shape.at(-1)!;
  for (const { kind, sizes: { dim }, source, trunk } of detectors) {
    if (trunk) continue; // its file holds its tower
    const path = source?.path ?? `the ${detectorTitle(kind)}`;
    checkEncoder(encoder, { path, dim, width, card: source?.card });
  }
}

/** What of a session says how detectors were trained. */
type Trained = { readonly encoder: Encoder; readonly experiment: Pick<Session["experiment"], "train"> };

/** The share of fakes that training saw; undefined where it is not known. */
export function trainedPrior(
  [first]: readonly TrainedDetector[],
  options: { readonly config: RunConfig; readonly session: Trained },
): number | undefined {
  const { config, session: { experiment } } = options;
  const { card } = first?.source ?? {};
  if (card?.released !== undefined) return card.prior;
  const balance = typeof card?.config?.balance === "boolean" ? card.config.balance : config.balance;
  return card?.prior ?? fakeShare(experiment.train, { balance });
}

/** From which score on an image counts as fake: what the weights say; all of one run say the same. */
export function trainedThreshold([first]: readonly TrainedDetector[]): number {
  return first?.source?.card?.threshold ?? THRESHOLD;
}

/**
 * The threshold of each detector that was chosen on validation images, where all have one: for frames, and for videos too where their
 * scores are made as they were then.
 */
export function chosenThresholds(
  detectors: readonly TrainedDetector[],
  { thresholdBy: by, videoScore }: Pick<RunConfig, "thresholdBy" | "videoScore">,
): ChosenThreshold[] | undefined {
  const all = detectors.flatMap(({ source }) => {
    const { chosen } = source?.card ?? {};
    const threshold = chosen?.thresholds[by];
    if (!threshold) return [];
    return [{ ...threshold, by, video: chosen.videoScore === videoScore ? threshold.video : null }];
  });
  return all.length === detectors.length ? all : undefined;
}

/** Tokens that are kept are rounded to half precision, so that `--no-cache` changes scores in their fourth digit; no other features are. */
function roundedOtherwise(
  card: WeightsCard | undefined,
  { config: { cache }, trunk }: { readonly config: RunConfig; readonly trunk: Trunk },
): string[] {
  const before = card?.config?.cache;
  if (trunk.keptIn !== "float16") return [];
  if (typeof before !== "boolean" || before === cache || card?.attendAcross !== "tokens") return [];
  const [tested, trained] = cache
    ? ["rounded to half precision", "not"]
    : ["not rounded", "rounded to half precision"];
  return [
    `Tested on tokens that are ${tested}, as --${
      cache ? "" : "no-"
    }cache asks; the weights were trained on such as were ${trained}.`,
  ];
}

/** Where attention runs across the batch, a score depends on how many images are encoded together. */
function batchedOtherwise(card: WeightsCard | undefined, { batchSize }: RunConfig): string[] {
  const before = card?.config?.batchSize;
  if (card?.attendAcross !== "batch" || typeof before !== "number" || before === batchSize) return [];
  return [
    `Tested in batches of ${batchSize}; the weights were trained in batches of ${before}, and with attention across the batch that changes every score.`,
  ];
}

/** A threshold for videos whose scores are means of frames is none for those that are maxima. */
function madeOtherwise(card: WeightsCard | undefined, { videoScore }: RunConfig): string[] {
  const before = card?.chosen?.videoScore;
  if (before === undefined || before === videoScore) return [];
  return [
    `Scores of videos are the ${videoScore} of their frames'; the weights' thresholds for videos were chosen for the ${before}, and are left out.`,
  ];
}

/** What a reader of scores must know of the files that the heads are from. */
export function doubtsOf(
  heads: readonly TrainedDetector[],
  options: { readonly config: RunConfig; readonly session: Trained },
): string[] {
  const { config, session: { encoder } } = options;
  const prior = trainedPrior(heads, options);
  const share = prior === undefined
    ? "the share of fakes in training is not known, so that calibration is left out"
    : `a share of fakes in training of ${prior.toFixed(2)}`;
  return [
    ...new Set(heads.flatMap(({ source, trunk = trunkOf(config, encoder) }) => {
      if (!source) return [];
      const { path, card, warnings } = source;
      const notes = [
        ...warnings,
        ...card?.notes ?? [],
        ...roundedOtherwise(card, { config, trunk }),
        ...batchedOtherwise(card, config),
        ...madeOtherwise(card, config),
      ];
      if (!card) {
        const { heads, activation, attendAcross } = config;
        notes.push(
          `${path} does not say how it was trained. Taken from flags and defaults: ${heads} heads, ${activation}, attention across the ${attendAcross}, the ${encoder.name}, ${share}. Where it was trained otherwise, its scores are wrong.`,
        );
      } else if (card.released !== undefined) {
        notes.push(
          `${path} is ${card.released}, released by its authors. Taken: the ${encoder.name}, ${share}.`,
        );
      } else if (card.encoderDigest === undefined || card.prior === undefined) {
        notes.push(
          `${path} was written by an older version and does not say all of how it was trained. Taken: the ${encoder.name}, ${share}.`,
        );
      }
      return notes;
    })),
  ];
}
