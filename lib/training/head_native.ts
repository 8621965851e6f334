/**
 * The training step of the ForgeLens head by the project's C++: in bfloat16 on CPUs with AVX-512's products of it, or AMX's, and in float32
 * on those with AVX2 and no AVX-512.
 *
 * What `head_graph.ts` computes, with the same dropout masks: `head.h` has the arithmetic, this file hands it
 * numbers. Weights and moments live there between steps.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import { reasonOf } from "../base/errors.ts";
import { mayRun, openNative, TILE, whileHeld } from "../backend/native.ts";
import type { HeadSource } from "../backend/build_native.ts";
import type { Precision } from "../model/encoders/encoder.ts";
import { type ForgeLensConfig, forgeLensShapes } from "../model/detectors/head_shapes.ts";
import type { NativeName } from "./engine.ts";

const symbols = {
  head_supported: { parameters: [], result: "i32" },
  head_open: { parameters: ["buffer"], result: "pointer" },
  head_close: { parameters: ["pointer"], result: "void" },
  head_copy: { parameters: ["pointer", "i32", "i32", "buffer", "i32"], result: "void" },
  head_pack: { parameters: ["pointer"], result: "void" },
  head_step: {
    parameters: ["pointer", "i32", "buffer", "buffer", "buffer", "buffer", "f32", "buffer"],
    result: "f32",
    nonblocking: true,
  },
} as const;

/** What a parameter has: itself, AdamW's moments, and the gradient of the last call. */
const slots = ["weight", "m", "v", "gradient"] as const;
type Slot = (typeof slots)[number];

/** A batch: tokens [B, N, D], labels [B], and for each dropout, [depth, 4], its seed and `leastKept()`. */
export type HeadBatch = {
  readonly tokens: tf.Tensor3D;
  readonly labels: Int32Array<ArrayBuffer>;
  readonly seeds: Int32Array<ArrayBuffer>;
  readonly leastKept: Int32Array<ArrayBuffer>;
};

/** AdamW's numbers for one step. */
export type HeadUpdate = {
  /** What decay leaves of a weight. */
  readonly keep: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Learning rate / (1 − β₁ᵗ). */
  readonly stepSize: number;
  /** 1/√(1 − β₂ᵗ). */
  readonly secondCorrection: number;
  readonly epsilon: number;
};

/** The order in which `head.h` has them. */
const updateOrder = ["keep", "beta1", "beta2", "stepSize", "secondCorrection", "epsilon"] as const;

/** A head in native memory; `close()` frees it. */
export type NativeHead = {
  /** Puts numbers in for a parameter, by state-dict key. */
  put(key: string, slot: Slot, values: Float32Array): void;
  /** A copy of a parameter's numbers. */
  get(key: string, slot: Slot): Float32Array<ArrayBuffer>;
  /** The mean loss of a batch; after it the parameters have taken a step, or without an update there are gradients to `get()`. */
  step(batch: HeadBatch, update?: HeadUpdate): Promise<number>;
  close(): void;
};

/** By what, and in what, products are computed. */
export type NativeUse = {
  /** `native` unless given; sums of engines differ in their last digits. */
  readonly engine?: NativeName;
  readonly precision: Precision;
};

/** The source for each, and what a CPU must have for it. */
const sources: Readonly<
  Record<NativeName, Partial<Record<Precision, { readonly source: HeadSource; readonly needs: string }>>>
> = {
  native: {
    float32: { source: "head_float32", needs: "AVX2 and no AVX-512" },
    bfloat16: { source: "head_step", needs: "AVX-512 BF16" },
  },
  "native-amx": { bfloat16: { source: "head_amx", needs: "AVX-512 BF16 and AMX BF16" } },
};

/** Why this machine or a head's sizes are not those that an engine is written for; nothing if they are. */
export async function nativeHeadFault(config: ForgeLensConfig, use: NativeUse): Promise<string | undefined> {
  return await openLibrary(config, use).then(() => undefined, reasonOf);
}

async function openLibrary(
  { dim, heads, feedForward, depth }: ForgeLensConfig,
  { engine = "native", precision }: NativeUse,
) {
  if (depth === 0) throw new Error("expected a FAFormer layer at least but found none");
  if (dim % TILE !== 0 || feedForward % TILE !== 0 || (dim / heads) % 2 !== 0) {
    throw new Error(
      `expected widths that are multiples of ${TILE}, and of 2 in heads, but found tokens of ${dim}, heads of ${
        dim / heads
      } and a hidden layer of ${feedForward}`,
    );
  }
  const found = sources[engine][precision];
  if (!found) throw new Error(`expected bfloat16 for the engine ${engine} but found ${precision}`);
  const { source, needs } = found;
  const library = await mayRun(source) ? await openNative(source, symbols) : undefined;
  if (!library?.head_supported()) throw new Error(`expected a CPU with ${needs} but found one without`);
  return library;
}

/**
 * Opens a head whose parameters are still to be put in.
 *
 * @param options.tokens tokens an image
 * @param options.threads one for each of the machine's unless given; no number depends on it
 * @throws {Error} with the reason that `nativeHeadFault()` gives
 */
export async function openNativeHead(
  config: ForgeLensConfig,
  options: NativeUse & { readonly tokens: number; readonly threads?: number },
): Promise<NativeHead> {
  const { dim: D, heads: H, feedForward: F, depth, dropout } = config;
  let library: Awaited<ReturnType<typeof openLibrary>>;
  try {
    library = await openLibrary(config, options);
  } catch (error) {
    throw new Error(`Cannot train by native code: ${reasonOf(error)}`);
  }
  const { tokens: N, threads = navigator.hardwareConcurrency } = options;
  const head = library.head_open(Int32Array.of(N, D, H, F, depth, threads));
  const shapes = forgeLensShapes(config);
  const places = [...shapes.keys()];
  const copy = (key: string, slot: Slot, values: Float32Array<ArrayBuffer>, out: boolean) =>
    library.head_copy(head, places.indexOf(key), slots.indexOf(slot), values, Number(out));
  let packed = false;
  return {
    put: (key, slot, values) => {
      copy(key, slot, new Float32Array(values), false);
      packed = false;
    },
    get: (key, slot) => {
      const values = new Float32Array(shapes.get(key)!.reduce((a, b) => a * b, 1));
      copy(key, slot, values, true);
      return values;
    },
    step: async ({ tokens, labels, seeds, leastKept }, update) => {
      const shape = [labels.length, N, D];
      if (`${tokens.shape}` !== `${shape}`) {
        throw new Error(`Cannot train on a batch: expected tokens [${shape}] but found [${tokens.shape}]`);
      }
      if (!packed) library.head_pack(head);
      packed = true;
      const values = await tokens.data() as Float32Array<ArrayBuffer>;
      const numbers = update && Float32Array.from(updateOrder, (name) => update[name]);
      const call = [head, labels.length, values, labels, seeds, leastKept, dropout, numbers ?? null] as const;
      return await whileHeld(call, library.head_step(...call));
    },
    close: () => library.head_close(head),
  };
}
