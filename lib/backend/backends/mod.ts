/**
 * The backends that `--backend` takes.
 *
 * @module
 */
import type { BackendKind } from "./backend.ts";
import { onnx } from "./onnx.ts";
import { tensorflow } from "./tensorflow.ts";
import { wasm } from "./wasm.ts";

/** The backends by name, in the order in which `auto` tries them. */
export const backends = {
  tensorflow,
  onnx,
  wasm,
} as const satisfies Readonly<Record<string, BackendKind>>;

/** The backends that this project runs on. */
export type BackendName = keyof typeof backends;

/** The names of all backends, in that order. */
export const backendNames = Object.keys(backends) as [BackendName, ...BackendName[]];

/** What they are called in sentences, in that order. */
export const backendTitles = Object.values(backends).map(({ title }) => title);
