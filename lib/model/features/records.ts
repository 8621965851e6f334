/**
 * Where features are, one binary record an image in one growing buffer: millions of objects would take seconds and hundreds of
 * megabytes.
 *
 * @module
 */

/** Records one after the other; `bytes` may have room for more than `count`, and is another array after {@link reserve}. */
export type Records = { bytes: Uint8Array<ArrayBuffer>; count: number };

/** A record: 20 bytes of key, 16 of checksum, the shard's number and the offset in it, 4 bytes each, the last two little-endian. */
export const RECORD = 44;
/** Where the parts of a record after the key begin. */
export const [SUM_AT, SHARD_AT, OFFSET_AT] = [20, 36, 40];
const WORDS = RECORD / 4;
/** So few records are put in order one by one. */
const FEW = 8;

/** The bytes that are in use. */
export function usedBytes({ bytes, count }: Records): Uint8Array<ArrayBuffer> {
  return bytes.subarray(0, count * RECORD);
}

/** Makes room for `more` records, half as much again as there is where that is not enough. */
export function reserve(records: Records, more: number): void {
  const needed = (records.count + more) * RECORD;
  const { length } = records.bytes;
  if (needed <= length) return;
  const grown = Math.max(needed, RECORD * Math.ceil((1.5 * length) / RECORD));
  records.bytes = new Uint8Array(records.bytes.buffer.transfer(grown)); // frees the old one at once
}

/** Leaves out the records of shards that are not wanted, and numbers the other shards on. */
export function keepShards(records: Records, isWanted: readonly boolean[]): void {
  if (isWanted.every((wanted) => wanted)) return;
  const numbers: number[] = [];
  let next = 0;
  for (const wanted of isWanted) numbers.push(wanted ? next++ : -1);
  const { bytes } = records;
  const view = new DataView(bytes.buffer);
  let to = 0;
  for (let from = 0; from < records.count * RECORD; from += RECORD) {
    const number = numbers[view.getUint32(from + SHARD_AT, true)];
    if (number < 0) continue;
    bytes.copyWithin(to, from, from + RECORD);
    view.setUint32(to + SHARD_AT, number, true);
    to += RECORD;
  }
  records.count = to / RECORD;
}

/** Appends records whose shards are counted from `shards` on. */
export function appendRecords(records: Records, added: Records, shards: number): void {
  reserve(records, added.count);
  const begin = records.count * RECORD;
  records.bytes.set(usedBytes(added), begin);
  records.count += added.count;
  const view = new DataView(records.bytes.buffer);
  for (let from = begin; from < records.count * RECORD; from += RECORD) {
    view.setUint32(from + SHARD_AT, view.getUint32(from + SHARD_AT, true) + shards, true);
  }
}

/**
 * Puts records in the order of their keys, those of one key in the order of their shards; in place, as a second buffer of millions of
 * records is large.
 */
export function sortRecords({ bytes, count }: Records): void {
  const view = new DataView(bytes.buffer);
  const words = new Uint32Array(bytes.buffer, 0, count * WORDS);
  /** Deals `begin` to `end` into buckets by one byte of their keys, then each bucket by the next: what is dealt is near in memory. */
  const sort = (begin: number, end: number, byte: number) => {
    if (end - begin <= FEW || byte === SUM_AT) {
      for (let record = begin + 1; record < end; record++) {
        for (let at = record; at > begin && isBefore(view, at, at - 1); at--) swap(words, at, at - 1);
      }
      return;
    }
    const ends = new Uint32Array(256);
    for (let record = begin; record < end; record++) ends[bytes[record * RECORD + byte]]++;
    const next = new Uint32Array(256);
    for (let bucket = 0, sum = begin; bucket < 256; bucket++) {
      next[bucket] = sum;
      ends[bucket] = sum += ends[bucket];
    }
    for (let bucket = 0; bucket < 256; bucket++) {
      while (next[bucket] < ends[bucket]) {
        const own = bytes[next[bucket] * RECORD + byte];
        if (own !== bucket) swap(words, next[bucket], next[own]);
        next[own]++;
      }
    }
    for (let bucket = 0, from = begin; bucket < 256; from = ends[bucket++]) {
      if (ends[bucket] - from > 1) sort(from, ends[bucket], byte + 1);
    }
  };
  sort(0, count, 0);
}

function swap(words: Uint32Array, one: number, other: number): void {
  for (let i = one * WORDS, j = other * WORDS, end = i + WORDS; i < end; i++, j++) {
    const word = words[i];
    words[i] = words[j];
    words[j] = word;
  }
}

function isBefore(view: DataView, one: number, other: number): boolean {
  for (let i = 0; i < SUM_AT; i += 4) {
    const [a, b] = [view.getUint32(one * RECORD + i), view.getUint32(other * RECORD + i)];
    if (a !== b) return a < b;
  }
  return view.getUint32(one * RECORD + SHARD_AT, true) < view.getUint32(other * RECORD + SHARD_AT, true);
}
