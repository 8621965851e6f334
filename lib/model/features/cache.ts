/**
 * Features on disk: an image is encoded once, for every epoch, run, seed and evaluation.
 *
 * An image's features are kept under what it is a function of: the bytes of the image file, how they are prepared, and the
 * encoder. Arrays are in half or single precision, many to a shard; a shard is a safetensors file, so other tools read it too. It
 * appears whole or not at all, and each array is checked against its SHA-256 when read; a damaged shard is removed.
 *
 * Any number of processes on any number of machines may write into one folder: shards are new files with a name of their content, and
 * nothing rests on locks. What others write is seen when the cache is opened.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import { collectAfter } from "../../base/collect.ts";
import { reasonOf } from "../../base/errors.ts";
import { readAt, removeAbandoned } from "../../base/files.ts";
import type { Fit } from "../../images/fits/mod.ts";
import { jpeg } from "../../images/perturbations/jpeg.ts";
import { type Perturbation, perturbationName } from "../../images/perturbations/perturbation.ts";
import { type CacheIndex, indexFile, openIndex } from "./cache_index.ts";
import {
  ignoreNotFound,
  type KeptFeatures,
  keptTypes,
  type Place,
  removeDamaged,
  type Shard,
  shardsIn,
  sumOf,
  writeShard,
} from "./shards.ts";

export type { KeptFeatures } from "./shards.ts";

/** The features of one trunk on disk; `close()` writes what waits. */
export type FeatureCache = {
  readonly folder: string;
  /** Whether `get()` will find an array. */
  has(key: string): boolean;
  /** The numbers of an image, or undefined when they are not there or not as they were written. */
  get(key: string): Promise<KeptFeatures | undefined>;
  /** Takes the numbers of an image, which a later `flush()` or a full shard writes to disk. */
  put(key: string, values: KeptFeatures): Promise<void>;
  /** Writes what waits as a shard; where that fails, nothing more is kept. */
  flush(): Promise<void>;
  /** Why nothing more is kept; undefined while it is. */
  fault(): string | undefined;
  /** `flush()`, after which the cache is not used any more; leaves an index for whoever opens it next. */
  close(): Promise<void>;
};

/** What the cache of one encoder takes on disk. */
export type CacheUse = {
  readonly encoder: string;
  readonly images: number;
  readonly bytes: number;
  readonly used: Date;
};

/** The folder beside those of encoders in which encoding says how far it is. */
export const progressRoom = "progress";

/** Changes when the preparation of images does. */
const PREPARATION_VERSION = 2;
const SHARD_BYTES = 64e6;
/** Small features fill no shard of that size before what is kept of each beside its numbers takes more than they do. */
const SHARD_IMAGES = 20_000;

/** How an image file's picture is prepared for an encoder: what is done to it, and how it becomes a square of `size` pixels a side. */
export type Preparation = {
  readonly size: number;
  /** `resize` unless given. */
  readonly fit?: Fit;
  readonly perturbation?: Perturbation;
};

/** What is known of a file once it was read, from which `imageKey()` goes on for any preparation: more than half a kilobyte. */
export function hashImage(bytes: Uint8Array): Hash {
  return createHash("sha256").update(bytes);
}

/** The key of an image's features: of the file's bytes and how they are prepared. */
export function imageKey(file: Hash, preparation: Preparation): string {
  // Of the bytes: a part of a longer text would keep all of it.
  return file.copy().update(preparationText(preparation)).digest().subarray(0, 20).toHex();
}

/** A preparation as it stands in keys. */
export function preparationText({ size, fit = "resize", perturbation }: Preparation): string {
  return JSON.stringify([
    PREPARATION_VERSION,
    size,
    perturbation ? keyPart(perturbation) : null,
    ...(fit === "resize" ? [] : [fit]), // as in the caches from when it was the only one
  ]);
}

/** A perturbation's name; JPEG's is its quality, as in the caches from when it was the only kind. */
function keyPart(perturbation: Perturbation): string | number {
  return perturbation.kind === jpeg ? perturbation.level : perturbationName(perturbation);
}

/**
 * Opens the tokens of one encoder under `root`. Tokens can be made again, so nothing that is wrong with the folder is an error.
 *
 * @param options.encoder what names the trunk: its digest
 * @param options.shape of an image's features
 * @param options.keptIn what they are kept in
 * @param options.limit most bytes that all encoders' tokens may take; shards not used for longest go first, and when the open ones alone
 * reach it, nothing more is kept
 * @param options.onNote takes a sentence about a shard that is damaged, or a cache that is full or cannot be written to
 */
export async function openFeatureCache(
  root: string,
  options: {
    readonly encoder: string;
    readonly shape: readonly number[];
    readonly keptIn: keyof typeof keptTypes;
    readonly limit: number;
    readonly onNote?: (message: string) => void;
  },
): Promise<FeatureCache> {
  const { encoder, shape, keptIn, limit, onNote = () => {} } = options;
  const { array: Numbers, bytes: numberBytes } = keptTypes[keptIn];
  const folder = join(root, encoder);
  const length = shape.reduce((a, b) => a * b, 1);
  const mostWaiting = Math.min(SHARD_IMAGES, SHARD_BYTES / (numberBytes * length));
  const places = new Map<string, Place>(); // of what this process wrote
  let index: CacheIndex | undefined;
  let before = new Set<string>();
  const used = new Set<string>();
  let waiting = new Map<string, KeptFeatures>();
  let fault: string | undefined;
  const stopKeeping = (error: unknown) => {
    if (fault !== undefined) return;
    fault = reasonOf(error);
    waiting.clear();
    onNote(`Encoding each time what is not kept yet, because tokens cannot be kept: ${fault}`);
  };
  const damaged = new Set<string>();
  const leaveOut = async (shard: string, error: unknown) => {
    if (damaged.has(shard)) return;
    damaged.add(shard);
    onNote(`Encoding images again, because the cache file ${shard} is damaged: ${reasonOf(error)}`);
    index?.drop(shard);
    await removeDamaged(shard, error);
  };
  try {
    await Deno.mkdir(folder, { recursive: true });
    await removeAbandoned(folder);
    before = new Set((await allShards(root)).map(({ path }) => path));
    index = await openIndex(folder, { shards: await shardsIn(folder), onDamaged: leaveOut, onNote });
  } catch (error) {
    stopKeeping(error);
  }

  const placesOf = (key: string): Place[] => {
    const own = places.get(key);
    return own ? [own] : index?.find(key) ?? [];
  };
  const read = async (key: string, place: Place): Promise<KeptFeatures | undefined> => {
    try {
      using file = await Deno.open(place.shard);
      if (!used.has(place.shard)) {
        used.add(place.shard);
        await Deno.utime(place.shard, new Date(), new Date()).catch(() => {}); // another user's, or read-only
      }
      const bytes = await readAt(file, place.offset, numberBytes * length);
      if (sumOf(bytes) !== place.sum) throw new Error("expected the numbers written but found others");
      return new Numbers(bytes.buffer as ArrayBuffer);
    } catch (error) {
      places.delete(key);
      // Another process may have pruned it.
      if (error instanceof Deno.errors.NotFound) index?.drop(place.shard);
      else await leaveOut(place.shard, error);
      return undefined;
    }
  };
  const flush = async () => {
    if (waiting.size === 0) return;
    const written = waiting;
    waiting = new Map();
    try {
      for (const [key, place] of await writeShard(folder, { entries: written, shape, keptIn })) {
        places.set(key, place);
        used.add(place.shard);
      }
      await collectAfter(written.size);
      // What came after this was opened is another's work in progress.
      if (await makeRoom(root, { limit, keeps: (path) => used.has(path) || !before.has(path) })) return;
      fault = `the token cache is full (${(limit / 1e9).toFixed(1)} GB)`;
      onNote(`T${fault.slice(1)}: what it has not is encoded each time`);
    } catch (error) {
      stopKeeping(error);
    }
  };
  return {
    folder,
    has: (key) => waiting.has(key) || places.has(key) || (index?.has(key) ?? false),
    get: async (key) => {
      const value = waiting.get(key);
      if (value) return value;
      for (const place of placesOf(key)) {
        const values = await read(key, place);
        if (values) return values;
      }
      return undefined;
    },
    put: async (key, values) => {
      if (values.length !== length) {
        throw new Error(`Cannot keep tokens: expected ${length} numbers but found ${values.length}`);
      }
      if (fault !== undefined || waiting.has(key) || places.has(key) || index?.has(key)) return;
      waiting.set(key, values);
      if (waiting.size >= mostWaiting) await flush();
    },
    flush,
    fault: () => fault,
    close: async () => {
      await flush();
      const quiet = { onDamaged: () => Promise.resolve(), onNote: () => {} };
      await shardsIn(folder).then((shards) => openIndex(folder, { shards, ...quiet })).catch(() => {});
    },
  };
}

/** What each encoder's tokens take under `root`, the one used last first. */
export async function cacheUse(root: string): Promise<CacheUse[]> {
  const uses: CacheUse[] = [];
  for (const encoder of await foldersIn(root)) {
    const shards = await shardsIn(join(root, encoder));
    const index = await openIndex(join(root, encoder), {
      shards,
      onDamaged: () => Promise.resolve(),
      onNote: () => {},
    });
    uses.push({
      encoder,
      images: index.count(),
      bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
      used: new Date(Math.max(0, ...shards.map(({ used }) => used))),
    });
  }
  return uses.sort((a, b) => b.used.getTime() - a.used.getTime());
}

/** Removes the shards not used for longest until at most `limit` bytes are left; resolves to the bytes removed. */
export async function pruneCache(root: string, limit: number): Promise<number> {
  const before = await totalOf(root);
  await makeRoom(root, { limit, keeps: () => false });
  for (const encoder of await foldersIn(root)) {
    const folder = join(root, encoder);
    await removeAbandoned(folder);
    if ((await shardsIn(folder)).length === 0) await Deno.remove(join(folder, indexFile)).catch(() => {});
    await Deno.remove(folder).catch(() => {}); // only an empty folder goes
  }
  return before - await totalOf(root);
}

async function totalOf(root: string): Promise<number> {
  return (await allShards(root)).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Whether there is room below the limit, after removing what need not be kept and was not used for longest. */
async function makeRoom(
  root: string,
  options: { readonly limit: number; readonly keeps: (shard: string) => boolean },
): Promise<boolean> {
  const shards = (await allShards(root)).sort((a, b) => a.used - b.used);
  let total = shards.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of shards) {
    if (total <= options.limit) break;
    if (options.keeps(path)) continue;
    await Deno.remove(path).catch(ignoreNotFound);
    total -= bytes;
  }
  return total <= options.limit;
}

async function allShards(root: string): Promise<Shard[]> {
  const folders = await foldersIn(root);
  return (await Promise.all(folders.map((encoder) => shardsIn(join(root, encoder))))).flat();
}

async function foldersIn(root: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(root)) {
      if (isDirectory && name !== progressRoom) names.push(name);
    }
  } catch (error) {
    ignoreNotFound(error);
  }
  return names.sort();
}
