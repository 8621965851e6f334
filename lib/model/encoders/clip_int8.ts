/**
 * CLIP's frozen vision transformer with matrix products in 8 bits, on CPUs with AVX2.
 *
 * The same function as `encodeTokens()` up to rounding: `int8.h` has the arithmetic, this file hands it weights and images.
 * TensorFlow's own 8-bit ops round a whole tensor by one scale, too coarsely for this; here each token and each output of a
 * weight has its own, as LLM.int8() (arXiv 2208.07339) calls vector-wise. Weights that this is too coarse for, an output's small ones
 * beside a few large, have two bytes. An image's tokens depend on that image alone, and are the same to the bit whichever instructions
 * compute them.
 * Shapes: B batch, N tokens, D width, H heads, K head width, F feed-forward width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { InputError } from "../../base/errors.ts";
import { mayRun, openNative, TILE, whileHeld } from "../../backend/native.ts";
import { type Clip, tokenCount } from "./clip.ts";
import type { CompiledTower } from "./encoder.ts";
import type { Linear, Norm } from "../layers.ts";

const symbols = {
  int8_supported: { parameters: [], result: "i32" },
  int8_amx: { parameters: ["i32", "i32"], result: "i32" },
  int8_pack: {
    parameters: ["buffer", "i32", "i32", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "void",
  },
  int8_peak: { parameters: ["i32", "i32", "i32"], result: "i32", nonblocking: true },
  int8_encode: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "void",
    nonblocking: true,
  },
} as const;

type Library = Deno.StaticForeignLibraryInterface<typeof symbols>;

/** What 8 bits are multiplied by, the fastest first. */
export const int8Instructions = ["amx", "vnni", "avx2"] as const;

/** One of `int8Instructions`. */
export type Int8Instructions = typeof int8Instructions[number];

/**
 * Compiles an encoder in 8 bits, in a second or so and, the first time on a machine, a C++ compiler's few more.
 *
 * @param options.instructions what computes; the fastest that the CPU has unless given
 * @throws {InputError} when the machine or the encoder's sizes are not those that it is written for, with the reason
 */
export async function compileInt8(
  clip: Clip,
  { instructions }: { readonly instructions?: Int8Instructions } = {},
): Promise<CompiledTower> {
  const { config, params } = clip;
  const { width: D, heads: H } = config;
  const F = params.blocks[0].cFc.weight.shape[0];
  let library: Library, withAmx: boolean;
  try {
    if (params.guidance) throw new Error("expected a tower without guidance but found one with it");
    if (config.attendAcross !== "tokens") {
      throw new Error(`expected attention across the tokens but found it across the ${config.attendAcross}`);
    }
    if ((D / H) % TILE !== 0 || F % TILE !== 0) {
      throw new Error(
        `expected widths that are multiples of ${TILE} but found heads of ${D / H} and an MLP of ${F}`,
      );
    }
    ({ library, withAmx } = await openLibrary([D, F], instructions));
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new InputError(
      `Cannot compile the encoder in int8: ${reason}; choose --precision bfloat16 or float32`,
    );
  }
  let model: Model | undefined = packModel(clip, library);
  const { imageSize: S, patchSize, layers: L, activation } = config;
  const N = tokenCount(config);
  /** Runs the first `layers` blocks, and all of them to the last layer norm. */
  const run = async (pixels: tf.Tensor4D, layers: number) => {
    const [B, ...shape] = pixels.shape;
    if (!model || `${shape}` !== `${[S, S, 3]}`) {
      const found = model ? `[${pixels.shape}]` : "a disposed encoder";
      throw new Error(`Cannot encode images: expected pixels [B,${S},${S},3] but found ${found}`);
    }
    const quick = activation === "quickgelu" ? 1 : 0;
    const threads = navigator.hardwareConcurrency;
    const isWhole = layers === L ? 1 : 0;
    const call = {
      model,
      pixels: await pixels.data() as Float32Array<ArrayBuffer>,
      tokens: new Float32Array(B * N * D),
      clsTokens: new Float32Array(B * layers * D),
      sizes: Int32Array.of(B, S, patchSize, D, H, F, layers, quick, threads, isWhole, Number(withAmx)),
    };
    await whileHeld(
      call,
      library.int8_encode(call.pixels, call.tokens, call.clsTokens, model.ends, model.blocks, call.sizes),
    );
    return {
      tokens: () => tf.tensor3d(call.tokens, [B, N, D]),
      clsTokens: () => tf.tensor3d(call.clsTokens, [B, layers, D]),
    };
  };
  return {
    precision: "int8",
    tokens: async (pixels) => (await run(pixels, L)).tokens(),
    clsTokens: async (pixels) => (await run(pixels, L)).clsTokens(),
    entering: async (pixels, block) => (await run(pixels, block)).tokens(),
    dispose: () => model = undefined,
  };
}

/** The library that computes 8 bits here, by what is asked for or the fastest instructions of this CPU. */
async function openLibrary(
  widths: readonly [number, number],
  asked?: Int8Instructions,
): Promise<{ library: Library; withAmx: boolean }> {
  const expected = { amx: "AMX", vnni: "AVX-512 VNNI", avx2: "AVX2" }[asked ?? "avx2"];
  if (asked !== "avx2" && await mayRun("int8_vnni")) {
    const library = await openNative("int8_vnni", symbols);
    const isSupported = library.int8_supported() !== 0;
    const withAmx = isSupported && asked !== "vnni" && library.int8_amx(...widths) !== 0;
    if (isSupported && (asked !== "amx" || withAmx)) return { library, withAmx };
  }
  if (asked === undefined || asked === "avx2") {
    const library = await openNative("int8_avx2", symbols);
    if (library.int8_supported()) return { library, withAmx: false };
  }
  throw new Error(`expected a CPU with ${expected} but found one without`);
}

/**
 * Multiplications a second of bytes, each with its addition, that the encoder's own tile reaches out of the nearest cache on all threads:
 * what an encoder in 8 bits is held against.
 *
 * @throws {Error} where this machine has no 8 bits
 */
export async function int8Peak(): Promise<number> {
  const { library, withAmx } = await openLibrary([256, 256]); // a width that every tile takes
  const [times, threads] = [100_000, navigator.hardwareConcurrency];
  let most = 0;
  for (let call = 0; call < 5; call++) {
    const began = performance.now();
    const products = times * await library.int8_peak(threads, Number(withAmx), times);
    most = Math.max(most, 1000 * products / (performance.now() - began));
  }
  return most;
}

/** Weights as `int8.h` takes them: tables of addresses, and the arrays that those point into. */
type Model = {
  readonly arrays: readonly ArrayBufferView[];
  readonly ends: BigUint64Array<ArrayBuffer>;
  readonly blocks: BigUint64Array<ArrayBuffer>;
};

function packModel({ params }: Clip, library: Library): Model {
  const arrays: ArrayBufferView[] = [];
  const address = (array: ArrayBufferView<ArrayBuffer>): bigint => {
    arrays.push(array);
    return Deno.UnsafePointer.value(Deno.UnsafePointer.of(array));
  };
  const floats = (x: tf.Tensor) => Float32Array.from(x.dataSync());
  const norm = (p: Norm) => [p.weight, p.bias].map((x) => address(floats(x)));
  const linear = ({ weight, bias }: Linear) => {
    const [out, width] = weight.shape;
    const [packed, rest] = [aligned(out * width), new Uint8Array(out * width)];
    const needsRest = new Uint8Array(out / TILE);
    const [scale, sum] = [new Float32Array(out), new Float32Array(out)];
    library.int8_pack(floats(weight), out, width, packed, rest, needsRest, scale, sum);
    const rests = BigUint64Array.from(needsRest, (needs, i) => {
      if (!needs) return 0n;
      const own = aligned(TILE * width);
      own.set(rest.subarray(i * TILE * width, (i + 1) * TILE * width));
      return address(own);
    });
    return [packed, rests, scale, sum, floats(bias)].map(address);
  };
  const { patchFilter, classEmbedding, positionalEmbedding, lnPre, lnPost } = params;
  const ends = [
    ...[patchFilter, classEmbedding, positionalEmbedding].map((x) => address(floats(x))),
    ...[...norm(lnPre), ...norm(lnPost)],
  ];
  const blocks = params.blocks.flatMap(({ ln1, attn, ln2, cFc, cProj }) => [
    ...[...norm(ln1), ...linear(attn.inProj), ...linear(attn.outProj)],
    ...[...norm(ln2), ...linear(cFc), ...linear(cProj)],
  ]);
  return { arrays, ends: BigUint64Array.from(ends), blocks: BigUint64Array.from(blocks) };
}

/** Bytes that start at a multiple of 64, where a vector is loaded in one piece. */
function aligned(length: number): Uint8Array<ArrayBuffer> {
  const room = new Uint8Array(length + 63);
  const start = Number(-Deno.UnsafePointer.value(Deno.UnsafePointer.of(room)) & 63n);
  return room.subarray(start, start + length);
}
