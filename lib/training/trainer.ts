/**
 * The fast way to train a head: whole steps in one call, by a TensorFlow graph or by the project's C++.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { disposeRaw, fromRaw, isOnGpu, isTensorFlow } from "../backend/start.ts";
import { z } from "zod";
import {
  gainOf,
  isUndecided,
  measuredOnce,
  type Rounds,
  roundsSchema,
  secondsInTurns,
} from "../backend/measure.ts";
import type { Precision } from "../model/encoders/clip_graph.ts";
import type { ForgeLens } from "../model/detectors/notebook_head.ts";
import { type LoadedGraph, openGraph } from "../backend/graph.ts";
import {
  gradientOutput,
  headGraph,
  type Slot,
  slotInput,
  slotOutput,
  slots,
  stepInputs,
  stepOutputs,
} from "./head_graph.ts";
import { nativeHeadFault, openNativeHead } from "./head_native.ts";
import { leastKept } from "../model/layers.ts";
import { seedFrom } from "../base/random.ts";
import {
  checkBatch,
  gradients,
  momentsOf,
  type Optimizer,
  type TrainBatch,
  trainStep,
} from "./optimizers.ts";

/** What takes the steps: a TensorFlow graph, the project's C++, or tfjs's ops one by one. */
export type Engine = "graph" | "native" | "eager";

/** Trains one model with one optimizer; until `dispose()`, nothing else may change either. */
export type Trainer = {
  readonly precision: Precision;
  readonly engine: Engine;
  /** By engine, what each round of the measurement took that chose this one. */
  readonly measured?: Rounds;
  /** One AdamW step on a batch; resolves to its loss before the step. */
  step(batch: TrainBatch): Promise<number>;
  /** The gradient of the loss for every weight, by state-dict key; the caller disposes them. */
  gradients(batch: TrainBatch): Promise<Map<string, tf.Tensor>>;
  /** Brings the model's weights and the optimizer's moments up to date; before that they are those of the last call. */
  sync(): void;
  /** Frees the engine's memory; the model and the optimizer stay, as of the last `sync()`. */
  dispose(): void;
};

type TrainerOptions = {
  readonly precision: Precision;
  readonly tokens: number;
  /** Stops the measurement that chooses the engine. */
  readonly signal?: AbortSignal;
};

/**
 * A trainer of `model` with `optimizer`: `trainStep()`, with the same dropout masks, in one call.
 *
 * In float32 its losses are `trainStep()`'s up to rounding; in bfloat16 the matrix products are in bfloat16 and all that is kept from step
 * to step is in float32.
 *
 * @param options.tokens tokens an image
 * @param options.engine `graph`, or `native` for bfloat16 on CPUs that have it; unless given, what a measurement finds faster
 * @throws when the backend is not TensorFlow (there, `trainStep()` is what there is), or this machine or head cannot have `native`.
 */
export async function createTrainer(
  model: ForgeLens,
  optimizer: Optimizer,
  options: TrainerOptions & { readonly engine?: Exclude<Engine, "eager"> },
): Promise<Trainer> {
  const { engine, seconds } = options.engine
    ? { engine: options.engine, seconds: undefined }
    : await chooseEngine(model, optimizer, options);
  const trainer = await (engine === "native" ? nativeTrainer : graphTrainer)(model, optimizer, options);
  return { ...trainer, measured: seconds };
}

/**
 * A trainer where graphs run, else one that is `trainStep()`.
 *
 * @param options.engine the one that a run was begun with; where this machine cannot have it, the graph, or without graphs tfjs's
 * ops, take its place
 */
export async function openTrainer(
  model: ForgeLens,
  optimizer: Optimizer,
  options: TrainerOptions & { readonly engine?: Engine },
): Promise<Trainer> {
  if (isTensorFlow()) {
    const { engine } = options;
    if (engine === undefined) return await createTrainer(model, optimizer, { ...options, engine });
    const canBeNative = engine === "native" && await hasNative(model, options);
    return await createTrainer(model, optimizer, { ...options, engine: canBeNative ? "native" : "graph" });
  }
  return {
    precision: "float32",
    engine: "eager",
    step: (batch) => trainStep(model, optimizer, batch),
    gradients: (batch) => Promise.resolve(gradients(model, batch.tokens, batch)),
    sync: () => {},
    dispose: () => {},
  };
}

const choiceSchema = z.object({ engine: z.enum(["graph", "native"]), seconds: roundsSchema.optional() });

async function hasNative({ config }: ForgeLens, { precision }: TrainerOptions): Promise<boolean> {
  return precision === "bfloat16" && !isOnGpu() && !(await nativeHeadFault(config));
}

/**
 * The engine for a head on this machine, measured once: native code where three rounds of four are faster with it than with the
 * graph. Steps are not kept.
 */
async function chooseEngine(
  model: ForgeLens,
  optimizer: Optimizer,
  options: TrainerOptions,
): Promise<z.output<typeof choiceSchema>> {
  const { precision, tokens, signal } = options;
  if (!(await hasNative(model, options))) return { engine: "graph" };
  return await measuredOnce(async () => {
    const trainers: Trainer[] = [];
    const batch = {
      tokens: tf.randomNormal<tf.Rank.R3>([4, tokens, model.config.dim], 0, 1, "float32", 1),
      labels: [0, 1, 0, 1],
    };
    try {
      const engines = { native: nativeTrainer, graph: graphTrainer };
      const bodies: Record<string, () => Promise<unknown>> = {};
      for (const [engine, open] of Object.entries(engines)) {
        const trainer = await open(model, { ...optimizer }, options);
        trainers.push(trainer);
        await trainer.step(batch); // the first also makes ready
        bodies[engine] = () => trainer.step(batch);
      }
      const seconds = await secondsInTurns(bodies, {
        signal,
        undecided: ({ graph, native }) => isUndecided(gainOf(graph, native), 1),
      });
      const isFaster = gainOf(seconds.graph, seconds.native).lowerQuartile > 1;
      return { engine: isFaster ? "native" as const : "graph" as const, seconds };
    } finally {
      batch.tokens.dispose();
      for (const trainer of trainers) trainer.dispose();
    }
  }, { about: ["engine", VERSION, model.config, { precision, tokens }], schema: choiceSchema });
}

/** Changes when the way of choosing does. */
const VERSION = 2;

/** The seed of each dropout, [depth, 4], in the order of `head_graph.ts`, and the least byte that it keeps. */
function drawsOf({ config: { depth, dropout } }: ForgeLens, { seed = 0 }: TrainBatch) {
  const places = ["attention", "dropout1", "dropout", "dropout2"];
  const seeds = Array.from(
    { length: depth },
    (_, i) => places.map((place) => seedFrom(seedFrom(seed, "dropout", i), place)),
  ).flat();
  return {
    seeds: Int32Array.from(seeds),
    leastKept: Int32Array.from(seeds, (seed) => leastKept({ rate: dropout, seed })),
  };
}

/** Weights and moments live in the variables of a TensorFlow graph. */
async function graphTrainer(
  model: ForgeLens,
  optimizer: Optimizer,
  { precision, tokens: N }: TrainerOptions,
): Promise<Trainer> {
  const graph = await openGraph(headGraph(model.config, { precision, tokens: N }));
  moveIn(graph, model, optimizer);
  const inputsOf = (batch: TrainBatch) => stepTensors(model, optimizer, batch);
  return {
    precision,
    engine: "graph",
    step: (batch) => {
      checkBatch(batch);
      optimizer.step++;
      const inputs = inputsOf(batch);
      const loss = fromRaw(graph.run({ ...inputs, tokens: batch.tokens }, [stepOutputs.stepped])[0]);
      const [value] = loss.dataSync();
      tf.dispose([inputs, loss]);
      return Promise.resolve(value);
    },
    gradients: (batch) => {
      checkBatch(batch);
      const inputs = inputsOf(batch);
      const keys = [...model.weights.keys()];
      const raws = graph.run({ ...inputs, tokens: batch.tokens }, keys.map(gradientOutput));
      tf.dispose(inputs);
      return Promise.resolve(new Map(keys.map((key, i) => [key, fromRaw(raws[i])])));
    },
    sync: () => moveOut(graph, model, optimizer),
    dispose: graph.close,
  };
}

/** The step's inputs beside the tokens, for the step that the optimizer stands at. */
function stepTensors(
  model: ForgeLens,
  { step, config }: Optimizer,
  batch: TrainBatch,
): Record<Exclude<keyof typeof stepInputs, "tokens">, tf.Tensor> {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = config;
  const { seeds, leastKept } = drawsOf(model, batch);
  const { depth } = model.config;
  return {
    labels: tf.tensor1d(Int32Array.from(batch.labels), "int32"),
    seeds: tf.tensor(seeds, [depth, 4], "int32"),
    leastKept: tf.tensor(leastKept, [depth, 4], "int32"),
    perImage: tf.scalar(1 / batch.labels.length),
    learningRate: tf.scalar(learningRate),
    beta1: tf.scalar(beta1),
    beta2: tf.scalar(beta2),
    beta1Power: tf.scalar(beta1 ** step),
    beta2Power: tf.scalar(beta2 ** step),
    epsilon: tf.scalar(epsilon * Math.sqrt(1 - beta2 ** step)),
    keep: tf.scalar(1 - learningRate * weightDecay),
  };
}

function moveIn(graph: LoadedGraph, model: ForgeLens, optimizer: Optimizer): void {
  const inputs: Record<string, tf.Tensor> = {};
  for (const { key, slot, variable } of statesOf(model, optimizer)) inputs[slotInput(key, slot)] = variable;
  // TensorFlow copies a buffer before it changes one that others hold too, so JavaScript's stay as they are.
  disposeRaw(...graph.run(inputs, [stepOutputs.assigned]));
}

function moveOut(graph: LoadedGraph, model: ForgeLens, optimizer: Optimizer): void {
  const into = statesOf(model, optimizer);
  const raws = graph.run({}, into.map(({ key, slot }) => slotOutput(key, slot)));
  into.forEach(({ variable }, i) => {
    const value = fromRaw(raws[i]);
    variable.assign(value);
    value.dispose();
  });
}

/** All that a step changes: for each weight, itself and its moments. */
function statesOf(
  model: ForgeLens,
  optimizer: Optimizer,
): { readonly key: string; readonly slot: Slot; readonly variable: tf.Variable }[] {
  return [...model.weights].flatMap(([key, weight]) => {
    const values = { weight, ...momentsOf(optimizer, key, weight) };
    return slots.map((slot) => ({ key, slot, variable: values[slot] }));
  });
}

/** Weights and moments live in the memory of `head_step.cc`. */
async function nativeTrainer(
  model: ForgeLens,
  optimizer: Optimizer,
  { precision, tokens: N }: TrainerOptions,
): Promise<Trainer> {
  if (precision !== "bfloat16") {
    throw new Error(`Cannot train by native code: expected precision bfloat16 but found ${precision}`);
  }
  const head = await openNativeHead(model.config, { tokens: N });
  for (const { key, slot, variable } of statesOf(model, optimizer)) {
    head.put(key, slot, variable.dataSync() as Float32Array);
  }
  const batchOf = (batch: TrainBatch) => ({
    tokens: batch.tokens,
    labels: Int32Array.from(batch.labels),
    ...drawsOf(model, batch),
  });
  return {
    precision,
    engine: "native",
    step: (batch) => {
      checkBatch(batch);
      const { learningRate, beta1, beta2, epsilon, weightDecay } = optimizer.config;
      const step = ++optimizer.step;
      return head.step(batchOf(batch), {
        keep: 1 - learningRate * weightDecay,
        beta1,
        beta2,
        stepSize: learningRate / (1 - beta1 ** step),
        secondCorrection: 1 / Math.sqrt(1 - beta2 ** step),
        epsilon,
      });
    },
    gradients: async (batch) => {
      checkBatch(batch);
      await head.step(batchOf(batch));
      return new Map(
        [...model.weights].map(([key, { shape }]) => [key, tf.tensor(head.get(key, "gradient"), shape)]),
      );
    },
    sync: () => {
      for (const { key, slot, variable } of statesOf(model, optimizer)) {
        const value = tf.tensor(head.get(key, slot), variable.shape);
        variable.assign(value);
        value.dispose();
      }
    },
    dispose: head.close,
  };
}
