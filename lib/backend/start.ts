/**
 * The only file that names a tensor backend: starts TensorFlow where it is set up or can be, else WebAssembly, behind
 * the one `@tensorflow/tfjs` that all model code imports.
 *
 * @module
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import util from "node:util";
import * as tf from "@tensorflow/tfjs";
import { createRandom } from "../base/random.ts";
import { makeTemporaryFolder } from "../base/temporary.ts";

/** The backends that this project runs on. */
export type BackendName = "tensorflow" | "wasm";

/** What {@linkcode initBackend} started. */
export type Backend = {
  name: BackendName;
  /** Where the tensors really are, for example `CPU (2 threads)`. */
  device: string;
  /** The version of TensorFlow, or of tfjs's WebAssembly kernels. */
  version: string;
  /** One line for the user when this is not the backend or the device one would hope for: why, and what to do. */
  note?: string;
};

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

let started: { wanted: BackendName | "auto"; backend: Promise<Backend> } | undefined;

/**
 * Starts the tensor backend. Called once, before anything that makes a tensor; later calls return the same.
 *
 * @param options.backend `auto` (default): TensorFlow, set up on the way if need be, else WebAssembly with a `note` that
 * says why. `tensorflow` or `wasm`: that one or an error.
 * @param options.log takes the progress of a first set-up, a line at a time; by default standard error
 * @throws when the forced backend cannot be used, or another one is in use already
 */
export async function initBackend(
  { backend: wanted = "auto", log = console.error }: {
    backend?: BackendName | "auto";
    log?: (line: string) => void;
  } = {},
): Promise<Backend> {
  if (!["auto", "tensorflow", "wasm"].includes(wanted)) {
    throw new Error(`Cannot use the backend: expected auto, tensorflow or wasm but found ${wanted}`);
  }
  started ??= { wanted, backend: start(wanted, log) };
  let running: Backend;
  try {
    running = await started.backend;
  } catch (error) {
    started = undefined;
    throw error;
  }
  if (wanted !== "auto" && wanted !== running.name) {
    throw new Error(
      `Cannot use the ${wanted} backend: ${running.name} is in use already; start a new process (or restart the kernel)`,
    );
  }
  return running;
}

async function start(wanted: BackendName | "auto", log: (line: string) => void): Promise<Backend> {
  if (wanted === "wasm") return await startWasm();
  const found = await startTensorFlow(log);
  if (typeof found !== "string") return found;
  if (wanted === "tensorflow") throw new Error(`Cannot use the tensorflow backend: ${found}`);
  return {
    ...await startWasm(),
    note: `Using WebAssembly, about ten times slower than TensorFlow: ${found}`,
  };
}

/** Starts TensorFlow, or says why it cannot be and what to install. */
async function startTensorFlow(log: (line: string) => void): Promise<Backend | string> {
  const { setup } = await import("./setup.ts");
  const result = await setup({ log });
  if (!result.ok) return `${result.reason}. ${result.advice}, then deno task setup`;
  restoreUtil();
  if (result.variant === "cuda") {
    for (const [name, value] of Object.entries(CUDA_SETTINGS)) {
      if (!Deno.env.get(name)) Deno.env.set(name, value);
    }
  }
  try {
    loadQuietly(`${result.libraries}/libtensorflow_framework.so.2`);
    await import("@tensorflow/tfjs-node-gpu");
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    if (error instanceof Deno.errors.NotCapable) {
      return `${why}. SECURITY.md says what needs which permission`;
    }
    if (/^Cannot make a temporary folder/.test(why)) return why;
    return `its addon does not load (${why}). Remove ${dirname(result.libraries)} and run deno task setup`;
  }
  await tf.ready();
  const { binding } = node();
  const gpu = binding.isUsingGpuDevice();
  const device = gpu ? await gpuName() : `CPU (${navigator.hardwareConcurrency} threads)`;
  const backend: Backend = { name: "tensorflow", device, version: binding.TF_Version };
  if (result.variant === "cuda" && !gpu) {
    backend.note = "TensorFlow runs on the CPU although there is an NVIDIA GPU, because CUDA did not load: " +
      "run with TF_CPP_MIN_LOG_LEVEL=0 to see why";
  }
  return backend;
}

/** What TensorFlow and CUDA read from the environment as they start; a user's own setting stays. */
const CUDA_SETTINGS = {
  TF_FORCE_GPU_ALLOW_GROWTH: "true", // memory as it is needed: other programs use the card too
  NVIDIA_TF32_OVERRIDE: "0", // TF32's 10 bits are no float32
  TF_DETERMINISTIC_OPS: "1", // the same seed, the same numbers
};

async function startWasm(): Promise<Backend> {
  const { setWasmPaths, version_wasm } = await import("@tensorflow/tfjs-backend-wasm");
  const manifest = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
  setWasmPaths(`${dirname(manifest)}/dist/`);
  if (!await tf.setBackend("wasm")) throw new Error("Cannot use the wasm backend: WebAssembly did not start");
  await tf.ready();
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT") ? "SIMD" : "no SIMD";
  return { name: "wasm", device: `CPU (WebAssembly, ${simd}, 1 thread)`, version: version_wasm };
}

/**
 * Lets TensorFlow's errors through but not its greetings about instruction sets, unless TF_CPP_MIN_LOG_LEVEL asks for
 * them. That variable cannot silence the one written while the library loads: there, standard error is diverted for
 * the load alone, and what is no greeting is written after all.
 */
function loadQuietly(library: string): void {
  const level = Deno.env.get("TF_CPP_MIN_LOG_LEVEL") || "2";
  if (Number(level) < 2) return;
  Deno.env.set("TF_CPP_MIN_LOG_LEVEL", level); // a program that this one starts inherits it
  const fd = { parameters: ["i32"], result: "i32" } as const;
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    dup: fd,
    close: fd,
    dup2: { parameters: ["i32", "i32"], result: "i32" },
  });
  const folder = makeTemporaryFolder({ prefix: "forgelens-" });
  const diverted = join(folder, "stderr.txt");
  Deno.writeTextFileSync(diverted, "");
  const writeOnly = 1;
  const target = libc.open(new TextEncoder().encode(`${diverted}\0`), writeOnly);
  const stderr = libc.dup(2);
  libc.dup2(target, 2);
  try {
    Deno.dlopen(library, {}); // never closed: the addon uses the same copy
  } finally {
    libc.dup2(stderr, 2);
    libc.close(stderr);
    libc.close(target);
    const lines = Deno.readTextFileSync(diverted).split("\n");
    Deno.removeSync(folder, { recursive: true });
    for (const line of lines) {
      if (line && !/^I\d{4} |^WARNING: All log messages before/.test(line)) console.error(line);
    }
  }
}

/** tfjs-node calls two functions that modern runtimes have removed from node:util. */
function restoreUtil(): void {
  const removed = util as unknown as { [name: string]: unknown };
  removed.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  removed.isArray ??= Array.isArray;
}

/** The GPU's own name where nvidia-smi tells it. */
async function gpuName(): Promise<string> {
  try {
    const args = ["--query-gpu=name", "--format=csv,noheader"];
    const { stdout } = await new Deno.Command("nvidia-smi", { args, stderr: "null" }).output();
    const name = new TextDecoder().decode(stdout).split("\n")[0].trim();
    return name ? `GPU (${name})` : "GPU";
  } catch {
    return "GPU"; // its name is only for display; that TensorFlow uses it is already known
  }
}

/** Whether TensorFlow is the backend in use, so that {@linkcode executeOp} can be called. */
export function isTensorFlow(): boolean {
  return tf.getBackend() === "tensorflow";
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
 * @param options.outputs how many tensors the op returns (default 1)
 * @throws when the backend is not TensorFlow, or TensorFlow refuses the op
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

/** Frees outputs of {@linkcode executeOp}. */
export function disposeRaw(...raws: RawTensor[]): void {
  for (const raw of raws) node().binding.deleteTensor(raw.id);
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
 * Whole numbers from 0 to 255, uniform, that are a function of shape and seed alone: TensorFlow's stateless generator (Philox), or
 * on WebAssembly one in JavaScript, so the numbers differ between the backends. The caller owns the tensor.
 */
export function seededBytes(shape: number[], seed: number): tf.Tensor {
  if (!isTensorFlow()) {
    const random = createRandom(seed);
    const values = new Float32Array(shape.reduce((product, side) => product * side, 1));
    for (let i = 0; i < values.length; i++) values[i] = random.bits() >>> 24;
    return tf.tensor(values, shape);
  }
  return tf.tidy(() => {
    const { float32, int32, uint8 } = DTYPE;
    const count = shape.reduce((product, side) => product * side, 1);
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

/** A SavedModel in TensorFlow's memory; `close()` frees it. */
export type SavedModel = {
  /** Computes the named outputs from tensors for the named inputs (`node:0`); the caller owns the results. */
  run(
    tensors: readonly (tf.Tensor | RawTensor)[],
    names: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
  ): RawTensor[];
  close(): void;
};

/**
 * Loads the SavedModel in a folder. Unlike `tf.node.loadSavedModel` it does not read the whole file into JavaScript, and
 * takes and gives tensors of any dtype.
 *
 * @throws when the backend is not TensorFlow, or TensorFlow cannot load it
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
