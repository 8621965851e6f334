/**
 * Shards of a feature cache: safetensors files that are named by their header, and never changed once they are there.
 *
 * @module
 */
import { basename, join } from "node:path";
import { sha256 } from "../../base/checksum.ts";
import { readAt, readInto, writeAtomically } from "../../base/files.ts";
import { inParallel } from "../../base/pool.ts";
import { safetensorsHead } from "../../weights/safetensors.ts";
import type { Header } from "./shard_header.ts";

/** An image's features as they are kept. */
export type KeptFeatures = Float16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** What features may be kept in: its array, bytes a number, and safetensors' name of it. */
export const keptTypes = {
  float16: { array: Float16Array, bytes: 2, dtype: "F16" },
  float32: { array: Float32Array, bytes: 4, dtype: "F32" },
} as const;

/** A shard's file; `used` in milliseconds since 1970. */
export type Shard = { readonly path: string; readonly bytes: number; readonly used: number };

/** Where one image's features are: the file, the first of their bytes, and their checksum. */
export type Place = { readonly shard: string; readonly offset: number; readonly sum: string };

const SUFFIX = ".safetensors";
const OURS = /^[0-9a-f]{24}\.safetensors$/;

/** Files that are asked for at a time: a network's disk takes as long for many as for one. */
const ASKED_TOGETHER = 32;

/** The shards in a folder, by name; none where there is no folder. */
export async function shardsIn(folder: string): Promise<Shard[]> {
  const paths: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (name.endsWith(SUFFIX)) paths.push(join(folder, name));
    }
  } catch (error) {
    ignoreNotFound(error);
  }
  const found = await inParallel(paths.sort(), async (path) => {
    const info = await Deno.stat(path).catch(() => undefined); // another process may have removed it
    return info && { path, bytes: info.size, used: info.mtime?.getTime() ?? 0 };
  }, { workers: ASKED_TOGETHER });
  return found.filter((shard) => shard !== undefined);
}

/** Writes features as one shard, and resolves to where each is. @throws {Error} `Cannot save …` */
export async function writeShard(
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
  const write = () =>
    writeAtomically(shard, async (append) => {
      await append(head);
      for (const values of entries.values()) await append(bytesOf(values));
    });
  try {
    await write();
  } catch (error) {
    // On a network's disk another machine may take the unfinished file for an abandoned one.
    if (!((error as Error).cause instanceof Deno.errors.NotFound)) throw error;
    await write();
  }
  return new Map(
    [...entries.keys()].map((key, i) => [key, { shard, offset: head.length + i * size, sum: sums[key] }]),
  );
}

/**
 * A shard's header, checked against the shard's name.
 *
 * @param room is filled where it is large enough; else the header has a buffer of its own
 * @throws {Error} when the file is not one of ours.
 */
export async function readHeader(shard: string, room: Uint8Array): Promise<Header> {
  using file = await Deno.open(shard);
  const { size } = await file.stat();
  const head = await readAt(file, 0, 8);
  const length = Number(new DataView(head.buffer).getBigUint64(0, true));
  if (length > size) throw new Error(`expected a header but found ${size} bytes`);
  const text = length <= room.length ? room.subarray(0, length) : new Uint8Array(length);
  await readInto(text, file, 8);
  if (nameOf(text) !== basename(shard)) throw new Error("expected the header written but found another");
  return { text, size };
}

/** Removes a shard that is damaged, else what is encoded again would be hidden by it; not one that could not be read. */
export async function removeDamaged(shard: string, error: unknown): Promise<void> {
  if (OURS.test(basename(shard)) && !isOfSystem(error)) await Deno.remove(shard).catch(() => {});
}

/** The checksum of one image's features. */
export function sumOf(bytes: Uint8Array): string {
  return sha256(bytes, { digits: 32 });
}

/** Whether the system could not read, rather than that what was read is not as it was written. */
function isOfSystem(error: unknown): boolean {
  return Object.values(Deno.errors).some((kind) => error instanceof kind) ||
    /\(os error \d+\)/.test(`${error}`); // a file that another machine removed is "stale", which has no kind
}

/** @throws {Error} any other error */
export function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** A shard's file name, of its header. */
function nameOf(header: Uint8Array): string {
  return `${sha256(header, { digits: 24 })}${SUFFIX}`;
}

function bytesOf(values: KeptFeatures): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
