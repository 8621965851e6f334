/**
 * The safetensors format: a JSON header and the tensors' bytes, one after the other.
 *
 * @see https://github.com/huggingface/safetensors#format
 * @module
 */
import { createHash } from "node:crypto";
import { type Dtype, dtypeNamed, elementCount, shapeText } from "./dtypes.ts";
import { decodeText, readAt, writeAtomically } from "../base/files.ts";
import type { StateDict } from "./state.ts";

/** The format's own limit, in bytes. */
const MAX_HEADER = 100_000_000;
const MAX_TENSORS = 100_000;
/** Of a tensor's name. */
const MAX_NAME = 1000;
/** A header is an object of objects, with lists in them. */
const MAX_DEPTH = 3;
/** A tensor's entry has three and those of its shape. */
const MAX_COMMAS = 20 * MAX_TENSORS;
/** Tensors are read together up to so many bytes. */
const MAX_READ = 1 << 20;

/** Under this key of the metadata stands the checksum of the rest. */
const CHECKSUM = "forgelens.checksum";
/** What a checksum begins with, so that a damaged key does not hide it; the number changes with the way of making it. */
const CHECKSUM_MARK = "forgelens-1 sha256 ";

interface Placed {
  readonly key: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A value of the header as it may stand in an error. */
function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function bytesOf(key: string, shape: readonly number[], dtype: Dtype): number {
  try {
    return elementCount(shape) * dtype.bytes;
  } catch {
    throw new Error(
      `expected at most 2^53 elements for ${key}, ${dtype.safetensors} ${shapeText(shape)}, but found more`,
    );
  }
}

/** One entry of the header, checked on its own. */
function placed(key: string, entry: unknown): Placed {
  if (key.length > MAX_NAME) {
    throw new Error(`expected names of at most ${MAX_NAME} characters but found ${key.slice(0, 80)}…`);
  }
  const { dtype: name, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const dtype = typeof name === "string" ? dtypeNamed(name) : undefined;
  if (!dtype || dtype.safetensors !== name) {
    throw new Error(`expected an element type of the format for ${key} but found ${brief(name)}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw new Error(`expected a shape of whole numbers for ${key} but found ${brief(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw new Error(`expected two offsets for ${key} but found ${brief(offsets)}`);
  }
  const [begin, end] = offsets;
  const bytes = bytesOf(key, shape, dtype);
  if (end - begin !== bytes) {
    throw new Error(
      `expected ${bytes} bytes for ${key}, ${name} ${shapeText(shape)}, but found offsets ${begin} to ${end}`,
    );
  }
  return { key, dtype: dtype.name, shape, begin, end };
}

function metadataOf(value: unknown): Record<string, string> {
  const isText = value !== null && typeof value === "object" && !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === "string");
  if (!isText) throw new Error(`expected __metadata__ of texts but found ${brief(value)}`);
  return value as Record<string, string>;
}

/** Refuses a header that would take many times its size in memory, or minutes, before it is parsed. */
function checkHeader(json: Uint8Array): void {
  let depth = 0;
  let objects = 0;
  let commas = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (quoted) {
      if (byte === 0x5c) i++; // a backslash and what it escapes
      else if (byte === 0x22) quoted = false;
    } else if (byte === 0x22) quoted = true;
    else if (byte === 0x2c) commas++;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_DEPTH) throw new Error(`expected a header of ${MAX_DEPTH} levels but found more`);
      if (depth === 2) objects++;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  // One of the objects may be __metadata__.
  if (objects > MAX_TENSORS + 1 || commas > MAX_COMMAS) {
    throw new Error(`expected at most ${MAX_TENSORS} tensors but found ${objects}, and ${commas} commas`);
  }
}

/** The header's entries in its own order, checked to fill the `dataLength` bytes behind it without gap or overlap. */
function parseHeader(
  text: string,
  dataLength: number,
): { entries: Placed[]; metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw new Error(`expected a header in JSON but found: ${(error as Error).message.slice(0, 100)}`);
  }
  if (header === null || typeof header !== "object" || Array.isArray(header)) {
    throw new Error("expected a JSON object as header but found another value");
  }
  let metadata: Record<string, string> = {};
  const entries: Placed[] = [];
  for (const [key, entry] of Object.entries(header)) {
    if (key === "__metadata__") metadata = metadataOf(entry);
    else entries.push(placed(key, entry));
    if (entries.length > MAX_TENSORS) {
      throw new Error(`expected at most ${MAX_TENSORS} tensors but found more`);
    }
  }
  let filled = 0;
  for (const { key, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== filled) {
      throw new Error(`expected ${key} to begin at offset ${filled} but found ${begin}: a gap or an overlap`);
    }
    filled = end;
  }
  if (filled !== dataLength) {
    throw new Error(`expected ${filled} bytes of tensors after the header but found ${dataLength}`);
  }
  return { entries, metadata };
}

/**
 * The checksum of metadata and tensors: it does not depend on the order in which they stand in the file, so that a file that
 * another program wrote anew, with the same metadata, has the same.
 */
function checksumOf(metadata: Readonly<Record<string, string>>) {
  const hash = createHash("sha256");
  for (const key of Object.keys(metadata).sort()) {
    if (key !== CHECKSUM) hash.update(`${JSON.stringify([key, metadata[key]])}\n`);
  }
  return {
    /** Takes the next tensor; in the order of `byName()`. */
    add: (key: string, dtype: string, shape: readonly number[], bytes: Uint8Array) => {
      hash.update(`${JSON.stringify([key, dtype, shape])}\n`).update(bytes);
    },
    text: () => `${CHECKSUM_MARK}${hash.digest("hex")}`,
  };
}

function byName<T extends { readonly key: string }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => a.key < b.key ? -1 : 1);
}

/**
 * Reads an open safetensors file. Where `saveSafetensors()` left a checksum in its metadata, it is checked.
 *
 * @returns The tensors in the header's order, and the header's `__metadata__` (empty if there is none).
 * @throws {Error} `expected … but found …`, without the file's name, when header, offsets, sizes or the checksum are wrong.
 */
export async function readSafetensors(
  file: Deno.FsFile,
  size: number,
): Promise<{ tensors: StateDict; metadata: Record<string, string> }> {
  if (size < 8) throw new Error(`expected a header length of 8 bytes but found a file of ${size}`);
  const length = new DataView((await readAt(file, 0, 8)).buffer).getBigUint64(0, true);
  if (length > BigInt(Math.min(size - 8, MAX_HEADER))) {
    throw new Error(
      `expected a header within the file's ${size} bytes and the format's ${MAX_HEADER} but found a length of ${length}`,
    );
  }
  const dataStart = 8 + Number(length);
  const json = await readAt(file, 8, Number(length));
  checkHeader(json);
  const { entries, metadata } = parseHeader(decodeText(json), size - dataStart);

  const tensors: StateDict = new Map(entries.map(({ key, dtype, shape }) => {
    const { loadsAs } = dtypeNamed(dtype)!;
    return [key, { dtype: loadsAs, shape: [...shape], data: new Float32Array() }];
  }));
  const stated = Object.entries(metadata).find(([key, value]) =>
    key === CHECKSUM || value.startsWith(CHECKSUM_MARK)
  );
  const { [stated?.[0] ?? CHECKSUM]: _, ...others } = metadata;
  const checksum = checksumOf(others);
  // In the order of the checksum, or else the header's, where small tensors that follow each other are read together.
  let piece: { begin: number; bytes: Uint8Array } = { begin: 0, bytes: new Uint8Array() };
  for (const { key, dtype: name, shape, begin, end } of stated ? byName(entries) : entries) {
    if (begin < piece.begin || end > piece.begin + piece.bytes.length) {
      const together = stated ? 0 : Math.min(MAX_READ, size - dataStart - begin);
      piece = { begin, bytes: await readAt(file, dataStart + begin, Math.max(end - begin, together)) };
    }
    const from = begin - piece.begin;
    const whole = from === 0 && end - begin === piece.bytes.length;
    const dtype = dtypeNamed(name)!;
    const bytes = whole ? piece.bytes : piece.bytes.slice(from, from + end - begin);
    if (stated) checksum.add(key, dtype.safetensors, shape, bytes);
    tensors.get(key)!.data = dtype.decode(bytes);
  }
  if (stated && stated[1] !== checksum.text()) {
    throw new Error(
      "expected what the checksum in its metadata was made of but found other bytes: the file was damaged, or changed by " +
        "hand; take another copy of it (or, where the change was meant, write it without the metadata's checksum)",
    );
  }
  return { tensors, metadata };
}

/**
 * What a safetensors file begins with: the length of its header in 8 bytes, and the header, padded so that the data begin at a
 * multiple of 8.
 *
 * @param header by a tensor's name its `dtype`, `shape` and `data_offsets`; texts under `__metadata__`
 * @throws {Error} `expected … but found …` when it is longer than the format allows.
 */
export function safetensorsHead(header: Readonly<Record<string, unknown>>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER) {
    throw new Error(`expected a header of at most ${MAX_HEADER} bytes but found ${length}`);
  }
  const head = new Uint8Array(8 + length).fill(32); // with spaces, as the format wants
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, 8);
  return head;
}

/**
 * Writes a state dict as safetensors; the file appears whole or not at all.
 *
 * `dtype` is any of the format's, by PyTorch's name or the format's (`"float16"` or `"F16"`): floating-point types
 * take a Float32Array and round it, integer types any array whose values fit.
 *
 * @param options.metadata texts for the header's `__metadata__`.
 * @param options.checksum adds to them, as `forgelens.checksum`, a SHA-256 over all texts and tensors, which loading checks; off unless
 * given.
 * @throws {Error} `Cannot save …` when an entry's type, shape and data do not agree, or the file cannot be written.
 *
 * @example
 * ```ts
 * import { loadStateDict, saveSafetensors, type StateDict } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const dict: StateDict = new Map([["bias", { dtype: "F16", shape: [2], data: Float32Array.of(0.1, 1) }]]);
 * await saveSafetensors(path, dict, { metadata: { made: "by hand" }, checksum: true });
 * const { data } = (await loadStateDict(path)).get("bias")!;
 * assertEquals([...data], [0.0999755859375, 1]); // the nearest half, widened
 * await Deno.remove(path);
 * ```
 */
export async function saveSafetensors(
  path: string,
  dict: StateDict,
  options: { metadata?: Record<string, string>; checksum?: boolean } = {},
): Promise<void> {
  await writeAtomically(path, async (append) => {
    const texts = options.metadata && metadataOf(options.metadata);
    const items = [...dict].map(([key, { dtype: name, shape, data }]) => {
      const dtype = dtypeNamed(name);
      if (!dtype) throw new Error(`expected an element type of the format for ${key} but found ${name}`);
      if (key === "__metadata__") throw new Error("expected a tensor's name but found __metadata__");
      if (elementCount(shape) !== data.length) {
        throw new Error(
          `expected ${elementCount(shape)} values for ${key} [${shape}] but found ${data.length}`,
        );
      }
      return { key, dtype, shape, data, bytes: data.length * dtype.bytes, begin: 0 };
    });
    // Wide elements first, so that each tensor begins at a multiple of its element size.
    const inFile = items.toSorted((a, b) => b.dtype.bytes - a.dtype.bytes);
    let filled = 0;
    for (const item of inFile) {
      item.begin = filled;
      filled += item.bytes;
    }
    const encoded = ({ key, dtype, data }: typeof items[number]) => {
      try {
        return dtype.encode(data);
      } catch (error) {
        throw new Error(`${(error as Error).message} in ${key}`);
      }
    };
    const checksum = options.checksum ? checksumOf(texts ?? {}) : undefined;
    if (checksum) {
      for (const item of byName(items)) {
        checksum.add(item.key, item.dtype.safetensors, item.shape, encoded(item));
      }
    }
    const metadata = checksum ? { ...texts, [CHECKSUM]: checksum.text() } : texts;
    const header: Record<string, unknown> = Object.fromEntries([
      ...(metadata ? [["__metadata__", metadata] as const] : []),
      ...items.map(({ key, dtype, shape, begin, bytes }) =>
        [key, { dtype: dtype.safetensors, shape, data_offsets: [begin, begin + bytes] }] as const
      ),
    ]);
    await append(safetensorsHead(header));
    for (const item of inFile) await append(encoded(item));
  });
}
