/**
 * onnxruntime as graphs are run by it: what of its npm package is used, and whether it is in use.
 *
 * @module
 */
/** What of the package is used. */
export type OnnxRuntime = {
  readonly env: { logLevel?: string; readonly versions: { readonly node?: string } };
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<OnnxSession>;
  };
  readonly Tensor: new (
    type: "float32" | "int64" | "uint8",
    data: ArrayBufferView,
    shape: readonly number[],
  ) => OnnxTensor;
};

/** A tensor of onnxruntime, in JavaScript's memory. */
export type OnnxTensor = { readonly data: ArrayBufferView; readonly dims: readonly number[] };

/** A model in onnxruntime's memory. */
export type OnnxSession = {
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    fetches: readonly string[],
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
};

let inUse: OnnxRuntime | undefined;

/** onnxruntime, where graphs are run by it. */
export function onnxRuntime(): OnnxRuntime | undefined {
  return inUse;
}

/** Runs graphs by onnxruntime from now on, or by it no longer. */
export function useOnnxRuntime(runtime: OnnxRuntime | undefined): void {
  inUse = runtime;
}
