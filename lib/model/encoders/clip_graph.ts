/**
 * CLIP's frozen vision transformer made fast: by what runs its graph on this machine, in the precision that is asked for.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs";
import { type LoadedGraph, openGraph, type Ref } from "../../backend/graph.ts";
import { onnxRuntime } from "../../backend/onnx/runtime.ts";
import { disposeRaw, fromRaw, isOnGpu, isTensorFlow } from "../../backend/raw.ts";
import { type Clip, encodeClsTokens, encodeEntering, encodeTokens } from "./clip.ts";
import { compileInt8 } from "./clip_int8.ts";
import type { CompiledTower, EncoderPrecision, Precision } from "./encoder.ts";
import { encoderGraph, encoderOutputs } from "./encoder_graph.ts";

/** Changes when what the graph computes does. */
const VERSION = 2;
/** Changes when what int8.h computes does. */
const INT8_VERSION = 3;

/**
 * Compiles an encoder, in a second or so. On WebAssembly alone, which runs no graphs, `tokens()` is `encodeTokens()`.
 *
 * @param options.precision what matrix products are computed in
 * @throws {Error} when bfloat16 is asked of WebAssembly, which has float32 alone, and when this machine has no int8
 *
 * @example
 * ```ts
 * import { bindClip, compileClip, dispose, initBackend, randomClip, toPixels } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
 * const tower = await compileClip(clip, { precision: "float32" });
 * const pixels = toPixels([new Uint8Array(32 * 32 * 3)], 32);
 * const tokens = await tower.tokens(pixels); // those of encodeTokens(), but for the order of sums
 * assertEquals(tokens.shape, [1, 5, 64]);
 * dispose([tower, clip, pixels, tokens]);
 * ```
 */
export async function compileClip(
  clip: Clip,
  options: { readonly precision: EncoderPrecision },
): Promise<CompiledTower> {
  const { precision } = options;
  if (precision === "int8") return await compileInt8(clip);
  if (!isTensorFlow()) {
    if (precision === "bfloat16") {
      throw new Error(
        "Cannot compile the encoder: expected the tensorflow backend for bfloat16 but found wasm",
      );
    }
    const opByOp: CompiledTower = {
      precision,
      tokens: (pixels) => Promise.resolve(encodeTokens(clip, pixels)),
      clsTokens: (pixels) => Promise.resolve(encodeClsTokens(clip, pixels)),
      entering: (pixels, block) => Promise.resolve(encodeEntering(clip, pixels, { block })),
      dispose: () => {},
    };
    if (!onnxRuntime()) return opByOp;
    const { compileOnnx } = await import("./clip_onnx.ts"); // which others need not load
    return await compileOnnx(clip, { opByOp, digest: encoderDigest(clip, precision) });
  }
  if (isOnGpu()) return await openEncoder(clip, { precision, fusedNorm: false });
  const { imageSize } = clip.config;
  const probe = tf.zeros([1, imageSize, imageSize, 3]) as tf.Tensor4D;
  // TensorFlow on x86 has one op for a layer norm; elsewhere it is refused, and the graph spells it out.
  let fused: CompiledTower | undefined;
  try {
    fused = await openEncoder(clip, { precision, fusedNorm: true });
    (await fused.tokens(probe)).dispose();
    return fused;
  } catch {
    fused?.dispose();
    return await openEncoder(clip, { precision, fusedNorm: false });
  } finally {
    probe.dispose();
  }
}

async function openEncoder(
  clip: Clip,
  options: { readonly precision: Precision; readonly fusedNorm: boolean },
): Promise<CompiledTower> {
  const { graph: written, weights } = encoderGraph(clip, options);
  let graph: LoadedGraph | undefined;
  try {
    graph = await openGraph(written);
    disposeRaw(
      ...graph.run(Object.fromEntries(weights.map(({ name, value }) => [name, value])), [
        encoderOutputs.assigned,
      ]),
    );
  } catch (error) {
    graph?.close();
    throw error;
  } finally {
    for (const { value, owned } of weights) {
      if (!owned) continue;
      if (value instanceof tf.Tensor) value.dispose();
      else disposeRaw(value);
    }
  }
  let closed = false;
  // deno-lint-ignore require-await
  const run = async (pixels: tf.Tensor4D, output: Ref) =>
    fromRaw(graph.run({ pixels }, [output])[0]) as tf.Tensor3D;
  return {
    precision: options.precision,
    tokens: (pixels) => run(pixels, encoderOutputs.tokens),
    clsTokens: (pixels) => run(pixels, encoderOutputs.clsTokens),
    entering: (pixels, block) => run(pixels, encoderOutputs.entering(block)),
    dispose: () => {
      if (!closed) graph.close();
      closed = true;
    },
  };
}

/**
 * Names what an encoder computes: a SHA-256 of its weights, its configuration, the precision and this code's version.
 * Tokens are kept under it.
 */
export function encoderDigest(clip: Clip, precision: EncoderPrecision): string {
  const arithmetic = precision === "int8" ? `int8, ${INT8_VERSION}` : precision;
  return createHash("sha256").update(JSON.stringify([VERSION, clip.config, arithmetic, tensorsDigest(clip)]))
    .digest("hex").slice(0, 32);
}

/**
 * Names an encoder, however it is run: a SHA-256 of its weights and their layout, the same in every precision, with either
 * activation, and for every version of this code.
 */
export function weightsDigest(clip: Clip): string {
  const { width, layers, heads, imageSize, patchSize } = clip.config;
  const sizes = [width, layers, heads, imageSize, patchSize];
  return createHash("sha256").update(JSON.stringify([sizes, tensorsDigest(clip)])).digest("hex").slice(0, 32);
}

function tensorsDigest(clip: Clip): string {
  const known = digests.get(clip);
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  const visit = (x: unknown): void => {
    if (x instanceof tf.Tensor) {
      const values = x.dataSync();
      hash.update(`${x.shape}`).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    } else for (const value of Object.values(x as Record<string, unknown>)) visit(value);
  };
  visit(clip.params);
  const digest = hash.digest("hex");
  digests.set(clip, digest);
  return digest;
}

const digests = new WeakMap<Clip, string>();
