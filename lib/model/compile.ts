/**
 * CLIP's frozen vision transformer as one TensorFlow graph, in bfloat16 or float32.
 *
 * The same function as `encodeTokens()`: the scale of a query and of quickGELU is folded into the weights before it, so
 * that TensorFlow fuses bias, activation and matrix product. Matrix products are in the graph's precision; the residual
 * stream and layer norms are in float32. Shapes: B batch, N tokens, D width, H heads, K head width, R = B·N rows.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { cacheFolder } from "../cache.ts";
import { DTYPE, fromRaw, isTensorFlow } from "../backend.ts";
import { seedFrom } from "../random.ts";
import { type Clip, encodeTokens, tokenCount } from "./clip.ts";
import { createGraph, type Graph, type LoadedGraph, loadGraph, type Ref } from "./graph.ts";
import { type GraphOps, graphOps } from "./graph_ops.ts";
import type { Linear, Norm, ResidualBlock } from "./layers.ts";

/** What the matrix products are computed in. */
export type Precision = "bfloat16" | "float32";

/** A compiled encoder; free it with `dispose()`, the clip that it was made of stays the caller's. */
export type CompiledClip = {
  readonly precision: Precision;
  /** As `encodeTokens()`: pixels [B, S, S, 3] → [B, N, D]; the caller owns them. */
  tokens(pixels: tf.Tensor4D): Promise<tf.Tensor3D>;
  dispose(): void;
};

/** Changes when the graph that is written does. */
const VERSION = 1;

/**
 * Compiles an encoder. The graph is written once for each set of weights and kept in the cache, from which it loads in a
 * second or so. On WebAssembly, which runs no graphs, `tokens()` is `encodeTokens()`.
 *
 * @param options.precision what matrix products are computed in; WebAssembly has float32 alone
 * @param options.folder where graphs are kept; the user's cache folder unless given
 * @throws when bfloat16 is asked of WebAssembly
 */
export async function compileClip(
  clip: Clip,
  options: { readonly precision: Precision; readonly folder?: string },
): Promise<CompiledClip> {
  const { precision } = options;
  if (!isTensorFlow()) {
    if (precision === "bfloat16") {
      throw new Error(
        "Cannot compile the encoder: expected the tensorflow backend for bfloat16 but found wasm",
      );
    }
    return {
      precision,
      tokens: (pixels) => Promise.resolve(encodeTokens(clip, pixels)),
      dispose: () => {},
    };
  }
  const root = options.folder ?? join(cacheFolder(), "graphs");
  // TensorFlow on x86 has one op for a layer norm; elsewhere it is refused, and the graph spells it out.
  for (const fusedNorm of [true, false]) {
    const key = `${encoderDigest(clip, precision)}${fusedNorm ? "" : "-plain"}`;
    const graph = await openGraph(join(root, key), () => encoderGraph(clip, { precision, fusedNorm }));
    const tokens = (pixels: tf.Tensor4D) => fromRaw(graph.run({ pixels }, [OUTPUT])[0]) as tf.Tensor3D;
    try {
      const { imageSize } = clip.config;
      const probe = tf.zeros([1, imageSize, imageSize, 3]) as tf.Tensor4D;
      tf.dispose([probe, tokens(probe)]);
    } catch (error) {
      graph.close();
      if (!fusedNorm) throw error;
      continue;
    }
    return { precision, tokens: (pixels) => Promise.resolve(tokens(pixels)), dispose: graph.close };
  }
  throw new Error("unreachable");
}

/**
 * Names what an encoder computes: a SHA-256 of its weights, its configuration, the precision and this code's version.
 * Tokens and graphs are kept under it.
 */
export function encoderDigest(clip: Clip, precision: Precision): string {
  let weights = digests.get(clip);
  if (weights === undefined) {
    const hash = createHash("sha256");
    const visit = (x: unknown): void => {
      if (x instanceof tf.Tensor) {
        const values = x.dataSync();
        hash.update(`${x.shape}`).update(
          new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
        );
      } else for (const value of Object.values(x as Record<string, unknown>)) visit(value);
    };
    visit(clip.params);
    weights = hash.digest("hex");
    digests.set(clip, weights);
  }
  return createHash("sha256").update(JSON.stringify([VERSION, clip.config, precision, weights])).digest("hex")
    .slice(0, 32);
}

const digests = new WeakMap<Clip, string>();

/** The graph in `folder`, written first when there is none, or none that loads. */
async function openGraph(folder: string, write: () => Graph): Promise<LoadedGraph> {
  const there = await Deno.stat(join(folder, "saved_model.pb")).then(() => true, () => false);
  if (there) {
    try {
      return loadGraph(folder);
    } catch {
      await Deno.remove(folder, { recursive: true }); // of another version, or damaged: it is made again
    }
  }
  await write().save(folder);
  return loadGraph(folder);
}

const OUTPUT: Ref = { ref: "tokens:0", dtype: DTYPE.float32 };

/** Writes the encoder as a graph from the input `pixels` [B, S, S, 3] to `tokens` [B, N, D], both float32. */
function encoderGraph(
  clip: Clip,
  options: { readonly precision: Precision; readonly fusedNorm: boolean },
): Graph {
  const { config, params } = clip;
  const { width: D, patchSize, imageSize } = config;
  const graph = createGraph();
  const o = graphOps(graph);
  const low = DTYPE[options.precision];
  const N = tokenCount(config);
  const pixels = graph.input("pixels", { dtype: DTYPE.float32, shape: [-1, imageSize, imageSize, 3] });
  const filter = graph.constant(valuesOf(params.patchFilter), {
    dtype: low,
    shape: params.patchFilter.shape,
  });
  const strides = { list: [1, patchSize, patchSize, 1].map((int) => ({ int })) };
  const patches = graph.op("Conv2D", [o.cast(pixels, low), filter], {
    attrs: { T: { type: low }, strides, padding: "VALID" },
  }); // [B, G, G, D]
  const flat = o.cast(o.reshape(patches, [-1, N - 1, D]), DTYPE.float32); // [B, G², D]
  const placed = o.pad(flat, [[0, 0], [1, 0], [0, 0]]); // [B, N, D], zeros for the class token
  const embedded = o.add(placed, graph.constant(startOf(clip), { shape: [N, D] }));
  const writer: Writer = { graph, o, low, N, config, fusedNorm: options.fusedNorm };
  let x = writeNorm(writer, params.lnPre, o.reshape(embedded, [-1, D])); // [R, D]
  for (const block of params.blocks) x = writeBlock(writer, block, x);
  const tokens = o.reshape(writeNorm(writer, params.lnPost, x), [-1, N, D]); // [B, N, D]
  graph.op("Identity", [tokens], { attrs: { T: { type: tokens.dtype } }, name: "tokens" });
  return graph;
}

type Writer = {
  readonly graph: Graph;
  readonly o: GraphOps;
  readonly low: number;
  readonly N: number;
  readonly config: Clip["config"];
  readonly fusedNorm: boolean;
};

/** What is there before the patches are added: positions, and the class token's embedding. */
function startOf({ params }: Clip): Float32Array {
  const start = valuesOf(params.positionalEmbedding).slice();
  valuesOf(params.classEmbedding).forEach((value, d) => start[d] += value);
  return start;
}

/** One residual block on rows [R, D]. */
function writeBlock(writer: Writer, p: ResidualBlock, x: Ref): Ref {
  const { o, low, N, config } = writer;
  const { width: D, heads: H } = config;
  const K = D / H;
  const across = config.attendAcross === "tokens";
  // Queries come scaled by 1/√K out of their projection.
  const queryScale = (row: number) => row < D ? 1 / Math.sqrt(K) : 1;
  const qkv = writeLinear(writer, p.attn.inProj, o.cast(writeNorm(writer, p.ln1, x), low), queryScale); // [R, 3D]
  // Attention runs over the second axis from the end: tokens, or with the reference's mistake the images of the batch.
  const order = across ? [0, 2, 1, 3] : [1, 2, 0, 3];
  const split = o.transpose(o.reshape(qkv, [-1, N, 3 * H, K]), order); // [B, 3H, N, K] or [N, 3H, B, K]
  const [q, k, v] = o.split(split, 3, 1); // each [B, H, N, K] or [N, H, B, K]
  const weights = o.unary("Softmax", o.batchMatMul(q, k, { transposeB: true })); // [B, H, N, N] or [N, H, B, B]
  const mixed = o.transpose(o.batchMatMul(weights, v), across ? order : [2, 0, 1, 3]); // [B, N, H, K]
  const attended = writeLinear(writer, p.attn.outProj, o.reshape(mixed, [-1, D])); // [R, D]
  const middle = o.add(x, o.cast(attended, DTYPE.float32));
  const active = writeHidden(writer, p.cFc, o.cast(writeNorm(writer, p.ln2, middle), low)); // [R, 4D]
  const unscale = config.activation === "quickgelu" ? 1 / QUICK : 1;
  const fed = writeLinear(writer, p.cProj, active, () => 1, unscale); // [R, D]
  return o.add(middle, o.cast(fed, DTYPE.float32));
}

/** quickGELU(h) = h·σ(1.702h) = f(1.702h)/1.702 with f(x) = x·σ(x), one op: the scales go into the weights on both sides. */
const QUICK = 1.702;

function writeHidden(writer: Writer, p: Linear, x: Ref): Ref {
  const { o, config } = writer;
  if (config.activation === "quickgelu") {
    const hidden = writeLinear(writer, p, x, () => QUICK);
    return o.mul(hidden, o.unary("Sigmoid", hidden));
  }
  const hidden = writeLinear(writer, p, x);
  const gauss = o.add(o.unary("Erf", o.mul(hidden, Math.SQRT1_2)), 1);
  return o.mul(o.mul(hidden, 0.5), gauss);
}

/** x · weightᵀ + bias on rows, [R, in] → [R, out]; output `row` scaled by `scale(row)`, and the weights alone by `inputScale`. */
function writeLinear(
  { graph, o, low }: Writer,
  p: Linear,
  x: Ref,
  scale: (row: number) => number = () => 1,
  inputScale = 1,
): Ref {
  const [out, width] = p.weight.shape;
  const rows = valuesOf(p.weight);
  const columns = new Float32Array(rows.length);
  for (let row = 0; row < out; row++) {
    const factor = scale(row) * inputScale;
    for (let i = 0; i < width; i++) columns[i * out + row] = rows[row * width + i] * factor;
  }
  const weight = graph.constant(columns, { dtype: low, shape: [width, out] });
  const bias = graph.constant(valuesOf(p.bias).map((value, row) => value * scale(row)), { dtype: low });
  return o.addBias(o.matMul(x, weight), bias);
}

function writeNorm({ graph, o, fusedNorm }: Writer, p: Norm, x: Ref): Ref {
  const weight = graph.constant(valuesOf(p.weight));
  const bias = graph.constant(valuesOf(p.bias));
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

function valuesOf(x: tf.Tensor): Float32Array {
  return x.dataSync() as Float32Array;
}

/** What `choosePrecision()` found: the precision, and the numbers that decided. */
export type PrecisionChoice = {
  readonly precision: Precision;
  /** Why, in words for a reader. */
  readonly reason: string;
};

/** Least mean cosine between a token in bfloat16 and in float32. */
const LEAST_COSINE = 0.999;

/**
 * bfloat16 where it is worth it, by measurement: faster than float32 on this machine, and with tokens that agree with float32's on a
 * batch of made-up images (mean cosine at least 0.999). The answer is kept beside the graphs.
 */
export async function choosePrecision(
  clip: Clip,
  options: { readonly folder?: string } = {},
): Promise<PrecisionChoice> {
  if (!isTensorFlow()) return { precision: "float32", reason: "WebAssembly has float32 alone" };
  const root = options.folder ?? join(cacheFolder(), "graphs");
  const file = join(root, `${encoderDigest(clip, "bfloat16")}.json`);
  const known = await Deno.readTextFile(file).then(JSON.parse, () => undefined);
  if (known !== undefined) return known;
  const compiled = await compileClip(clip, { precision: "bfloat16", folder: root });
  const exact = await compileClip(clip, { precision: "float32", folder: root });
  try {
    const pixels = calibrationPixels(clip);
    const low = await compiled.tokens(pixels);
    const full = await exact.tokens(pixels);
    const cosine = meanCosine(low, full);
    const seconds = { bfloat16: await secondsOf(compiled, pixels), float32: await secondsOf(exact, pixels) };
    tf.dispose([pixels, low, full]);
    const speed = seconds.float32 / seconds.bfloat16;
    const agree = cosine >= LEAST_COSINE;
    const choice: PrecisionChoice = {
      precision: agree && speed > 1.1 ? "bfloat16" : "float32",
      reason: `bfloat16 is ${
        speed.toFixed(1)
      } times as fast here, its tokens' mean cosine with float32's is ${cosine.toFixed(5)}`,
    };
    await Deno.mkdir(root, { recursive: true });
    await Deno.writeTextFile(file, JSON.stringify(choice));
    return choice;
  } finally {
    compiled.dispose();
    exact.dispose();
  }
}

/** The mean over tokens of the cosine between two encoders' tokens, [B, N, D] each. */
export function meanCosine(a: tf.Tensor3D, b: tf.Tensor3D): number {
  return tf.tidy(() => {
    const dot = tf.sum(tf.mul(a, b), -1); // [B, N]
    const lengths = tf.mul(tf.norm(a, 2, -1), tf.norm(b, 2, -1)); // [B, N]
    return tf.mean(tf.div(dot, lengths)).dataSync()[0];
  });
}

/** Four images of smooth shading and noise, as CLIP-normalised pixels. */
function calibrationPixels({ config: { imageSize: S } }: Clip): tf.Tensor4D {
  return tf.tidy(() => {
    const smooth = tf.image.resizeBilinear(
      tf.randomUniform(
        [4, 8, 8, 3],
        -1.5,
        1.5,
        "float32",
        seedFrom(0, "shading") & 0x7fffffff,
      ) as tf.Tensor4D,
      [S, S],
    );
    return tf.add(smooth, tf.randomNormal([4, S, S, 3], 0, 0.1, "float32", 1)) as tf.Tensor4D; // [4, S, S, 3]
  });
}

async function secondsOf(compiled: CompiledClip, pixels: tf.Tensor4D): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const began = performance.now();
    (await compiled.tokens(pixels)).dispose();
    best = Math.min(best, performance.now() - began);
  }
  return best / 1000;
}
