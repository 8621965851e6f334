/**
 * A block of CLIP's tower as a TensorFlow graph, forward and backward.
 *
 * One graph serves all blocks of a kind: weights are inputs. What is fetched decides what is computed, so that a
 * forward run computes no gradient, and a backward run computes forward again just what its gradients need. Matrix products are in the
 * graph's precision; the residual stream, layer norms, sums and trained parameters are in float32. What cost the forward run most for its
 * size, the MLP's hidden layer, can be fetched and be given to the backward run, which then computes it no second time.
 * Shapes: B batch, N tokens, R = B·N rows, D width, H heads, K head width.
 *
 * @module
 */
import { createGraph, type Graph, type Ref } from "../../backend/graph.ts";
import { type GraphOps, graphOps } from "../../backend/graph_ops.ts";
import { DTYPE } from "../../backend/raw.ts";
import { type GraphLayer, sumRows, writeMask } from "../graph_layers.ts";
import { type ClipConfig, tokenCount } from "./clip.ts";
import type { Precision } from "./encoder.ts";

/** What makes blocks differ in their graph. */
export type BlockKind = {
  /** Shapes of its parameters, as `blockParameters()` names them. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Those that get gradients. */
  readonly trained: ReadonlySet<string>;
  /** Whether dropout falls in its guidance. */
  readonly dropout: boolean;
};

/** Inputs beside the parameters. */
export const blockInputs = {
  /** [B, N, D] float32, part of a batch or all of it. */
  x: "x",
  /** The gradient of the output. */
  dy: "dy",
  /** The seed of both dropouts, [2] int32. */
  seeds: "seeds",
  /** `leastKept()` of both, [2] int32. */
  leastKept: "leastKept",
  /** What dropout scales by. */
  keepScale: "keepScale",
  /** Images of the batch, and how many of them come before x's, int32 [2]. */
  part: "part",
  /** `blockOutputs.hidden` of the same x, where it was kept. */
  hidden: "hidden",
} as const;

/**
 * Outputs: the first layer norm's, the block's, the MLP's hidden layer before its activation, the gradient of what enters the
 * block, and that of a parameter.
 */
export const blockOutputs = {
  norm: { ref: "norm:0", dtype: DTYPE.float32 },
  y: { ref: "y:0", dtype: DTYPE.float32 },
  /** [R, 4D] float32, or [R, 2D] int32 that are pairs of bfloat16: a dtype that tfjs can hold. */
  hidden: { ref: `${blockInputs.hidden}:0`, dtype: DTYPE.float32 },
  dx: { ref: "dx:0", dtype: DTYPE.float32 },
  gradient: (path: string): Ref => ({ ref: `grad.${path}:0`, dtype: DTYPE.float32 }),
};

/** quickGELU(h) = h·σ(1.702h) = f(1.702h)/1.702 with f(u) = u·σ(u): the scales go into the weights on both sides. */
const QUICK = 1.702;

/**
 * What a parameter is multiplied by before it is used, which is part of a frozen one's value: one number, or one for each of
 * its rows.
 */
export function parameterScale(
  { width: D, heads, activation }: ClipConfig,
  path: string,
): number | Float32Array {
  // Queries come scaled by 1/√K out of their projection.
  if (path.startsWith("attn.inProj.")) {
    return Float32Array.from({ length: 3 * D }, (_, i) => i < D ? Math.sqrt(heads / D) : 1);
  }
  if (activation === "gelu") return 1;
  if (path.startsWith("cFc.")) return QUICK;
  return path === "cProj.weight" ? 1 / QUICK : 1;
}

/** The dtype that a parameter is fed in: trained ones and those of layer norms are in float32. */
export function parameterType({ trained }: BlockKind, path: string, precision: Precision): number {
  return trained.has(path) || /^ln\d/.test(path) ? DTYPE.float32 : DTYPE[precision];
}

type Writer = {
  readonly graph: Graph;
  readonly o: GraphOps;
  readonly config: ClipConfig;
  readonly kind: BlockKind;
  readonly precision: Precision;
  /** The dtype of matrix products. */
  readonly matrixType: number;
  readonly N: number;
  readonly fusedNorm: boolean;
};

/** A parameter as it is used, and what takes its gradient. */
type Parameter = { readonly value: Ref; readonly gradient?: (d: Ref) => void };

/** Writes the graph of a kind of block. */
export function blockGraph(
  config: ClipConfig,
  options: { readonly kind: BlockKind; readonly precision: Precision; readonly fusedNorm: boolean },
): Graph {
  const graph = createGraph();
  const o = graphOps(graph);
  const matrixType = DTYPE[options.precision];
  const { width: D } = config;
  const N = tokenCount(config);
  const w: Writer = { ...options, graph, o, config, matrixType, N };
  const [x, dy] = [blockInputs.x, blockInputs.dy].map((name) =>
    o.reshape(graph.input(name, { dtype: DTYPE.float32, shape: [-1, N, D] }), [-1, D])
  );
  const norm1 = writeNorm(w, "ln1", x);
  o.output("norm", o.cast(norm1.y, DTYPE.float32));
  const attention = writeAttention(w, norm1.y);
  const attended = writeSum(w, x, attention);
  const guidance = options.kind.shapes.has("guidance.up.weight") ? writeGuidance(w, attended.y) : undefined;
  const middle = guidance ? writeSum(w, attended.y, guidance) : attended;
  const norm2 = writeNorm(w, "ln2", middle.y);
  const mlp = writeMlp(w, norm2.y);
  o.output("y", o.reshape(writeSum(w, middle.y, mlp).y, [-1, N, D]));

  const toStream = (dy: Ref, d: Ref) => o.add(dy, d);
  const dMiddle = toStream(dy, norm2.back(mlp.back(o.cast(dy, matrixType))));
  const dAttended = guidance
    ? toStream(dMiddle, o.cast(guidance.back(o.cast(dMiddle, matrixType)), DTYPE.float32))
    : dMiddle;
  const dx = toStream(dAttended, norm1.back(attention.back(o.cast(dAttended, matrixType))));
  o.output("dx", o.reshape(dx, [-1, N, D]));
  return graph;
}

function writeSum({ o }: Writer, x: Ref, layer: GraphLayer): { y: Ref } {
  return { y: o.add(x, o.cast(layer.y, DTYPE.float32)) };
}

/** A parameter's input, in `dtype` and with its scale. */
function writeParameter(w: Writer, path: string, dtype: number): Parameter {
  const { graph, o, kind, config } = w;
  const shape = kind.shapes.get(path)!;
  const input = graph.input(path, { dtype: parameterType(kind, path, w.precision), shape });
  if (!kind.trained.has(path)) return { value: input };
  const scale = parameterScale(config, path);
  const scaled = (x: Ref) =>
    typeof scale === "number"
      ? scale === 1 ? x : o.mul(x, scale)
      : o.mul(x, graph.constant(scale, { shape: [scale.length, ...shape.slice(1).map(() => 1)] }));
  return {
    value: o.cast(scaled(input), dtype),
    gradient: (d) => o.output(`grad.${path}`, scaled(o.cast(d, DTYPE.float32))),
  };
}

/** x·weightᵀ + bias with the parameters' scales, [R, in] → [R, out], in the dtype of matrix products. */
function writeLinear(w: Writer, path: string, x: Ref): GraphLayer {
  const { graph, o, matrixType } = w;
  const weight = writeParameter(w, `${path}.weight`, matrixType); // [out, in]
  const bias = writeParameter(w, `${path}.bias`, matrixType);
  // A plain sum: what TensorFlow makes of BiasAdd behind a product takes longer than both.
  const y = o.add(o.matMul(x, weight.value, { transposeB: true }), bias.value); // [R, out]
  const back = (dy: Ref) => {
    weight.gradient?.(o.matMul(dy, x, { transposeA: true })); // [out, in]
    bias.gradient?.(sumRows(graph, dy));
    return o.matMul(dy, weight.value); // [R, in]
  };
  return { y, back };
}

/** Layer normalisation of float32 rows [R, D], out in the dtype of matrix products, the gradient back in float32. */
function writeNorm(w: Writer, path: string, x: Ref): GraphLayer {
  const { graph, o, matrixType, fusedNorm, config: { width: D } } = w;
  const { float32 } = DTYPE;
  const weight = writeParameter(w, `${path}.weight`, float32);
  const bias = writeParameter(w, `${path}.bias`, float32);
  const epsilon = 1e-5;
  const centred = o.sub(x, o.mean(x, -1));
  const scale = o.unary("Rsqrt", o.add(o.mean(o.unary("Square", centred), -1), epsilon)); // [R, 1]
  const unit = o.mul(centred, scale);
  const y = fusedNorm
    ? graph.op("_MklLayerNorm", [x, weight.value, bias.value], {
      attrs: { T: { type: float32 }, epsilon: { float: epsilon } },
    })
    : o.add(o.mul(unit, weight.value), bias.value);
  const back = (dy: Ref) => {
    const d = o.cast(dy, float32);
    const along = o.mul(d, unit);
    weight.gradient?.(sumRows(graph, along));
    bias.gradient?.(sumRows(graph, d));
    // Means over a row, of the gradient and of that times the row, each times the weight: products with a vector.
    const share = o.reshape(o.mul(weight.value, 1 / D), [-1, 1]);
    const [mean, slope] = [d, along].map((x) => o.matMul(x, share)); // [R, 1]
    return o.mul(o.sub(o.sub(o.mul(d, weight.value), mean), o.mul(unit, slope)), scale);
  };
  return { y: o.cast(y, matrixType), back };
}

/** Self-attention across the tokens of an image, on rows [R, D]. */
function writeAttention(w: Writer, x: Ref): GraphLayer {
  const { o, matrixType, N, config: { width: D, heads: H } } = w;
  const K = D / H;
  const order = [0, 2, 1, 3];
  const inProj = writeLinear(w, "attn.inProj", x); // [R, 3D]
  const apart = o.transpose(o.reshape(inProj.y, [-1, N, 3 * H, K]), order); // [B, 3H, N, K]
  const [q, k, v] = o.split(apart, 3, 1); // each [B, H, N, K]
  const weights = o.unary("Softmax", o.batchMatMul(q, k, { transposeB: true })); // [B, H, N, N]
  const mixed = o.batchMatMul(weights, v); // [B, H, N, K]
  const outProj = writeLinear(w, "attn.outProj", o.reshape(o.transpose(mixed, order), [-1, D])); // [R, D]
  const back = (dy: Ref) => {
    const dMixed = o.transpose(o.reshape(outProj.back(dy), [-1, N, H, K]), order); // [B, H, N, K]
    const dV = o.batchMatMul(weights, dMixed, { transposeA: true });
    // Softmax's gradient takes from those of the weights their sum over a row, each times its weight, which is that of outputs
    // times theirs. It is taken in the product's own sums: as columns, the second for what the first's rounding leaves.
    const [float32, ones] = [DTYPE.float32, o.unary("OnesLike", o.slice(v, [0, 0, 0, 0], [-1, -1, -1, 1]))];
    const sum = o.sum(o.mul(o.cast(dMixed, float32), o.cast(mixed, float32)), -1); // [B, H, N, 1]
    const high = o.cast(o.mul(sum, -1), matrixType);
    const columns = matrixType === float32
      ? [high]
      : [high, o.cast(o.mul(o.add(sum, o.cast(high, float32)), -1), matrixType)];
    const dWeights = o.batchMatMul(
      o.concat([dMixed, ...columns], 3),
      o.concat([v, ...columns.map(() => ones)], 3),
      { transposeB: true },
    );
    const dLikeness = o.mul(weights, dWeights); // [B, H, N, N]
    const dQ = o.batchMatMul(dLikeness, k);
    const dK = o.batchMatMul(dLikeness, q, { transposeA: true });
    const dApart = o.transpose(o.concat([dQ, dK, dV], 1), order); // [B, N, 3H, K]
    return inProj.back(o.reshape(dApart, [-1, 3 * D])); // [R, D]
  };
  return { y: outProj.y, back };
}

/** The two linear layers and what is between, on rows [R, D]. */
function writeMlp(w: Writer, x: Ref): GraphLayer {
  const cFc = writeLinear(w, "cFc", x); // [R, 4D]
  const hidden = writeKept(w, cFc.y);
  const active = w.config.activation === "quickgelu" ? writeQuickGelu(w, hidden) : writeGelu(w, hidden);
  const cProj = writeLinear(w, "cProj", active.y); // [R, D]
  return { y: cProj.y, back: (dy) => cFc.back(active.back(cProj.back(dy))) };
}

/** The hidden layer, [R, 4D], by way of what can be fetched of it and be fed instead. */
function writeKept({ graph, o, matrixType, config: { width: D } }: Writer, hidden: Ref): Ref {
  const { float32, int32 } = DTYPE;
  if (matrixType === float32) return o.output(blockInputs.hidden, hidden);
  const bitcast = (x: Ref, to: number) =>
    graph.op("Bitcast", [x], { attrs: { T: { type: x.dtype }, type: { type: to } }, dtype: to });
  const pairs = bitcast(o.reshape(hidden, [-1, 2 * D, 2]), int32); // [R, 2D]
  return o.reshape(bitcast(o.output(blockInputs.hidden, pairs), matrixType), [-1, 4 * D]);
}

/** u·σ(u); its slope in float32, where TensorFlow's ops on numbers take less time than in bfloat16. */
function writeQuickGelu({ graph, o, matrixType }: Writer, u: Ref): GraphLayer {
  const { float32 } = DTYPE;
  const back = (dy: Ref) => {
    const h = o.cast(u, float32);
    const share = o.unary("Sigmoid", h);
    const bend = graph.op("SigmoidGrad", [share, h], { attrs: { T: { type: float32 } } }); // h·σ(h)·(1 − σ(h))
    return o.mul(dy, o.cast(o.add(share, bend), matrixType));
  };
  return { y: o.mul(u, o.unary("Sigmoid", u)), back };
}

/** The exact GELU, in float32. */
function writeGelu({ o, matrixType }: Writer, x: Ref): GraphLayer {
  const h = o.cast(x, DTYPE.float32);
  const share = o.mul(o.add(o.unary("Erf", o.mul(h, Math.SQRT1_2)), 1), 0.5); // Φ(h)
  const back = (dy: Ref) => {
    const density = o.mul(o.unary("Exp", o.mul(o.unary("Square", h), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return o.mul(dy, o.cast(o.add(share, o.mul(h, density)), matrixType));
  };
  return { y: o.cast(o.mul(h, share), matrixType), back };
}

/** The guidance module on rows [R, D], as `guide()`. */
function writeGuidance(w: Writer, x: Ref): GraphLayer {
  const { graph, o, kind, matrixType, N } = w;
  const int32 = DTYPE.int32;
  const inputs = (name: keyof typeof blockInputs) => graph.input(name, { dtype: int32, shape: [2] });
  const draws = kind.dropout
    ? { seeds: inputs("seeds"), least: inputs("leastKept"), part: inputs("part") }
    : undefined;
  const keepScale = draws && graph.input(blockInputs.keepScale, { dtype: DTYPE.float32, shape: [] });
  const writeDropout = (x: Ref, place: number): GraphLayer => {
    if (!draws || !keepScale) return { y: x, back: (dy) => dy };
    const [width] = kind.shapes.get("guidance.down.weight")!;
    const part = o.mul(draws.part, N * width); // numbers rather than images
    const mask = writeMask(graph, x, {
      // The second number of a pair of seeds is 0 here and in `seededBytes()`.
      seed: o.pad(o.slice(draws.seeds, [place], [1]), [[0, 1]]),
      least: o.reshape(o.slice(draws.least, [place], [1]), []),
      dtype: DTYPE.float32,
      part: { count: o.slice(part, [0], [1]), begin: o.slice(part, [1], [1]) },
    });
    const scaled = o.mul(mask, keepScale);
    const drop = (y: Ref) => o.cast(o.mul(o.cast(y, DTYPE.float32), scaled), matrixType);
    return { y: drop(x), back: drop };
  };
  const writeHidden = (path: string, x: Ref, place: number): GraphLayer => {
    const linear = writeLinear(w, path, x);
    const positive = o.unary("Relu", linear.y);
    const dropped = writeDropout(positive, place);
    const back = (dy: Ref) =>
      linear.back(graph.op("ReluGrad", [dropped.back(dy), positive], { attrs: { T: { type: matrixType } } }));
    return { y: dropped.y, back };
  };
  const down = writeHidden("guidance.down", o.cast(x, matrixType), 0); // [R, D/4]
  const middle = writeHidden("guidance.middle", down.y, 1);
  const up = writeLinear(w, "guidance.up", middle.y); // [R, D]
  return { y: up.y, back: (dy) => down.back(middle.back(up.back(dy))) };
}
