/**
 * Which images a report shows: samples of each class, and the surest mistakes with where the detector looked.
 *
 * @module
 */
import { sigmoid } from "../base/sigmoid.ts";
import type { TaskOptions } from "../base/task.ts";
import type { Sample, TestSet } from "../data/sample.ts";
import type { Fit } from "../images/fits/mod.ts";
import { loadImage } from "../images/image.ts";
import { patchMask } from "../model/detectors/attribution.ts";
import { logitsOf } from "../model/detectors/detector.ts";
import type { Encoder } from "../model/encoders/encoder.ts";
import type { MapSubject } from "../model/maps/map.ts";
import { mapKinds } from "../model/maps/mod.ts";
import { drawGallery, type Gallery } from "../report/gallery.ts";
import type { Tile } from "../report/pictures.ts";
import { type EvaluationResult, type Prediction, testName } from "../report/report.ts";
import { classScale } from "../report/style.ts";
import { signed } from "../report/tables/column.ts";
import type { RunConfig } from "./config/config.ts";
import { type TrainedDetector, trunkOf } from "./detectors.ts";
import { type ImageMap, imageMaps, mapSubject } from "./maps.ts";
import type { Session } from "./session.ts";

/** How many samples of each class, and how many mistakes, a report shows. */
const MOST = 6;

/** How many images' maps are drawn before progress is told. */
const TOGETHER = 4;

/** What the values of the maps are. */
export const mapScale = mapKinds.gradient.measure;

/**
 * What a report shows of a test: samples of each class, and the surest mistakes with their maps where they can be drawn.
 *
 * What cannot be drawn, such as a file that is gone since it was scored, is left out with a warning: it is no reason to lose a report.
 *
 * @param options.test the test; without it, or without its result unperturbed, there is no gallery
 * @throws {Error} the signal's reason
 */
export async function reportGallery(
  [detector]: readonly TrainedDetector[],
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
    const mistakes = await mistakeTiles(mappable(detector, { config, encoder }), encoder, {
      ...{ test, signal },
      predictions: predictions.filter((each) => isOfTest(each) && each.run === 0),
      threshold: result.metrics.threshold,
    });
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
 * @param subject what the maps are drawn of; none without it
 * @param options.predictions of the test's samples, in their order
 * @param options.most how many; 6 unless given
 */
export async function mistakeTiles(
  subject: MapSubject | undefined,
  encoder: Encoder,
  options: {
    readonly test: TestSet;
    readonly predictions: readonly Prediction[];
    readonly threshold: number;
    readonly most?: number;
    readonly signal?: AbortSignal;
  },
): Promise<Mistakes> {
  const { test: { samples }, predictions, threshold, most = MOST, signal } = options;
  const wrong = predictions.map(({ score, label }, i) => ({ sample: samples[i], i, score, label }))
    .filter(({ score, label }) => (score >= threshold) !== (label === 1))
    .sort((a, b) => Math.abs(b.score - b.label) - Math.abs(a.score - a.label));
  const videos = new Set<string>();
  const shown = wrong.filter(({ sample, i }) => {
    const video = `${sample.label} ${sample.video ?? i}`;
    return !videos.has(video) && videos.add(video);
  }).slice(0, most);
  const mapped = subject ? await mapsOf(shown.map(({ sample }) => sample), { subject, encoder, signal }) : [];
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
      (mapped.length > 0 ? ". Below, what each patch adds to the logit of an even image" : "") +
      (mapped.some(({ mask }) => mask) ? "; outlined: what was manipulated" : ""),
  };
}

/** An image with its map, and its mask where that is known. */
export type Mapped = ImageMap & {
  readonly image: Uint8Array;
  /** The share of each patch, [G²], that was manipulated. */
  readonly mask?: Float32Array;
};

/** What maps of a run's detector are drawn of; undefined where its scores have no gradient by patches, or are their batch's too. */
export function mappable(
  detector: TrainedDetector,
  options: { readonly config: RunConfig; readonly encoder: Encoder },
): MapSubject | undefined {
  const { config, encoder } = options;
  const trunk = detector.trunk ?? trunkOf(config, encoder);
  const hasTower = (detector.trunk ? detector.clip : encoder.clip) !== undefined;
  if (!trunk.isPerImage || trunk.tap === "pixels" || typeof trunk.tap !== "string") return undefined;
  return hasTower && logitsOf(detector) ? mapSubject(detector, options) : undefined;
}

/**
 * Images with the shares of their logits, and their masks where they are known.
 *
 * @throws {Error} the signal's reason
 */
export async function mapsOf(
  samples: readonly Sample[],
  options: {
    readonly subject: MapSubject;
    readonly encoder: Encoder;
    readonly onProgress?: (done: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<Mapped[]> {
  const { subject, encoder, onProgress, signal } = options;
  const { input: { size, fit }, sizes: { patchSize } } = encoder;
  const mapped: Mapped[] = [];
  for (let from = 0; from < samples.length; from += TOGETHER) {
    const batch = samples.slice(from, from + TOGETHER);
    const images = await Promise.all(batch.map(({ path }) => loadImage(path, { size, fit })));
    const maps = await imageMaps("gradient", images, { subject, encoder, signal });
    for (const [i, map] of maps.entries()) {
      const mask = fit === "resize" ? await patchMask(batch[i], size / patchSize) : undefined; // of a whole image
      mapped.push({ ...map, image: images[i], mask });
    }
    onProgress?.(mapped.length);
  }
  return mapped;
}

/** A map over its image, with the sum that gives the score below it. */
export function mapTile({ image, patches: map, mask, classToken, even, total }: Mapped, label: 0 | 1): Tile {
  const patches = map.reduce((sum, share) => sum + share, 0);
  const caption = [
    `logit ${signed(total, 2)} (${sigmoid(total).toFixed(3)})`,
    `= even image ${signed(even, 2)}`,
    `+ patches ${signed(patches, 2)}`,
    `+ class token ${signed(classToken, 2)}`,
  ];
  return { image, map, mask, label, caption };
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
