/**
 * TensorFlow beneath tfjs: its own ops and SavedModels, in dtypes that tfjs does not have.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";

/** A tensor inside TensorFlow, of any of its dtypes, unknown to tfjs: whoever holds it calls {@linkcode disposeRaw}. */
export type RawTensor = { id: number; shape: number[]; dtype: number };

/** The value of an op's attribute: plain booleans and strings, and what a JavaScript number cannot tell apart. */
export type OpAttr = boolean | string | { int: number } | { float: number } | { type: number } | {
  shape: number[];
};

/** TensorFlow's numbers for the dtypes that raw ops use (`types.proto`). */
export const DTYPE = {
  float32: 1,
  int32: 3,
  uint8: 4,
  bool: 10,
  resource: 20,
  bfloat16: 14,
  float16: 19,
} as const;

/** The part of tfjs-node's backend and addon that raw ops need. */
type Node = tf.KernelBackend & {
  binding: {
    TF_Version: string;
    TF_ATTR_STRING: number;
    TF_ATTR_INT: number;
    TF_ATTR_FLOAT: number;
    TF_ATTR_BOOL: number;
    TF_ATTR_TYPE: number;
    TF_ATTR_SHAPE: number;
    executeOp(
      op: string,
      attrs: { name: string; type: number; value: unknown }[],
      ids: number[],
      outputs: number,
    ): RawTensor[];
    deleteTensor(id: number): void;
    loadSavedModel(folder: string, tags: string): number;
    runSavedModel(model: number, ids: number[], inputs: string, outputs: string): RawTensor[];
    deleteSavedModel(model: number): void;
    isUsingGpuDevice(): boolean;
  };
  getInputTensorIds(tensors: tf.Tensor[]): number[];
  createOutputTensor(raw: RawTensor): tf.Tensor;
};

/** Whether TensorFlow is the backend in use, so that {@linkcode executeOp} can be called. */
export function isTensorFlow(): boolean {
  return tf.getBackend() === "tensorflow";
}

/** TensorFlow's own version. @throws {Error} where it is not the backend in use. */
export function tensorFlowVersion(): string {
  return node().binding.TF_Version;
}

/** Whether TensorFlow computes on a GPU, to and from whose memory every input and output of a graph is copied. */
export function isOnGpu(): boolean {
  return isTensorFlow() && node().binding.isUsingGpuDevice();
}

/**
 * Runs any TensorFlow op, among them those and in dtypes that tfjs does not have, such as bfloat16.
 *
 * The op is not recorded for gradients (wrap it in `tf.customGrad`), and its outputs are not tracked by `tf.tidy`: pass
 * each to {@linkcode fromRaw} or {@linkcode disposeRaw}.
 *
 * @param op name in TensorFlow's registry, for example `MatMul`
 * @param inputs borrowed
 * @param options.attrs by name, for example `{ DstT: { type: DTYPE.bfloat16 } }`; types too must be given
 * @param options.outputs how many tensors the op returns, 1 unless given
 * @throws {Error} when the backend is not TensorFlow, or TensorFlow refuses the op
 */
export function executeOp(
  op: string,
  inputs: (tf.Tensor | RawTensor)[],
  { attrs = {}, outputs = 1 }: { attrs?: { [name: string]: OpAttr }; outputs?: number } = {},
): RawTensor[] {
  const { binding } = node();
  return binding.executeOp(
    op,
    Object.entries(attrs).map(([name, value]) => toAttr(name, value)),
    idsOf(inputs),
    outputs,
  );
}

/** The numbers of a tensor in another of TensorFlow's dtypes; the caller frees the result as {@linkcode executeOp}'s. */
export function castRaw(
  x: tf.Tensor | RawTensor,
  { from, to }: { readonly from: number; readonly to: number },
): RawTensor {
  return executeOp("Cast", [x], { attrs: { SrcT: { type: from }, DstT: { type: to }, Truncate: false } })[0];
}

/** Turns a float32, int32 or bool output of {@linkcode executeOp} into a tensor that the caller owns. */
export function fromRaw(raw: RawTensor): tf.Tensor {
  return node().createOutputTensor(raw);
}

/** Frees outputs of {@linkcode executeOp}. */
export function disposeRaw(...raws: RawTensor[]): void {
  for (const raw of raws) node().binding.deleteTensor(raw.id);
}

/** A SavedModel in TensorFlow's memory; `close()` frees it. */
export type SavedModel = {
  /** Computes the named outputs from tensors for the named inputs (`node:0`); the caller owns the results. */
  run(
    tensors: readonly (tf.Tensor | RawTensor)[],
    names: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
  ): RawTensor[];
  /** Frees it. */
  close(): void;
};

/**
 * Loads the SavedModel in a folder. Unlike `tf.node.loadSavedModel` it does not read the whole file into JavaScript, and
 * takes and gives tensors of any dtype.
 *
 * @throws {Error} when the backend is not TensorFlow, or TensorFlow cannot load it
 */
export function loadSavedModel(folder: string, tag: string): SavedModel {
  const { binding } = node();
  const model = binding.loadSavedModel(folder, tag);
  return {
    run: (tensors, { inputs, outputs }) =>
      binding.runSavedModel(model, idsOf(tensors), inputs.join(), outputs.join()),
    close: () => binding.deleteSavedModel(model),
  };
}

function idsOf(inputs: readonly (tf.Tensor | RawTensor)[]): number[] {
  return inputs.map((input) => input instanceof tf.Tensor ? node().getInputTensorIds([input])[0] : input.id);
}

function toAttr(name: string, attr: OpAttr): { name: string; type: number; value: unknown } {
  const { binding } = node();
  if (typeof attr === "boolean") return { name, type: binding.TF_ATTR_BOOL, value: attr };
  if (typeof attr === "string") return { name, type: binding.TF_ATTR_STRING, value: attr };
  if ("int" in attr) return { name, type: binding.TF_ATTR_INT, value: attr.int };
  if ("float" in attr) return { name, type: binding.TF_ATTR_FLOAT, value: attr.float };
  if ("type" in attr) return { name, type: binding.TF_ATTR_TYPE, value: attr.type };
  return { name, type: binding.TF_ATTR_SHAPE, value: attr.shape };
}

function node(): Node {
  if (!isTensorFlow()) {
    throw new Error(
      `Cannot run a TensorFlow op: expected the tensorflow backend but found ${tf.getBackend()}`,
    );
  }
  return tf.backend() as Node;
}
