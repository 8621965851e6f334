/**
 * What a pickle of PyTorch's may name: each function is rebuilt here as plain data, and nothing else is let through.
 *
 * @module
 */
import { type Dtype, dtypeNamed, elementCount, shapeText } from "../dtypes.ts";
import { type Builder, inertBuilders, isInert } from "./inert.ts";
import {
  isList,
  isTagged,
  isTensor,
  kindOf,
  type PickledName,
  type PickledStorage,
  type PickledTensor,
  type PickleValue,
} from "./values.ts";

const STORAGES = new Map([
  ["torch.FloatStorage", "float32"],
  ["torch.DoubleStorage", "float64"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ShortStorage", "int16"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
]);

const UNTYPED_STORAGES = new Set(["torch.UntypedStorage", "torch.storage.UntypedStorage"]);

/** Classes that may be named as an argument and stand for no more than their name. */
const TENSOR_CLASSES = new Set([
  "torch.Tensor",
  "torch._tensor.Tensor",
  "torch.nn.Parameter",
  "torch.nn.parameter.Parameter",
]);

const MAX_DIMENSIONS = 64;

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= MAX_DIMENSIONS && value.every(isCount);
}

function tensor(args: PickleValue[], dtype?: Dtype): PickledTensor {
  const [storage, offset, shape, strides] = args;
  if (!isTagged<PickledStorage>(storage, "storage")) {
    throw new Error(`expected a tensor's storage but found ${kindOf(storage)}`);
  }
  const type = dtype ?? storage.dtype;
  if (!type) throw new Error(`expected an element type for storage ${storage.key} but found none`);
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length) {
    throw new Error(
      `expected a tensor's offset, shape and strides but found ${kindOf(offset)}, ${kindOf(shape)} and ${
        kindOf(strides)
      }`,
    );
  }
  const elements = storage.elements * (storage.dtype?.bytes ?? 1) / type.bytes;
  const last = shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis], offset);
  if (elementCount(shape) > 0 ? !(last < elements) : !(offset <= elements)) {
    throw new Error(
      `expected a tensor within the ${Math.floor(elements)} elements of storage ${storage.key} but found ` +
        `offset ${offset}, shape ${shapeText(shape)} and strides ${shapeText(strides)}`,
    );
  }
  // Copies: the pickle could still append to the lists that were just checked.
  return { type: "tensor", storage, dtype: type, shape: [...shape], strides: [...strides], offset };
}

function torchDtype(value: PickleValue | undefined): Dtype {
  const dtype = isTagged<PickledName>(value, "name") && value.name.startsWith("torch.")
    ? dtypeNamed(value.name.slice("torch.".length))
    : undefined;
  if (dtype) return dtype;
  throw new Error(`expected an element type of PyTorch but found ${kindOf(value)}`);
}

function first<T extends PickleValue>(args: PickleValue[], accept: (value: PickleValue) => value is T): T {
  if (args.length > 0 && accept(args[0])) return args[0];
  throw new Error(`expected another argument but found ${kindOf(args[0])}`);
}

const isText = (value: PickleValue): value is string => typeof value === "string";

function bytesFrom(args: PickleValue[]): Uint8Array {
  const [source, encoding] = args;
  if (args.length === 0) return new Uint8Array();
  if (source instanceof Uint8Array) return source;
  if (typeof source !== "string" || !["latin1", "latin-1"].includes(encoding as string)) {
    throw new Error(`expected bytes as Latin-1 text but found ${kindOf(source)}`);
  }
  return Uint8Array.from(source, (character) => character.codePointAt(0)!);
}

function mapFrom(args: PickleValue[]): Map<PickleValue, PickleValue> {
  if (args.length === 0) return new Map();
  const pairs = first(args, isList);
  if (!pairs.every((pair) => isList(pair) && pair.length === 2)) {
    throw new Error("expected a list of pairs but found another list");
  }
  return new Map(pairs as [PickleValue, PickleValue][]);
}

const setFrom = (args: PickleValue[]) => new Set(args.length === 0 ? [] : first(args, isList));

/** The calls that are understood, each rebuilt here as plain data; no other is let through. */
const BUILDERS: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ["collections.OrderedDict", mapFrom],
  ["__builtin__.set", setFrom],
  ["builtins.set", setFrom],
  ["__builtin__.frozenset", setFrom],
  ["builtins.frozenset", setFrom],
  ["_codecs.encode", bytesFrom],
  ["__builtin__.bytearray", bytesFrom],
  ["builtins.bytearray", bytesFrom],
  ["torch.Size", (args) => first(args, isList)],
  ["torch.device", (args) => first(args, isText)],
  ["torch.serialization._get_layout", (args) => first(args, isText)],
  ["torch._utils._rebuild_tensor", (args) => tensor(args)],
  ["torch._utils._rebuild_tensor_v2", (args) => tensor(args)],
  ["torch._utils._rebuild_tensor_v3", (args) => tensor(args, torchDtype(args[6]))],
  ["torch._utils._rebuild_parameter", (args) => first(args, isTensor)],
  ["torch._utils._rebuild_parameter_with_state", (args) => first(args, isTensor)],
  // TorchScript's typed lists, and its note of a container's type.
  ["torch.jit._pickle.build_intlist", (args) => first(args, isList)],
  ["torch.jit._pickle.build_doublelist", (args) => first(args, isList)],
  ["torch.jit._pickle.build_boollist", (args) => first(args, isList)],
  ["torch.jit._pickle.build_tensorlist", (args) => first(args, isList)],
  ["torch.jit._pickle.restore_type_tag", (args) => args[0] ?? null],
]);

const REBUILD_FROM_TYPE = "torch._tensor._rebuild_from_type_v2";

/** TorchScript's own classes: a module is read as the dictionary of its attributes. */
export function isScriptClass(name: string): boolean {
  return name.startsWith("__torch__.");
}

/** Whether a pickle may name this at all. */
export function isAllowed(name: string): boolean {
  return BUILDERS.has(name) || STORAGES.has(name) || UNTYPED_STORAGES.has(name) || TENSOR_CLASSES.has(name) ||
    isScriptClass(name) || name === REBUILD_FROM_TYPE || isInert(name) ||
    (name.startsWith("torch.") && dtypeNamed(name.slice("torch.".length)) !== undefined);
}

/**
 * What a call of one of the builders gives.
 *
 * @throws {Error} `expected … but found …` for any other, or other arguments.
 */
export function call(callee: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
  if (!isTagged<PickledName>(callee, "name") || !isList(args ?? null)) {
    throw new Error(`expected a call of a known function but found one of ${kindOf(callee)}`);
  }
  const list = args as PickleValue[];
  if (callee.name === REBUILD_FROM_TYPE) {
    const [builder, type, inner] = list;
    if (!isTagged<PickledName>(type, "name") || !TENSOR_CLASSES.has(type.name)) {
      throw new Error(
        `expected only tensors and plain containers but found a tensor of class ${kindOf(type)}`,
      );
    }
    if (!isTagged<PickledName>(builder, "name") || !builder.name.startsWith("torch._utils._rebuild_")) {
      throw new Error(`expected a function that rebuilds a tensor but found ${kindOf(builder)}`);
    }
    return call(builder, inner);
  }
  const build = BUILDERS.get(callee.name) ?? inertBuilders.get(callee.name);
  if (build) return build(list);
  throw new Error(`expected only tensors and plain containers but found a call of ${callee.name}`);
}

/**
 * `("storage", class, key, location, elements[, view])`, the only thing PyTorch keeps outside of the pickle.
 *
 * @throws {Error} `expected … but found …` for anything else.
 */
export function storage(id: PickleValue | undefined): PickledStorage {
  const [tag, type, key, , elements, view] = Array.isArray(id) ? id : [];
  if (
    tag !== "storage" || !isTagged<PickledName>(type, "name") || typeof key !== "string" ||
    key.length > 100 ||
    !isCount(elements)
  ) {
    throw new Error(
      `expected a reference to a storage but found ${kindOf(id)} that begins with ${kindOf(tag)}`,
    );
  }
  if (view !== undefined && view !== null) {
    throw new Error("expected a whole storage but found a view of one, as PyTorch before 0.4 wrote them");
  }
  const name = STORAGES.get(type.name);
  if (!name && !UNTYPED_STORAGES.has(type.name)) {
    throw new Error(`expected a storage of a known type but found ${type.name}`);
  }
  return { type: "storage", key, dtype: name ? dtypeNamed(name) : undefined, elements };
}
