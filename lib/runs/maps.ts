/**
 * Maps of a run's detector: what drove its scores, and how far that can be trusted.
 *
 * @module
 */
import { dispose } from "../backend/tensors.ts";
import { takeBreath } from "../base/breath.ts";
import { InputError } from "../base/errors.ts";
import type { Encoder } from "../model/encoders/encoder.ts";
import type { MapSubject } from "../model/maps/map.ts";
import { mapKinds, type MapName } from "../model/maps/mod.ts";
import { type Trust, trustOf } from "../model/maps/trust.ts";
import type { RunConfig } from "./config/config.ts";
import { type TrainedDetector, trunkOf } from "./detectors.ts";

/** The map of one image, whose shares add up to `total`. */
export type ImageMap = {
  /** [G²] */
  readonly patches: Float32Array;
  readonly classToken: number;
  /** What an image of equal patches has as well. */
  readonly even: number;
  /** The logit difference logit(fake) − logit(real), in float32; of attention 1. */
  readonly total: number;
};

/**
 * What maps of a detector are drawn of; both it and the encoder stay open as long as it is used.
 *
 * @throws {InputError} for an encoder that is no CLIP, or features inside the tower
 */
export function mapSubject(
  detector: TrainedDetector,
  { config, encoder }: { readonly config: RunConfig; readonly encoder: Encoder },
): MapSubject {
  const clip = detector.trunk ? detector.clip : encoder.clip;
  if (!clip) {
    throw new InputError(
      `Cannot draw a map: expected a CLIP, through whose blocks gradients and attention can be taken, but found the ${encoder.name}`,
    );
  }
  const { tap } = detector.trunk ?? trunkOf(config, encoder);
  if (tap === "pixels" || typeof tap !== "string") {
    throw new InputError(
      "Cannot draw a map: expected a detector on a tower's tokens, as a trained one is opened, but found one in training",
    );
  }
  return { scorer: detector, clip, tap };
}

/**
 * The maps of images, RGB bytes as the encoder takes them.
 *
 * @param options.encoder whose pixels they become
 * @param options.batchSize how many are drawn together; 4 unless given, as gradients hold a tower's activations
 * @throws {InputError} for a tower or a detector that such a map cannot be drawn of
 * @throws {Error} the signal's reason
 */
export async function imageMaps(
  kind: MapName,
  images: readonly Uint8Array[],
  options: {
    readonly subject: MapSubject;
    readonly encoder: Pick<Encoder, "pixels">;
    readonly batchSize?: number;
    readonly signal?: AbortSignal;
  },
): Promise<ImageMap[]> {
  const { subject, encoder, batchSize = 4, signal } = options;
  const maps: ImageMap[] = [];
  for (let from = 0; from < images.length; from += batchSize) {
    await takeBreath(signal);
    const pixels = encoder.pixels(images.slice(from, from + batchSize)); // [B, S, S, 3]
    try {
      const map = mapKinds[kind].draw(subject, pixels);
      const [rows, ...others] = await Promise.all([
        map.patches.array(),
        ...[map.classToken, map.even, map.total].map((each) => each.data()),
      ]);
      dispose(map);
      const [classToken, even, total] = others;
      rows.forEach((row, i) => {
        maps.push({
          ...{ patches: Float32Array.from(row), classToken: classToken[i] },
          ...{ even: even[i], total: total[i] },
        });
      });
    } finally {
      dispose(pixels);
    }
  }
  return maps;
}

/**
 * How far a map can be trusted, on the images that it is of: {@link trustOf} of their pixels.
 *
 * @param map [G²]; one for all of the images
 * @param options.threshold from which mean score on the images are called fake; 0.5 unless given
 */
export async function imageTrust(
  map: ArrayLike<number>,
  images: readonly Uint8Array[],
  options: {
    readonly kind: MapName;
    readonly subject: MapSubject;
    readonly encoder: Pick<Encoder, "pixels">;
    readonly threshold?: number;
    readonly signal?: AbortSignal;
  },
): Promise<Trust> {
  const { kind, encoder, ...rest } = options;
  const pixels = encoder.pixels(images);
  try {
    return await trustOf(map, { ...rest, pixels, isSigned: mapKinds[kind].isSigned });
  } finally {
    dispose(pixels);
  }
}
