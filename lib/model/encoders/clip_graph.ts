/**
 * CLIP's frozen vision transformer as one TensorFlow graph, in bfloat16 or float32.
 *
 * The same function as `encodeTokens()`: the scale of a query and of quickGELU is folded into the weights before it, so
 * that TensorFlow fuses bias, activation and matrix product. Matrix products are in the graph's precision; the patch
 * embedding, the residual stream and layer norms are in float32. Shapes: B batch, N tokens, D width, H heads, K head width, R = B·N rows.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as tf from "@tensorflow/tfjs";
import {
  castRaw,
  disposeRaw,
  DTYPE,
  fromRaw,
  isOnGpu,
  isTensorFlow,
  type RawTensor,
} from "../../backend/raw.ts";
import { type Clip, encodeClsTokens, encodeEntering, encodeTokens, guidanceOf, tokenCount } from "./clip.ts";
import { createGraph, type Graph, type LoadedGraph, openGraph, type Ref } from "../../backend/graph.ts";
import { type GraphOps, graphOps, type Variable } from "../../backend/graph_ops.ts";
import { compileInt8 } from "./clip_int8.ts";
import type { CompiledTower, EncoderPrecision, Precision } from "./encoder.ts";
import type { Guidance, Linear, Norm, ResidualBlock } from "../layers.ts";

/** Changes when what the graph computes does. */
const VERSION = 2;
/** Changes when what int8.cc computes does. */
const INT8_VERSION = 2;

/**
 * Compiles an encoder, in a second or so. On WebAssembly, which runs no graphs, `tokens()` is `encodeTokens()`.
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
    return {
      precision,
      tokens: (pixels) => Promise.resolve(encodeTokens(clip, pixels)),
      clsTokens: (pixels) => Promise.resolve(encodeClsTokens(clip, pixels)),
      entering: (pixels, block) => Promise.resolve(encodeEntering(clip, pixels, { block })),
      dispose: () => {},
    };
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
    disposeRaw(...graph.run(Object.fromEntries(weights.map(({ name, value }) => [name, value])), [ASSIGNED]));
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
    tokens: (pixels) => run(pixels, OUTPUT),
    clsTokens: (pixels) => run(pixels, CLASS_TOKENS),
    entering: (pixels, block) => run(pixels, entering(block)),
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

const OUTPUT: Ref = { ref: "tokens:0", dtype: DTYPE.float32 };
const CLASS_TOKENS: Ref = { ref: "clsTokens:0", dtype: DTYPE.float32 };

/** What enters a block. */
function entering(block: number): Ref {
  return { ref: `entering${block}:0`, dtype: DTYPE.float32 };
}

/** Done when all weights are in the graph's variables. */
const ASSIGNED: Ref = { ref: "assigned:0", dtype: DTYPE.float32 };

/** A weight, the input that it comes in by once, its variable, and whether it was made for the graph. */
type Weight = {
  readonly name: string;
  readonly value: tf.Tensor | RawTensor;
  readonly variable: Variable;
  readonly owned: boolean;
};

type Writer = {
  readonly graph: Graph;
  readonly o: GraphOps;
  /** The dtype of matrix products. */
  readonly matrixType: number;
  readonly N: number;
  readonly config: Clip["config"];
  readonly fusedNorm: boolean;
  readonly weights: Weight[];
};

/** Writes the encoder as a graph from the input `pixels` [B, S, S, 3] to `tokens` [B, N, D], both float32. */
function encoderGraph(
  clip: Clip,
  options: { readonly precision: Precision; readonly fusedNorm: boolean },
): { graph: Graph; weights: readonly Weight[] } {
  const { config, params } = clip;
  const { width: D, patchSize, imageSize } = config;
  const graph = createGraph();
  const o = graphOps(graph);
  const matrixType = DTYPE[options.precision];
  const N = tokenCount(config);
  const writer: Writer = { graph, o, matrixType, N, config, fusedNorm: options.fusedNorm, weights: [] };
  const pixels = graph.input("pixels", { dtype: DTYPE.float32, shape: [-1, imageSize, imageSize, 3] });
  const strides = { list: [1, patchSize, patchSize, 1].map((int) => ({ int })) };
  // In float32: at the edge of CLIP's range bfloat16's steps are those between grey levels, where traces of forgery lie.
  const patches = graph.op(
    "Conv2D",
    [pixels, hold(writer, params.patchFilter)],
    {
      attrs: { T: { type: DTYPE.float32 }, strides, padding: "VALID" },
    },
  ); // [B, G, G, D]
  const flat = o.reshape(patches, [-1, N - 1, D]); // [B, G², D]
  const placed = o.pad(flat, [[0, 0], [1, 0], [0, 0]]); // [B, N, D], zeros for the class token
  const start = tf.tidy(() => {
    const classToken = tf.reshape(params.classEmbedding, [1, D]);
    return tf.add(params.positionalEmbedding, tf.pad(classToken, [[0, N - 1], [0, 0]])); // [N, D]
  });
  const embedded = o.add(placed, hold(writer, start, { owned: true }));
  let x = writeNorm(writer, params.lnPre, o.reshape(embedded, [-1, D])); // [R, D]
  const clsTokens: Ref[] = []; // each [B, 1, D]
  params.blocks.forEach((block, i) => {
    o.output(`entering${i}`, o.reshape(x, [-1, N, D])); // [B, N, D]
    x = writeBlock(writer, block, { x, guidance: guidanceOf(params, i) });
    clsTokens.push(o.slice(o.reshape(x, [-1, N, D]), [0, 0, 0], [-1, 1, -1]));
  });
  const tokens = o.reshape(writeNorm(writer, params.lnPost, x), [-1, N, D]); // [B, N, D]
  o.output("tokens", tokens);
  const all = clsTokens.length > 1 ? o.concat(clsTokens, 1) : clsTokens[0]; // [B, L, D]
  const rows = o.reshape(all, [-1, D]); // [B·L, D]
  o.output("clsTokens", o.reshape(writeNorm(writer, params.lnPost, rows), [-1, config.layers, D])); // [B, L, D]
  o.output("assigned", o.scalar(1, DTYPE.float32), writer.weights.map(({ variable }) => variable.assigned));
  return { graph, weights: writer.weights };
}

/**
 * A variable for a weight, times `scale`, in float32 unless `dtype` says otherwise. It shares the weight's memory where both are on
 * the CPU; on a GPU it is there, where an input would be copied to at each run.
 */
function hold(
  { o, weights }: Writer,
  x: tf.Tensor,
  options: { readonly dtype?: number; readonly scale?: number | tf.Tensor; readonly owned?: boolean } = {},
): Ref {
  const { dtype = DTYPE.float32, scale = 1, owned = false } = options;
  const name = `weight${weights.length}`;
  const variable = o.variable(name, { dtype, shape: x.shape });
  const scaled = scale === 1 ? x : tf.mul(x, scale);
  if (dtype === DTYPE.float32) weights.push({ name, variable, value: scaled, owned: owned || scaled !== x });
  else {
    const value = castRaw(scaled, { from: DTYPE.float32, to: dtype });
    weights.push({ name, variable, value, owned: true });
    if (scaled !== x) scaled.dispose();
  }
  return o.read(variable);
}

/** One residual block on rows [R, D], with what guidance adds to the stream. */
function writeBlock(
  writer: Writer,
  p: ResidualBlock,
  { x, guidance }: { readonly x: Ref; readonly guidance: Guidance | undefined },
): Ref {
  const { o, matrixType, N, config } = writer;
  const { width: D, heads: H } = config;
  const K = D / H;
  const across = config.attendAcross === "tokens";
  // Queries come scaled by 1/√K out of their projection.
  const scales = tf.tidy(() => tf.concat([tf.fill([D], 1 / Math.sqrt(K)), tf.ones([2 * D])])); // [3D]
  const normed = o.cast(writeNorm(writer, p.ln1, x), matrixType);
  const qkv = writeLinear(writer, p.attn.inProj, normed, { scale: scales }); // [R, 3D]
  scales.dispose();
  // Attention runs over the second axis from the end: tokens, or with the reference's mistake the images of the batch.
  const order = across ? [0, 2, 1, 3] : [1, 2, 0, 3];
  const apart = o.transpose(o.reshape(qkv, [-1, N, 3 * H, K]), order); // [B, 3H, N, K] or [N, 3H, B, K]
  const [q, k, v] = o.split(apart, 3, 1); // each [B, H, N, K] or [N, H, B, K]
  const weights = o.unary("Softmax", o.batchMatMul(q, k, { transposeB: true })); // [B, H, N, N] or [N, H, B, B]
  const mixed = o.transpose(o.batchMatMul(weights, v), across ? order : [2, 0, 1, 3]); // [B, N, H, K]
  const attended = writeLinear(writer, p.attn.outProj, o.reshape(mixed, [-1, D])); // [R, D]
  let middle = o.add(x, o.cast(attended, DTYPE.float32));
  if (guidance) {
    const down = o.unary("Relu", writeLinear(writer, guidance.down, o.cast(middle, matrixType))); // [R, D/4]
    const between = o.unary("Relu", writeLinear(writer, guidance.middle, down)); // [R, D/4]
    middle = o.add(middle, o.cast(writeLinear(writer, guidance.up, between), DTYPE.float32)); // [R, D]
  }
  const active = writeHidden(writer, p.cFc, o.cast(writeNorm(writer, p.ln2, middle), matrixType)); // [R, 4D]
  const inputScale = config.activation === "quickgelu" ? 1 / QUICK : 1;
  const fed = writeLinear(writer, p.cProj, active, { inputScale }); // [R, D]
  return o.add(middle, o.cast(fed, DTYPE.float32));
}

/** quickGELU(h) = h·σ(1.702h) = f(1.702h)/1.702 with f(x) = x·σ(x), one op: the scales go into the weights on both sides. */
const QUICK = 1.702;

function writeHidden(writer: Writer, p: Linear, x: Ref): Ref {
  const { o, config } = writer;
  if (config.activation === "quickgelu") {
    const hidden = writeLinear(writer, p, x, { scale: QUICK });
    return o.mul(hidden, o.unary("Sigmoid", hidden));
  }
  const hidden = writeLinear(writer, p, x);
  const gauss = o.add(o.unary("Erf", o.mul(hidden, Math.SQRT1_2)), 1);
  return o.mul(o.mul(hidden, 0.5), gauss);
}

/** `scale` · (`inputScale`·x · weightᵀ + bias) on rows, [R, in] → [R, out]; `scale` may be one for each output, [out]. */
function writeLinear(
  writer: Writer,
  p: Linear,
  x: Ref,
  options: { readonly scale?: number | tf.Tensor; readonly inputScale?: number } = {},
): Ref {
  const { o, matrixType } = writer;
  const { scale = 1, inputScale = 1 } = options;
  const rowScale = scale instanceof tf.Tensor ? tf.reshape(scale, [-1, 1]) : scale * inputScale;
  const weight = hold(writer, p.weight, { dtype: matrixType, scale: rowScale }); // [out, in]
  if (rowScale instanceof tf.Tensor) rowScale.dispose();
  const bias = hold(writer, p.bias, { dtype: matrixType, scale });
  return o.addBias(o.matMul(x, weight, { transposeB: true }), bias);
}

function writeNorm(writer: Writer, p: Norm, x: Ref): Ref {
  const { graph, o, fusedNorm } = writer;
  const weight = hold(writer, p.weight);
  const bias = hold(writer, p.bias);
  const epsilon = 1e-5;
  if (fusedNorm) {
    return graph.op("_MklLayerNorm", [x, weight, bias], {
      attrs: { T: { type: x.dtype }, epsilon: { float: epsilon } },
    });
  }
  const centred = o.sub(x, o.mean(x, -1));
  const variance = o.mean(o.unary("Square", centred), -1); // [R, 1]
  const unit = o.mul(centred, o.unary("Rsqrt", o.add(variance, epsilon)));
  return o.add(o.mul(unit, weight), bias);
}
