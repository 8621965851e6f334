/**
 * Samples → the frozen features of their images, batch by batch: from disk where they are, else encoded and kept.
 *
 * @module
 */
import type { Hash } from "node:crypto";
import * as tf from "@tensorflow/tfjs";
import { fromHalf } from "../../backend/tensors.ts";
import { isOnGpu } from "../../backend/raw.ts";
import type { Sample } from "../../data/sample.ts";
import type { CropPart } from "../../images/fits/fit.ts";
import { loadImage, releaseBytes } from "../../images/image.ts";
import { batchesAhead } from "../../data/order.ts";
import {
  type FeatureCache,
  hashImage,
  imageKey,
  type KeptFeatures,
  type Preparation,
  preparationText,
} from "./cache.ts";
import type { Perturbation } from "../../images/perturbations/perturbation.ts";
import type { Trunk } from "./trunk.ts";

/** Features [B, ...shape], which whoever takes the batch disposes, and their samples. */
export type FeatureBatch = { readonly features: tf.Tensor; readonly samples: readonly Sample[] };

/** Images that a GPU encodes in one call: a batch of training leaves it idle. */
export const TOGETHER_ON_GPU = 64;

/**
 * A trunk's features of samples in the order given. The next batches' files are read and decoded while the caller works on this one.
 *
 * Where an image's features are a function of that image, they are rounded as the trunk says and kept in its cache, if it has
 * one. Else each batch is encoded as it is.
 *
 * @param options.ahead how many batches wait at most, 2 unless given or `together` asks for more
 * @param options.together how many images are encoded in one call where there is a cache: a batch, on a GPU 64
 * @param options.before how many samples of the same order went before these, so that the same ones are encoded together
 */
export async function* featureBatches(
  trunk: Trunk,
  samples: readonly Sample[],
  options: {
    readonly batchSize: number;
    /** What is done to the images first, or to the one at a place of the order. */
    readonly perturbation?: Perturbation | ((place: number) => Perturbation | undefined);
    /** The part of the image at a place of the order that is cut out instead of its centre; such features are not kept. */
    readonly part?: (place: number) => CropPart;
    readonly ahead?: number;
    readonly together?: number;
    readonly before?: number;
  },
): AsyncGenerator<FeatureBatch> {
  const { batchSize: B, together = isOnGpu() ? TOGETHER_ON_GPU : B, before = 0 } = options;
  const cache = await trunk.cache();
  const { perturbation, part } = options;
  const perturbationAt = typeof perturbation === "function" ? perturbation : () => perturbation;
  const load = (sample: Sample, index: number) =>
    prepare(sample, {
      size: trunk.imageSize,
      fit: trunk.fit,
      perturbation: perturbationAt(before + index),
      part: part?.(before + index),
      cache,
    });
  const groupSize = cache ? Math.ceil(together / B) * B : B;
  const ahead = Math.max(options.ahead ?? 2, groupSize / B);
  const group: { readonly items: readonly Prepared[]; readonly samples: readonly Sample[] }[] = [];
  const end = before + samples.length;
  let reached = before;
  try {
    for await (const batch of batchesAhead(samples, { ...options, ahead, load })) {
      group.push(batch);
      reached += batch.samples.length;
      if (reached % groupSize !== 0 && reached < end) continue;
      const kept = cache && await keptFeatures(trunk, { cache, batch: group.flatMap(({ items }) => items) });
      for (const { items, samples } of group.splice(0)) {
        const features = kept ? stacked(kept.splice(0, items.length), trunk) : await encode(trunk, items);
        yield { features, samples };
      }
    }
  } finally {
    await cache?.flush();
  }
}

/** An image on its way: its features, or what they are made of. */
type Prepared = {
  readonly key?: string;
  readonly features?: KeptFeatures;
  /** RGB, [S, S, 3]; whoever calls it releases them. */
  image(): Promise<Uint8Array>;
};

async function prepare(
  { path }: Sample,
  options: Preparation & { readonly part?: CropPart; readonly cache?: FeatureCache },
): Promise<Prepared> {
  const { cache, part, ...preparation } = options;
  const { key, bytes } = cache && !part ? await keyOf(path, preparation) : {};
  const features = key === undefined ? undefined : await cache?.get(key);
  if (features) return { key, features, image: () => loadImage(path, preparation) };
  const loaded = await loadImage(path, { ...preparation, part, bytes });
  return { key, image: () => Promise.resolve(loaded) };
}

/** What tells that a file is the one that was read, beside its path. */
type Version = { readonly bytes: number; readonly inode: number | null; readonly modified?: number };
/** What is known of a file as long as it is that version. */
type Known<T> = Version & { readonly value: T };

/** Keys of files that this process has read, by preparation and path: a later epoch reads none for its key, unless it changes. */
const keys = new Map<string, Map<string, Known<string>>>();

/** The files that were read last, by path: one that is prepared in several ways, as a test's images are, is read once for all. */
let files = new Map<string, Known<Hash>>();
/** Those that were read before them. A map of which the oldest are taken out one by one passes by all that were, each time. */
let filesBefore = new Map<string, Known<Hash>>();
/** More of either would take more memory than a set's images need otherwise: half a kilobyte each. */
const MOST_FILES = 10_000;

/**
 * The key of a file's features, and the file's bytes where this read it; neither when it cannot be read, which loading it will say.
 *
 * @param options.forgets keeps nothing of the file in memory
 */
export async function keyOf(
  path: string,
  preparation: Preparation,
  options: { readonly forgets?: boolean } = {},
): Promise<{ readonly key?: string; readonly bytes?: Uint8Array }> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info) return {};
  const version = { bytes: info.size, inode: info.ino, modified: info.mtime?.getTime() };
  const prepared = preparationText(preparation);
  const known = ofVersion(version, keys.get(prepared)?.get(path));
  if (known !== undefined) return { key: known };
  const before = ofVersion(version, files.get(path) ?? filesBefore.get(path));
  const bytes = before ? undefined : await Deno.readFile(path).catch(() => undefined);
  const file = before ?? (bytes && hashImage(bytes));
  if (!file) return {};
  const key = imageKey(file, preparation);
  if (!options.forgets) {
    if (!keys.has(prepared)) keys.set(prepared, new Map());
    keys.get(prepared)!.set(path, { ...version, value: key });
    files.set(path, { ...version, value: file });
    if (files.size >= MOST_FILES) [files, filesBefore] = [new Map(), files];
  }
  return { key, bytes };
}

/** What is known of a file, unless that was of another version. */
function ofVersion<T>({ bytes, inode, modified }: Version, known: Known<T> | undefined): T | undefined {
  const isSame = known?.bytes === bytes && known.inode === inode && known.modified === modified;
  return isSame ? known.value : undefined;
}

async function encode(trunk: Trunk, batch: readonly Prepared[]): Promise<tf.Tensor> {
  const images = await Promise.all(batch.map(({ image }) => image()));
  const features = await trunk.features(images);
  images.forEach(releaseBytes);
  return features;
}

/** The features of each image. */
async function keptFeatures(
  trunk: Trunk,
  { cache, batch }: { readonly cache: FeatureCache; readonly batch: readonly Prepared[] },
): Promise<KeptFeatures[]> {
  // A batch before this one may have encoded the same image meanwhile.
  const known = await Promise.all(
    batch.map(async ({ key, features }) =>
      features ?? (key !== undefined && cache.has(key) ? await cache.get(key) : undefined)
    ),
  );
  const missing = batch.filter((_, i) => known[i] === undefined);
  if (missing.length > 0) {
    const encoded = await encode(trunk, missing); // [M, ...shape]
    const values = encoded.dataSync() as Float32Array;
    encoded.dispose();
    const length = values.length / missing.length;
    let next = 0;
    for (let i = 0; i < batch.length; i++) {
      if (known[i] !== undefined) continue;
      const features = roundedFor(trunk, values.subarray(next * length, ++next * length));
      known[i] = features;
      const { key } = batch[i];
      if (key !== undefined) await cache.put(key, features);
    }
  }
  return known as KeptFeatures[];
}

/** The features of images as one tensor, [B, ...shape]. */
function stacked(batch: readonly KeptFeatures[], { shape, keptIn }: Trunk): tf.Tensor {
  const length = shape.reduce((a, b) => a * b, 1);
  const all = keptIn === "float16"
    ? new Float16Array(batch.length * length)
    : new Float32Array(batch.length * length);
  batch.forEach((features, i) => all.set(features, i * length));
  const shapes = [batch.length, ...shape];
  return all instanceof Float16Array ? fromHalf(all, shapes) : tf.tensor(all, shapes);
}

/** An image's features in what its trunk keeps them in, an array of their own. */
export function roundedFor({ keptIn }: Trunk, values: Float32Array): KeptFeatures {
  return keptIn === "float16" ? inHalf(values) : new Float32Array(values);
}

function inHalf(values: Float32Array): Float16Array<ArrayBuffer> {
  const half = new Float16Array(values);
  if (!allFinite(half)) {
    throw new Error(
      "Cannot keep features in half precision: expected numbers up to 65504 but found larger ones; run with --no-cache",
    );
  }
  return half;
}

/** Whether all are finite numbers; by their bits, as a callback a number takes ten times as long. */
function allFinite(values: Float16Array<ArrayBuffer>): boolean {
  const exponent = 0x7c00; // all ones: infinite, or not a number
  const bits = new Uint16Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) if ((bits[i] & exponent) === exponent) return false;
  return true;
}
