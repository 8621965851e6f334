/**
 * One training step of the ForgeLens head as a TensorFlow graph: forward, backward and AdamW in one call.
 *
 * The same mathematics as `logits()` and `trainStep()`, the same dropout masks too. In bfloat16, matrix products and softmax take
 * and give bfloat16, forward and backward; weights, moments, layer norms, sums and the loss stay in float32.
 * Shapes: B batch, N tokens, R = B·N rows, D width, H heads, K head width, F feed-forward width.
 *
 * @module
 */
import { DTYPE } from "../../backend/raw.ts";
import { type ForgeLensConfig, forgeLensShapes } from "./head_shapes.ts";
import { type DropoutPlace, dropoutPlaces } from "../layers.ts";
import { createGraph, type Graph, type Ref } from "../../backend/graph.ts";
import { type GraphOps, graphOps, type Variable } from "../../backend/graph_ops.ts";
import { type Draw, type GraphLayer, sumRows, writeMask } from "../graph_layers.ts";

/** The graph's inputs, by name. */
export const stepInputs = {
  /** [B, N, D] float32. */
  tokens: "tokens",
  /** [B] int32, 0 real, 1 fake. */
  labels: "labels",
  /** The seed of each dropout, [depth, 4] int32, in the order of `dropoutPlaces`. */
  seeds: "seeds",
  /** `leastKept()` of each, [depth, 4] int32. */
  leastKept: "leastKept",
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
  /** What decay leaves of a weight: 1 − learning rate × weight decay. */
  keep: "keep",
} as const;

/** The input of a dropout's mask, uint8, where masks are given: 1 what is kept, 0 what is not. */
export function maskInput(layer: number, place: DropoutPlace): string {
  return `mask.${layer}.${place}`;
}

/** Names of outputs: logits, the loss alone, the loss after which the step is taken, and done after everything is put in. */
export const stepOutputs = {
  logits: float("logits"),
  loss: float("loss"),
  stepped: float("stepped"),
  assigned: float("assigned"),
};

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
  readonly matrixType: number;
  readonly weights: ReadonlyMap<string, Ref>;
  readonly gradients: Map<string, Ref>;
  readonly masks: "drawn" | "given";
};

/**
 * Writes the training step of a head on `tokens` tokens an image.
 *
 * @param options.masks `given` makes dropout's masks inputs, for what cannot draw them; `drawn` unless given
 */
export function headGraph(
  config: ForgeLensConfig,
  options: {
    readonly tokens: number;
    readonly precision: "bfloat16" | "float32";
    readonly masks?: "drawn" | "given";
  },
): Graph {
  const graph = createGraph();
  const o = graphOps(graph);
  const { float32 } = DTYPE;
  const { dim: D } = config;
  const N = options.tokens;
  const variables = writeVariables(o, config);
  const weights = new Map([...variables].map(([key, variable]) => [key, o.read(variable.weight)]));
  const step: Step = {
    graph,
    o,
    config,
    N,
    matrixType: DTYPE[options.precision],
    weights,
    gradients: new Map(),
    masks: options.masks ?? "drawn",
  };

  const tokens = graph.input(stepInputs.tokens, { dtype: float32, shape: [-1, N, D] });
  const labels = graph.input(stepInputs.labels, { dtype: DTYPE.int32, shape: [-1] });
  const perDropout = { dtype: DTYPE.int32, shape: [config.depth, dropoutPlaces.length] };
  const seeds = graph.input(stepInputs.seeds, perDropout);
  const leastKept = graph.input(stepInputs.leastKept, perDropout);
  const perImage = scalarInput(graph, stepInputs.perImage);

  const x = o.reshape(tokens, [-1, D]); // [R, D]
  const layers: GraphLayer[] = [writeGuidance(step, x)];
  for (let i = 0; i < config.depth; i++) {
    layers.push(writeLayer(step, { i, x: layers[i].y, seeds, leastKept }));
  }
  const pooled = writePool(step, layers[config.depth].y); // [B, D]
  const classifier = writeLinear({ ...step, matrixType: float32 }, "cls_head", pooled.y); // [B, 2]
  o.output("logits", classifier.y);
  // The op that has loss and gradient in one is refused by a GPU that is to give the same numbers twice.
  const likelihoods = o.unary("LogSoftmax", classifier.y); // [B, 2]
  const targets = graph.op("OneHot", [
    labels,
    o.ints([2], []),
    o.scalar(1, float32),
    o.scalar(0, float32),
  ], {
    attrs: { T: { type: float32 }, TI: { type: DTYPE.int32 } },
    dtype: float32,
  }); // [B, 2]
  const loss = o.mul(o.mean(o.sum(o.mul(targets, likelihoods), -1, false), 0, false), -1);
  o.output("loss", loss);
  let gradient = pooled.back(
    classifier.back(o.mul(o.sub(o.unary("Softmax", classifier.y), targets), perImage)),
  ); // [R, D]
  for (const layer of layers.toReversed()) gradient = layer.back(gradient);

  for (const [key, ref] of step.gradients) o.output(`grad.${key}`, ref);
  o.output("stepped", loss, writeAdamW(step, variables));
  return graph;
}

function scalarInput(graph: Graph, name: string): Ref {
  return graph.input(name, { dtype: DTYPE.float32, shape: [] });
}

/** A variable for each slot of each weight, with an input to assign it from and an output to read it. */
function writeVariables(o: GraphOps, config: ForgeLensConfig): Map<string, Record<Slot, Variable>> {
  const variables = new Map<string, Record<Slot, Variable>>();
  for (const [key, shape] of forgeLensShapes(config)) {
    const [weight, m, v] = slots.map((slot) => {
      const variable = o.variable(slotInput(key, slot), { dtype: DTYPE.float32, shape });
      o.read(variable, { name: `get.${slot}.${key}` });
      return variable;
    });
    variables.set(key, { weight, m, v });
  }
  const assigned = [...variables.values()].flatMap((bySlot) => slots.map((slot) => bySlot[slot].assigned));
  o.output("assigned", o.scalar(1, DTYPE.float32), assigned);
  return variables;
}

/** Decoupled decay, then Adam, in place. PyTorch's is TensorFlow's with another ε. */
function writeAdamW(
  { graph, o, gradients }: Step,
  variables: ReadonlyMap<string, Record<Slot, Variable>>,
): Ref[] {
  const scalar = (name: keyof typeof stepInputs) => scalarInput(graph, stepInputs[name]);
  const powers = [scalar("beta1Power"), scalar("beta2Power")];
  const rates = [scalar("learningRate"), scalar("beta1"), scalar("beta2"), scalar("epsilon")];
  const keep = scalar("keep");
  return [...variables].map(([key, { weight, m, v }]) => {
    const gradient = gradients.get(key)!;
    const decayed = o.assign(weight.handle, o.mul(o.read(weight, { after: [gradient] }), keep));
    const handles = [weight, m, v].map(({ handle }) => handle);
    return graph.op("ResourceApplyAdam", [...handles, ...powers, ...rates, gradient], {
      attrs: { T: { type: DTYPE.float32 } },
      after: [decayed],
    });
  });
}

/**
 * `outputScale` · (`inputScale`·x·weightᵀ + bias), [R, in] → [R, out], in the dtype of matrix products, and so is the gradient
 * for x that comes back, the scales in it. They are put into the weights in float32, which are fewer than inputs and outputs;
 * `outputScale` is one for each output, [out].
 */
function writeLinear(
  { graph, o, matrixType, weights, gradients }: Step,
  name: string,
  x: Ref,
  options: { readonly suffix?: string; readonly inputScale?: number; readonly outputScale?: Ref } = {},
): GraphLayer {
  const { float32 } = DTYPE;
  const { suffix = ".", inputScale = 1, outputScale } = options;
  const byInput = (y: Ref) => inputScale === 1 ? y : o.mul(y, inputScale);
  const byOutput = (y: Ref) => outputScale ? o.mul(y, outputScale) : y;
  const byRow = (y: Ref) => outputScale ? o.mul(y, o.reshape(outputScale, [-1, 1])) : y;
  const [weightKey, biasKey] = ["weight", "bias"].map((part) => `${name}${suffix}${part}`);
  const input = o.cast(x, matrixType);
  const weight = o.cast(byRow(byInput(weights.get(weightKey)!)), matrixType); // [out, in]
  const product = o.matMul(input, weight, { transposeB: true }); // [R, out]
  const y = o.addBias(product, o.cast(byOutput(weights.get(biasKey)!), matrixType));
  const back = (dy: Ref) => {
    const castDy = o.cast(dy, matrixType);
    const product = o.cast(o.matMul(castDy, input, { transposeA: true }), float32); // [out, in]
    gradients.set(weightKey, byRow(byInput(product)));
    gradients.set(biasKey, byOutput(o.cast(sumRows(graph, dy), float32))); // [out]
    return o.matMul(castDy, weight); // [R, in]
  };
  return { y, back };
}

/** Layer normalisation of float32 rows [R, D]. */
function writeNorm({ graph, o, weights, gradients }: Step, name: string, x: Ref): GraphLayer {
  const weight = weights.get(`${name}.weight`)!;
  const centred = o.sub(x, o.mean(x, -1));
  const variance = o.mean(o.unary("Square", centred), -1); // [R, 1]
  const scale = o.unary("Rsqrt", o.add(variance, 1e-5)); // [R, 1]
  const unit = o.mul(centred, scale);
  const y = o.add(o.mul(unit, weight), weights.get(`${name}.bias`)!);
  const back = (dy: Ref) => {
    gradients.set(`${name}.weight`, sumRows(graph, o.mul(dy, unit)));
    gradients.set(`${name}.bias`, sumRows(graph, dy));
    const dUnit = o.mul(dy, weight);
    const along = o.mean(o.mul(dUnit, unit), -1); // [R, 1]
    return o.mul(o.sub(o.sub(dUnit, o.mean(dUnit, -1)), o.mul(unit, along)), scale);
  };
  return { y, back };
}

/** The exact GELU in float32. */
function writeGelu({ o }: Step, x: Ref): GraphLayer {
  const share = o.mul(o.add(o.unary("Erf", o.mul(x, Math.SQRT1_2)), 1), 0.5); // Φ(x)
  const back = (dy: Ref) => {
    const density = o.mul(o.unary("Exp", o.mul(o.unary("Square", x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return o.mul(dy, o.add(share, o.mul(x, density)));
  };
  return { y: o.mul(x, share), back };
}

function keepScale({ dropout }: ForgeLensConfig): number {
  return 1 / (1 - dropout);
}

/** Writes the mask of one dropout for something of x's shape, of which what depends on the batch is −1. */
type MaskOf = (x: Ref, options: { readonly dtype: number; readonly shape: readonly number[] }) => Ref;

/** Dropout in float32 with the masks of `dropout()`; without a rate, nothing. */
function writeDropout(step: Step, x: Ref, maskOf: MaskOf): GraphLayer {
  const { o, config } = step;
  if (config.dropout === 0) return { y: x, back: (dy) => dy };
  const mask = o.mul(maskOf(x, { dtype: DTYPE.float32, shape: [-1, config.dim] }), keepScale(config));
  return { y: o.mul(x, mask), back: (dy) => o.mul(dy, mask) };
}

/** WSGM: norm(x + linear(gelu(linear(x)))) on rows [R, D]; what comes back is of no use, the tokens being frozen. */
function writeGuidance(step: Step, x: Ref): GraphLayer {
  const { o } = step;
  const { float32 } = DTYPE;
  const first = writeLinear(step, "wsgm.guidance.0", x);
  const active = writeGelu(step, o.cast(first.y, float32));
  const second = writeLinear(step, "wsgm.guidance.2", active.y);
  const norm = writeNorm(step, "wsgm.norm", o.add(x, o.cast(second.y, float32)));
  return { y: norm.y, back: (dy) => first.back(active.back(o.cast(second.back(norm.back(dy)), float32))) };
}

/** One FAFormer layer on rows [R, D], as `encoderLayer()`. */
function writeLayer(
  step: Step,
  { i, x, seeds, leastKept }: { i: number; x: Ref; seeds: Ref; leastKept: Ref },
): GraphLayer {
  const { o, graph } = step;
  const { float32 } = DTYPE;
  const name = `faformer.layers.${i}`;
  const maskOf = (place: DropoutPlace): MaskOf => (x, { dtype, shape }) => {
    if (step.masks === "given") {
      return o.cast(graph.input(maskInput(i, place), { dtype: DTYPE.uint8, shape }), dtype);
    }
    const one = [i, dropoutPlaces.indexOf(place)];
    const draw: Draw = {
      // The second number of a pair of seeds is 0 here and in `seededBytes()`.
      seed: o.pad(o.reshape(o.slice(seeds, one, [1, 1]), [1]), [[0, 1]]), // [2]
      least: o.reshape(o.slice(leastKept, one, [1, 1]), []),
    };
    return writeMask(graph, x, { ...draw, dtype });
  };
  const attention = writeAttention(step, { name: `${name}.self_attn`, x, maskOf: maskOf("attention") });
  const dropped = writeDropout(step, o.cast(attention.y, float32), maskOf("dropout1"));
  const norm1 = writeNorm(step, `${name}.norm1`, o.add(x, dropped.y));
  const linear1 = writeLinear(step, `${name}.linear1`, norm1.y); // [R, F]
  const positive = o.unary("Relu", linear1.y);
  const hidden = step.config.dropout === 0 ? positive : o.mul(
    positive,
    maskOf("dropout")(positive, { dtype: step.matrixType, shape: [-1, step.config.feedForward] }),
  );
  const linear2 = writeLinear(step, `${name}.linear2`, hidden, { inputScale: keepScale(step.config) }); // [R, D]
  const fed = writeDropout(step, o.cast(linear2.y, float32), maskOf("dropout2"));
  const norm2 = writeNorm(step, `${name}.norm2`, o.add(norm1.y, fed.y));
  const back = (dy: Ref) => {
    const dSum = norm2.back(dy);
    // What was dropped is 0 too, so that ReLU's gradient is that of both.
    const dHidden = graph.op("ReluGrad", [linear2.back(fed.back(dSum)), hidden], {
      attrs: { T: { type: step.matrixType } },
    });
    const dMiddle = norm1.back(o.add(dSum, o.cast(linear1.back(dHidden), float32)));
    return o.add(dMiddle, o.cast(attention.back(dropped.back(dMiddle)), float32));
  };
  return { y: norm2.y, back };
}

/** Self-attention across the tokens of an image, on rows [R, D]. */
function writeAttention(
  step: Step,
  { name, x, maskOf }: { name: string; x: Ref; maskOf: MaskOf },
): GraphLayer {
  const { o, matrixType, N, config: { dim: D, heads: H } } = step;
  const { float32 } = DTYPE;
  const K = D / H;
  // Queries come scaled by 1/√K out of their projection, and values by what dropout's weights would be.
  const scales = [1 / Math.sqrt(K), 1, keepScale(step.config)];
  const outputScale = step.graph.constant(
    Float32Array.from({ length: 3 * D }, (_, i) => scales[Math.floor(i / D)]),
  );
  const inProj = writeLinear(step, `${name}.in_proj`, x, { suffix: "_", outputScale }); // [R, 3D]
  const apart = o.transpose(o.reshape(inProj.y, [-1, N, 3 * H, K]), [0, 2, 1, 3]); // [B, 3H, N, K]
  const [q, k, v] = o.split(apart, 3, 1); // each [B, H, N, K]
  const weights = o.unary("Softmax", o.batchMatMul(q, k, { transposeB: true })); // [B, H, N, N]
  const mask = step.config.dropout === 0
    ? undefined
    : maskOf(weights, { dtype: matrixType, shape: [-1, H, N, N] });
  const masked = (y: Ref) => mask ? o.mul(y, mask) : y;
  const maskedWeights = masked(weights);
  const mixed = o.batchMatMul(maskedWeights, v); // [B, H, N, K]
  const joined = o.reshape(o.transpose(mixed, [0, 2, 1, 3]), [-1, D]); // [R, D]
  const outProj = writeLinear(step, `${name}.out_proj`, joined); // [R, D]
  const back = (dy: Ref) => {
    const dJoined = o.reshape(outProj.back(dy), [-1, N, H, K]); // [B, N, H, K]
    const dMixed = o.transpose(dJoined, [0, 2, 1, 3]); // [B, H, N, K]
    const dV = o.batchMatMul(maskedWeights, dMixed, { transposeA: true }); // [B, H, N, K]
    const dWeights = o.cast(masked(o.batchMatMul(dMixed, v, { transposeB: true })), float32); // [B, H, N, N]
    // Softmax's gradient; the sum over a row of weights × their gradients is that of outputs × theirs, which are fewer.
    const along = o.sum(o.mul(o.cast(dMixed, float32), o.cast(mixed, float32)), -1); // [B, H, N, 1]
    const dLikeness = o.cast(o.mul(o.cast(weights, float32), o.sub(dWeights, along)), matrixType);
    const dQ = o.batchMatMul(dLikeness, k);
    const dK = o.batchMatMul(dLikeness, q, { transposeA: true });
    const dApart = o.transpose(o.concat([dQ, dK, dV], 1), [0, 2, 1, 3]); // [B, N, 3H, K]
    return inProj.back(o.reshape(dApart, [-1, 3 * D])); // [R, D]
  };
  return { y: outProj.y, back };
}

/** Class token + mean of the patch tokens: rows [R, D] → [B, D]. */
function writePool({ graph, o, N, config: { dim: D } }: Step, x: Ref): GraphLayer {
  const share = Float32Array.from({ length: N }, (_, n) => n === 0 ? 1 : 1 / (N - 1));
  const shares = graph.constant(share, { shape: [1, N, 1] });
  const y = o.sum(o.mul(o.reshape(x, [-1, N, D]), shares), 1, false); // [B, D]
  const back = (dy: Ref) => o.reshape(o.mul(o.reshape(dy, [-1, 1, D]), shares), [-1, D]); // [R, D]
  return { y, back };
}
