/**
 * The plain file that `torch.save` wrote before version 1.6.
 *
 * @module
 */
import { readAt } from "../../base/files.ts";
import { stateDictOf, valueOf } from "../checkpoint.ts";
import { type Pickle, unpickle } from "../pickle/unpickle.ts";
import { type Checkpoint, tensorReader } from "../tensor_reader.ts";
import type { WeightsFormat } from "./format.ts";

/** An older file of PyTorch's. */
export const pthLegacy: WeightsFormat = {
  name: "an older file of PyTorch's",
  isOne: isLegacy,
  read: async (file, size) => ({ tensors: await stateDictOf(await openLegacy(file, size)), metadata: {} }),
  readAll: async (file, size) => await valueOf(await openLegacy(file, size)),
};

/** What such a file begins with, pickled. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/** Whether a file begins as the older plain format does. */
function isLegacy(head: Uint8Array): boolean {
  return head[0] === 0x80 && head[2] === 0x8a && head[3] === 10 &&
    [...head.subarray(4, 14)].reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n) === LEGACY_MAGIC;
}

/**
 * Opens what `torch.save` wrote before version 1.6: five pickles, then every storage behind its length.
 *
 * @throws {Error} `expected … but found …`, without the file's name.
 */
async function openLegacy(file: Deno.FsFile, size: number): Promise<Checkpoint> {
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
