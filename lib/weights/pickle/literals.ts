/**
 * The bytes of a pickle, and the instructions that stand for a number, a text or bytes.
 *
 * @module
 */
import { decodeText } from "../../base/files.ts";
import type { PickleValue } from "./values.ts";

/** A pickle's bytes, taken one after the other; each throws `expected … but found …` at the end of them. */
export type Cursor = {
  /** Where the next byte is. */
  readonly position: () => number;
  readonly u8: () => number;
  readonly u16: () => number;
  readonly u32: () => number;
  readonly u64: () => number;
  readonly int32: () => number;
  readonly float64: () => number;
  /** The next bytes, of the same memory. */
  readonly raw: (length: number) => Uint8Array;
  /** The text up to a line feed, which is passed over. */
  readonly line: () => string;
};

/** A cursor at `start`. */
export function createCursor(bytes: Uint8Array, start: number): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = start;
  const take = (length: number): number => {
    if (length > bytes.length - position) {
      throw new Error(`expected ${length} more bytes but found ${bytes.length - position}`);
    }
    position += length;
    return position - length;
  };
  const raw = (length: number): Uint8Array => {
    const from = take(length);
    return bytes.subarray(from, from + length);
  };
  return {
    position: () => position,
    u8: () => bytes[take(1)],
    u16: () => view.getUint16(take(2), true),
    u32: () => view.getUint32(take(4), true),
    u64: () => Number(view.getBigUint64(take(8), true)),
    int32: () => view.getInt32(take(4), true),
    float64: () => view.getFloat64(take(8), false), // the only number that is big-endian
    raw,
    line: () => {
      const end = bytes.indexOf(10, position);
      if (end < 0) throw new Error("expected a line but found the end");
      const text = decodeText(raw(end - position));
      position++;
      return text;
    },
  };
}

/** A little-endian two's-complement integer, as a number where that is exact. */
function integer(bytes: Uint8Array): number | bigint {
  if (bytes.length > 64) throw new Error(`expected an integer of at most 64 bytes but found ${bytes.length}`);
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  value = BigInt.asIntN(8 * bytes.length, value);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/**
 * A whole number in digits, as a number where that is exact.
 *
 * @throws {Error} `expected an integer but found …`.
 */
export function decimal(text: string): number | bigint {
  if (!/^[+-]?\d{1,150}L?$/.test(text)) throw new Error(`expected an integer but found ${text.slice(0, 40)}`);
  const value = BigInt(text.replace(/L$|^\+/g, ""));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/**
 * The value of an instruction that is one by itself; undefined for any other, of which no byte is taken.
 *
 * @throws {Error} `expected … but found …` when the bytes after it are no such value.
 */
export function literal(opcode: string, cursor: Cursor): PickleValue | undefined {
  switch (opcode) {
    case "N":
      return null;
    case "\x88":
      return true;
    case "\x89":
      return false;
    case "I": { // INT, which also spells the booleans
      const text = cursor.line();
      return text === "00" ? false : text === "01" ? true : decimal(text);
    }
    case "L":
      return decimal(cursor.line());
    case "J":
      return cursor.int32();
    case "K":
      return cursor.u8();
    case "M":
      return cursor.u16();
    case "\x8a": // LONG1
      return integer(cursor.raw(cursor.u8()));
    case "\x8b": // LONG4
      return integer(cursor.raw(cursor.u32()));
    case "F": {
      const text = cursor.line();
      const value = { inf: Infinity, "-inf": -Infinity, nan: NaN }[text] ?? Number(text);
      if (Number.isNaN(value) && text !== "nan") {
        throw new Error(`expected a number but found ${text.slice(0, 40)}`);
      }
      return value;
    }
    case "G":
      return cursor.float64();

    case "S": { // STRING, quoted
      const text = cursor.line();
      if (!/^(['"]).*\1$/.test(text) || text.includes("\\")) {
        throw new Error(`expected plain quoted text but found ${text.slice(0, 40)}`);
      }
      return text.slice(1, -1);
    }
    case "T":
      return decodeText(cursor.raw(cursor.u32()));
    case "U":
      return decodeText(cursor.raw(cursor.u8()));
    case "V": { // UNICODE, with escapes
      const text = cursor.line();
      if (text.includes("\\")) {
        throw new Error(`expected text without escapes but found ${text.slice(0, 40)}`);
      }
      return text;
    }
    case "X":
      return decodeText(cursor.raw(cursor.u32()));
    case "\x8c":
      return decodeText(cursor.raw(cursor.u8()));
    case "\x8d":
      return decodeText(cursor.raw(cursor.u64()));
    case "B":
      return cursor.raw(cursor.u32());
    case "C":
      return cursor.raw(cursor.u8());
    case "\x8e":
    case "\x96":
      return cursor.raw(cursor.u64());
    default:
      return undefined;
  }
}
