/**
 * What a file of trained weights says of itself: the detector's shape, its encoder, and how it was trained.
 *
 * The texts stand in the file's metadata, so that weights which leave their run's folder are still run as they were trained.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../base/errors.ts";
import { dirname, join } from "node:path";
import { exists, readJson } from "../../base/files.ts";
import { fits } from "../../images/fits/mod.ts";
import type { RunConfig } from "../config/config.ts";
import { type Drawing, fakeShare } from "../../data/epoch.ts";
import { prepareSchema, type PrepareSettings } from "../../data/prepared.ts";
import { type Sample, setNames } from "../../data/sample.ts";
import type { Scorer } from "../../model/detectors/detector.ts";
import {
  detectorKind,
  type DetectorName,
  detectorNamed,
  detectorNames,
  detectorTitle,
} from "../../model/detectors/mod.ts";
import { clipMean, clipStd } from "../../model/encoders/clip.ts";
import type { Encoder } from "../../model/encoders/encoder.ts";
import { type EncoderName, encoderNames } from "../../model/encoders/mod.ts";
import { releasedIn } from "../../model/detectors/released/mod.ts";
import type { Released } from "../../model/detectors/released/released.ts";
import { loadWeights } from "../../weights/load.ts";
import type { StateDict } from "../../weights/state.ts";
import { stepsText } from "../../training/engine.ts";
import { type VideoLevel, videoLevelNames } from "../../metrics/levels.ts";
import { thresholdNames } from "../../metrics/threshold.ts";
import type { DataSummary } from "../../report/report.ts";
import type { ThresholdChoices } from "../../report/measure.ts";
import { type Numerics, type NumericsPrecision, precisionSchema } from "./numerics.ts";

/** What a file of weights says of itself; older files say less. */
export type WeightsCard = {
  /** What its authors call it, where they released it and no run of this project wrote it. */
  released?: string;
  /** What kind of detector it is, in words. */
  detector?: string;
  /** Its sizes. */
  head?: { dim: number; [size: string]: number };
  /** Inside the encoder. */
  activation?: "quickgelu" | "gelu";
  /** What the encoder's attention runs across. */
  attendAcross?: "tokens" | "batch";
  /** The encoder's name for a reader, for example `CLIP ViT-B-16`. */
  encoder?: string;
  /** `weightsDigest()` of the encoder. */
  encoderDigest?: string;
  /** What `--clip` opens this encoder. */
  clip?: "auto" | EncoderName;
  /** How images became the encoder's pixels. */
  preprocessing?: { size: number; mean: number[]; std: number[]; resize: string };
  /** From which score on an image counts as fake. */
  threshold?: number;
  /** Those chosen on the validation images, and how a video's score was made of its frames'. */
  chosen?: { videoScore: VideoLevel; thresholds: Partial<ThresholdChoices> };
  /** What verdicts stand on: the scores of videos that neither trained it nor chose its epoch or threshold. */
  verdicts?: VerdictScores;
  /** The share of fakes among the images that training saw. */
  prior?: number;
  /** What training computed in. */
  precision?: NumericsPrecision;
  /** What the training steps ran on. */
  engine?: string;
  /** Whose weights these are, from 1. */
  epoch?: number;
  /** Of initial weights, order and dropout. */
  seed?: number;
  /** The data set that it was trained on, or the sets: `ffpp and celebdf`. */
  set?: string;
  /** How the frames and crops of each set that it was trained on were made, by the set's name, where `prepare` made them. */
  prepared?: Record<string, PrepareSettings>;
  /** What else a reader of its scores must know. */
  notes?: string[];
  /** The whole configuration of the run, of this version or an older one. */
  config?: Record<string, unknown>;
};

/** Scores by class, each from the lowest. */
export type ClassScores = { readonly real: readonly number[]; readonly fake: readonly number[] };

/** The scores of a calibration set, as {@link WeightsCard} keeps them. */
export type VerdictScores = {
  /** The set, and what of it. */
  readonly set: string;
  /** How a video's score was made of its frames'. */
  readonly videoScore: VideoLevel;
  /** One score a video. */
  readonly videos: ClassScores;
  /** The score of each video's frame in the middle, by itself. */
  readonly images: ClassScores;
};

const classScores = z.object({
  real: z.array(z.number().min(0).max(1)),
  fake: z.array(z.number().min(0).max(1)),
});

const cardSchema = z.object({
  released: z.string().optional(),
  detector: z.string().optional(),
  head: z.looseObject({ dim: z.int().min(1) }).catchall(z.number()).optional(),
  activation: z.enum(["quickgelu", "gelu"]).optional(),
  attendAcross: z.enum(["tokens", "batch"]).optional(),
  encoder: z.string().optional(),
  encoderDigest: z.string().optional(),
  clip: z.enum(["auto", ...encoderNames]).optional(),
  preprocessing: z.object({
    size: z.int().min(1),
    mean: z.array(z.number()),
    std: z.array(z.number()),
    resize: z.string(),
  }).optional(),
  threshold: z.number().min(0).max(1).optional(),
  chosen: z.object({
    videoScore: z.enum(videoLevelNames),
    thresholds: z.partialRecord(
      z.enum(thresholdNames),
      z.object({ frame: z.number().nullable(), video: z.number().nullable() }),
    ),
  }).optional(),
  verdicts: z.object({
    set: z.string(),
    videoScore: z.enum(videoLevelNames),
    videos: classScores,
    images: classScores,
  }).optional(),
  prior: z.number().min(0).max(1).optional(),
  precision: precisionSchema.optional(),
  engine: z.string().optional(),
  epoch: z.coerce.number().optional(),
  seed: z.coerce.number().optional(),
  set: z.string().optional(),
  prepared: z.record(z.string(), prepareSchema).optional(),
  notes: z.array(z.string()).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
}) satisfies z.ZodType<WeightsCard>;

/** Those of its texts that are JSON. */
const jsonKeys: readonly string[] = [
  "head",
  "preprocessing",
  "threshold",
  "chosen",
  "verdicts",
  "prior",
  "precision",
  "prepared",
  "notes",
  "config",
];

/** A file of weights with what it says of itself, and what a reader of its scores must know of that. */
export type CardedWeights = {
  readonly path: string;
  readonly dict: StateDict;
  readonly card?: WeightsCard;
  readonly warnings: readonly string[];
};

const and = new Intl.ListFormat("en-GB");

/** From which score on an image counts as fake, where a file of weights does not say otherwise. */
export const THRESHOLD = 0.5;

/** What to write beside a detector's weights. */
export function cardOf(
  detector: Scorer,
  options: {
    readonly encoder: Encoder;
    readonly config: RunConfig;
    readonly numerics: Numerics;
    /** What it was trained on, and how that was drawn. */
    readonly train: readonly Sample[];
    readonly drawing: Drawing;
    /** What is known of each part's images. */
    readonly data: readonly DataSummary[];
    /** Of the validation images; undefined without any. */
    readonly thresholds: ThresholdChoices | undefined;
    /** Of what was trained in epochs. */
    readonly epoch?: number;
    /** Of what has one. */
    readonly seed?: number;
  },
): WeightsCard {
  const { encoder, config, numerics, train, drawing, data, thresholds, epoch, seed } = options;
  const { input: { size, mean, std, fit }, settings: { activation, attendAcross } } = encoder;
  return {
    detector: detectorTitle(detector.kind),
    head: detector.sizes,
    activation,
    attendAcross,
    encoder: encoder.name,
    encoderDigest: encoder.digest,
    clip: encoder.kind as EncoderName,
    preprocessing: {
      size,
      mean: [...mean],
      std: [...std],
      resize: fits[fit].text,
    },
    threshold: THRESHOLD,
    chosen: thresholds && { videoScore: config.videoScore, thresholds },
    prior: fakeShare(train, drawing),
    precision: numerics.precision,
    engine: numerics.engine,
    epoch,
    seed,
    set: and.format(setNames(train)),
    prepared: preparedIn(data),
    notes: [...numerics.notes, ...publishedNotes(config)],
    config,
  };
}

/** In what, and by what, the training steps were computed, for a reader; undefined where a file does not say it, or none were taken. */
export function stepsOf({ precision, engine }: WeightsCard = {}): string | undefined {
  if (precision === undefined || engine === undefined) return undefined;
  return stepsText({ precision: engine === "eager" ? "float32" : precision.head, engine });
}

/** What `--as-published` kept of the official code. */
function publishedNotes({ asPublished, detector }: RunConfig): string[] {
  if (!asPublished) return [];
  const stage2 = detectorKind(detector).base ? " and the frozen first stage's dropout on" : "";
  return [
    `Trained as published, with images drawn with replacement${stage2}; validated and tested on every image once.`,
  ];
}

function preparedIn(data: readonly DataSummary[]): WeightsCard["prepared"] {
  const sets = data.flatMap(({ set, split, prepared }) =>
    split === "train" && prepared ? [[set, prepared] as const] : []
  );
  return sets.length === 0 ? undefined : Object.fromEntries(sets);
}

/** What is to be said of weights that a published detector's authors released, as if a run had written them. */
function cardOfReleased(released: Released): WeightsCard {
  const { title, kind, sizes, settings, clip, activation, size, fit, prior, notes } = released;
  return {
    released: title,
    detector: detectorTitle(kind),
    head: sizes,
    activation,
    attendAcross: "tokens",
    encoder: `CLIP ${clip}`,
    clip,
    preprocessing: { size, mean: [...clipMean], std: [...clipStd], resize: fits[fit].text },
    threshold: THRESHOLD, // their own evaluations' too
    prior,
    notes: [...notes],
    config: { ...settings },
  };
}

/** A card as a safetensors file's texts. */
export function cardTexts(card: WeightsCard): Record<string, string> {
  const texts = Object.entries(card).filter(([, value]) => value !== undefined).map(([key, value]) =>
    [key, jsonKeys.includes(key) ? JSON.stringify(value) : `${value}`] as const
  );
  return { format: "pt", ...Object.fromEntries(texts) };
}

/**
 * The card among a file's texts; undefined where another program wrote them.
 *
 * @throws {InputError} when it is damaged.
 */
function readCard(
  texts: Readonly<Record<string, string>>,
  { path }: { readonly path: string },
): WeightsCard | undefined {
  if (texts.head === undefined || texts.config === undefined) return undefined;
  try {
    const values = Object.entries(texts).map(([key, text]) =>
      [key, jsonKeys.includes(key) ? JSON.parse(text) : text] as const
    );
    const card = cardSchema.parse(Object.fromEntries(values));
    const { activation, attendAcross } = cardSchema.pick({ activation: true, attendAcross: true })
      .catch({}).parse(card.config); // where older files have them
    return { activation, attendAcross, ...card };
  } catch {
    throw new InputError(
      `Cannot load ${path}: expected in its metadata how it was trained but found texts that this version cannot read; take another copy of the file, or evaluate it with the version that wrote it`,
    );
  }
}

/**
 * Reads weights and their card; PyTorch's files have none, and take that of the `.safetensors` of the same name beside them. Those that
 * a published detector's authors released are known by their names, and get one.
 *
 * @throws {InputError} when the file cannot be read, or is a published detector's that cannot be run
 */
export async function loadCarded(path: string): Promise<CardedWeights> {
  const { tensors: dict, metadata } = await loadWeights(path);
  const own = readCard(metadata, { path });
  if (own) return { path, dict, card: own, warnings: [] };
  const found = releasedIn(dict);
  if (found) {
    const settings = join(dirname(path), "config.json"); // Hugging Face's, of a model
    const config = await exists(settings) ? await readJson(settings) : undefined;
    const released = found.kind.translate(found.dict, { path, config });
    return { path, dict: released.dict, card: cardOfReleased(released), warnings: [] };
  }
  const beside = path.replace(/\.[^./\\]+$/, ".safetensors");
  if (/\.safetensors$/.test(path) || !(await exists(beside))) return { path, dict, warnings: [] };
  const { tensors, metadata: texts } = await loadWeights(beside);
  const card = readCard(texts, { path: beside });
  if (!card) return { path, dict, warnings: [] };
  const warning = `${path} does not say how it was trained, and ${beside}, which does, has other weights: ` +
    "its settings are taken all the same";
  return { path, dict, card, warnings: isSame(dict, tensors) ? [] : [warning] };
}

function isSame(a: StateDict, b: StateDict): boolean {
  return a.size === b.size && [...a].every(([key, { data }]) => {
    const other = b.get(key)?.data;
    return other?.length === data.length && data.every((value, i) => value === other[i]);
  });
}

/**
 * The kind of detector that a card states; files of older versions are all the notebook's head.
 *
 * @throws {InputError} for a kind that this version does not have
 */
export function detectorOf({ path, card }: Pick<CardedWeights, "path" | "card">): DetectorName {
  const { detector = "notebook-head" } = card ?? {};
  const name = detectorNamed(detector);
  if (name !== undefined) return name;
  throw new InputError(
    `Cannot load ${path}: expected a ${
      detectorNames.map(detectorTitle).join(" or ")
    } but found a ${detector}; evaluate it with the version that wrote it`,
  );
}
