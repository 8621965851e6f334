/**
 * JSON with a checksum in it: a changed digit would be another number in a report.
 *
 * @module
 */
import { createHash } from "node:crypto";

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
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
}
