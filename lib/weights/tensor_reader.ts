/**
 * Reads the tensors of PyTorch's own files out of their storages, within what a file's size justifies.
 *
 * @module
 */
import { type Dtype, elementCount, type TensorData } from "./dtypes.ts";
import type { PickledTensor, PickleValue } from "./pickle/values.ts";

/** What the tensors take in memory is at most this many times the file: int8 widens to int32, views may repeat. */
const MAX_GROWTH = 16;
const SMALL = 1 << 20;

/** An open checkpoint: the pickled value, and a way to the tensors that it names. */
export interface Checkpoint {
  /** Whether it is a TorchScript archive, so that `root` is a module. */
  readonly script: boolean;
  /** What was saved, with tensors as places in storages. */
  readonly root: PickleValue;
  /** The elements of one tensor; tensors that share a storage share its memory. */
  readonly read: (tensor: PickledTensor) => Promise<TensorData>;
}

/** Row-major elements of a view that is not row-major in its storage. */
function gather(elements: TensorData, { shape, strides, offset }: PickledTensor): TensorData {
  const count = elementCount(shape);
  const data = new (elements.constructor as new (length: number) => TensorData)(count);
  const rank = shape.length;
  const index = new Array<number>(rank).fill(0);
  for (let i = 0, from = offset; i < count; i++) {
    data[i] = elements[from];
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return data;
}

function isRowMajor({ shape, strides }: PickledTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** Reads tensors out of storages, each storage once, within what a file of `fileSize` bytes justifies. */
export function tensorReader(
  fileSize: number,
  readStorage: (key: string) => Promise<Uint8Array>,
): Checkpoint["read"] {
  const bytes = new Map<string, Promise<Uint8Array>>();
  const decoded = new Map<string, Map<Dtype, TensorData>>();
  const views = new Map<PickledTensor, TensorData>();
  let spent = 0;
  const spend = (amount: number) => {
    spent += amount;
    if (!(spent <= MAX_GROWTH * fileSize + SMALL)) {
      throw new Error(
        `expected tensors in proportion to the file's ${fileSize} bytes but found ${spent} bytes of them`,
      );
    }
  };

  return async (tensor) => {
    const known = views.get(tensor);
    if (known) return known;
    const { storage, dtype, shape, offset } = tensor;
    const types = decoded.get(storage.key) ?? new Map<Dtype, TensorData>();
    decoded.set(storage.key, types);
    let elements = types.get(dtype);
    if (!elements) {
      if (!bytes.has(storage.key)) bytes.set(storage.key, readStorage(storage.key));
      const raw = await bytes.get(storage.key)!;
      const whole = Math.floor(raw.length / dtype.bytes);
      spend(whole * 8);
      elements = dtype.decode(raw.subarray(0, whole * dtype.bytes));
      types.set(dtype, elements);
      // A typed storage is never decoded again: half precision need not stay beside its float32.
      if (storage.dtype) bytes.delete(storage.key);
    }
    const needed = storage.elements * (storage.dtype?.bytes ?? 1) / dtype.bytes;
    if (elements.length < Math.floor(needed)) {
      throw new Error(`expected ${needed} elements in storage ${storage.key} but found ${elements.length}`);
    }
    const count = elementCount(shape);
    let data: TensorData;
    if (count === 0) data = elements.subarray(0, 0);
    else if (isRowMajor(tensor)) data = elements.subarray(offset, offset + count);
    else {
      spend(count * elements.BYTES_PER_ELEMENT);
      data = gather(elements, tensor);
    }
    views.set(tensor, data);
    return data;
  };
}
