/**
 * Named arrays: what every weight file is read as and written from.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { someOf } from "../base/printable.ts";
import type { TensorData } from "./dtypes.ts";

/** An array with its shape; `dtype` is PyTorch's name of what `data` holds. */
export type StateTensor = {
  dtype: string;
  shape: number[];
  data: TensorData;
};

/** Arrays by PyTorch's names, in the file's order. */
export type StateDict = Map<string, StateTensor>;

/** What all names begin with, up to a dot; `""` for nothing. */
function commonPrefix(names: readonly string[]): string {
  let prefix = names[0] ?? "";
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix.slice(0, prefix.lastIndexOf(".") + 1);
}

/** How much of a list of keys stands in an error. */
const SOME = { most: 4, longest: 80 };

/**
 * Throws unless `dict` has exactly the expected tensors.
 *
 * @param expected shape by name
 * @param options.what names the model in the error
 * @param options.ignore keys of `dict` that may be there without being expected; none unless given
 * @throws {InputError} `Cannot bind <what>: …`, with how many keys are missing, unexpected and misshaped and the first of them in one line, or
 * with the prefix that is before all of them.
 */
export function checkState(
  dict: StateDict,
  expected: ReadonlyMap<string, readonly number[]>,
  options: { what: string; ignore?: (key: string) => boolean },
): void {
  const { what, ignore = () => false } = options;
  const missing = [...expected.keys()].filter((key) => !dict.has(key));
  const unexpected = [...dict.keys()].filter((key) => !expected.has(key) && !ignore(key));
  const misshaped: string[] = [];
  for (const [key, shape] of expected) {
    const found = dict.get(key)?.shape;
    if (found && (found.length !== shape.length || found.some((side, axis) => side !== shape[axis]))) {
      misshaped.push(`${key} (expected [${shape}] but found [${found}])`);
    }
  }
  const lists = Object.entries({ missing, unexpected, misshaped }).filter(([, keys]) => keys.length > 0)
    .map(([kind, keys]) => `${keys.length} ${kind}: ${someOf(keys, SOME)}`);
  if (lists.length === 0) return;
  const prefix = missing.length === expected.size ? commonPrefix([...dict.keys()]) : "";
  if (prefix !== "") {
    throw new InputError(
      `Cannot bind ${what}: expected names such as ${missing[0]} but found that all names begin with ${
        prefix.slice(0, 80)
      }`,
    );
  }
  // Beside the model, a trainer keeps its loss and its metrics.
  const end = `.${missing[0]}`;
  const behind = unexpected.find((key) => key.endsWith(end))?.slice(0, 1 - end.length);
  if (missing.length > 0 && behind !== undefined && missing.every((key) => dict.has(behind + key))) {
    const others = unexpected.filter((key) => !key.startsWith(behind));
    throw new InputError(
      `Cannot bind ${what}: expected names such as ${missing[0]} but found them behind ${
        behind.slice(0, 80)
      }, beside ${someOf(others, SOME)}; keep those that begin with it, without it`,
    );
  }
  throw new InputError(
    `Cannot bind ${what}: expected ${expected.size} tensors by name and shape but found ${lists.join("; ")}`,
  );
}
