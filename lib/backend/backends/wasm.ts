/**
 * WebAssembly, which runs wherever Deno does.
 *
 * @module
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import type { BackendKind, StartedBackend } from "./backend.ts";

/** tfjs's WebAssembly kernels. */
export const wasm: BackendKind = {
  title: "WebAssembly",
  drawback: "about ten times slower than TensorFlow",
  start: startWasm,
};

async function startWasm(): Promise<StartedBackend | string> {
  const { setWasmPaths, version_wasm } = await import("@tensorflow/tfjs-backend-wasm");
  const manifest = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
  setWasmPaths(`${dirname(manifest)}/dist/`);
  if (!await tf.setBackend("wasm")) return "WebAssembly did not start";
  await tf.ready();
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT") ? "SIMD" : "no SIMD";
  return { device: `CPU (WebAssembly, ${simd}, 1 thread)`, version: version_wasm };
}
