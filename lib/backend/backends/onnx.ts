/**
 * onnxruntime for what is written as a graph, the frozen encoder and the notebook's head, and WebAssembly for the rest.
 *
 * @module
 */
import { reasonOf } from "../../base/errors.ts";
import { useOnnxRuntime } from "../onnx/runtime.ts";
import type { BackendKind, StartedBackend } from "./backend.ts";
import { wasm } from "./wasm.ts";

/** onnxruntime from its npm package, beside tfjs's WebAssembly kernels. */
export const onnx: BackendKind = {
  title: "onnxruntime",
  drawback: "which has float32 alone",
  start: startOnnx,
};

async function startOnnx(
  { log }: { readonly log: (line: string) => void },
): Promise<StartedBackend | string> {
  const { loadOnnxRuntime } = await import("../onnx/install.ts");
  try {
    const runtime = await loadOnnxRuntime({ log });
    const beside = await wasm.start({ log });
    if (typeof beside === "string") return beside;
    useOnnxRuntime(runtime);
    const threads = navigator.hardwareConcurrency;
    const rest = beside.device.replace(/^CPU \((.*)\)$/, "$1");
    return {
      device: `CPU (onnxruntime, ${threads} threads; beside it ${rest})`,
      version: runtime.env.versions.node ?? "",
    };
  } catch (error) {
    return `onnxruntime cannot be used: ${reasonOf(error)}`;
  }
}
