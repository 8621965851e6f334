/**
 * Features on disk: an image is encoded once, for every epoch, run, seed and evaluation.
 *
 * An image's features are kept under what it is a function of: the bytes of the image file, how they are prepared, and the
 * encoder. Arrays are in half or single precision, many to a shard; a shard is a safetensors file, so other tools read it too. It
 * appears whole or not at all, and each array is checked against its SHA-256 when read; a damaged shard is removed.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { basename, join } from "node:path";
import { sha256 } from "../../base/checksum.ts";
import { reasonOf } from "../../base/errors.ts";
import { readAt, removeAbandoned, writeAtomically } from "../../base/files.ts";
import type { Fit } from "../../images/fits/mod.ts";
import { jpeg } from "../../images/perturbations/jpeg.ts";
import { type Perturbation, perturbationName } from "../../images/perturbations/perturbation.ts";
import { safetensorsHead } from "../../weights/safetensors.ts";

/** An image's features as they are kept. */
export type KeptFeatures = Float16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** What features may be kept in: its array, bytes a number, and safetensors' name of it. */
const keptTypes = {
  float16: { array: Float16Array, bytes: 2, dtype: "F16" },
  float32: { array: Float32Array, bytes: 4, dtype: "F32" },
} as const;

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
  /** `flush()`, after which the cache is not used any more. */
  close(): Promise<void>;
};

/** What the cache of one encoder takes on disk. */
export type CacheUse = {
  readonly encoder: string;
  readonly images: number;
  readonly bytes: number;
  readonly used: Date;
};

/** Changes when the preparation of images does. */
const PREPARATION_VERSION = 2;
const SHARD_BYTES = 64e6;
const SUFFIX = ".safetensors";
const OURS = /^[0-9a-f]{24}\.safetensors$/;

/** How an image file's picture is prepared for an encoder: what is done to it, and how it becomes a square of `size` pixels a side. */
export type Preparation = {
  readonly size: number;
  /** `resize` unless given. */
  readonly fit?: Fit;
  readonly perturbation?: Perturbation;
};

/** What is known of a file once it was read, from which `imageKey()` goes on for any preparation: some 650 bytes. */
export function hashImage(bytes: Uint8Array): Hash {
  return createHash("sha256").update(bytes);
}

/** The key of an image's features: of the file's bytes and how they are prepared. */
export function imageKey(file: Hash, { size, fit = "resize", perturbation }: Preparation): string {
  const preparation = JSON.stringify([
    PREPARATION_VERSION,
    size,
    perturbation ? keyPart(perturbation) : null,
    ...(fit === "resize" ? [] : [fit]), // as in the caches from when it was the only one
  ]);
  return file.copy().update(preparation).digest("hex").slice(0, 40);
}

/** A perturbation's name; JPEG's is its quality, as in the caches from when it was the only kind. */
function keyPart(perturbation: Perturbation): string | number {
  return perturbation.kind === jpeg ? perturbation.level : perturbationName(perturbation);
}

type Place = { readonly shard: string; readonly offset: number; readonly sum: string };

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
  const places = new Map<string, Place>();
  const used = new Set<string>();
  let waiting = new Map<string, KeptFeatures>();
  let full = false;
  const stopKeeping = (error: unknown) => {
    if (full) return;
    full = true;
    waiting.clear();
    onNote(`Encoding each time what is not kept yet, because tokens cannot be kept: ${reasonOf(error)}`);
  };
  const damaged = new Set<string>();
  const leaveOut = async (shard: string, error: unknown) => {
    if (damaged.has(shard)) return;
    damaged.add(shard);
    onNote(`Encoding images again, because the cache file ${shard} is damaged: ${reasonOf(error)}`);
    const isOurs = OURS.test(basename(shard)) && !isOfSystem(error);
    if (isOurs) await Deno.remove(shard).catch(() => {}); // else what is encoded again would be hidden by it
  };
  try {
    await Deno.mkdir(folder, { recursive: true });
    await removeAbandoned(folder);
    for (const { path } of await shardsIn(folder)) {
      const header = await readHeader(path).catch((error) => leaveOut(path, error));
      for (const [key, place] of header?.entries ?? []) places.set(key, place);
    }
  } catch (error) {
    stopKeeping(error);
  }

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
      if (!(error instanceof Deno.errors.NotFound)) await leaveOut(place.shard, error);
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
      if (await makeRoom(root, { limit, keep: used })) return;
      full = true;
      onNote(
        `The token cache is full (${(limit / 1e9).toFixed(1)} GB): what it has not is encoded each time`,
      );
    } catch (error) {
      stopKeeping(error);
    }
  };
  return {
    folder,
    has: (key) => waiting.has(key) || places.has(key),
    get: async (key) => {
      const value = waiting.get(key);
      if (value) return value;
      const place = places.get(key);
      return place && await read(key, place);
    },
    put: async (key, values) => {
      if (values.length !== length) {
        throw new Error(`Cannot keep tokens: expected ${length} numbers but found ${values.length}`);
      }
      if (full || waiting.has(key) || places.has(key)) return;
      waiting.set(key, values);
      if (waiting.size * numberBytes * length >= SHARD_BYTES) await flush();
    },
    flush,
    close: flush,
  };
}

/** What each encoder's tokens take under `root`, the one used last first. */
export async function cacheUse(root: string): Promise<CacheUse[]> {
  const uses: CacheUse[] = [];
  for (const encoder of await foldersIn(root)) {
    const shards = await shardsIn(join(root, encoder));
    const headers = await Promise.all(shards.map(({ path }) => readHeader(path).catch(() => undefined)));
    uses.push({
      encoder,
      images: new Set(headers.flatMap((header) => [...header?.entries.keys() ?? []])).size,
      bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
      used: new Date(Math.max(0, ...shards.map(({ used }) => used))),
    });
  }
  return uses.sort((a, b) => b.used.getTime() - a.used.getTime());
}

/** Removes the shards not used for longest until at most `limit` bytes are left; resolves to the bytes removed. */
export async function pruneCache(root: string, limit: number): Promise<number> {
  const before = await totalOf(root);
  await makeRoom(root, { limit, keep: new Set() });
  for (const encoder of await foldersIn(root)) {
    await removeAbandoned(join(root, encoder));
    await Deno.remove(join(root, encoder)).catch(() => {}); // only an empty folder goes
  }
  return before - await totalOf(root);
}

async function totalOf(root: string): Promise<number> {
  return (await allShards(root)).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Whether there is room below the limit, after removing what is not in `keep` and was not used for longest. */
async function makeRoom(
  root: string,
  options: { readonly limit: number; readonly keep: ReadonlySet<string> },
): Promise<boolean> {
  const shards = (await allShards(root)).sort((a, b) => a.used - b.used);
  let total = shards.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of shards) {
    if (total <= options.limit) break;
    if (options.keep.has(path)) continue;
    await Deno.remove(path).catch(ignoreNotFound);
    total -= bytes;
  }
  return total <= options.limit;
}

type Shard = { readonly path: string; readonly bytes: number; readonly used: number };

async function allShards(root: string): Promise<Shard[]> {
  const folders = await foldersIn(root);
  return (await Promise.all(folders.map((encoder) => shardsIn(join(root, encoder))))).flat();
}

async function foldersIn(root: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(root)) if (entry.isDirectory) names.push(entry.name);
  } catch (error) {
    ignoreNotFound(error);
  }
  return names.sort();
}

async function shardsIn(folder: string): Promise<Shard[]> {
  const shards: Shard[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const path = join(folder, name);
      const info = await Deno.stat(path).catch(() => undefined);
      if (!info) continue;
      if (name.endsWith(SUFFIX)) shards.push({ path, bytes: info.size, used: info.mtime?.getTime() ?? 0 });
    }
  } catch (error) {
    ignoreNotFound(error);
  }
  return shards.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Whether the system could not read, rather than that what was read is not as it was written. */
function isOfSystem(error: unknown): boolean {
  return Object.values(Deno.errors).some((kind) => error instanceof kind);
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Writes token arrays as one safetensors file, named by its content. */
async function writeShard(
  folder: string,
  options: {
    readonly entries: ReadonlyMap<string, KeptFeatures>;
    readonly shape: readonly number[];
    readonly keptIn: keyof typeof keptTypes;
  },
): Promise<Map<string, Place>> {
  const { entries, shape } = options;
  const { bytes, dtype } = keptTypes[options.keptIn];
  const size = bytes * shape.reduce((a, b) => a * b, 1);
  const sums: Record<string, string> = {};
  const tensors: Record<string, unknown> = {};
  let offset = 0;
  for (const [key, values] of entries) {
    sums[key] = sumOf(bytesOf(values));
    tensors[key] = { dtype, shape, data_offsets: [offset, offset += size] };
  }
  // Not by saveSafetensors(): a shard is named by its header, and its numbers are in their precision already.
  const head = safetensorsHead({ __metadata__: sums, ...tensors });
  const shard = join(folder, nameOf(head.subarray(8)));
  await writeAtomically(shard, async (append) => {
    await append(head);
    for (const values of entries.values()) await append(bytesOf(values));
  });
  return new Map(
    [...entries.keys()].map((key, i) => [key, { shard, offset: head.length + i * size, sum: sums[key] }]),
  );
}

/**
 * Where each array of a shard is.
 *
 * @throws {Error} when the file is not one of ours, or not whole.
 */
async function readHeader(shard: string): Promise<{ entries: Map<string, Place> }> {
  using file = await Deno.open(shard);
  const { size } = await file.stat();
  const head = await readAt(file, 0, 8);
  const length = Number(new DataView(head.buffer).getBigUint64(0, true));
  if (length > size) throw new Error(`expected a header but found ${size} bytes`);
  const text = await readAt(file, 8, length);
  if (nameOf(text) !== basename(shard)) throw new Error("expected the header written but found another");
  const header = JSON.parse(new TextDecoder().decode(text));
  const entries = new Map<string, Place>();
  for (const [key, value] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    const [begin, end] = (value as { data_offsets: [number, number] }).data_offsets;
    if (8 + length + end > size) throw new Error("expected all of its arrays but found a file that is cut");
    entries.set(key, { shard, offset: 8 + length + begin, sum: header.__metadata__[key] });
  }
  return { entries };
}

/** A shard's file name, of its header. */
function nameOf(header: Uint8Array): string {
  return `${sha256(header, { digits: 24 })}${SUFFIX}`;
}

function bytesOf(values: KeptFeatures): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function sumOf(bytes: Uint8Array): string {
  return sha256(bytes, { digits: 32 });
}
