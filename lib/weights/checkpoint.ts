/**
 * What a training script saved in a file of PyTorch's: where its weights are, and the rest as plain values.
 *
 * @module
 */
import type { TensorData } from "./dtypes.ts";
import { isTensor, type PickledTensor, type PickleValue } from "./pickle/values.ts";
import type { StateDict, StateTensor } from "./state.ts";
import type { Checkpoint } from "./tensor_reader.ts";

/** What a checkpoint holds beside its weights: numbers, texts, lists, dictionaries, and tensors anywhere in them. */
export type CheckpointValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | StateTensor
  | CheckpointValue[]
  | { [key: string]: CheckpointValue };

/** Under these keys training scripts put the weights, beside an epoch, a loss and an optimizer. */
const WRAPPERS = ["model_state_dict", "state_dict", "model", "model.state_dict"];
/** Under these too, but a module may have such a name: taken where nothing beside them looks like weights. */
const NAMES_OF_MODULES = ["net", "network", "params", "weights", "model_ema"];
/** The same weights again, averaged. */
const AVERAGES = ["model_ema", "params_ema", "ema", "ema_state_dict", "state_dict_ema"];

const MAX_DEPTH = 64;
const MAX_VALUES = 1_000_000;
const MAX_TENSORS = 100_000;
/** Of a tensor's name, which joins those of all that it is in. */
const MAX_NAME = 1000;

function keyText(key: PickleValue): string {
  if (key === null || typeof key !== "object") return String(key);
  const parts = Array.isArray(key) && key.length <= 16 ? key : undefined; // a tuple
  if (parts?.every((part) => part === null || typeof part !== "object")) return `(${parts.join(", ")})`;
  throw new Error("expected keys that are texts or numbers but found another");
}

/** The children of a container with their keys, one by one, as there may be very many; none for anything else. */
function* childrenOf(value: PickleValue): Generator<[string, PickleValue]> {
  if (value instanceof Map) { for (const [key, child] of value) yield [keyText(key), child]; }
  if (Array.isArray(value) || value instanceof Set) {
    let index = 0;
    for (const child of value) yield [`${index++}`, child];
  }
}

/** Calls `visit` on every tensor under `root` with its path, parts joined by dots; those in lists only if `lists`. */
function eachTensor(
  root: PickleValue,
  visit: (path: string, tensor: PickledTensor) => void,
  lists = true,
): void {
  let visited = 0;
  let tensors = 0;
  const walk = (value: PickleValue, path: string, depth: number) => {
    if (depth > MAX_DEPTH || ++visited > MAX_VALUES) {
      throw new Error(
        `expected at most ${MAX_DEPTH} levels and ${MAX_VALUES} values but found more at ${
          path.slice(0, 80)
        }`,
      );
    }
    if (path.length > MAX_NAME) {
      throw new Error(`expected names of at most ${MAX_NAME} characters but found ${path.slice(0, 80)}…`);
    }
    if (isTensor(value)) {
      if (++tensors > MAX_TENSORS) throw new Error(`expected at most ${MAX_TENSORS} tensors but found more`);
      visit(path, value);
    }
    if (!lists && Array.isArray(value)) return;
    for (const [key, child] of childrenOf(value)) {
      walk(child, path === "" ? key : `${path}.${key}`, depth + 1);
    }
  };
  walk(root, "", 0);
}

function hasTensors(root: PickleValue): boolean {
  let count = 0;
  eachTensor(root, () => count++);
  return count > 0;
}

/** Whether a value is a dictionary with tensors in it, not further below. */
function isFlat(value: PickleValue): boolean {
  return value instanceof Map && [...value.values()].some(isTensor);
}

/** The dictionary of weights in what a training script saved: the one that it wrapped, once or twice, or all of it. */
function weightsIn(root: PickleValue, depth = 0): PickleValue {
  if (!(root instanceof Map) || isFlat(root) || depth > 2) return root;
  const wrapped = WRAPPERS.find((key) => root.get(key) instanceof Map && hasTensors(root.get(key)!));
  if (wrapped !== undefined) {
    const within = root.get(wrapped) as Map<PickleValue, PickleValue>;
    const again = WRAPPERS.some((key) => isFlat(within.get(key) ?? null));
    return again ? weightsIn(within, depth + 1) : within;
  }
  const found = [...root].filter(([key, value]) => !AVERAGES.includes(String(key)) && isFlat(value));
  const [key, value] = found[0] ?? ["model_ema", root.get("model_ema") ?? null];
  const alone = found.length <= 1 && NAMES_OF_MODULES.includes(String(key)) && isFlat(value);
  return alone ? value : root;
}

/**
 * The tensors of the weights in a checkpoint, under the names that `loadStateDict()` gives them.
 *
 * @throws {Error} `expected … but found …`, without the file's name.
 */
export async function stateDictOf({ root, script, read }: Checkpoint): Promise<StateDict> {
  const tensors = new Map<string, PickledTensor>();
  const add = (path: string, tensor: PickledTensor) => {
    if (tensors.has(path)) throw new Error(`expected every name once but found ${path} twice`);
    tensors.set(path, tensor);
  };
  // A module's attribute may be a list of tensors, which PyTorch's state_dict() leaves out.
  if (script) eachTensor(root, add, false);
  else eachTensor(weightsIn(root), add);
  const dict: StateDict = new Map();
  for (const [key, tensor] of tensors) dict.set(key, await stateTensor(key, tensor, read));
  return dict;
}

async function stateTensor(
  key: string,
  tensor: PickledTensor,
  read: Checkpoint["read"],
): Promise<StateTensor> {
  try {
    const data: TensorData = await read(tensor);
    return { dtype: tensor.dtype.loadsAs, shape: [...tensor.shape], data };
  } catch (error) {
    throw new Error(`${(error as Error).message} for ${key}`);
  }
}

/**
 * All of a checkpoint as `loadCheckpoint()` gives it.
 *
 * @throws {Error} `expected … but found …`, without the file's name.
 */
export async function valueOf({ root, read }: Checkpoint): Promise<CheckpointValue> {
  eachTensor(root, () => {}); // refuses cycles and endless sharing before anything is built
  const build = async (value: PickleValue, path: string): Promise<CheckpointValue> => {
    if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
    if (isTensor(value)) return await stateTensor(path, value, read);
    if (value instanceof Map) {
      const entries: [string, CheckpointValue][] = [];
      for (const [key, child] of childrenOf(value)) {
        entries.push([key, await build(child, `${path}.${key}`)]);
      }
      return Object.fromEntries(entries);
    }
    if ("type" in value) {
      if (value.type !== "NumPy array") return value.type === "name" ? value.name : null;
      const { dtype, shape, bytes } = value;
      return dtype && bytes ? { dtype: dtype.loadsAs, shape: [...shape], data: dtype.decode(bytes) } : null;
    }
    const list: CheckpointValue[] = [];
    for (const child of value) list.push(await build(child, `${path}.${list.length}`));
    return list;
  };
  return await build(root, "");
}
