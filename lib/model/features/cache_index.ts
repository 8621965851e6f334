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
import { type Place, readPlaces, type Shard } from "./shards.ts";

/** What is known of a folder's shards. */
export type CacheIndex = {
  /** Whether a shard that is still there has the key's features. */
  has(key: string): boolean;
  /** Where the key's features are; several where several processes encoded the image. */
  find(key: string): Place[];
  /** Forgets a shard that is gone or damaged. */
  drop(shard: string): void;
  /** How many different keys it has. */
  count(): number;
};

/** The index's file in a folder of shards. */
export const indexFile = "index.bin";
const MAGIC = "forgelens index 1\n";
/** A record: 20 bytes of key, 16 of checksum, the shard's number and the offset in it, 4 bytes each, the last two little-endian. */
const RECORD = 44;
const [SUM_AT, SHARD_AT, OFFSET_AT] = [20, 36, 40];
const CHECKSUM = 32;
/** So many shards are read by their headers before an index is written: each takes some 40 ms. */
const MOST_UNKNOWN = 16;

/** Records, and the shards that they are in by their numbers. */
type Part = {
  readonly shards: readonly { readonly name: string; readonly bytes: number }[];
  readonly bytes: Uint8Array<ArrayBuffer>;
};

const nothing: Part = { shards: [], bytes: new Uint8Array() };

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
    if (error instanceof Deno.errors.NotFound) return nothing;
    isDamaged = true;
    onNote(
      `Reading the headers of all shards, because the cache's index ${join(folder, indexFile)} is damaged: ${
        reasonOf(error)
      }`,
    );
    return nothing;
  });
  const isThere = before.shards.map(({ name, bytes }) => there.get(name) === bytes);
  const known = new Set(before.shards.filter((_, i) => isThere[i]).map(({ name }) => name));
  const added: Part[] = [];
  for (const { path, bytes } of shards) {
    const name = basename(path);
    if (known.has(name)) continue;
    try {
      added.push({ shards: [{ name, bytes }], bytes: recordsOf(await readPlaces(path)) });
    } catch (error) {
      await onDamaged(path, error);
    }
  }
  const all = () => joined([partOf(before, isThere), ...added]);
  const gone = before.shards.length - known.size;
  if (isDamaged || added.length > MOST_UNKNOWN || gone > before.shards.length / 2) {
    const whole = all();
    await writeIndex(folder, whole).catch(() => {}); // where nothing can be written, headers are read each time
    return indexOf(folder, whole);
  }
  const [old, fresh] = [indexOf(folder, before, isThere), indexOf(folder, joined(added))];
  return {
    has: (key) => fresh.has(key) || old.has(key),
    find: (key) => [...fresh.find(key), ...old.find(key)],
    drop: (shard) => {
      fresh.drop(shard);
      old.drop(shard);
    },
    count: () => indexOf(folder, all()).count(),
  };
}

function indexOf(
  folder: string,
  { shards, bytes }: Part,
  isThere: readonly boolean[] = shards.map(() => true),
): CacheIndex {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / RECORD;
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
    count: () => {
      let different = 0;
      let before = -1;
      for (let record = 0; record < count; record++) {
        if (!isAlive[view.getUint32(record * RECORD + SHARD_AT, true)]) continue;
        if (before < 0 || !isSameKey(bytes, before, record)) different++;
        before = record;
      }
      return different;
    },
  };
}

/** A key's 20 bytes as five numbers that order as the bytes do. */
function wordsOf(key: string): number[] {
  return Array.from({ length: 5 }, (_, i) => parseInt(key.slice(8 * i, 8 * i + 8), 16));
}

function isSameKey(bytes: Uint8Array, one: number, other: number): boolean {
  for (let i = 0; i < SUM_AT; i++) if (bytes[one * RECORD + i] !== bytes[other * RECORD + i]) return false;
  return true;
}

/** The records of one shard, whose number is 0, in any order. */
function recordsOf(places: ReadonlyMap<string, Place>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(places.size * RECORD);
  const view = new DataView(bytes.buffer);
  let from = 0;
  for (const [key, { offset, sum }] of places) {
    bytes.subarray(from, from + SUM_AT).setFromHex(key);
    bytes.subarray(from + SUM_AT, from + SHARD_AT).setFromHex(sum);
    view.setUint32(from + OFFSET_AT, offset, true);
    from += RECORD;
  }
  return bytes;
}

/** The part of records whose shards are wanted. */
function partOf({ shards, bytes }: Part, isWanted: readonly boolean[]): Part {
  if (isWanted.every((wanted) => wanted)) return { shards, bytes };
  const numbers: number[] = [];
  let next = 0;
  for (const wanted of isWanted) numbers.push(wanted ? next++ : -1);
  const left = new Uint8Array(bytes.length);
  const view = new DataView(left.buffer);
  let to = 0;
  for (let from = 0; from < bytes.length; from += RECORD) {
    left.set(bytes.subarray(from, from + RECORD), to);
    const number = numbers[view.getUint32(to + SHARD_AT, true)];
    if (number < 0) continue;
    view.setUint32(to + SHARD_AT, number, true);
    to += RECORD;
  }
  return { shards: shards.filter((_, i) => isWanted[i]), bytes: left.subarray(0, to) };
}

/** All parts' records in the order of their keys, their shards counted on. */
function joined(parts: readonly Part[]): Part {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0));
  const view = new DataView(bytes.buffer);
  let to = 0;
  let shards = 0;
  for (const part of parts) {
    bytes.set(part.bytes, to);
    for (const end = to + part.bytes.length; to < end; to += RECORD) {
      view.setUint32(to + SHARD_AT, view.getUint32(to + SHARD_AT, true) + shards, true);
    }
    shards += part.shards.length;
  }
  return { shards: parts.flatMap(({ shards }) => shards), bytes: sorted(bytes) };
}

/** Records in the order of their keys. */
function sorted(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const count = bytes.length / RECORD;
  const view = new DataView(bytes.buffer);
  // The first bits of a key and the record's number in one integer: sorting these takes no callback.
  const numberBits = BigInt(Math.max(1, Math.ceil(Math.log2(count + 1))));
  const order = new BigUint64Array(count);
  for (let i = 0; i < count; i++) {
    order[i] = view.getBigUint64(i * RECORD) >> numberBits << numberBits | BigInt(i);
  }
  order.sort();
  const mask = (1n << numberBits) - 1n;
  const result = new Uint8Array(bytes.length);
  for (let i = 0; i < count; i++) {
    const from = Number(order[i] & mask) * RECORD;
    result.set(bytes.subarray(from, from + RECORD), i * RECORD);
  }
  settle(result);
  return result;
}

/** Puts the few neighbours in order whose keys begin with the same bits. */
function settle(bytes: Uint8Array): void {
  const follows = (record: number) => {
    for (let i = 0; i < SUM_AT; i++) {
      const difference = bytes[(record - 1) * RECORD + i] - bytes[record * RECORD + i];
      if (difference !== 0) return difference < 0;
    }
    return true;
  };
  const before = new Uint8Array(RECORD);
  for (let record = 1; record < bytes.length / RECORD; record++) {
    for (let at = record; at > 0 && !follows(at); at--) {
      before.set(bytes.subarray((at - 1) * RECORD, at * RECORD));
      bytes.copyWithin((at - 1) * RECORD, at * RECORD, (at + 1) * RECORD);
      bytes.set(before, at * RECORD);
    }
  }
}

/** @throws {Error} when it is not as it was written, or NotFound where there is none. */
async function readIndex(folder: string): Promise<Part> {
  using file = await Deno.open(join(folder, indexFile));
  const { size } = await file.stat();
  const bytes = await readAt(file, 0, size) as Uint8Array<ArrayBuffer>;
  const content = bytes.subarray(0, Math.max(0, size - CHECKSUM));
  if (!createHash("sha256").update(content).digest().equals(bytes.subarray(content.length))) {
    throw new Error("expected the index that was written but found another");
  }
  const text = new TextDecoder().decode(content.subarray(0, MAGIC.length));
  if (text !== MAGIC) throw new Error("expected an index but found another file");
  const length = new DataView(bytes.buffer).getUint32(MAGIC.length, true);
  const from = MAGIC.length + 4 + length;
  const shards = JSON.parse(new TextDecoder().decode(content.subarray(MAGIC.length + 4, from)));
  return { shards, bytes: content.subarray(from) };
}

async function writeIndex(folder: string, { shards, bytes }: Part): Promise<void> {
  const text = new TextEncoder().encode(JSON.stringify(shards));
  const head = new Uint8Array(MAGIC.length + 4 + text.length);
  head.set(new TextEncoder().encode(MAGIC));
  new DataView(head.buffer).setUint32(MAGIC.length, text.length, true);
  head.set(text, MAGIC.length + 4);
  const sum = createHash("sha256").update(head).update(bytes).digest();
  await writeAtomically(join(folder, indexFile), async (append) => {
    for (const piece of [head, bytes, sum]) await append(piece);
  });
}
