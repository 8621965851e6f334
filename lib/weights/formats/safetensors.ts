/**
 * The safetensors format, among those that are told by a file's content.
 *
 * @module
 */
import { readSafetensors } from "../safetensors.ts";
import type { WeightsFormat } from "./format.ts";

/** A safetensors file. */
export const safetensors: WeightsFormat = {
  name: "a safetensors file",
  extension: ".safetensors",
  // The brace that the header begins with, behind its length: no file of PyTorch's has one there.
  isOne: (head) => head[8] === 0x7b,
  read: readSafetensors,
};
