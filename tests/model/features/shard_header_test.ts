import { appendPlaces } from "../../../lib/model/features/shard_header.ts";
import { OFFSET_AT, RECORD, type Records, SHARD_AT, usedBytes } from "../../../lib/model/features/records.ts";
import { safetensorsHead } from "../../../lib/weights/safetensors.ts";
import { sha256 } from "../../../lib/base/checksum.ts";
import { assertEquals, assertThrows } from "@std/assert";

const keys = Array.from({ length: 30 }, (_, i) => sha256(`key ${i}`, { digits: 40 }));
const sums = keys.map((key) => sha256(key, { digits: 32 }));

/** A header as `writeShard()` makes it, without the 8 bytes of its length. */
function headerText(): string {
  const tensors = keys.map((key, i) =>
    [key, { dtype: "F16", shape: [2, 3], data_offsets: [12 * i, 12 * i + 12] }] as const
  );
  const sumOf = Object.fromEntries(keys.map((key, i) => [key, sums[i]]));
  const head = safetensorsHead({ __metadata__: sumOf, ...Object.fromEntries(tensors) });
  return new TextDecoder().decode(head.subarray(8));
}

const whole = (text: string) => 8 + text.length + 12 * keys.length;

Deno.test("appendPlaces() gives each image's key, checksum and offset in the file", () => {
  const records: Records = { bytes: new Uint8Array(), count: 0 };
  const text = headerText();
  const header = { text: new TextEncoder().encode(text), size: whole(text) };
  appendPlaces(records, { header, shard: 4 });
  appendPlaces(records, { header, shard: 5 });
  const bytes = usedBytes(records);
  const view = new DataView(bytes.buffer);
  const found = Array.from({ length: records.count }, (_, i) => [
    bytes.subarray(i * RECORD, i * RECORD + 20).toHex(),
    bytes.subarray(i * RECORD + 20, i * RECORD + 36).toHex(),
    view.getUint32(i * RECORD + SHARD_AT, true),
    view.getUint32(i * RECORD + OFFSET_AT, true),
  ]);
  const expected = (shard: number) => keys.map((key, i) => [key, sums[i], shard, 8 + text.length + 12 * i]);
  assertEquals(found, [...expected(4), ...expected(5)]);
});

Deno.test("appendPlaces() refuses a header of another form, and a file that is cut, and appends nothing", () => {
  const text = headerText();
  const others = {
    "another form": text.replace(`{"__metadata__":{`, `{"__metadata__": {`),
    "a key that is none": text.replaceAll(keys[3], "g".repeat(40)),
    "a sum that is none": text.replace(sums[29], "F".repeat(32)),
    "keys in two orders": text.replace(`"${keys[8]}":{`, `"${keys[9]}":{`),
    "another shape among them": text.replace(`[2,3],"data_offsets":[12,`, `[3,2],"data_offsets":[12,`),
    "no offset": text.replace("[12,24]", "[12,]"),
    "something after it": text.trimEnd() + "}",
    "its end": text.slice(0, -20),
    "nothing": "",
  };
  for (const [what, other] of Object.entries(others)) {
    const records: Records = { bytes: new Uint8Array(), count: 0 };
    const header = { text: new TextEncoder().encode(other), size: whole(text) };
    assertThrows(() => appendPlaces(records, { header, shard: 0 }), Error, "expected");
    assertEquals(records.count, 0, what);
  }
  const records: Records = { bytes: new Uint8Array(), count: 0 };
  const header = { text: new TextEncoder().encode(text), size: whole(text) - 1 };
  assertThrows(() => appendPlaces(records, { header, shard: 0 }), Error, "a file that is cut");
});
