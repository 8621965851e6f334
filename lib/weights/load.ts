/**
 * Weight files → named arrays, whatever wrote them.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { readAt } from "../base/files.ts";
import type { CheckpointValue } from "./checkpoint.ts";
import type { Weights, WeightsFormat } from "./formats/format.ts";
import { formats } from "./formats/mod.ts";
import type { StateDict } from "./state.ts";

/** Of an error's reason, which may quote the file. */
const MAX_REASON = 300;

async function opened<T>(
  path: string,
  use: (file: Deno.FsFile, size: number, head: Uint8Array) => Promise<T>,
): Promise<T> {
  try {
    using file = await Deno.open(path);
    const { isFile, size } = await file.stat();
    if (!isFile) throw new Error("expected a file but found a folder");
    return await use(file, size, await readAt(file, 0, Math.min(size, 16)));
  } catch (error) {
    const message = error instanceof Deno.errors.NotFound
      ? "expected a file but found none"
      // A name in the file may hold what a terminal would obey.
      : (error as Error).message.split("\n")[0].replace(/\p{Cc}/gu, "�");
    const reason = message.length > MAX_REASON ? `${message.slice(0, MAX_REASON)}…` : message;
    throw new InputError(`Cannot load ${path}: ${reason}`, { cause: error });
  }
}

const allFormats: readonly WeightsFormat[] = Object.values(formats);
const or = new Intl.ListFormat("en-US", { type: "disjunction" });

function formatOf(head: Uint8Array): WeightsFormat | undefined {
  return allFormats.find(({ isOne }) => isOne(head));
}

/**
 * Reads the weights in a safetensors, `.pth` or `.pt` file: the format is found by content, not by name.
 *
 * From a pickle come the tensors under `model_state_dict`, `state_dict` or `model`, the first of them that there is, or
 * under one of these within it; else under `net`, `network`, `params`, `weights` or `model_ema`, where no other dictionary
 * of tensors is beside it but averages of the same. Without one, or when the file's top level holds tensors itself, all
 * tensors in the file, nested names joined by dots and lists counted from 0 (`optimizer.state.0.exp_avg`).
 * `loadCheckpoint()` gives the rest. From a TorchScript archive come the tensors of its modules.
 *
 * `dtype` and `data` are float32 for all floating-point types (halves are widened; **float64 is rounded**), int32 for
 * integers up to 16 bits and int32, int64 for uint32 and wider, uint8 and bool as they are. Tensors that share memory
 * in the file may share it here: do not write to them.
 *
 * Nothing in the file is run: of Python's classes those of tensors and containers, and some that are harmless as plain data
 * (counters, namespaces, paths, times, NumPy's numbers and arrays), are read, and any other name is refused. What a file may
 * take in memory is bounded by its own size; it has at most 100,000 tensors.
 *
 * @throws {InputError} `Cannot load <path>: expected … but found …`, with the key or the offset.
 *
 * @example
 * ```ts
 * import { loadStateDict, saveSafetensors, type StateDict } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const bias = { dtype: "float32", shape: [2], data: Float32Array.of(0.5, 1) };
 * const dict: StateDict = new Map([["bias", bias]]);
 * await saveSafetensors(path, dict);
 * assertEquals(await loadStateDict(path), dict);
 * await Deno.remove(path);
 * ```
 */
export async function loadStateDict(path: string): Promise<StateDict> {
  return (await loadWeights(path)).tensors;
}

/**
 * As `loadStateDict()`, with the texts that a safetensors file has beside its tensors; none from PyTorch's formats.
 *
 * @throws {InputError} `Cannot load <path>: expected … but found …`, with the key or the offset.
 */
export function loadWeights(path: string): Promise<Weights> {
  return opened(path, async (file, size, head) => {
    const format = formatOf(head) ??
      allFormats.find(({ extension }) => extension !== undefined && path.endsWith(extension));
    if (format) return await format.read(file, size);
    throw new Error(
      `expected ${or.format(allFormats.map(({ name }) => name))} but found ` +
        (size === 0 ? "an empty file" : `${size} bytes of another format`),
    );
  });
}

/**
 * Reads everything that `torch.save` put in a file: the weights, and epoch, losses, optimizer and whatever else there
 * is beside them, as plain values; dictionaries and modules become objects, tuples and sets lists, times texts, and what has
 * no plain value `null`.
 *
 * @returns the value; tensors as in `loadStateDict()`.
 * @throws {InputError} `Cannot load <path>: expected … but found …`, with the key or the offset.
 *
 * @example
 * ```ts
 * import { loadCheckpoint, savePth, type StateDict } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".pth" });
 * const bias = { dtype: "float32", shape: [2], data: Float32Array.of(0.5, 1) };
 * const dict: StateDict = new Map([["bias", bias]]);
 * await savePth(path, dict);
 * assertEquals(await loadCheckpoint(path), Object.fromEntries(dict));
 * await Deno.remove(path);
 * ```
 */
export function loadCheckpoint(path: string): Promise<CheckpointValue> {
  return opened(path, async (file, size, head) => {
    const { readAll } = formatOf(head) ?? {};
    if (!readAll) throw new Error("expected a file of PyTorch's but found another format");
    return await readAll(file, size);
  });
}
