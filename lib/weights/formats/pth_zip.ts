/**
 * The zip that `torch.save` and `torch.jit.save` write.
 *
 * @module
 */
import { configure, type FileEntry, Reader, ZipReader } from "@zip.js/zip.js";
import { crc32 } from "node:zlib";
import { readAt } from "../../base/files.ts";
import { stateDictOf, valueOf } from "../checkpoint.ts";
import { unpickle } from "../pickle/unpickle.ts";
import type { PickleValue } from "../pickle/values.ts";
import { type Checkpoint, tensorReader } from "../tensor_reader.ts";
import type { WeightsFormat } from "./format.ts";

configure({ useWebWorkers: false }); // the entries are stored, so there is nothing to compute

/** A zip of PyTorch's. */
export const pthZip: WeightsFormat = {
  name: "a zip of PyTorch's or a TorchScript archive",
  isOne: (head) => head[0] === 0x50 && head[1] === 0x4b,
  read: async (file, size) => ({ tensors: await stateDictOf(await openZip(file, size)), metadata: {} }),
  readAll: async (file, size) => await valueOf(await openZip(file, size)),
};

/** A tensor's storage is an entry of its own. */
const MAX_ENTRIES = 200_000;

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
async function openZip(file: Deno.FsFile, size: number): Promise<Checkpoint> {
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
