/**
 * Which images a report shows: samples of each class, and the surest mistakes with where the detector looked.
 *
 * @module
 */
import { dispose } from "../backend/tensors.ts";
import type { TaskOptions } from "../base/task.ts";
import type { Sample, TestSet } from "../data/sample.ts";
import type { Fit } from "../images/fits/mod.ts";
import { loadImage } from "../images/image.ts";
import { attribution, patchMask } from "../model/detectors/attribution.ts";
import { type Detector, isDetector, type Scorer } from "../model/detectors/detector.ts";
import type { Encoder } from "../model/encoders/encoder.ts";
import { encodeImages } from "../model/encoders/open.ts";
import { drawGallery, type Gallery } from "../report/gallery.ts";
import type { Tile } from "../report/pictures.ts";
import { type EvaluationResult, type Prediction, testName } from "../report/report.ts";
import { classScale } from "../report/style.ts";
import type { RunConfig } from "./config/config.ts";
import { trunkOf } from "./detectors.ts";
import type { Session } from "./session.ts";

/** How many samples of each class, and how many mistakes, a report shows. */
const MOST = 6;

/** What the values of the maps are. */
export const mapScale = "Share of logit(fake) − logit(real), a patch";

/**
 * What a report shows of a test: samples of each class, and the surest mistakes with their maps where the detector sees patches.
 *
 * What cannot be drawn, such as a file that is gone since it was scored, is left out with a warning: it is no reason to lose a report.
 *
 * @param options.test the test; without it, or without its result unperturbed, there is no gallery
 * @throws {Error} the signal's reason
 */
export async function reportGallery(
  [detector]: readonly Scorer[],
  session: Pick<Session, "encoder">,
  options: TaskOptions & {
    readonly config: RunConfig;
    readonly test: TestSet | undefined;
    readonly results: readonly EvaluationResult[];
    readonly predictions: readonly Prediction[];
  },
): Promise<Gallery[]> {
  const { config, test, results, predictions, report, signal } = options;
  const isOfTest = ({ set, split, perturbation }: EvaluationResult | Prediction) =>
    set === test?.set && split === test.split && perturbation === "none";
  const result = results.find(isOfTest);
  if (!test || !result) return [];
  const { encoder } = session;
  const name = testName(result);
  try {
    const samples = await sampleTiles(test.samples, { each: MOST, ...encoder.input });
    signal?.throwIfAborted();
    // Where an image's features are also its batch's, a map of other batches would be of another score.
    const isMapped = trunkOf(config, encoder).isPerImage;
    const mistakes = await mistakeTiles(
      isMapped ? mappedDetector(detector, { config, encoder }) : undefined,
      encoder,
      {
        test,
        predictions: predictions.filter((each) => isOfTest(each) && each.run === 0),
        threshold: result.metrics.threshold,
      },
    );
    signal?.throwIfAborted();
    const { photos, maps, subtitle } = mistakes;
    return [
      await drawGallery(samples.map((tile) => [tile]), {
        title: `Samples of ${name}`,
        subtitle: "As the detector gets them.",
      }),
      ...(photos.length === 0 ? [] : [
        await drawGallery(photos.map((tile, i) => [tile, ...maps.slice(i, i + 1)]), {
          title: `Surest mistakes on ${name}`,
          subtitle: `${subtitle}.`,
          scale: maps.length > 0 ? mapScale : undefined,
        }),
      ]),
    ];
  } catch (error) {
    signal?.throwIfAborted();
    report?.({
      type: "warning",
      message: `The report has no pictures of ${name}: ${(error as Error).message}`,
    });
    return [];
  }
}

/** Real images, then fake ones, `each` of both, spread over videos and methods. */
export async function sampleTiles(
  samples: readonly Sample[],
  { each, size, fit }: { readonly each: number; readonly size: number; readonly fit?: Fit },
): Promise<Tile[]> {
  const chosen = ([0, 1] as const).flatMap((label) =>
    spread(samples.filter((sample) => sample.label === label), each)
  );
  return await Promise.all(chosen.map(async (sample): Promise<Tile> => ({
    image: await loadImage(sample.path, { size, fit }),
    label: sample.label,
    caption: [classScale.domain[sample.label], ...methodOf(sample)],
  })));
}

/** The surest mistakes of a test, one a video. */
export type Mistakes = {
  /** Of all images, and how many there are. */
  readonly wrong: number;
  readonly total: number;
  readonly photos: readonly Tile[];
  /** One for each of the photographs, or none. */
  readonly maps: readonly Tile[];
  /** Says all that, without a full stop. */
  readonly subtitle: string;
};

/**
 * The mistakes with the surest scores, and what each patch adds to the logit.
 *
 * @param detector draws the maps; none without it
 * @param options.predictions of the test's samples, in their order
 * @param options.most how many; 6 unless given
 */
export async function mistakeTiles(
  detector: Detector | undefined,
  encoder: Encoder,
  options: {
    readonly test: TestSet;
    readonly predictions: readonly Prediction[];
    readonly threshold: number;
    readonly most?: number;
  },
): Promise<Mistakes> {
  const { test: { samples }, predictions, threshold, most = MOST } = options;
  const wrong = predictions.map(({ score, label }, i) => ({ sample: samples[i], i, score, label }))
    .filter(({ score, label }) => (score >= threshold) !== (label === 1))
    .sort((a, b) => Math.abs(b.score - b.label) - Math.abs(a.score - a.label));
  const videos = new Set<string>();
  const shown = wrong.filter(({ sample, i }) => {
    const video = `${sample.label} ${sample.video ?? i}`;
    return !videos.has(video) && videos.add(video);
  }).slice(0, most);
  const mapped = detector
    ? await attributionMaps(detector, encoder, { samples: shown.map(({ sample }) => sample) })
    : [];
  const photos = await Promise.all(shown.map(async ({ sample, label, score }): Promise<Tile> => ({
    image: await loadImage(sample.path, { size: encoder.input.size, fit: encoder.input.fit }),
    label,
    caption: [`${classScale.domain[label]}, scored ${score.toFixed(3)}`, ...methodOf(sample)],
  })));
  return {
    wrong: wrong.length,
    total: predictions.length,
    photos,
    maps: mapped.map((map, i) => mapTile(map, shown[i].label)),
    subtitle: `${wrong.length} of ${predictions.length} images` +
      (mapped.length > 0 ? ". Below, what each patch adds to the logit" : "") +
      (mapped.some(({ mask }) => mask) ? "; outlined: what was manipulated" : ""),
  };
}

/** An image with its logit difference, and the shares in it of each patch, [G²], and of the class token. */
export type Mapped = {
  readonly image: Uint8Array;
  readonly map: Float32Array;
  readonly classToken: number;
  readonly logit: number;
  /** The share of each patch, [G²], that was manipulated; undefined where that is not known. */
  readonly mask?: Float32Array;
};

/** A run's detector where it stands on all tokens, so that patches have shares of its logit. */
export function mappedDetector(
  detector: Scorer,
  { config, encoder }: { readonly config: RunConfig; readonly encoder: Encoder },
): Detector | undefined {
  const seesTokens = trunkOf(config, encoder) === encoder.trunk("tokens");
  return seesTokens && isDetector(detector) ? detector : undefined;
}

/**
 * Images with their maps under a detector, and their masks where they are known.
 *
 * @param options.batchSize how many are encoded together; all unless given
 */
export async function attributionMaps(
  detector: Detector,
  encoder: Encoder,
  options: {
    readonly samples: readonly Sample[];
    readonly batchSize?: number;
    readonly onProgress?: (done: number) => void;
  },
): Promise<Mapped[]> {
  const { samples, batchSize = samples.length, onProgress } = options;
  const { input: { size, fit }, sizes: { patchSize } } = encoder;
  const mapped: Mapped[] = [];
  for (let from = 0; from < samples.length; from += batchSize) {
    const batch = samples.slice(from, from + batchSize);
    const images = await Promise.all(batch.map(({ path }) => loadImage(path, { size, fit })));
    const tokens = encodeImages(encoder, images); // [B, N, D]
    const shares = attribution(detector, tokens);
    const rows = await shares.patches.array();
    const [classToken, logit] = await Promise.all(
      [shares.classToken, shares.logit].map((each) => each.data()),
    );
    dispose([tokens, shares]);
    for (const [i, image] of images.entries()) {
      const mask = fit === "resize" ? await patchMask(batch[i], size / patchSize) : undefined; // of a whole image
      const map = Float32Array.from(rows[i]);
      mapped.push({ image, map, mask, classToken: classToken[i], logit: logit[i] });
    }
    onProgress?.(mapped.length);
  }
  return mapped;
}

/** A map over its image, with the sum that gives the score below it. */
export function mapTile({ image, map, mask, classToken, logit }: Mapped, label: 0 | 1): Tile {
  const patches = map.reduce((sum, share) => sum + share, 0);
  const caption = [
    `logit ${signed(logit)} (${(1 / (1 + Math.exp(-logit))).toFixed(3)})`,
    `= patches ${signed(patches)}`,
    `+ class token ${signed(classToken)}`,
  ];
  return { image, map, mask, label, caption };
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

/** `count` of the items, evenly over the videos, methods taking turns. */
export function spread(samples: readonly Sample[], count: number): Sample[] {
  const methods = [...new Set(samples.map(({ method }) => method))];
  const groups = methods.map((method) => samples.filter((sample) => sample.method === method));
  const chosen: Sample[] = [];
  for (let i = 0; chosen.length < Math.min(count, samples.length); i++) {
    const group = groups[i % groups.length];
    const turns = Math.ceil(count / groups.length);
    const turn = Math.floor(i / groups.length);
    const sample = group[Math.floor(turn * group.length / turns)];
    if (sample && !chosen.includes(sample)) chosen.push(sample);
    if (i > 4 * count) break;
  }
  return chosen;
}

/** How a fake was made, where that is known. */
function methodOf({ label, method }: Sample): string[] {
  return label === 1 && method !== undefined && method !== "fake" ? [method] : [];
}
