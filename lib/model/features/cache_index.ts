/**
 * Where the features of millions of images are, without a header of every shard: one sorted file of binary records.
 *
 * `index.bin` is never changed, only replaced by a whole new one. It may lag behind the folder: shards that it does not know are
 * read by their headers, and those that are gone count as such. So writers on many machines need not agree about it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { reasonOf } from "../../base/errors.ts";
import { readAt, writeAtomically } from "../../base/files.ts";
import { inParallel } from "../../base/pool.ts";
import {
  appendRecords,
  keepShards,
  OFFSET_AT,
  RECORD,
  type Records,
  reserve,
  SHARD_AT,
  sortRecords,
  SUM_AT,
  usedBytes,
} from "./records.ts";
import { appendPlaces } from "./shard_header.ts";
import { type Place, readHeader, type Shard } from "./shards.ts";

/** What is known of a folder's shards. */
export type CacheIndex = {
  /** Whether a shard that is still there has the key's features. */
  has(key: string): boolean;
  /** Where the key's features are; several where several processes encoded the image. */
  find(key: string): Place[];
  /** Forgets a shard that is gone or damaged. */
  drop(shard: string): void;
  /** How many different keys it has, of those that are counted; all unless given. */
  count(isCounted?: (key: string) => boolean): number;
};

/** The index's file in a folder of shards. */
export const indexFile = "index.bin";
const MAGIC = "forgelens index 1\n";
const CHECKSUM = 32;
/** So many shards are read by their headers before an index is written. */
const MOST_UNKNOWN = 16;
/** Headers that are read at a time, each into a buffer of some megabytes. */
const READ_TOGETHER = 4;

/** Records, and the shards that they are in by their numbers. */
type Part = {
  readonly shards: readonly { readonly name: string; readonly bytes: number }[];
  readonly records: Records;
};

/**
 * What is in the shards of a folder; writes the index anew where it knows too few of them, or is damaged.
 *
 * @param options.shards those in the folder
 * @param options.onDamaged takes a shard that cannot be used, and why
 * @param options.onNote takes a sentence about an index that is damaged
 */
export async function openIndex(
  folder: string,
  options: {
    readonly shards: readonly Shard[];
    readonly onDamaged: (shard: string, error: unknown) => Promise<void>;
    readonly onNote: (message: string) => void;
  },
): Promise<CacheIndex> {
  const { shards, onDamaged, onNote } = options;
  const there = new Map(shards.map(({ path, bytes }) => [basename(path), bytes]));
  let isDamaged = false;
  const before = await readIndex(folder).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return { shards: [], records: none() };
    isDamaged = true;
    onNote(
      `Reading the headers of all shards, because the cache's index ${join(folder, indexFile)} is damaged: ${
        reasonOf(error)
      }`,
    );
    return { shards: [], records: none() };
  });
  const isThere = before.shards.map(({ name, bytes }) => there.get(name) === bytes);
  const known = new Set(before.shards.filter((_, i) => isThere[i]).map(({ name }) => name));
  const added = await readHeaders(shards.filter(({ path }) => !known.has(basename(path))), onDamaged);
  const gone = before.shards.length - known.size;
  if (isDamaged || added.shards.length > MOST_UNKNOWN || gone > before.shards.length / 2) {
    const whole = joined(keptOf(before, isThere), added);
    await writeIndex(folder, whole).catch(() => {}); // where nothing can be written, headers are read each time
    return indexOf(folder, whole);
  }
  const [old, fresh] = [indexOf(folder, before, isThere), indexOf(folder, added)];
  return {
    has: (key) => fresh.has(key) || old.has(key),
    find: (key) => [...fresh.find(key), ...old.find(key)],
    drop: (shard) => {
      fresh.drop(shard);
      old.drop(shard);
    },
    count: () => old.count() + fresh.count((key) => !old.has(key)),
  };
}

function indexOf(
  folder: string,
  { shards, records: { bytes, count } }: Part,
  isThere: readonly boolean[] = shards.map(() => true),
): CacheIndex {
  const view = new DataView(bytes.buffer);
  const isAlive = [...isThere];
  const numbers = new Map(shards.map(({ name }, i) => [name, i]));

  /** Less than 0 where the record's key comes before the one that is looked for, 0 where it is it. */
  const compared = (record: number, words: readonly number[]) => {
    for (let i = 0; i < words.length; i++) {
      const difference = view.getUint32(record * RECORD + 4 * i) - words[i];
      if (difference !== 0) return difference;
    }
    return 0;
  };
  function* placesOf(key: string): Generator<Place> {
    const words = wordsOf(key);
    let low = 0;
    for (let high = count; low < high;) {
      const middle = (low + high) >>> 1;
      if (compared(middle, words) < 0) low = middle + 1;
      else high = middle;
    }
    for (; low < count && compared(low, words) === 0; low++) {
      const from = low * RECORD;
      const shard = view.getUint32(from + SHARD_AT, true);
      if (!isAlive[shard]) continue;
      yield {
        shard: join(folder, shards[shard].name),
        offset: view.getUint32(from + OFFSET_AT, true),
        sum: bytes.subarray(from + SUM_AT, from + SHARD_AT).toHex(),
      };
    }
  }
  return {
    has: (key) => !placesOf(key).next().done,
    find: (key) => [...placesOf(key)],
    drop: (shard) => {
      const number = numbers.get(basename(shard));
      if (number !== undefined) isAlive[number] = false;
    },
    count: (isCounted) => {
      let different = 0;
      let before = -1;
      for (let record = 0; record < count; record++) {
        if (!isAlive[view.getUint32(record * RECORD + SHARD_AT, true)]) continue;
        const isAnother = before < 0 || !isSameKey(bytes, before, record);
        before = record;
        if (isAnother && (!isCounted || isCounted(keyOf(bytes, record)))) different++;
      }
      return different;
    },
  };
}

/** A key's 20 bytes as five numbers that order as the bytes do. */
function wordsOf(key: string): number[] {
  return Array.from({ length: 5 }, (_, i) => parseInt(key.slice(8 * i, 8 * i + 8), 16));
}

function keyOf(bytes: Uint8Array, record: number): string {
  return bytes.subarray(record * RECORD, record * RECORD + SUM_AT).toHex();
}

function isSameKey(bytes: Uint8Array, one: number, other: number): boolean {
  for (let i = 0; i < SUM_AT; i++) if (bytes[one * RECORD + i] !== bytes[other * RECORD + i]) return false;
  return true;
}

/** What is in shards by their headers, in the order of keys; shards that cannot be used are left out. */
async function readHeaders(
  shards: readonly Shard[],
  onDamaged: (shard: string, error: unknown) => Promise<void>,
): Promise<Part> {
  const records = none();
  const rooms: Uint8Array[] = [];
  const all = shards.reduce((sum, { bytes }) => sum + bytes, 0);
  const isUsable = await inParallel(shards, async ({ path, bytes }, shard) => {
    try {
      const header = await readHeader(path, rooms.pop() ?? new Uint8Array());
      rooms.push(new Uint8Array(header.text.buffer));
      const isFirst = records.count === 0;
      appendPlaces(records, { header, shard }); // nobody else has the room before this ends
      // All have features of one size, so one tells how many there will be.
      if (isFirst) reserve(records, Math.ceil(1.02 * records.count * (all / bytes)) - records.count);
      return true;
    } catch (error) {
      await onDamaged(path, error);
      return false;
    }
  }, { workers: READ_TOGETHER });
  const part = keptOf(
    { shards: shards.map(({ path, bytes }) => ({ name: basename(path), bytes })), records },
    isUsable,
  );
  sortRecords(records);
  return part;
}

function none(): Records {
  return { bytes: new Uint8Array(), count: 0 };
}

/** The part of the shards that are wanted; takes the other records out of `part`. */
function keptOf({ shards, records }: Part, isWanted: readonly boolean[]): Part {
  keepShards(records, isWanted);
  return { shards: shards.filter((_, i) => isWanted[i]), records };
}

/** Both parts in the order of keys; takes the records of both. */
function joined(before: Part, added: Part): Part {
  if (before.records.count === 0) return added;
  appendRecords(before.records, added.records, before.shards.length);
  sortRecords(before.records);
  return { shards: [...before.shards, ...added.shards], records: before.records };
}

/** @throws {Error} when it is not as it was written, or NotFound where there is none. */
async function readIndex(folder: string): Promise<Part> {
  using file = await Deno.open(join(folder, indexFile));
  const { size } = await file.stat();
  const begin = MAGIC.length + 4;
  const expectWhole = (holds: boolean) => {
    if (!holds) throw new Error("expected the index that was written but found another");
  };
  expectWhole(size >= begin + CHECKSUM);
  const head = await readAt(file, 0, begin);
  const length = new DataView(head.buffer).getUint32(MAGIC.length, true);
  const inRecords = size - begin - length - CHECKSUM;
  expectWhole(inRecords >= 0 && inRecords % RECORD === 0);
  const text = await readAt(file, begin, length);
  const bytes = await readAt(file, begin + length, inRecords) as Uint8Array<ArrayBuffer>;
  const sum = await readAt(file, size - CHECKSUM, CHECKSUM);
  expectWhole(createHash("sha256").update(head).update(text).update(bytes).digest().equals(sum));
  if (new TextDecoder().decode(head.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new Error("expected an index but found another file");
  }
  const shards = JSON.parse(new TextDecoder().decode(text));
  return { shards, records: { bytes, count: inRecords / RECORD } };
}

async function writeIndex(folder: string, { shards, records }: Part): Promise<void> {
  const text = new TextEncoder().encode(JSON.stringify(shards));
  const head = new Uint8Array(MAGIC.length + 4 + text.length);
  head.set(new TextEncoder().encode(MAGIC));
  new DataView(head.buffer).setUint32(MAGIC.length, text.length, true);
  head.set(text, MAGIC.length + 4);
  const bytes = usedBytes(records);
  const sum = createHash("sha256").update(head).update(bytes).digest();
  await writeAtomically(join(folder, indexFile), async (append) => {
    for (const piece of [head, bytes, sum]) await append(piece);
  });
}
