/**
 * One training step of the ForgeLens head as a TensorFlow graph: forward, backward and AdamW in one call.
 *
 * The same mathematics as `logits()` and `trainStep()`, the same dropout masks too. In bfloat16, matrix products take and give
 * bfloat16, forward and backward; weights, moments, softmax, layer norms, sums and the loss stay in float32.
 * Shapes: B batch, N tokens, R = B·N rows, D width, H heads, K head width, F feed-forward width.
 *
 * @module
 */
import { DTYPE } from "../backend.ts";
import { type ForgeLensConfig, forgeLensShapes } from "./forgelens.ts";
import { createGraph, type Graph, outputOf, type Ref } from "./graph.ts";
import { type GraphOps, graphOps } from "./graph_ops.ts";

/** The graph's inputs, by name. */
export const stepInputs = {
  /** [B, N, D] float32. */
  tokens: "tokens",
  /** [B] int32, 0 real, 1 fake. */
  labels: "labels",
  /** The seed of each dropout, [depth, 4] int32: attention, its output, hidden layer, feed-forward's output. */
  seeds: "seeds",
  /** 1/B. */
  perImage: "perImage",
  learningRate: "learningRate",
  beta1: "beta1",
  beta2: "beta2",
  /** β₁ and β₂ to the power of the step, counted from 1. */
  beta1Power: "beta1Power",
  beta2Power: "beta2Power",
  /** PyTorch's ε times √(1 − β₂ᵗ), which makes TensorFlow's Adam PyTorch's. */
  epsilon: "epsilon",
  /** Learning rate × weight decay. */
  decay: "decay",
} as const;

/** Names of outputs: the loss alone, the loss after which the step is taken, and done after everything is put in. */
export const stepOutputs = { loss: float("loss"), stepped: float("stepped"), assigned: float("assigned") };

/** What a weight has: itself and Adam's two moments. */
export const slots = ["weight", "m", "v"] as const;
export type Slot = (typeof slots)[number];

/** The input that a slot is assigned from. */
export function slotInput(key: string, slot: Slot): string {
  return `set.${slot}.${key}`;
}

/** The output that a slot is read from. */
export function slotOutput(key: string, slot: Slot): Ref {
  return float(`get.${slot}.${key}`);
}

/** The output that holds the gradient of a weight. */
export function gradientOutput(key: string): Ref {
  return float(`grad.${key}`);
}

function float(name: string): Ref {
  return { ref: `${name}:0`, dtype: DTYPE.float32 };
}

type Step = {
  readonly graph: Graph;
  readonly o: GraphOps;
  readonly config: ForgeLensConfig;
  readonly N: number;
  /** The dtype of matrix products. */
  readonly low: number;
  readonly weights: ReadonlyMap<string, Ref>;
  readonly gradients: Map<string, Ref>;
};

/** The output of a layer, and its gradient's way back: that of the output to that of the input. */
type Layer = { readonly y: Ref; readonly back: (dy: Ref) => Ref };

/** Writes the training step of a head on `tokens` tokens an image. */
export function headGraph(
  config: ForgeLensConfig,
  options: { readonly tokens: number; readonly precision: "bfloat16" | "float32" },
): Graph {
  const graph = createGraph();
  const o = graphOps(graph);
  const { float32 } = DTYPE;
  const { dim: D } = config;
  const N = options.tokens;
  const variables = writeVariables(graph, o, config);
  const weights = new Map([...variables].map(([key, variable]) => [key, read(graph, variable.weight)]));
  const step: Step = { graph, o, config, N, low: DTYPE[options.precision], weights, gradients: new Map() };

  const tokens = graph.input(stepInputs.tokens, { dtype: float32, shape: [-1, N, D] });
  const labels = graph.input(stepInputs.labels, { dtype: DTYPE.int32, shape: [-1] });
  const seeds = graph.input(stepInputs.seeds, { dtype: DTYPE.int32, shape: [config.depth, 4] });
  const perImage = scalarInput(graph, stepInputs.perImage);

  const x = o.reshape(tokens, [-1, D]); // [R, D]
  const layers: Layer[] = [writeGuidance(step, x)];
  for (let i = 0; i < config.depth; i++) layers.push(writeLayer(step, { i, x: layers[i].y, seeds }));
  const pooled = writePool(step, layers[config.depth].y); // [B, D]
  const classifier = writeLinear({ ...step, low: float32 }, "cls_head", pooled.y); // [B, 2]
  const entropy = graph.op("SparseSoftmaxCrossEntropyWithLogits", [classifier.y, labels], {
    attrs: { T: { type: float32 }, Tlabels: { type: DTYPE.int32 } },
  }); // [B], and its gradient [B, 2]
  const loss = o.mean(entropy, 0, false);
  graph.op("Identity", [loss], { attrs: { T: { type: float32 } }, name: "loss" });
  let gradient = pooled.back(classifier.back(o.mul(outputOf(entropy, 1), perImage))); // [R, D]
  for (const layer of layers.toReversed()) gradient = layer.back(gradient);

  for (const [key, ref] of step.gradients) {
    graph.op("Identity", [ref], { attrs: { T: { type: float32 } }, name: `grad.${key}` });
  }
  const updates = writeAdamW(step, variables);
  graph.op("Identity", [loss], { attrs: { T: { type: float32 } }, name: "stepped", after: updates });
  return graph;
}

function scalarInput(graph: Graph, name: string): Ref {
  return graph.input(name, { dtype: DTYPE.float32, shape: [] });
}

/** A variable for each slot of each weight, with an input to assign it from and an output to read it. */
function writeVariables(
  graph: Graph,
  o: GraphOps,
  config: ForgeLensConfig,
): Map<string, Record<Slot, Ref>> {
  const dtype = { type: DTYPE.float32 };
  const assigned: Ref[] = [];
  const variables = new Map<string, Record<Slot, Ref>>();
  for (const [key, shape] of forgeLensShapes(config)) {
    const [weight, m, v] = slots.map((slot) => {
      const handle = graph.op("VarHandleOp", [], {
        attrs: { dtype, shape: { shape: [...shape] }, shared_name: `${slot}.${key}` },
        dtype: DTYPE.resource,
      });
      const value = graph.input(slotInput(key, slot), { dtype: DTYPE.float32, shape });
      assigned.push(graph.op("AssignVariableOp", [handle, value], { attrs: { dtype } }));
      graph.op("ReadVariableOp", [handle], { attrs: { dtype }, name: `get.${slot}.${key}` });
      return handle;
    });
    variables.set(key, { weight, m, v });
  }
  graph.op("Identity", [o.scalar(1, DTYPE.float32)], {
    attrs: { T: { type: DTYPE.float32 } },
    name: "assigned",
    after: assigned,
  });
  return variables;
}

function read(graph: Graph, handle: Ref, after: readonly Ref[] = []): Ref {
  const attrs = { dtype: { type: DTYPE.float32 } };
  return graph.op("ReadVariableOp", [handle], { attrs, dtype: DTYPE.float32, after });
}

/** Decoupled decay, then Adam, in place. PyTorch's is TensorFlow's with another ε. */
function writeAdamW(
  { graph, o, gradients }: Step,
  variables: ReadonlyMap<string, Record<Slot, Ref>>,
): Ref[] {
  const T = { type: DTYPE.float32 };
  const scalar = (name: keyof typeof stepInputs) => scalarInput(graph, stepInputs[name]);
  const powers = [scalar("beta1Power"), scalar("beta2Power")];
  const rates = [scalar("learningRate"), scalar("beta1"), scalar("beta2"), scalar("epsilon")];
  const decay = scalar("decay");
  return [...variables].map(([key, { weight, m, v }]) => {
    const gradient = gradients.get(key)!;
    const fall = o.mul(read(graph, weight, [gradient]), decay);
    const decayed = graph.op("AssignSubVariableOp", [weight, fall], { attrs: { dtype: T } });
    return graph.op("ResourceApplyAdam", [weight, m, v, ...powers, ...rates, gradient], {
      attrs: { T },
      after: [decayed],
    });
  });
}

/** x·weightᵀ + bias, [R, in] → [R, out] in the dtype of matrix products; the gradient comes back in float32. */
function writeLinear({ o, low, weights, gradients }: Step, name: string, x: Ref, suffix = "."): Layer {
  const { float32 } = DTYPE;
  const [weightKey, biasKey] = ["weight", "bias"].map((part) => `${name}${suffix}${part}`);
  const input = o.cast(x, low);
  const weight = o.cast(weights.get(weightKey)!, low); // [out, in]
  const product = o.matMul(input, weight, { transposeB: true }); // [R, out]
  const y = o.addBias(product, o.cast(weights.get(biasKey)!, low));
  const back = (dy: Ref) => {
    const lowDy = o.cast(dy, low);
    gradients.set(weightKey, o.cast(o.matMul(lowDy, input, { transposeA: true }), float32)); // [out, in]
    gradients.set(biasKey, o.sum(o.cast(dy, float32), 0, false)); // [out]
    return o.cast(o.matMul(lowDy, weight), float32); // [R, in]
  };
  return { y, back };
}

/** Layer normalisation of float32 rows [R, D]. */
function writeNorm({ o, weights, gradients }: Step, name: string, x: Ref): Layer {
  const weight = weights.get(`${name}.weight`)!;
  const centred = o.sub(x, o.mean(x, -1));
  const variance = o.mean(o.unary("Square", centred), -1); // [R, 1]
  const scale = o.unary("Rsqrt", o.add(variance, 1e-5)); // [R, 1]
  const unit = o.mul(centred, scale);
  const y = o.add(o.mul(unit, weight), weights.get(`${name}.bias`)!);
  const back = (dy: Ref) => {
    gradients.set(`${name}.weight`, o.sum(o.mul(dy, unit), 0, false));
    gradients.set(`${name}.bias`, o.sum(dy, 0, false));
    const dUnit = o.mul(dy, weight);
    const along = o.mean(o.mul(dUnit, unit), -1); // [R, 1]
    return o.mul(o.sub(o.sub(dUnit, o.mean(dUnit, -1)), o.mul(unit, along)), scale);
  };
  return { y, back };
}

/** The exact GELU in float32. */
function writeGelu({ o }: Step, x: Ref): Layer {
  const share = o.mul(o.add(o.unary("Erf", o.mul(x, Math.SQRT1_2)), 1), 0.5); // Φ(x)
  const back = (dy: Ref) => {
    const density = o.mul(o.unary("Exp", o.mul(o.unary("Square", x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return o.mul(dy, o.add(share, o.mul(x, density)));
  };
  return { y: o.mul(x, share), back };
}

/** Dropout in float32 with the masks of `dropout()`; without a rate, nothing. */
function writeDropout({ graph, o, config }: Step, x: Ref, seed: Ref): Layer {
  const rate = config.dropout;
  if (rate === 0) return { y: x, back: (dy) => dy };
  const { int32, float32 } = DTYPE;
  const shape = graph.op("Shape", [x], {
    attrs: { T: { type: x.dtype }, out_type: { type: int32 } },
    dtype: int32,
  });
  const drawn = graph.op("StatelessRandomUniform", [shape, seed], {
    attrs: { dtype: { type: float32 }, T: { type: int32 }, Tseed: { type: int32 } },
    dtype: float32,
  });
  const kept = graph.op("GreaterEqual", [drawn, o.scalar(rate, float32)], {
    attrs: { T: { type: float32 } },
    dtype: DTYPE.bool,
  });
  const mask = o.mul(o.cast(kept, float32), 1 / (1 - rate));
  return { y: o.mul(x, mask), back: (dy) => o.mul(dy, mask) };
}

/** WSGM: norm(x + linear(gelu(linear(x)))) on rows [R, D]; what comes back is of no use, the tokens being frozen. */
function writeGuidance(step: Step, x: Ref): Layer {
  const { o } = step;
  const { float32 } = DTYPE;
  const first = writeLinear(step, "wsgm.guidance.0", x);
  const active = writeGelu(step, o.cast(first.y, float32));
  const second = writeLinear(step, "wsgm.guidance.2", active.y);
  const norm = writeNorm(step, "wsgm.norm", o.add(x, o.cast(second.y, float32)));
  return { y: norm.y, back: (dy) => first.back(active.back(second.back(norm.back(dy)))) };
}

/** One FAFormer layer on rows [R, D], as `encoderLayer()`. */
function writeLayer(step: Step, { i, x, seeds }: { i: number; x: Ref; seeds: Ref }): Layer {
  const { o, graph } = step;
  const { float32 } = DTYPE;
  const name = `faformer.layers.${i}`;
  // Seeds of TensorFlow's stateless generator are pairs; the second number is 0 here and in `seededUniform()`.
  const seedAt = (place: number) => o.pad(o.reshape(o.slice(seeds, [i, place], [1, 1]), [1]), [[0, 1]]); // [2]
  const attention = writeAttention(step, { name: `${name}.self_attn`, x, seed: seedAt(0) });
  const dropped = writeDropout(step, o.cast(attention.y, float32), seedAt(1));
  const norm1 = writeNorm(step, `${name}.norm1`, o.add(x, dropped.y));
  const linear1 = writeLinear(step, `${name}.linear1`, norm1.y); // [R, F]
  const positive = o.unary("Relu", o.cast(linear1.y, float32));
  const hidden = writeDropout(step, positive, seedAt(2));
  const linear2 = writeLinear(step, `${name}.linear2`, hidden.y); // [R, D]
  const fed = writeDropout(step, o.cast(linear2.y, float32), seedAt(3));
  const norm2 = writeNorm(step, `${name}.norm2`, o.add(norm1.y, fed.y));
  const back = (dy: Ref) => {
    const dSum = norm2.back(dy);
    const dPositive = hidden.back(linear2.back(fed.back(dSum)));
    const dHidden = graph.op("ReluGrad", [dPositive, positive], { attrs: { T: { type: float32 } } });
    const dMiddle = norm1.back(o.add(dSum, linear1.back(dHidden)));
    return o.add(dMiddle, attention.back(dropped.back(dMiddle)));
  };
  return { y: norm2.y, back };
}

/** Self-attention across the tokens of an image, on rows [R, D]. */
function writeAttention(step: Step, { name, x, seed }: { name: string; x: Ref; seed: Ref }): Layer {
  const { o, low, N, config: { dim: D, heads: H } } = step;
  const { float32 } = DTYPE;
  const K = D / H;
  const scale = 1 / Math.sqrt(K);
  const inProj = writeLinear(step, `${name}.in_proj`, x, "_"); // [R, 3D]
  const apart = o.transpose(o.reshape(inProj.y, [-1, N, 3 * H, K]), [0, 2, 1, 3]); // [B, 3H, N, K]
  const [q, k, v] = o.split(apart, 3, 1); // each [B, H, N, K]
  const scaled = o.mul(q, scale);
  const likeness = o.cast(o.batchMatMul(scaled, k, { transposeB: true }), float32); // [B, H, N, N]
  const weights = o.unary("Softmax", likeness);
  const dropped = writeDropout(step, weights, seed);
  const lowWeights = o.cast(dropped.y, low);
  const mixed = o.transpose(o.batchMatMul(lowWeights, v), [0, 2, 1, 3]); // [B, N, H, K]
  const outProj = writeLinear(step, `${name}.out_proj`, o.reshape(mixed, [-1, D])); // [R, D]
  const back = (dy: Ref) => {
    const dJoined = o.cast(outProj.back(dy), low); // [R, D]
    const dMixed = o.transpose(o.reshape(dJoined, [-1, N, H, K]), [0, 2, 1, 3]); // [B, H, N, K]
    const dV = o.batchMatMul(lowWeights, dMixed, { transposeA: true }); // [B, H, N, K]
    const dWeights = dropped.back(o.cast(o.batchMatMul(dMixed, v, { transposeB: true }), float32)); // [B, H, N, N]
    const product = o.mul(dWeights, weights);
    const dLikeness = o.cast(o.sub(product, o.mul(weights, o.sum(product, -1))), low); // softmax's gradient
    const dQ = o.mul(o.batchMatMul(dLikeness, k), scale);
    const dK = o.batchMatMul(dLikeness, scaled, { transposeA: true });
    const joined = o.transpose(o.concat([dQ, dK, dV], 1), [0, 2, 1, 3]); // [B, N, 3H, K]
    return inProj.back(o.reshape(joined, [-1, 3 * D])); // [R, D]
  };
  return { y: outProj.y, back };
}

/** Class token + mean of the patch tokens: rows [R, D] → [B, D]. */
function writePool({ graph, o, N, config: { dim: D } }: Step, x: Ref): Layer {
  const share = Float32Array.from({ length: N }, (_, n) => n === 0 ? 1 : 1 / (N - 1));
  const shares = graph.constant(share, { shape: [1, N, 1] });
  const y = o.sum(o.mul(o.reshape(x, [-1, N, D]), shares), 1, false); // [B, D]
  const back = (dy: Ref) => o.reshape(o.mul(o.reshape(dy, [-1, 1, D]), shares), [-1, D]); // [R, D]
  return { y, back };
}
