/**
 * What a pickle of PyTorch's is read as: plain data, and tags for tensors, storages and names.
 *
 * @module
 */
import type { Dtype } from "../dtypes.ts";

/** A tensor's place in a storage; `elements` of it are in the file. */
export type PickledTensor = {
  readonly type: "tensor";
  readonly storage: PickledStorage;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Of the first element, counted in elements of `dtype`. */
  readonly offset: number;
};

/** A block of elements that tensors look into. */
export type PickledStorage = {
  readonly type: "storage";
  readonly key: string;
  /** Absent for an untyped storage, whose elements are bytes. */
  readonly dtype?: Dtype;
  readonly elements: number;
};

/** A name from Python that was let through: a class or a function of PyTorch's, never called. */
export type PickledName = { readonly type: "name"; readonly name: string };

/** A NumPy element type; its byte order comes after it. */
export type PickledNumpyType = { readonly type: "NumPy type"; readonly code: string; order: string };

/** A NumPy array; what it holds comes after it. */
export type PickledArray = {
  readonly type: "NumPy array";
  shape: readonly number[];
  /** Absent for elements that are no plain numbers, and for an array in Fortran's order. */
  dtype?: Dtype;
  /** Little-endian. */
  bytes?: Uint8Array;
};

/** What a pickle can hold: tuples are arrays, dictionaries and modules are maps, `bytes` is a Uint8Array. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickledTensor
  | PickledStorage
  | PickledName
  | PickledNumpyType
  | PickledArray;

/** Whether a value is one of the tagged kinds. */
export function isTagged<T extends PickledTensor | PickledStorage | PickledName | PickledArray>(
  value: PickleValue | undefined,
  type: T["type"],
): value is T {
  return value !== null && typeof value === "object" && "type" in value && value.type === type;
}

/** What to call a value in an error. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a dictionary";
  if (value instanceof Set) return "a set";
  if (value instanceof Uint8Array) return "bytes";
  if (typeof value === "object") return value.type === "name" ? value.name : `a ${value.type}`;
  return typeof value === "string" ? "text" : String(value);
}

/** Whether a value is a list or a tuple. */
export function isList(value: PickleValue): value is PickleValue[] {
  return Array.isArray(value);
}

/** Whether a value is a tensor. */
export function isTensor(value: PickleValue): value is PickledTensor {
  return isTagged<PickledTensor>(value, "tensor");
}
