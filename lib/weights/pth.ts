/**
 * Writes PyTorch's own files, as `torch.save` does.
 *
 * @module
 */
import { configure, Uint8ArrayReader, ZipWriter } from "@zip.js/zip.js";
import { writeAtomically } from "../base/files.ts";
import { dtypeNamed, elementCount } from "./dtypes.ts";
import type { StateDict } from "./state.ts";

configure({ useWebWorkers: false }); // the entries are stored, so there is nothing to compute

/** The storage classes that `torch.load` knows; types without one are not written. */
const STORAGE_CLASSES: ReadonlyMap<string, string> = new Map([
  ["float32", "FloatStorage"],
  ["float64", "DoubleStorage"],
  ["float16", "HalfStorage"],
  ["bfloat16", "BFloat16Storage"],
  ["int64", "LongStorage"],
  ["int32", "IntStorage"],
  ["int16", "ShortStorage"],
  ["int8", "CharStorage"],
  ["uint8", "ByteStorage"],
  ["bool", "BoolStorage"],
]);

const utf8 = new TextEncoder();

function u32(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
}

/** Pieces of pickle protocol 2. */
const write = {
  text: (text: string): number[] => {
    const bytes = utf8.encode(text);
    return [0x58, ...u32(bytes.length), ...bytes]; // BINUNICODE
  },
  integer: (value: number): number[] => {
    if (value < 2 ** 31) return [0x4a, ...u32(value)]; // BININT
    return [0x8a, 8, ...u32(value % 2 ** 32), ...u32(Math.floor(value / 2 ** 32))]; // LONG1
  },
  name: (module: string, name: string): number[] => [...utf8.encode(`c${module}\n${name}\n`)], // GLOBAL
  tuple: (...items: number[][]): number[] => [0x28, ...items.flat(), 0x74], // MARK … TUPLE
  emptyOrderedDict: (): number[] => [...write.name("collections", "OrderedDict"), 0x29, 0x52], // () REDUCE
};

/** The pickle of an OrderedDict of contiguous tensors, each with a storage of its own, named by its index. */
function pickleOf(dict: StateDict): Uint8Array {
  const pieces: number[][] = [[0x80, 2], write.emptyOrderedDict(), [0x28]];
  let index = 0;
  for (const [key, { dtype: name, shape, data }] of dict) {
    const dtype = dtypeNamed(name)!;
    const strides = shape.map((_, axis) => Math.max(1, elementCount(shape.slice(axis + 1))));
    const storage = write.tuple(
      write.text("storage"),
      write.name("torch", STORAGE_CLASSES.get(dtype.name)!),
      write.text(String(index++)),
      write.text("cpu"),
      write.integer(data.length),
    );
    const args = write.tuple(
      [...storage, 0x51], // BINPERSID
      write.integer(0),
      write.tuple(...shape.map(write.integer)),
      write.tuple(...strides.map(write.integer)),
      [0x89], // NEWFALSE: no gradient
      write.emptyOrderedDict(),
    );
    pieces.push(write.text(key), write.name("torch._utils", "_rebuild_tensor_v2"), args, [0x52]);
  }
  pieces.push([0x75, 0x2e]); // SETITEMS STOP
  return Uint8Array.from(pieces.flat());
}

/**
 * Writes a state dict as `torch.save` would; `torch.load(path, weights_only=True)` reads it as an OrderedDict of
 * contiguous tensors on the CPU. The file appears whole or not at all, and has the same bytes every time.
 *
 * @param dict entries of PyTorch's types, by PyTorch's name (`"float16"`) or safetensors' (`"F16"`).
 * @throws {Error} `Cannot save …` when an entry's type, shape and data do not agree, or the file cannot be written.
 *
 * @example
 * ```ts
 * import { loadStateDict, savePth, type StateDict } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".pth" });
 * const dict: StateDict = new Map([["step", { dtype: "int32", shape: [], data: Int32Array.of(7) }]]);
 * await savePth(path, dict); // in Python: torch.load(path, weights_only=True)
 * assertEquals(await loadStateDict(path), dict);
 * await Deno.remove(path);
 * ```
 */
export async function savePth(path: string, dict: StateDict): Promise<void> {
  await writeAtomically(path, async (append) => {
    for (const [key, { dtype, shape, data }] of dict) {
      if (!STORAGE_CLASSES.has(dtypeNamed(dtype)?.name ?? "")) {
        throw new Error(`expected a type that PyTorch has a storage for but found ${dtype} in ${key}`);
      }
      if (elementCount(shape) !== data.length) {
        throw new Error(
          `expected ${elementCount(shape)} values for ${key} [${shape}] but found ${data.length}`,
        );
      }
    }
    const zip = new ZipWriter(
      new WritableStream<Uint8Array>({ write: append }),
      { level: 0, extendedTimestamp: false, lastModDate: new Date(1980, 0, 1) },
    );
    const add = (name: string, bytes: Uint8Array) => zip.add(`archive/${name}`, new Uint8ArrayReader(bytes));
    await add("data.pkl", pickleOf(dict));
    await add("byteorder", utf8.encode("little"));
    let index = 0;
    for (const [key, { dtype, data }] of dict) {
      try {
        await add(`data/${index++}`, dtypeNamed(dtype)!.encode(data));
      } catch (error) {
        throw new Error(`${(error as Error).message} in ${key}`);
      }
    }
    await add("version", utf8.encode("3\n"));
    await zip.close();
  });
}
