/**
 * Samples → features in the cache, for whoever reads them later: what is there already is neither decoded nor read.
 *
 * @module
 */
import { reasonOf } from "../../base/errors.ts";
import { isOnGpu } from "../../backend/raw.ts";
import { batchesAhead } from "../../data/order.ts";
import type { Sample } from "../../data/sample.ts";
import { loadImage, releaseBytes } from "../../images/image.ts";
import type { Perturbation } from "../../images/perturbations/perturbation.ts";
import { keyOf, roundedFor, TOGETHER_ON_GPU } from "./batches.ts";
import type { FeatureCache } from "./cache.ts";
import type { Trunk } from "./trunk.ts";

/** An image to encode, and what is done to it first. */
export type EncodeItem = { readonly sample: Sample; readonly perturbation?: Perturbation };

/** How far encoding came since the step before. */
export type EncodeStep = {
  /** Images that need nothing more done. */
  readonly done: number;
  /** Those of them that were not in the cache. */
  readonly encoded: number;
  /** Those of them that cannot be read. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
};

/** Images that a CPU encodes in one call. */
const TOGETHER_ON_CPU = 8;
/** What is encoded is written at least so often, so that a process that is killed loses little. */
const FLUSH_EVERY_MS = 5 * 60e3;

/**
 * Encodes what of the items the trunk's cache lacks, and keeps it; yields after every batch. Leaving the loop writes what was encoded
 * until then.
 *
 * @throws {Error} when the trunk has no cache, it cannot be written to or it is full
 */
export async function* encodeFeatures(
  trunk: Trunk,
  items: readonly EncodeItem[],
): AsyncGenerator<EncodeStep> {
  const cache = await trunk.cache();
  if (!cache) throw new Error("Cannot keep features: expected a cache but found none");
  checkKeeps(cache);
  const together = isOnGpu() ? TOGETHER_ON_GPU : TOGETHER_ON_CPU;
  const load = (_: Sample, i: number) => loadMissing(trunk, { cache, item: items[i] });
  const waiting = new Map<string, Uint8Array>();
  let flushed = Date.now();
  const encodeSome = async () => {
    const some = [...waiting].slice(0, together);
    for (const [key] of some) waiting.delete(key);
    const features = await trunk.features(some.map(([, image]) => image)); // [B, ...shape]
    const values = await features.data() as Float32Array;
    features.dispose();
    const length = values.length / some.length;
    for (const [i, [key, image]] of some.entries()) {
      releaseBytes(image);
      await cache.put(key, roundedFor(trunk, values.subarray(i * length, (i + 1) * length)));
    }
    if (Date.now() - flushed > FLUSH_EVERY_MS) {
      await cache.flush();
      flushed = Date.now();
    }
    checkKeeps(cache);
    return some.length;
  };
  try {
    const samples = items.map(({ sample }) => sample);
    for await (const batch of batchesAhead(samples, { batchSize: together, load })) {
      let done = 0;
      const unreadable: { path: string; reason: string }[] = [];
      for (const [i, loaded] of batch.items.entries()) {
        if (loaded.image && !waiting.has(loaded.key) && !cache.has(loaded.key)) {
          waiting.set(loaded.key, loaded.image);
          continue;
        }
        if (loaded.image) releaseBytes(loaded.image); // the same picture came before
        if (loaded.reason !== undefined) {
          unreadable.push({ path: batch.samples[i].path, reason: loaded.reason });
        }
        done++;
      }
      const encoded = waiting.size >= together ? await encodeSome() : 0;
      yield { done: done + encoded, encoded, unreadable };
    }
    while (waiting.size > 0) {
      const encoded = await encodeSome();
      yield { done: encoded, encoded, unreadable: [] };
    }
  } finally {
    await cache.flush();
  }
  checkKeeps(cache);
}

/** @throws {Error} when nothing more is kept */
function checkKeeps(cache: FeatureCache): void {
  const fault = cache.fault();
  if (fault !== undefined) {
    throw new Error(
      `Cannot keep features in ${cache.folder}: expected room for them but found that ${fault}`,
    );
  }
}

/** An image whose features are missing, or why it has none. */
type Loaded =
  | { readonly key: string; readonly image: Uint8Array; readonly reason?: undefined }
  | { readonly image?: undefined; readonly reason?: string };

async function loadMissing(
  trunk: Trunk,
  { cache, item }: { readonly cache: FeatureCache; readonly item: EncodeItem },
): Promise<Loaded> {
  const { sample: { path }, perturbation } = item;
  const preparation = { size: trunk.imageSize, fit: trunk.fit, perturbation };
  const { key, bytes } = await keyOf(path, preparation, { forgets: true });
  if (key !== undefined && cache.has(key)) return {};
  try {
    const image = await loadImage(path, { ...preparation, bytes });
    if (key === undefined) throw new Error("expected a file that stays but found one that came meanwhile");
    return { key, image };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}
