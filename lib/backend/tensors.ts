/**
 * Tensors on either backend: from named arrays and back to nothing, and operations that each does in its own way.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { StateDict } from "../weights/state.ts";
import { drawn } from "./philox.ts";
import { castRaw, disposeRaw, DTYPE, executeOp, fromRaw, isTensorFlow } from "./raw.ts";

/** Uploads every entry as a float32 tensor; the caller owns them. */
export function tensorsOf(dict: StateDict): Map<string, tf.Tensor> {
  const tensors = new Map<string, tf.Tensor>();
  for (const [key, { data, shape }] of dict) {
    const values = data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>);
    tensors.set(key, tf.tensor(values, shape, "float32"));
  }
  return tensors;
}

/**
 * Trainable variables of a state dict's float32 entries, in the order of `shapes`; the caller owns them.
 *
 * @param shapes the entries' shapes by key, all of which the dict has: see `checkState()`
 */
export function variablesOf(
  dict: StateDict,
  shapes: ReadonlyMap<string, readonly number[]>,
): Map<string, tf.Variable> {
  const variables = new Map<string, tf.Variable>();
  for (const [key, shape] of shapes) {
    const values = tf.tensor(dict.get(key)!.data as Float32Array, [...shape], "float32");
    variables.set(key, toVariable(values, { trainable: true }));
  }
  return variables;
}

/** Float32 tensors as a state dict: copies, independent of them. */
export function stateOf(tensors: ReadonlyMap<string, tf.Tensor>): StateDict {
  const dict: StateDict = new Map();
  for (const [key, tensor] of tensors) {
    const data = Float32Array.from(tensor.dataSync());
    dict.set(key, { dtype: "float32", shape: [...tensor.shape], data });
  }
  return dict;
}

/** A variable that takes over the tensor it starts as, which is freed as a handle of its own. */
export function toVariable(initial: tf.Tensor, options: { readonly trainable: boolean }): tf.Variable {
  const variable = tf.variable(initial, options.trainable);
  initial.dispose();
  return variable;
}

/**
 * Frees every tensor in what a `bind*`, `create*` or `adamW` call returned; doing it twice is harmless.
 *
 * @example
 * ```ts
 * import { dispose, initBackend } from "@forgelens/bench/model";
 * import { assert } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const [a, b] = [tf.scalar(1), tf.scalar(2)];
 * dispose({ a, more: new Map([["b", b]]) });
 * assert(a.isDisposed && b.isDisposed);
 * ```
 */
export function dispose(x: unknown): void {
  if (x instanceof tf.Tensor) {
    if (!x.isDisposed) x.dispose();
  } else if (x instanceof Map || Array.isArray(x)) {
    for (const value of x.values()) dispose(value);
  } else if (x !== null && typeof x === "object" && "dispose" in x && typeof x.dispose === "function") {
    x.dispose(); // what was compiled
  } else if (x !== null && typeof x === "object" && !ArrayBuffer.isView(x)) {
    for (const value of Object.values(x)) dispose(value);
  }
}

/** A float32 tensor of numbers in half precision, which TensorFlow widens in all its threads; the caller owns it. */
export function fromHalf(values: Float16Array<ArrayBuffer>, shape: number[]): tf.Tensor {
  if (!isTensorFlow() || values.length % 2 !== 0) return tf.tensor(new Float32Array(values), shape);
  const { float16, float32, int32 } = DTYPE;
  return tf.tidy(() => {
    // tfjs has no such dtype, but two of these numbers fit one of its integers.
    const pairs = tf.tensor1d(new Int32Array(values.buffer, values.byteOffset, values.length / 2), "int32");
    const [halves] = executeOp("Bitcast", [pairs], {
      attrs: { T: { type: int32 }, type: { type: float16 } },
    }); // [values / 2, 2]
    const widened = castRaw(halves, { from: float16, to: float32 });
    disposeRaw(halves);
    return tf.reshape(fromRaw(widened), shape);
  });
}

/**
 * Matrix product over the last two axes, with gradients: [..., n, k] · [..., k, m] → [..., n, m], or with `transposeB`
 * a second factor [..., m, k]. The caller owns the tensor.
 *
 * tfjs's WebAssembly kernels are fast for two plain matrices and some thirty times slower for transposed or batched ones,
 * so there each product is made of plain ones.
 */
export function matMul<T extends tf.Tensor>(a: T, b: tf.Tensor, options: { transposeB?: boolean } = {}): T {
  const { transposeB = false } = options;
  if (isTensorFlow()) return tf.matMul(a, b, false, transposeB);
  const product = tf.customGrad((...inputs) => {
    const [a, b] = inputs as tf.Tensor[];
    const save = inputs[2] as (tensors: tf.Tensor[]) => void;
    save([a, b]);
    const gradFunc = (dy: tf.Tensor, [a, b]: tf.Tensor[]) =>
      transposeB
        ? [plainMatMul(dy, b), plainMatMul(swapLastAxes(dy), a)]
        : [plainMatMul(dy, swapLastAxes(b)), plainMatMul(swapLastAxes(a), dy)];
    return { value: plainMatMul(a, transposeB ? swapLastAxes(b) : b), gradFunc };
  });
  return product(a, b) as T;
}

function swapLastAxes(x: tf.Tensor): tf.Tensor {
  const last = x.rank - 1;
  return tf.transpose(x, [...Array(last - 1).keys(), last, last - 1]); // [..., m, k] → [..., k, m]
}

function plainMatMul(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  if (a.rank === 2) return tf.matMul(a, b);
  return tf.tidy(() => {
    const matrices = (x: tf.Tensor) => tf.unstack(tf.reshape(x, [-1, ...x.shape.slice(-2)])); // each [n, k]
    const others = matrices(b);
    const products = matrices(a).map((matrix, i) => tf.matMul(matrix, others[i]));
    return tf.reshape(tf.stack(products), [...a.shape.slice(0, -1), b.shape[b.rank - 1]]);
  });
}

/**
 * Whole numbers from 0 to 255, uniform, that are a function of shape and seed alone, the same on every backend: TensorFlow's stateless
 * generator (Philox). The caller owns the tensor.
 */
export function seededBytes(shape: number[], seed: number): tf.Tensor {
  const count = shape.reduce((product, side) => product * side, 1);
  if (!isTensorFlow()) return tf.tensor(Float32Array.from(drawn(count, seed)), shape);
  return tf.tidy(() => {
    const { float32, int32, uint8 } = DTYPE;
    const inputs = [tf.tensor1d([Math.ceil(count / 4)], "int32"), tf.tensor1d([seed, 0], "int32")];
    const [drawn] = executeOp("StatelessRandomUniformFullInt", inputs, {
      attrs: { dtype: { type: int32 }, T: { type: int32 }, Tseed: { type: int32 } },
    });
    const [bytes] = executeOp("Bitcast", [drawn], { attrs: { T: { type: int32 }, type: { type: uint8 } } });
    const numbers = castRaw(bytes, { from: uint8, to: float32 });
    disposeRaw(drawn, bytes);
    return tf.reshape(tf.slice(tf.reshape(fromRaw(numbers), [-1]), 0, count), shape);
  });
}
