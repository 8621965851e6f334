/**
 * CLIP's frozen vision transformer written as one graph, in bfloat16 or float32.
 *
 * The same function as `encodeTokens()`: the scale of a query and of quickGELU is folded into the weights before it, so
 * that TensorFlow fuses bias, activation and matrix product. Matrix products are in the graph's precision; the patch
 * embedding, the residual stream and layer norms are in float32. Shapes: B batch, N tokens, D width, H heads, K head width, R = B·N rows.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { castRaw, DTYPE, type RawTensor } from "../../backend/raw.ts";
import { createGraph, type Graph, type Ref } from "../../backend/graph.ts";
import { type GraphOps, graphOps, type Variable } from "../../backend/graph_ops.ts";
import type { Guidance, Linear, Norm, ResidualBlock } from "../layers.ts";
import { type Clip, guidanceOf, tokenCount } from "./clip.ts";
import type { Precision } from "./encoder.ts";

/** The graph's outputs: the tokens, the class tokens of every block, what enters a block, and what is done when all weights are in. */
export const encoderOutputs = {
  tokens: float("tokens"),
  clsTokens: float("clsTokens"),
  entering: (block: number) => float(`entering${block}`),
  assigned: float("assigned"),
};

function float(name: string): Ref {
  return { ref: `${name}:0`, dtype: DTYPE.float32 };
}

/** A weight, the input that it comes in by once, its variable, and whether it was made for the graph. */
export type Weight = {
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
export function encoderGraph(
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
