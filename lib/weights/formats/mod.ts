/**
 * The formats of weight files that are read.
 *
 * @module
 */
import type { WeightsFormat } from "./format.ts";
import { pthLegacy } from "./pth_legacy.ts";
import { pthZip } from "./pth_zip.ts";
import { safetensors } from "./safetensors.ts";

/** The formats in the order in which they are tried on a file. */
export const formats = {
  safetensors,
  pthZip,
  pthLegacy,
} as const satisfies Readonly<Record<string, WeightsFormat>>;
