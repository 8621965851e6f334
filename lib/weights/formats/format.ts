/**
 * What a format of weight files is. Those that there are stand in `mod.ts`.
 *
 * @module
 */
import type { CheckpointValue } from "../checkpoint.ts";
import type { StateDict } from "../state.ts";

/** The weights in a file, and the texts beside them. */
export type Weights = { readonly tensors: StateDict; readonly metadata: Readonly<Record<string, string>> };

/**
 * A format of weight files. Its readers run nothing in the file, and check every size against the file's before they allocate;
 * the file is open, and stays so until they are done. They throw `expected … but found …`, without the file's name.
 */
export type WeightsFormat = {
  /** What a file of it is called in a sentence: "a safetensors file". */
  readonly name: string;
  /** Whether a file is one, by its first 16 bytes, or all that it has of them. */
  readonly isOne: (head: Uint8Array) => boolean;
  /** Files of this name that are of no format are read as one, so that the error says what is wrong in them. */
  readonly extension?: string;
  /** Reads the weights in a file of `size` bytes. */
  readonly read: (file: Deno.FsFile, size: number) => Promise<Weights>;
  /** Reads everything in it, for a format of PyTorch's, which may hold more than weights. */
  readonly readAll?: (file: Deno.FsFile, size: number) => Promise<CheckpointValue>;
};
