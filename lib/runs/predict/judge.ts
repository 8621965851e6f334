/**
 * A trained detector that judges pixels: scores, how unlike the training images they are, and verdicts.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { basename, dirname } from "node:path";
import { InputError } from "../../base/errors.ts";
import { initBackend } from "../../backend/start.ts";
import { fromHalf } from "../../backend/tensors.ts";
import type { PrepareSettings } from "../../data/prepared.ts";
import type { Fit } from "../../images/fits/mod.ts";
import { type ConformalThresholds, leastForRisk } from "../../metrics/conformal.ts";
import type { VideoLevel } from "../../metrics/levels.ts";
import { detectorTitle } from "../../model/detectors/mod.ts";
import type { Encoder } from "../../model/encoders/encoder.ts";
import type { MapSubject } from "../../model/maps/map.ts";
import { describeEncoder } from "../../model/encoders/open.ts";
import { rangeText } from "../../report/tables/verdicts.ts";
import type { Trunk } from "../../model/features/trunk.ts";
import { distances } from "../../model/familiarity.ts";
import { thresholdsFrom } from "../calibrate.ts";
import type { RunInput } from "../config/config.ts";
import { configFor, doubtsOf, openDetectors, trunkOf } from "../detectors.ts";
import { encoderWarning, openEncoder } from "../encoder.ts";
import type { RunTask } from "../events.ts";
import { readFamiliar } from "../familiar.ts";
import { mapSubject } from "../maps.ts";
import { loadCarded } from "../folder/card.ts";
import { weightsPath } from "../folder/folder.ts";
import { probeHindrance, probeView } from "../probe.ts";

/** What is judged, at one level: single pictures, or videos by their frames. */
export type Level = "image" | "video";

/** A detector that is open. */
export type Judge = {
  /** The run, or the file, and what it is. */
  readonly name: string;
  readonly about: string;
  readonly batchSize: number;
  /** How pictures are brought to its input. */
  readonly input: { readonly size: number; readonly fit: Fit };
  readonly videoScore: VideoLevel;
  /** How the faces of its training images were cut out; undefined where that is not known. */
  readonly prepared?: PrepareSettings;
  /** The risk of its verdicts. */
  readonly alpha: number;
  /** What a verdict is by; undefined where it was not calibrated. */
  readonly thresholds?: Readonly<Record<Level, ConformalThresholds>>;
  /** The distance from which on what is judged is unlike the training images. */
  readonly limits: Readonly<Record<Level, number | null>>;
  /** What a reader of answers must know. */
  readonly notes: readonly string[];
  /** Whether it is a demo's, whose answers about real faces say nothing. */
  readonly demo: boolean;
  /**
   * What its maps are drawn of; open as long as the judge is.
   *
   * @throws {InputError} for an encoder that is no CLIP
   */
  mapped(): { readonly subject: MapSubject; readonly encoder: Encoder };
  /** Scores of pictures [S, S, 3] in one batch, and their distances from the training images where these are known. */
  judge(images: readonly Uint8Array[]): Promise<{ scores: Float64Array; distances?: Float64Array }>;
  close(): void;
};

/**
 * Opens a file of weights as it was trained, in its run's precision, without measuring anything anew; the caller closes it.
 *
 * @param options.alpha the risk of verdicts
 * @throws {InputError} when the file cannot be read, or its encoder cannot be had
 */
export async function openJudge(
  weights: string,
  options: RunTask & { readonly alpha: number; readonly given?: RunInput },
): Promise<Judge> {
  const { alpha, given = {}, report = () => {}, signal } = options;
  leastForRisk(alpha);
  const source = await loadCarded(weights);
  const { card } = source;
  const config = await configFor([source], { batchSize: batchSizeOf(card?.config), ...given, cache: false });
  const note = (message: string) => report({ type: "note", message });
  const backend = await initBackend({ backend: config.backend, log: note });
  const encoder = await openEncoder(config, {
    ...{ kept: card?.precision, testing: true, checkpoint: source.dict, report, signal },
  });
  try {
    const [detector] = await openDetectors([source], { config, encoder, report, signal });
    const own = trunkOf(config, encoder);
    const trunk = detector.trunk ?? own;
    // Features that a run kept were rounded on their way.
    const rounds = card?.config?.cache !== false && trunk.isPerImage && trunk.keptIn === "float16";
    const hindrance = probeHindrance(config, encoder);
    const familiar = hindrance === undefined
      ? await readFamiliar(weights, { encoderDigest: encoder.digest })
      : undefined;
    const view = familiar && probeView(encoder, trunk);
    const thresholds = card?.verdicts && {
      image: thresholdsFrom(card.verdicts.images, { alpha }),
      video: thresholdsFrom(card.verdicts.videos, { alpha }),
    };
    const demo = card?.clip === "demo" || card?.clip === "demo-tower";
    const cached = card?.config?.cache;
    const doubts = doubtsOf([{ ...detector, source }], {
      // Features are rounded here as they are where they are kept.
      config: { ...config, cache: typeof cached === "boolean" ? cached : config.cache },
      session: { encoder, experiment: { train: [] } },
    });
    const notes = [
      encoderWarning(encoder, { demo: false }),
      backend.note,
      ...doubts,
      ...promiseNotes(thresholds?.video, { alpha, set: card?.verdicts?.set }),
      ...(familiar ? [] : [
        `What is unlike the training images is not told: ${
          hindrance ?? "calibrate writes what it takes, and none lies beside these weights"
        }.`,
      ]),
    ].filter((text) => text !== undefined);
    return {
      name: nameOf(weights, card?.config?.run),
      about: `${detectorTitle(detector.kind)} on the ${describeEncoder(encoder)}${demo ? ", DEMO" : ""}`,
      batchSize: config.batchSize,
      input: { size: trunk.imageSize, fit: trunk.fit },
      videoScore: card?.verdicts?.videoScore ?? config.videoScore,
      prepared: preparedIn(card?.prepared, { sets: 1 + (config.also?.length ?? 0) }),
      alpha,
      thresholds,
      limits: { image: familiar?.limits.image ?? null, video: familiar?.limits.video ?? null },
      notes,
      demo,
      mapped: () => ({ subject: mapSubject(detector, { config, encoder }), encoder }),
      async judge(images) {
        const features = await featuresOf(trunk, images, { rounds }); // [B, ...]
        let far: Float64Array | undefined;
        try {
          if (familiar && view) {
            const seen = view.trunk === trunk ? features : await view.trunk.features(images);
            const tokens = view.of(seen); // [B, D]
            if (seen !== features) seen.dispose();
            const data = await tokens.data() as Float32Array;
            tokens.dispose();
            far = distances(familiar.familiarity, {
              data,
              shape: [images.length, data.length / images.length],
            });
          }
          return { scores: await detector.scores(features), distances: far };
        } finally {
          features.dispose();
        }
      },
      close: () => {
        detector.close();
        encoder.close();
      },
    };
  } catch (error) {
    encoder.close();
    throw error;
  }
}

/** A trunk's features as a run's detector was trained on them. */
async function featuresOf(
  trunk: Trunk,
  images: readonly Uint8Array[],
  { rounds }: { readonly rounds: boolean },
): Promise<tf.Tensor> {
  const features = await trunk.features(images);
  if (!rounds) return features;
  const half = new Float16Array(await features.data());
  const { shape } = features;
  features.dispose();
  return fromHalf(half, shape);
}

/** How the faces of all training sets were cut out; undefined where that is not known, or differs from set to set. */
function preparedIn(
  bySet: Readonly<Record<string, PrepareSettings>> = {},
  { sets }: { readonly sets: number },
): PrepareSettings | undefined {
  const [first, ...others] = Object.values(bySet);
  const inWords = ({ crop, margin, faces }: PrepareSettings) => JSON.stringify([crop, margin, faces]);
  if (1 + others.length < sets) return undefined; // of the others nothing is known
  return first && others.every((each) => inWords(each) === inWords(first)) ? first : undefined;
}

/** What is promised, and what is not. */
function promiseNotes(
  thresholds: ConformalThresholds | undefined,
  { alpha, set }: { readonly alpha: number; readonly set?: string },
): string[] {
  const risk = `${Number((100 * alpha).toFixed(1))} %`;
  if (!thresholds) {
    return [
      "Not calibrated: scores alone, and no verdict but 'not sure'. deno task calibrate RUN --test NAME=FOLDER gives verdicts with a promise.",
    ];
  }
  const { counts, notRealAbove, notFakeBelow } = thresholds;
  const least = leastForRisk(alpha);
  return [
    `Of videos like those of ${set} (${counts.real} reals, ${counts.fake} fakes), and of no others, at most ${risk} of the reals are called fake, and of the fakes real, on average over such calibrations${
      rangeText(thresholds)
    }.`,
    ...(notRealAbove === null
      ? [`Nothing is called fake: ${counts.real} reals are too few for ${risk}, which takes ${least}.`]
      : []),
    ...(notFakeBelow === null
      ? [`Nothing is called real: ${counts.fake} fakes are too few for ${risk}, which takes ${least}.`]
      : []),
  ];
}

function batchSizeOf(config: Record<string, unknown> | undefined): number | undefined {
  return typeof config?.batchSize === "number" ? config.batchSize : undefined;
}

function nameOf(weights: string, run: unknown): string {
  return typeof run === "string" ? run : basename(dirname(weights));
}

/**
 * The file of weights that a path names: the file itself, or the first seed's of a run's folder.
 *
 * @throws {InputError} when there is none
 */
export async function weightsIn(path: string): Promise<string> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info) {
    throw new InputError(
      `Cannot predict with ${path}: expected a run's folder or a file of weights but found nothing there; deno task train makes one`,
    );
  }
  if (info.isFile) return path;
  const file = weightsPath(path, 0);
  if ((await Deno.stat(file).catch(() => undefined))?.isFile) return file;
  throw new InputError(
    `Cannot predict with ${path}: expected trained weights in ${file} but found none; deno task train makes them`,
  );
}
