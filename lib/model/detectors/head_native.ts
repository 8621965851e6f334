/**
 * The ForgeLens head by the project's C++, its training step and its logits: in float32 on CPUs with AVX2, and in bfloat16 on those with
 * AVX-512's products of it, or AMX's.
 *
 * What `head_graph.ts` computes, with the same dropout masks: `head.h` has the arithmetic, this file hands it
 * numbers. Weights and moments live there between steps.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import { reasonOf } from "../../base/errors.ts";
import { mayRun, openNative, TILE, whileHeld } from "../../backend/native.ts";
import type { HeadSource } from "../../backend/build_native.ts";
import type { Precision } from "../encoders/encoder.ts";
import { type ForgeLensConfig, forgeLensShapes } from "./head_shapes.ts";

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
  head_logits: { parameters: ["pointer", "i32", "buffer", "buffer"], result: "void", nonblocking: true },
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
  /** The logits [B, 2] of tokens [B, N, D], without dropout; an image's depend on no other. */
  logits(tokens: tf.Tensor3D): Promise<Float32Array<ArrayBuffer>>;
  close(): void;
};

/** Which of the C++ computes: by vectors, or by AMX's tiles. */
export type NativeName = "native" | "native-amx";

/** By what, and in what, products are computed. */
export type NativeUse = {
  /** `native` unless given; sums of engines differ in their last digits. */
  readonly engine?: NativeName;
  readonly precision: Precision;
};

/** Sources of one library, the fastest first, and what a CPU must have for one of them. */
type Sources = { readonly sources: readonly HeadSource[]; readonly needs: string };

const sources: Readonly<Record<NativeName, Partial<Record<Precision, Sources>>>> = {
  native: {
    float32: { sources: ["head_float32_avx512", "head_float32_avx2"], needs: "AVX2" },
    bfloat16: { sources: ["head_step"], needs: "AVX-512 BF16" },
  },
  "native-amx": { bfloat16: { sources: ["head_amx"], needs: "AVX-512 BF16 and AMX BF16" } },
};

/** Why this machine or a head's sizes are not those that an engine is written for; nothing if they are. */
export async function nativeHeadFault(config: ForgeLensConfig, use: NativeUse): Promise<string | undefined> {
  return await openLibrary(config, use).then(() => undefined, reasonOf);
}

/**
 * Begins to compile what this CPU may run, which takes seconds: beside other work, before a head is opened. What is wrong with it is told
 * to whoever opens one.
 */
export function compileHeads(): void {
  for (const found of Object.values(sources).flatMap((each) => Object.values(each))) {
    openFirst(found).catch(() => {}); // kept with the library
  }
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
  return await openFirst(found);
}

async function openFirst({ sources, needs }: Sources) {
  for (const source of sources) {
    if (!(await mayRun(source))) continue;
    const library = await openNative(source, symbols);
    if (library.head_supported()) return library;
  }
  throw new Error(`expected a CPU with ${needs} but found one without`);
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
    throw new Error(`Cannot open a head in native code: ${reasonOf(error)}`);
  }
  const { tokens: N, threads = navigator.hardwareConcurrency } = options;
  const head = library.head_open(Int32Array.of(N, D, H, F, depth, threads));
  const shapes = forgeLensShapes(config);
  const places = [...shapes.keys()];
  const copy = (key: string, slot: Slot, values: Float32Array<ArrayBuffer>, out: boolean) =>
    library.head_copy(head, places.indexOf(key), slots.indexOf(slot), values, Number(out));
  let packed = false;
  const numbersOf = async (tokens: tf.Tensor3D, images: number) => {
    const shape = [images, N, D];
    if (`${tokens.shape}` !== `${shape}`) {
      throw new Error(`Cannot take a batch: expected tokens [${shape}] but found [${tokens.shape}]`);
    }
    if (!packed) library.head_pack(head);
    packed = true;
    return await tokens.data() as Float32Array<ArrayBuffer>;
  };
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
      const values = await numbersOf(tokens, labels.length);
      const numbers = update && Float32Array.from(updateOrder, (name) => update[name]);
      const call = [head, labels.length, values, labels, seeds, leastKept, dropout, numbers ?? null] as const;
      return await whileHeld(call, library.head_step(...call));
    },
    logits: async (tokens) => {
      const [B] = tokens.shape;
      const both = new Float32Array(2 * B);
      const call = [head, B, await numbersOf(tokens, B), both] as const;
      await whileHeld(call, library.head_logits(...call));
      return both;
    },
    close: () => library.head_close(head),
  };
}
