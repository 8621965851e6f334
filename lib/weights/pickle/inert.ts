/**
 * What training scripts pickle beside tensors and is harmless as plain data: counters, paths, times, NumPy's numbers. None of
 * Python's classes is ever made or called; each has its data read.
 *
 * @module
 */
import { type Dtype, dtypeNamed, elementCount } from "../dtypes.ts";
import type { PickledArray, PickledNumpyType, PickleValue } from "./values.ts";

const NUMPY_TYPES: Readonly<Record<string, string>> = {
  f2: "float16",
  f4: "float32",
  f8: "float64",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  b1: "bool",
};

/** Named as an argument, for a `defaultdict` or an array, and stand for no more than their name. */
const NAMES: ReadonlySet<string> = new Set([
  ...["builtins", "__builtin__"].flatMap((module) =>
    ["int", "float", "bool", "str", "list", "dict", "tuple"].map((name) => `${module}.${name}`)
  ),
  "numpy.ndarray",
]);

const isMap = (value: PickleValue | undefined) => value instanceof Map;
const isNumpyType = (value: PickleValue | undefined): value is PickledNumpyType =>
  typeof value === "object" && value !== null && "type" in value && value.type === "NumPy type";
const isArray = (value: PickleValue | undefined): value is PickledArray =>
  typeof value === "object" && value !== null && "type" in value && value.type === "NumPy array";

function refuse(what: string): never {
  throw new Error(`expected ${what} but found another value`);
}

/** `Counter(dict)`, `defaultdict(factory)`, `AttributeDict()`: a dictionary, the factory left out. */
function dictionary(args: PickleValue[]): PickleValue {
  const source = args.find(isMap);
  return new Map(source as Map<PickleValue, PickleValue> | undefined);
}

function complex([real = 0, imaginary = 0]: PickleValue[]): PickleValue {
  if (typeof real !== "number" || typeof imaginary !== "number") refuse("a complex number of two numbers");
  return new Map<PickleValue, PickleValue>([["real", real], ["imag", imaginary]]);
}

function path(separator: string): (parts: PickleValue[]) => PickleValue {
  return (parts) => {
    if (!parts.every((part) => typeof part === "string")) refuse("a path of texts");
    return parts.map((part, i) => i < parts.length - 1 ? part.replace(/[/\\]$/, "") : part).join(separator);
  };
}

const two = (value: number) => String(value).padStart(2, "0");
const micro = (bytes: Uint8Array) => String((bytes[0] << 16) | (bytes[1] << 8) | bytes[2]).padStart(6, "0");
const clock = (bytes: Uint8Array) =>
  `${[...bytes.subarray(0, 3)].map(two).join(":")}.${micro(bytes.subarray(3))}`;
const day = (bytes: Uint8Array) =>
  `${String((bytes[0] << 8) | bytes[1]).padStart(4, "0")}-${two(bytes[2])}-${two(bytes[3])}`;

/** Python's packed dates and times → ISO 8601; a time zone is left out. */
function moment(length: number, text: (bytes: Uint8Array) => string): (args: PickleValue[]) => PickleValue {
  return ([bytes]) => {
    if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
      refuse(`${length} bytes of a date or time`);
    }
    return text(bytes);
  };
}

function timedelta([days = 0, seconds = 0, microseconds = 0]: PickleValue[]): PickleValue {
  if (![days, seconds, microseconds].every((each) => typeof each === "number")) {
    refuse("a time of three numbers");
  }
  return new Map<PickleValue, PickleValue>([
    ["days", days],
    ["seconds", seconds],
    ["microseconds", microseconds],
  ]);
}

function numpyType([code]: PickleValue[]): PickleValue {
  if (typeof code !== "string" || code.length > 16) refuse("a NumPy type");
  return { type: "NumPy type", code, order: "|" };
}

/** Elements in the file's byte order → little-endian. */
function littleEndian(bytes: Uint8Array, size: number, order: string): Uint8Array {
  const copy = bytes.slice();
  if (order === ">") {
    for (let begin = 0; begin < copy.length; begin += size) copy.subarray(begin, begin + size).reverse();
  }
  return copy;
}

function plainType(type: PickledNumpyType): Dtype | undefined {
  return dtypeNamed(NUMPY_TYPES[type.code] ?? "");
}

/** `scalar(dtype, bytes)`: its number; of other types nothing is kept. */
function scalar([type, bytes]: PickleValue[]): PickleValue {
  if (!isNumpyType(type)) refuse("a NumPy type");
  const dtype = plainType(type);
  if (!dtype || !(bytes instanceof Uint8Array)) return null;
  if (bytes.length !== dtype.bytes) refuse(`${dtype.bytes} bytes of a NumPy number`);
  const raw = littleEndian(bytes, dtype.bytes, type.order);
  if (dtype.name === "float64") return new DataView(raw.buffer).getFloat64(0, true);
  const [value] = dtype.decode(raw);
  if (dtype.name === "bool") return value !== 0;
  return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

const emptyArray = (): PickleValue => ({ type: "NumPy array", shape: [0] });

/** Plain data from the arguments of a call. */
export type Builder = (args: PickleValue[]) => PickleValue;

/** The calls that give such data. */
export const inertBuilders: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ["collections.Counter", dictionary],
  ["collections.defaultdict", dictionary],
  ["argparse.Namespace", dictionary],
  ...[
    "pytorch_lightning.utilities.parsing",
    "lightning.pytorch.utilities.parsing",
    "lightning_fabric.utilities.data",
    "lightning.fabric.utilities.data",
  ].map((module): [string, Builder] => [`${module}.AttributeDict`, dictionary]),
  ["builtins.complex", complex],
  ["__builtin__.complex", complex],
  ...["pathlib", "pathlib._local"].flatMap((module): [string, Builder][] => [
    [`${module}.Path`, path("/")],
    [`${module}.PosixPath`, path("/")],
    [`${module}.PurePosixPath`, path("/")],
    [`${module}.WindowsPath`, path("\\")],
    [`${module}.PureWindowsPath`, path("\\")],
  ]),
  ["datetime.date", moment(4, day)],
  ["datetime.time", moment(6, clock)],
  ["datetime.datetime", moment(10, (bytes) => `${day(bytes)}T${clock(bytes.subarray(4))}`)],
  ["datetime.timedelta", timedelta],
  ["datetime.timezone", ([offset]) => offset ?? null],
  ["numpy.dtype", numpyType],
  ...["numpy.core.multiarray", "numpy._core.multiarray"].flatMap((module): [string, Builder][] => [
    [`${module}.scalar`, scalar],
    [`${module}._reconstruct`, emptyArray],
  ]),
]);

/** Whether a name may stand in a pickle beside its tensors. */
export function isInert(name: string): boolean {
  return inertBuilders.has(name) || NAMES.has(name);
}

/** Whether an object's attributes are the dictionary that comes after it. */
export function hasAttributes(name: string): boolean {
  return name === "argparse.Namespace";
}

/**
 * Takes the state that comes after a NumPy type or array, and tells whether it was one.
 *
 * @throws {Error} `expected … but found …` for another state.
 */
export function takeState(target: PickleValue, state: PickleValue): boolean {
  if (isNumpyType(target)) {
    const order = Array.isArray(state) ? state[1] : undefined;
    if (typeof order !== "string" || !/^[<>|=]$/.test(order)) refuse("a NumPy type's byte order");
    target.order = order;
    return true;
  }
  if (!isArray(target)) return false;
  const [, shape, type, fortran, bytes] = Array.isArray(state) ? state : [];
  const isShape = Array.isArray(shape) && shape.length <= 64 &&
    shape.every((side) => Number.isSafeInteger(side) && (side as number) >= 0);
  if (!isShape || !isNumpyType(type)) refuse("a NumPy array's shape and type");
  target.shape = [...shape as number[]];
  const dtype = plainType(type);
  if (dtype && bytes instanceof Uint8Array && bytes.length !== elementCount(target.shape) * dtype.bytes) {
    refuse(`${elementCount(target.shape) * dtype.bytes} bytes of a NumPy array`);
  }
  if (dtype && bytes instanceof Uint8Array && (fortran === false || shape.length < 2)) {
    target.dtype = dtype;
    target.bytes = littleEndian(bytes, dtype.bytes, type.order);
  }
  return true;
}
