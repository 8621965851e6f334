/**
 * What is known of the videos that are made already, while others are not: a file a video, put in place whole, so that any number of
 * processes may write them. They go when `coverage.csv` has all.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/checksum.ts";
import { InputError } from "../base/errors.ts";
import { readJson, writeWhole } from "../base/files.ts";
import { inParallel } from "../base/pool.ts";
import { isImage } from "../data/layouts/layout.ts";
import { unfinishedName } from "../data/prepared.ts";
import type { Face } from "../faces/face.ts";
import { type Coverage, coverageKey, readCoverage } from "./coverage.ts";
import type { Geometry } from "./pairs.ts";
import { orOutputError } from "./whole_frames.ts";

/** A video that was made, or could not be. */
export type VideoRecord = {
  readonly row: Coverage;
  /** The faces that it was cropped by, where there are crops of faces. */
  readonly geometry?: Geometry;
};

/** Another process has taken the records into `coverage.csv` meanwhile: they are to be listed again. */
export class RecordGone extends Error {}

type Stored = {
  readonly row: Coverage;
  readonly geometry?: Omit<Geometry, "faces"> & { readonly faces: readonly (readonly [number, Face])[] };
};

/** What a folder says of a set's videos, by class and id. */
export type Made = {
  /** What is known of each, where its frames are, or would be, in the place that it has among these videos. */
  readonly rows: ReadonlyMap<string, Coverage>;
  /** The file of a record that says so; none where `coverage.csv` does. */
  readonly fileOf: ReadonlyMap<string, string>;
  /** All files of records, also of other videos. */
  readonly files: readonly string[];
  /** Videos whose frames are in another place than they would be. */
  readonly moved: readonly Coverage[];
  /** Videos with frames that are not among these. */
  readonly gone: readonly Coverage[];
};

/** Says that not all videos are made: nobody reads the folder as a set until records and this are removed. */
export async function beginRecords(into: string): Promise<void> {
  const folder = join(into, unfinishedName);
  await orOutputError(`Cannot make ${folder}`, () => Deno.mkdir(folder, { recursive: true }));
}

/**
 * Keeps a record. Processes that made the same of a video keep the same file; else each has its own.
 *
 * @param options.work a folder of the caller's own on the same disk
 * @throws {OutputError} when it cannot be written.
 */
export async function writeRecord(
  into: string,
  options: { readonly record: VideoRecord; readonly work: string },
): Promise<void> {
  const { record: { row, geometry }, work } = options;
  const stored: Stored = { row, geometry: geometry && { ...geometry, faces: [...geometry.faces] } };
  const text = JSON.stringify(stored);
  const name = `${hashOf(coverageKey(row))}-${sha256(text, { digits: 8 })}.json`;
  // Made elsewhere: what a killed process leaves of it is in nobody's way.
  const draft = join(work, name);
  await orOutputError(`Cannot write ${join(into, unfinishedName, name)}`, async () => {
    await writeWhole(draft, text);
    await Deno.rename(draft, join(into, unfinishedName, name)).catch(async (error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      await beginRecords(into); // it was removed as it was empty
      await Deno.rename(draft, join(into, unfinishedName, name));
    });
  });
}

/**
 * Reads what is known of some videos.
 *
 * @param options.places where the frames of each video of the set go, by class and id
 * @param options.keys those of them that are asked for; all unless given
 */
export async function readMade(
  into: string,
  options: {
    readonly places: ReadonlyMap<string, string>;
    readonly keys?: readonly string[];
    readonly signal?: AbortSignal;
  },
): Promise<Made> {
  for (;;) {
    try {
      return await readOnce(into, options);
    } catch (error) {
      if (!(error instanceof RecordGone)) throw error;
      options.signal?.throwIfAborted();
    }
  }
}

async function readOnce(into: string, options: Parameters<typeof readMade>[1]): Promise<Made> {
  const { places, keys = [...places.keys()], signal } = options;
  // In this order: records go when their lines are in coverage.csv.
  const files = await listRecords(into);
  const lines = await readCoverage(into);
  const byHash = Map.groupBy(files, (file) => file.split("-")[0]);
  const rows = new Map<string, Coverage>();
  const fileOf = new Map<string, string>();
  const moved: Coverage[] = [];
  await inParallel(keys, async (key) => {
    const isHere = (row: Coverage) => row.folder === "" || row.folder === places.get(key);
    const records = await Promise.all(
      (byHash.get(hashOf(key)) ?? []).map(async (file) => ({
        file,
        row: (await readRecord(into, file)).row,
      })),
    );
    const line = lines.get(key);
    const known = [...records, ...(line ? [{ file: undefined, row: line }] : [])].filter(({ row }) =>
      isHere(row)
    );
    // Of processes that made the same video, one may have failed; what it says counts where there are no frames.
    known.sort((a, b) => b.row.got - a.row.got);
    const elsewhere = [...records.map(({ row }) => row), ...(line ? [line] : [])].filter((row) =>
      !isHere(row)
    );
    if (!known.some(({ file }) => file !== undefined)) moved.push(...elsewhere);
    let [best] = known;
    for (const each of known.slice(1)) if (!(await isThere(into, best.row))) best = each;
    if (best === undefined) return;
    rows.set(key, best.row);
    if (best.file !== undefined) fileOf.set(key, best.file);
  }, { signal });
  const gone = [...lines].filter(([key, row]) => !places.has(key) && row.got > 0).map(([, row]) => row);
  return { rows, fileOf, files, moved, gone };
}

/** How many of the videos nothing is known of: no record, and no line of `coverage.csv`. */
export async function countUnmade(into: string, keys: Iterable<string>): Promise<number> {
  const hashes = new Set((await listRecords(into)).map((file) => file.split("-")[0]));
  const lines = await readCoverage(into);
  return [...keys].filter((key) => !lines.has(key) && !hashes.has(hashOf(key))).length;
}

/** @throws {RecordGone} when it is not there any more. */
export async function readRecord(into: string, file: string): Promise<VideoRecord> {
  const path = join(into, unfinishedName, file);
  const stored = await readJson(path, { expected: "what prepare wrote" }).catch((error) => {
    if (error instanceof InputError && error.cause instanceof Deno.errors.NotFound) throw new RecordGone();
    throw error;
  }) as Stored;
  const { row, geometry } = stored;
  return { row, geometry: geometry && { ...geometry, faces: new Map(geometry.faces) } };
}

/**
 * Removes records, and the folder with the last.
 *
 * @param options.keys of these videos alone, by class and id; all unless given
 */
export async function removeRecords(
  into: string,
  options: { readonly files: readonly string[]; readonly keys?: Iterable<string> },
): Promise<void> {
  const folder = join(into, unfinishedName);
  const hashes = options.keys && new Set([...options.keys].map(hashOf));
  const files = options.files.filter((file) => hashes?.has(file.split("-")[0]) ?? true);
  await inParallel(files, async (file) => {
    await Deno.remove(join(folder, file)).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // another process removes them too
    });
  });
  await Deno.remove(folder).catch(() => {}); // another process's records may be in it
}

/** Whether the frames that a line says are there. */
export async function isThere(into: string, { got, folder }: Coverage): Promise<boolean> {
  return got > 0 && await countImages(join(into, folder)) >= got;
}

async function countImages(folder: string): Promise<number> {
  try {
    let count = 0;
    for await (const { name } of Deno.readDir(folder)) if (isImage(name)) count++;
    return count;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return 0;
    throw error;
  }
}

async function listRecords(into: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(join(into, unfinishedName))) {
      if (/^[0-9a-f]{16}-[0-9a-f]{8}\.json$/.test(name)) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

function hashOf(key: string): string {
  return sha256(key, { digits: 16 });
}
