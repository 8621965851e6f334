/**
 * Checksums, and JSON with one in it: a changed digit would be another number in a report.
 *
 * @module
 */
import { createHash } from "node:crypto";

/**
 * The SHA-256 of texts and bytes, one after the other, in hexadecimal.
 *
 * @param options.digits how many of its digits, an even number, from the first on; all 64 unless given
 */
export function sha256(
  content: string | Uint8Array | readonly (string | Uint8Array)[],
  options: { readonly digits?: number } = {},
): string {
  const hash = createHash("sha256");
  for (const piece of Array.isArray(content) ? content : [content]) hash.update(piece);
  const { digits } = options;
  // Of the bytes: a part of a longer text would keep all of it.
  return digits === undefined ? hash.digest("hex") : hash.digest().subarray(0, digits / 2).toHex();
}

/**
 * The SHA-256 of a file, which may be larger than memory, in hexadecimal.
 *
 * @throws {Error} what the system says against the file
 */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const chunk = new Uint8Array(1 << 20);
  for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
    hash.update(chunk.subarray(0, count));
  }
  return hash.digest("hex");
}

/** An object as JSON, with its checksum as the last key, `sum`. */
export function sealedJson(value: object): string {
  return JSON.stringify({ ...value, sum: sumOf(value) }, null, 2) + "\n";
}

/**
 * The object that {@link sealedJson} wrote, without its `sum`; those of older versions have none.
 *
 * @param options.expected what it is, for the message: `state`
 * @throws {Error} with the part `expected … but found …` alone, when it was changed.
 */
export function unsealed(value: object, options: { readonly expected: string }): object {
  const { sum, ...rest } = value as { readonly sum?: unknown }; // in the order that was written
  if (sum !== undefined && sum !== sumOf(rest)) {
    throw new Error(`expected the ${options.expected} that was written but found another: it is damaged`);
  }
  return rest;
}

function sumOf(value: object): string {
  return sha256(JSON.stringify(value), { digits: 32 });
}

/** By byte, from the polynomial 0x1edc6f41 with its bits reversed. */
const crc32cTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli), which TensorFlow's records carry; another polynomial than the CRC-32 of zip files. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ crc32cTable[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}
