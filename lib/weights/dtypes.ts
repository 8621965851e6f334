/**
 * Element types of weight files ↔ typed arrays.
 *
 * @module
 */

/** What a tensor's elements are held in. */
export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** One element type: its size, and its way into memory and back. */
export interface Dtype {
  /** Its name in PyTorch. */
  readonly name: string;
  /** Its name in a safetensors header. */
  readonly safetensors: string;
  /** Of one element. */
  readonly bytes: number;
  /** The type of `decode`'s result: a wider one where JavaScript has no array for this one. */
  readonly loadsAs: "float32" | "int32" | "int64" | "uint8" | "bool";
  /** Little-endian bytes, which begin at a multiple of 8 in their buffer → elements; may share the memory. */
  readonly decode: (bytes: Uint8Array) => TensorData;
  /** Elements → little-endian bytes, rounded to nearest; may share the memory. @throws {Error} if one does not fit. */
  readonly encode: (data: TensorData) => Uint8Array;
}

type ArrayType<T> = {
  new (length: number): T;
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
};

/** The bytes of `data`, as another array type over the same memory. */
function over<T>(type: ArrayType<T>, data: Uint8Array): T {
  return new type(data.buffer, data.byteOffset, data.byteLength / type.BYTES_PER_ELEMENT);
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function floats(data: TensorData): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error(`expected a Float32Array but found a ${data.constructor.name}`);
}

/** Elements as `T`, refusing any that `T` would change. */
function integers<T extends { length: number; [index: number]: number | bigint } & ArrayBufferView>(
  data: TensorData,
  type: ArrayType<T>,
): Uint8Array {
  const target = new type(data.length);
  const big = target instanceof BigInt64Array || target instanceof BigUint64Array;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    target[i] = big ? BigInt(value) : Number(value);
    if (target[i] != value) throw new Error(`expected values that fit the type but found ${value}`);
  }
  return bytesOf(target);
}

function bfloat16ToFloat32(bytes: Uint8Array): Float32Array {
  const halves = over(Uint16Array, bytes);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i] << 16;
  return new Float32Array(bits.buffer);
}

function float32ToBfloat16(data: Float32Array): Uint8Array {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const halves = new Uint16Array(data.length);
  for (let i = 0; i < halves.length; i++) {
    // Half of the last kept bit, and one more if that bit is set: ties go to even. A NaN must not carry over.
    halves[i] = data[i] !== data[i] ? 0x7fc0 : (bits[i] + 0x7fff + ((bits[i] >>> 16) & 1)) >>> 16;
  }
  return bytesOf(halves);
}

let float16Values: Float32Array | undefined;

/** By a table: the built-in conversion of a Float16Array is several times slower. */
function float16ToFloat32(bytes: Uint8Array): Float32Array {
  float16Values ??= Float32Array.from(
    new Float16Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer),
  );
  const halves = over(Uint16Array, bytes);
  const data = new Float32Array(halves.length);
  for (let i = 0; i < data.length; i++) data[i] = float16Values[halves[i]];
  return data;
}

/** The 256 values of an 8-bit float; `finite` types have no infinity, and NaN only with all bits set. */
function float8Values(exponentBits: number, finite: boolean): Float32Array {
  const mantissaBits = 7 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  return Float32Array.from({ length: 256 }, (_, code) => {
    const sign = code < 128 ? 1 : -1;
    const exponent = (code & 127) >> mantissaBits;
    const fraction = (code & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
    if (finite ? (code & 127) === 127 : exponent === 2 ** exponentBits - 1) {
      return finite || fraction > 0 ? NaN : sign * Infinity;
    }
    return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
  });
}

function float8(exponentBits: number, finite: boolean): Pick<Dtype, "decode" | "encode"> {
  const values = float8Values(exponentBits, finite);
  const top = values.subarray(0, 128).findLastIndex((value) => Number.isFinite(value));
  // What lies at or beyond half a step past the largest value overflows, to infinity or else to NaN.
  const limit = values[top] + (values[top] - values[top - 1]) / 2;
  const nearest = (value: number): number => {
    if (Number.isNaN(value)) return 127;
    const size = Math.abs(value);
    const sign = value < 0 || Object.is(value, -0) ? 128 : 0;
    if (size > limit || (size === limit && !finite)) return sign | (top + 1);
    let low = 0;
    for (let high = top; low < high;) {
      const middle = (low + high + 1) >> 1;
      if (values[middle] <= size) low = middle;
      else high = middle - 1;
    }
    if (low < top) {
      const past = size - values[low] - (values[low + 1] - size);
      if (past > 0 || (past === 0 && low % 2 === 1)) low++;
    }
    return sign | low;
  };
  return {
    decode: (bytes) => Float32Array.from(bytes, (code) => values[code]),
    encode: (data) => Uint8Array.from(floats(data), nearest),
  };
}

function unsigned64ToInt64(bytes: Uint8Array): BigInt64Array {
  const data = over(BigInt64Array, bytes);
  const beyond = data.find((value) => value < 0n);
  if (beyond === undefined) return data;
  throw new Error(`expected 64-bit integers below 2^63 but found ${BigInt.asUintN(64, beyond)}`);
}

const DTYPES: readonly Dtype[] = [
  {
    name: "float32",
    safetensors: "F32",
    bytes: 4,
    loadsAs: "float32",
    decode: (bytes) => over(Float32Array, bytes),
    encode: (data) => bytesOf(floats(data)),
  },
  {
    name: "float64",
    safetensors: "F64",
    bytes: 8,
    loadsAs: "float32",
    decode: (bytes) => Float32Array.from(over(Float64Array, bytes)),
    encode: (data) => bytesOf(Float64Array.from(floats(data))),
  },
  {
    name: "float16",
    safetensors: "F16",
    bytes: 2,
    loadsAs: "float32",
    decode: float16ToFloat32,
    encode: (data) => bytesOf(new Float16Array(floats(data))),
  },
  {
    name: "bfloat16",
    safetensors: "BF16",
    bytes: 2,
    loadsAs: "float32",
    decode: bfloat16ToFloat32,
    encode: (data) => float32ToBfloat16(floats(data)),
  },
  { name: "float8_e4m3fn", safetensors: "F8_E4M3", bytes: 1, loadsAs: "float32", ...float8(4, true) },
  { name: "float8_e5m2", safetensors: "F8_E5M2", bytes: 1, loadsAs: "float32", ...float8(5, false) },
  {
    name: "int64",
    safetensors: "I64",
    bytes: 8,
    loadsAs: "int64",
    decode: (bytes) => over(BigInt64Array, bytes),
    encode: (data) => data instanceof BigInt64Array ? bytesOf(data) : integers(data, BigInt64Array),
  },
  {
    name: "uint64",
    safetensors: "U64",
    bytes: 8,
    loadsAs: "int64",
    decode: unsigned64ToInt64,
    encode: (data) => integers(data, BigUint64Array),
  },
  {
    name: "int32",
    safetensors: "I32",
    bytes: 4,
    loadsAs: "int32",
    decode: (bytes) => over(Int32Array, bytes),
    encode: (data) => data instanceof Int32Array ? bytesOf(data) : integers(data, Int32Array),
  },
  {
    name: "uint32",
    safetensors: "U32",
    bytes: 4,
    loadsAs: "int64",
    decode: (bytes) => BigInt64Array.from(over(Uint32Array, bytes), BigInt),
    encode: (data) => integers(data, Uint32Array),
  },
  {
    name: "int16",
    safetensors: "I16",
    bytes: 2,
    loadsAs: "int32",
    decode: (bytes) => Int32Array.from(over(Int16Array, bytes)),
    encode: (data) => integers(data, Int16Array),
  },
  {
    name: "uint16",
    safetensors: "U16",
    bytes: 2,
    loadsAs: "int32",
    decode: (bytes) => Int32Array.from(over(Uint16Array, bytes)),
    encode: (data) => integers(data, Uint16Array),
  },
  {
    name: "int8",
    safetensors: "I8",
    bytes: 1,
    loadsAs: "int32",
    decode: (bytes) => Int32Array.from(over(Int8Array, bytes)),
    encode: (data) => integers(data, Int8Array),
  },
  {
    name: "uint8",
    safetensors: "U8",
    bytes: 1,
    loadsAs: "uint8",
    decode: (bytes) => bytes,
    encode: (data) => data instanceof Uint8Array ? data : integers(data, Uint8Array),
  },
  {
    name: "bool",
    safetensors: "BOOL",
    bytes: 1,
    loadsAs: "bool",
    decode: (bytes) => bytes,
    encode: (data) => Uint8Array.from(data as Uint8Array, (value) => Number(value) === 0 ? 0 : 1),
  },
];

const byName = new Map(DTYPES.flatMap((dtype) => [[dtype.name, dtype], [dtype.safetensors, dtype]]));

/** An element type by its PyTorch name (`"float16"`) or its safetensors name (`"F16"`). */
export function dtypeNamed(name: string): Dtype | undefined {
  return byName.get(name);
}

/** A shape as it may stand in an error: its first sides. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.slice(0, 8).join(",")}${shape.length > 8 ? ",…" : ""}]`;
}

/**
 * How many elements a shape has.
 *
 * @throws {Error} when its sides, those of 0 left out, multiply to more than 2^53: the product would no longer be exact, or none.
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const side of shape) if (side !== 0) count *= side;
  if (count > Number.MAX_SAFE_INTEGER) {
    throw new Error(`expected a shape of at most 2^53 elements but found ${shapeText(shape)}`);
  }
  return shape.includes(0) ? 0 : count;
}
