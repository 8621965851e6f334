/**
 * TensorFlow through tfjs-node, set up on the way if need be.
 *
 * @module
 */
import { dirname, join } from "node:path";
import util from "node:util";
import * as tf from "@tensorflow/tfjs";
import { makeTemporaryFolder } from "../../base/temporary.ts";
import { isOnGpu, tensorFlowVersion } from "../raw.ts";
import type { BackendKind, StartedBackend } from "./backend.ts";

/** TensorFlow. */
export const tensorflow: BackendKind = { title: "TensorFlow", start: startTensorFlow };

/** Starts TensorFlow, or says why it cannot be and what to install. */
async function startTensorFlow(
  { log }: { readonly log: (line: string) => void },
): Promise<StartedBackend | string> {
  const { setup } = await import("../setup.ts");
  const result = await setup({ log });
  if (!result.ok) return `${result.reason}. ${result.advice}, then deno task setup`;
  restoreUtil();
  const settings = { ...SETTINGS, ...result.variant === "cuda" ? CUDA_SETTINGS : {} };
  for (const [name, value] of Object.entries(settings)) {
    if (!Deno.env.get(name)) Deno.env.set(name, value);
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
  const backend: StartedBackend = { device, version: tensorFlowVersion() };
  if (result.variant === "cuda" && !gpu) {
    backend.note = "TensorFlow runs on the CPU although there is an NVIDIA GPU, because CUDA did not load: " +
      "run with TF_CPP_MIN_LOG_LEVEL=0 to see why";
  }
  return backend;
}

/** What TensorFlow reads from the environment as it starts; a user's own setting stays. */
const SETTINGS = {
  // By itself it takes oneDNN on newer CPUs alone. Its own products sum by a row's place, so that an image's tokens depend on those beside it.
  TF_ENABLE_ONEDNN_OPTS: "1",
};

/** The same of TensorFlow and CUDA on a GPU. */
const CUDA_SETTINGS = {
  TF_FORCE_GPU_ALLOW_GROWTH: "true", // memory as it is needed: other programs use the card too
  NVIDIA_TF32_OVERRIDE: "0", // TF32's 10 bits are no float32
  TF_DETERMINISTIC_OPS: "1", // the same seed, the same numbers
};

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
