/**
 * Reads PyTorch's own files: `torch.save` in the zip and the older plain format, and TorchScript archives.
 *
 * @module
 */
import { configure, type FileEntry, Reader, ZipReader } from "@zip.js/zip.js";
import { crc32 } from "node:zlib";
import { readAt } from "../base/files.ts";
import { type Dtype, elementCount, type TensorData } from "./dtypes.ts";
import { type Pickle, unpickle } from "./pickle/unpickle.ts";
import type { PickledTensor, PickleValue } from "./pickle/values.ts";

configure({ useWebWorkers: false }); // the entries are stored, so there is nothing to compute

/** What the tensors take in memory is at most this many times the file: int8 widens to int32, views may repeat. */
const MAX_GROWTH = 16;
const SMALL = 1 << 20;
/** A tensor's storage is an entry of its own. */
const MAX_ENTRIES = 200_000;

/** An open checkpoint: the pickled value, and a way to the tensors that it names. */
export interface Checkpoint {
  /** Whether it is a TorchScript archive, so that `root` is a module. */
  readonly script: boolean;
  /** What was saved, with tensors as places in storages. */
  readonly root: PickleValue;
  /** The elements of one tensor; tensors that share a storage share its memory. */
  readonly read: (tensor: PickledTensor) => Promise<TensorData>;
}

/** Row-major elements of a view that is not row-major in its storage. */
function gather(elements: TensorData, { shape, strides, offset }: PickledTensor): TensorData {
  const count = elementCount(shape);
  const data = new (elements.constructor as new (length: number) => TensorData)(count);
  const rank = shape.length;
  const index = new Array<number>(rank).fill(0);
  for (let i = 0, from = offset; i < count; i++) {
    data[i] = elements[from];
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return data;
}

function isRowMajor({ shape, strides }: PickledTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** Reads tensors out of storages, each storage once, within what a file of `fileSize` bytes justifies. */
function tensorReader(
  fileSize: number,
  readStorage: (key: string) => Promise<Uint8Array>,
): Checkpoint["read"] {
  const bytes = new Map<string, Promise<Uint8Array>>();
  const decoded = new Map<string, Map<Dtype, TensorData>>();
  const views = new Map<PickledTensor, TensorData>();
  let spent = 0;
  const spend = (amount: number) => {
    spent += amount;
    if (!(spent <= MAX_GROWTH * fileSize + SMALL)) {
      throw new Error(
        `expected tensors in proportion to the file's ${fileSize} bytes but found ${spent} bytes of them`,
      );
    }
  };

  return async (tensor) => {
    const known = views.get(tensor);
    if (known) return known;
    const { storage, dtype, shape, offset } = tensor;
    const types = decoded.get(storage.key) ?? new Map<Dtype, TensorData>();
    decoded.set(storage.key, types);
    let elements = types.get(dtype);
    if (!elements) {
      if (!bytes.has(storage.key)) bytes.set(storage.key, readStorage(storage.key));
      const raw = await bytes.get(storage.key)!;
      const whole = Math.floor(raw.length / dtype.bytes);
      spend(whole * 8);
      elements = dtype.decode(raw.subarray(0, whole * dtype.bytes));
      types.set(dtype, elements);
      // A typed storage is never decoded again: half precision need not stay beside its float32.
      if (storage.dtype) bytes.delete(storage.key);
    }
    const needed = storage.elements * (storage.dtype?.bytes ?? 1) / dtype.bytes;
    if (elements.length < Math.floor(needed)) {
      throw new Error(`expected ${needed} elements in storage ${storage.key} but found ${elements.length}`);
    }
    const count = elementCount(shape);
    let data: TensorData;
    if (count === 0) data = elements.subarray(0, 0);
    else if (isRowMajor(tensor)) data = elements.subarray(offset, offset + count);
    else {
      spend(count * elements.BYTES_PER_ELEMENT);
      data = gather(elements, tensor);
    }
    views.set(tensor, data);
    return data;
  };
}

/** What a zip ends with when it has the end of a large one too: that, where it is, and the end of a small one. */
const LARGE_END = 56;
const LARGE_PLACE = 20;
const SMALL_END = 22;

class FileReader extends Reader<Deno.FsFile> {
  readonly #file: Deno.FsFile;
  #directory: number | undefined;

  constructor(file: Deno.FsFile, size: number) {
    super(file);
    this.#file = file;
    this.size = size;
  }

  override async readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await readAt(this.#file, offset, Math.max(0, Math.min(length, this.size - offset)));
    // PyTorch ends every zip both ways. zip.js looks at the large end only where the small one lacks a number, and else takes
    // the directory to lie 76 bytes further on if an entry begins there: if the first has a name of 30 characters.
    this.#directory ??= await this.#placeOfDirectory();
    for (let place = Math.max(this.#directory, offset); place < this.#directory + 4; place++) {
      if (place < offset + bytes.length) bytes[place - offset] = 0xff;
    }
    return bytes;
  }

  /** Where the small end says where the directory is; behind the file where there is no large one. */
  async #placeOfDirectory(): Promise<number> {
    const length = LARGE_END + LARGE_PLACE + SMALL_END;
    if (this.size < length) return this.size;
    const end = new DataView((await readAt(this.#file, this.size - length, length)).buffer);
    const both = end.getUint32(0, true) === 0x06064b50 && end.getUint32(LARGE_END, true) === 0x07064b50 &&
      end.getUint32(LARGE_END + LARGE_PLACE, true) === 0x06054b50;
    return both ? this.size - SMALL_END + 16 : this.size;
  }
}

/**
 * The bytes of a stored entry, read in one piece: through zip.js's streams a file of 350 MB takes six times as long.
 * PyTorch compresses nothing but a TorchScript archive's code.
 */
async function readEntry(file: Deno.FsFile, fileSize: number, entry: FileEntry): Promise<Uint8Array> {
  const { filename, offset, compressionMethod, encrypted, uncompressedSize: size } = entry;
  if (compressionMethod !== 0 || encrypted || entry.compressedSize !== size) {
    throw new Error(`expected ${filename} stored as it is but found it compressed or encrypted`);
  }
  const header = new DataView((await readAt(file, offset, 30)).buffer);
  const start = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (header.getUint32(0, true) !== 0x04034b50 || start + size > fileSize) {
    throw new Error(
      `expected ${size} bytes of ${filename} at offset ${start} but found the end or another entry`,
    );
  }
  const bytes = await readAt(file, start, size);
  // PyTorch can be told to leave the checksum out, and then it is zero.
  if (entry.crc32 !== 0 && entry.crc32 !== crc32(bytes)) {
    throw new Error(
      `expected ${filename} with checksum ${entry.crc32} but found ${crc32(bytes)}: it is damaged`,
    );
  }
  return bytes;
}

/**
 * Opens a zip written by `torch.save` or `torch.jit.save`; the file must stay open while tensors are read.
 *
 * @throws {Error} `expected … but found …`, without the file's name.
 */
export async function openZip(file: Deno.FsFile, size: number): Promise<Checkpoint> {
  const entries = new Map<string, FileEntry>();
  try {
    for await (const entry of new ZipReader(new FileReader(file, size)).getEntriesGenerator()) {
      if (!entry.directory) entries.set(entry.filename, entry);
      if (entries.size > MAX_ENTRIES) {
        throw new Error(`expected at most ${MAX_ENTRIES} entries but found more`);
      }
    }
  } catch (error) {
    throw new Error(`expected a whole zip archive but found a damaged one: ${(error as Error).message}`);
  }
  const pickled = [...entries.keys()].find((name) => /^[^/]*\/data\.pkl$/.test(name));
  if (!pickled) throw new Error("expected an archive of PyTorch's with a data.pkl but found none");
  const folder = pickled.slice(0, -"data.pkl".length);
  let total = 0;
  const read = async (name: string) => {
    const entry = entries.get(folder + name);
    if (!entry) throw new Error(`expected ${folder + name} in the archive but found none`);
    total += entry.uncompressedSize;
    if (total > size) {
      throw new Error(`expected entries beside each other but found ${entry.filename} within another`);
    }
    return await readEntry(file, size, entry);
  };
  if (entries.has(`${folder}byteorder`)) {
    const order = new TextDecoder().decode(await read("byteorder"));
    if (order !== "little") throw new Error(`expected little-endian tensors but found ${order.slice(0, 20)}`);
  }
  let root: PickleValue;
  try {
    root = unpickle(await read("data.pkl")).value;
  } catch (error) {
    throw new Error(`${(error as Error).message} of ${pickled}`);
  }
  return {
    script: entries.has(`${folder}constants.pkl`),
    root,
    read: tensorReader(size, (key) => read(`data/${key}`)),
  };
}

/** `torch.save` before 1.6 begins with this number, pickled. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/** Whether a file begins as the older plain format does. */
export function isLegacy(head: Uint8Array): boolean {
  return head[0] === 0x80 && head[2] === 0x8a && head[3] === 10 &&
    [...head.subarray(4, 14)].reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n) === LEGACY_MAGIC;
}

/**
 * Opens what `torch.save` wrote before version 1.6: five pickles, then every storage behind its length.
 *
 * @throws {Error} `expected … but found …`, without the file's name.
 */
export async function openLegacy(file: Deno.FsFile, size: number): Promise<Checkpoint> {
  const bytes = await readAt(file, 0, size);
  let position = 0;
  const next = (): Pickle => {
    const pickle = unpickle(bytes, position);
    position = pickle.end;
    return pickle;
  };
  next(); // the magic number
  next(); // the protocol's version
  const { value: system } = next();
  if (!(system instanceof Map) || system.get("little_endian") !== true) {
    throw new Error("expected little-endian tensors but found others");
  }
  const { value: root, storages } = next();
  const { value: keys } = next();
  if (!Array.isArray(keys)) throw new Error("expected a list of storages but found another value");

  const elementBytes = new Map(storages.map(({ key, dtype }) => [key, dtype?.bytes ?? 1]));
  const places = new Map<string, Uint8Array>();
  for (const key of keys) {
    const width = elementBytes.get(key as string);
    if (width === undefined) {
      throw new Error(`expected only storages in use but found another at offset ${position}`);
    }
    if (position + 8 > size) {
      throw new Error(`expected storage ${key} at offset ${position} but found the end`);
    }
    const length = Number(new DataView(bytes.buffer).getBigInt64(position, true)) * width;
    position += 8;
    if (length < 0 || length > size - position) {
      throw new Error(
        `expected storage ${key} of ${length} bytes at offset ${position} but found ${size - position}`,
      );
    }
    places.set(key as string, bytes.subarray(position, position + length));
    position += length;
  }
  const readStorage = (key: string) => {
    const place = places.get(key);
    if (!place) throw new Error(`expected storage ${key} in the file but found none`);
    return Promise.resolve(place.slice()); // aligned
  };
  return { script: false, root, read: tensorReader(size, readStorage) };
}
