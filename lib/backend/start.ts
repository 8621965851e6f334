/**
 * Starts the tensor backend, TensorFlow where it is set up or can be, else WebAssembly, behind the one `@tensorflow/tfjs` that
 * all model code imports.
 *
 * @module
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import util from "node:util";
import * as tf from "@tensorflow/tfjs";
import { makeTemporaryFolder } from "../base/temporary.ts";
import { isOnGpu, tensorFlowVersion } from "./raw.ts";

/** The backends that this project runs on. */
export type BackendName = "tensorflow" | "wasm";

/** What {@linkcode initBackend} started. */
export type Backend = {
  /** Which of the two it is. */
  name: BackendName;
  /** Where the tensors really are, for example `CPU (2 threads)`. */
  device: string;
  /** The version of TensorFlow, or of tfjs's WebAssembly kernels. */
  version: string;
  /** One line for the user when this is not the backend or the device one would hope for: why, and what to do. */
  note?: string;
};

let started: { wanted: BackendName | "auto"; backend: Promise<Backend> } | undefined;

/**
 * Starts the tensor backend. Called once, before anything that makes a tensor; later calls return the same.
 *
 * @param options.backend `auto`, unless given: TensorFlow, set up on the way if need be, else WebAssembly with a `note` that
 * says why; `tensorflow` or `wasm`: that one or an error
 * @param options.log takes the progress of a first set-up, a line at a time; standard error unless given
 * @throws {Error} when the forced backend cannot be used, or another one is in use already
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
  const gpu = isOnGpu();
  const device = gpu ? await gpuName() : `CPU (${navigator.hardwareConcurrency} threads)`;
  const backend: Backend = { name: "tensorflow", device, version: tensorFlowVersion() };
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
