import {
  appendRecords,
  keepShards,
  OFFSET_AT,
  RECORD,
  type Records,
  reserve,
  SHARD_AT,
  sortRecords,
  usedBytes,
} from "../../../lib/model/features/records.ts";
import { sha256 } from "../../../lib/base/checksum.ts";
import { assertEquals } from "@std/assert";

/** Records of keys in hexadecimal, each with its shard and an offset. */
function recordsOf(rows: readonly { key: string; shard: number; offset: number }[]): Records {
  const records: Records = { bytes: new Uint8Array(), count: 0 };
  for (const { key, shard, offset } of rows) {
    reserve(records, 1);
    const at = records.count++ * RECORD;
    const view = new DataView(records.bytes.buffer);
    records.bytes.subarray(at, at + 20).setFromHex(key);
    view.setUint32(at + SHARD_AT, shard, true);
    view.setUint32(at + OFFSET_AT, offset, true);
  }
  return records;
}

function rowsOf(records: Records) {
  const bytes = usedBytes(records);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: records.count }, (_, i) => ({
    key: bytes.subarray(i * RECORD, i * RECORD + 20).toHex(),
    shard: view.getUint32(i * RECORD + SHARD_AT, true),
    offset: view.getUint32(i * RECORD + OFFSET_AT, true),
  }));
}

const rows = (count: number, shard: number) =>
  Array.from({ length: count }, (_, i) => ({ key: sha256(`${i}`, { digits: 40 }), shard, offset: 7 * i }));
const inOrder = <T extends { key: string; shard: number }>(list: readonly T[]) =>
  [...list].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.shard - b.shard));

Deno.test("sortRecords() puts thousands of records in the order of their keys, those of one key in that of their shards", () => {
  const given = [3, 1, 2, 0].flatMap((shard) => rows(5000, shard));
  // Differ in their last digits alone, and are more than are put in order one by one.
  for (let i = 0; i < 40; i++) {
    given.push({ key: `${"ab".repeat(19)}${(255 - i).toString(16)}`, shard: 9, offset: i });
    given.push({ key: "cd".repeat(20), shard: 40 - i, offset: i });
  }
  const records = recordsOf(given);
  sortRecords(records);
  assertEquals(rowsOf(records), inOrder(given));
  for (const few of [[], given.slice(0, 1)]) {
    const records = recordsOf(few);
    sortRecords(records);
    assertEquals(rowsOf(records), few);
  }
});

Deno.test("appendRecords() counts the shards on, and keepShards() leaves gaps neither in them nor in the records", () => {
  const [one, other] = [[...rows(3, 0), ...rows(2, 1)], [...rows(2, 0), ...rows(4, 1)]];
  const records = recordsOf(one);
  appendRecords(records, recordsOf(other), 2);
  assertEquals(rowsOf(records), [...one, ...rows(2, 2), ...rows(4, 3)]);
  keepShards(records, [false, true, false, true]);
  assertEquals(rowsOf(records), [...rows(2, 0), ...rows(4, 1)]);
});
