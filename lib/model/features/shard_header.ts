/**
 * A shard's header → records of where each image's features are, straight from its bytes: a JSON object of each would take
 * seconds for millions.
 *
 * A header is `{"__metadata__":{"KEY":"SUM",…},"KEY":{"dtype":"F16","shape":[768],"data_offsets":[0,1536]},…}`, the keys twice in one
 * order, without white space but at its end.
 *
 * @module
 */
import { OFFSET_AT, RECORD, type Records, reserve, SHARD_AT } from "./records.ts";

/** A header as it is in a file of `size` bytes, after the 8 of its length. */
export type Header = { readonly text: Uint8Array; readonly size: number };

const BEGIN = '{"__metadata__":{';
const OFFSETS = '"data_offsets":[';
const [KEY_DIGITS, SUM_DIGITS] = [40, 32];
/** `"KEY":"SUM",` */
const STRIDE = KEY_DIGITS + SUM_DIGITS + 6;
const [QUOTE, COMMA, SPACE, ZERO, END] = [...'", 0}'].map((sign) => sign.charCodeAt(0));

/** By a sign's code; 255 for what is no hexadecimal digit in lower case. */
const digits = new Uint8Array(256).fill(255);
[..."0123456789abcdef"].forEach((sign, value) => digits[sign.charCodeAt(0)] = value);

/**
 * Appends a record for each image of a shard.
 *
 * @param options.shard the shard's number
 * @throws {Error} when the header is none that is written here, or the file not whole; no record is then appended.
 */
export function appendPlaces(
  records: Records,
  { header: { text, size }, shard }: { readonly header: Header; readonly shard: number },
): void {
  const begin = skip(text, { at: 0, expected: BEGIN });
  let count = 1;
  while (text[begin + count * STRIDE - 1] === COMMA) count++;
  reserve(records, count);
  const { bytes, count: before } = records;
  for (let i = 0, at = begin, to = before * RECORD; i < count; i++, at += STRIDE, to += RECORD) {
    expect(text[at] === QUOTE);
    readHex(text, at + 1, { bytes, to, length: KEY_DIGITS / 2 });
    skip(text, { at: at + 1 + KEY_DIGITS, expected: '":"' });
    readHex(text, at + KEY_DIGITS + 4, { bytes, to: to + KEY_DIGITS / 2, length: SUM_DIGITS / 2 });
    expect(text[at + STRIDE - 2] === QUOTE);
  }
  const view = new DataView(bytes.buffer);
  let at = skip(text, { at: begin + count * STRIDE - 1, expected: '},"' });
  const kind = kindOf(text.subarray(at + KEY_DIGITS));
  for (let i = 0, key = begin + 1, to = before * RECORD; i < count; i++, key += STRIDE, to += RECORD) {
    for (let digit = 0; digit < KEY_DIGITS; digit++) expect(text[at + digit] === text[key + digit]);
    at += KEY_DIGITS;
    for (let i = 0; i < kind.length; i++) expect(text[at++] === kind[i]);
    const from = numberAt(text, at);
    expect(text[from.end] === COMMA);
    const until = numberAt(text, from.end + 1);
    at = skip(text, { at: until.end, expected: "]}" });
    const offset = 8 + text.length + from.value;
    if (8 + text.length + until.value > size) {
      throw new Error("expected all of its arrays but found a file that is cut");
    }
    expect(from.value <= until.value && offset <= 0xffffffff);
    view.setUint32(to + SHARD_AT, shard, true);
    view.setUint32(to + OFFSET_AT, offset, true);
    at = i < count - 1 ? skip(text, { at, expected: ',"' }) : at;
  }
  expect(text[at++] === END);
  while (at < text.length) expect(text[at++] === SPACE);
  records.count += count;
}

/** What stands between a key and the first of its offsets, the same for all. */
function kindOf(text: Uint8Array): Uint8Array {
  const end = new TextDecoder().decode(text.subarray(0, 200)).indexOf(OFFSETS);
  expect(end > 0);
  return text.slice(0, end + OFFSETS.length);
}

function readHex(
  text: Uint8Array,
  from: number,
  { bytes, to, length }: { readonly bytes: Uint8Array; readonly to: number; readonly length: number },
): void {
  let all = 0;
  for (let i = 0, at = from; i < length; i++, at += 2) {
    const [high, low] = [digits[text[at]], digits[text[at + 1]]];
    all |= high | low;
    bytes[to + i] = (high << 4) | low;
  }
  if (all > 15) {
    const found = new TextDecoder().decode(text.subarray(from, from + 2 * length));
    throw new Error(`expected keys and sums of hexadecimal digits but found ${found}`);
  }
}

function numberAt(text: Uint8Array, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  let end = from;
  for (; text[end] >= ZERO && text[end] < ZERO + 10; end++) value = 10 * value + text[end] - ZERO;
  expect(end > from);
  return { value, end };
}

/** The place after the text that is expected at `at`. */
function skip(
  text: Uint8Array,
  { at, expected }: { readonly at: number; readonly expected: string },
): number {
  for (let i = 0; i < expected.length; i++) expect(text[at + i] === expected.charCodeAt(i));
  return at + expected.length;
}

function expect(holds: boolean): void {
  if (!holds) throw new Error("expected a header as shards have it but found another");
}
