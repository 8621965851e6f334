/**
 * A detector's training: by the fastest engine that takes it, else by automatic differentiation.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import {
  gainOf,
  isUndecided,
  measuredOnce,
  type Rounds,
  roundsSchema,
  secondsInTurns,
} from "../backend/measure.ts";
import { onnxRuntime } from "../backend/onnx/runtime.ts";
import { isOnGpu, isTensorFlow } from "../backend/raw.ts";
import { dispose } from "../backend/tensors.ts";
import type { Detector } from "../model/detectors/detector.ts";
import type { ForgeLensConfig } from "../model/detectors/head_shapes.ts";
import { nativeHeadFault } from "../model/detectors/head_native.ts";
import { createForgeLens, type ForgeLens, headOf } from "../model/detectors/notebook_head.ts";
import type { Precision } from "../model/encoders/encoder.ts";
import type { StateDict } from "../weights/state.ts";
import { eagerEngine } from "./eager.ts";
import { type Engine, type EngineName, engineNames, type TrainBatch } from "./engine.ts";
import { graphEngine, type HeadOptions } from "./graph_engine.ts";
import { crossEntropy } from "./losses/cross_entropy.ts";
import type { Loss } from "./losses/loss.ts";
import { nativeEngine } from "./native_engine.ts";
import { towerEngine } from "./tower_engine.ts";
import {
  accumulationState,
  addGradients,
  clipped,
  emptyAccumulation,
  restoreAccumulation,
  takeMean,
} from "./gradients.ts";
import {
  adamW,
  type AdamWConfig,
  applyOptimizer,
  createOptimizer,
  type Optimizer,
  type OptimizerName,
  optimizerState,
  restoreOptimizer,
} from "./optimizers.ts";

/** Trains one detector; until `close()`, nothing else may change it. */
export type Trainer = Omit<Engine, "load" | "differentiate"> & {
  readonly engine: EngineName;
  /** By engine, what each round of the measurement took that chose this one. */
  readonly measured?: Rounds;
  /** Steps that the optimizer has taken, with those of the state that was restored. */
  readonly steps: number;
  /**
   * Resolves to a batch's loss. The optimizer steps at once, or with `accumulate` on every so many calls, by the mean gradient over
   * all images of these and with the learning rate of the last.
   */
  step(batch: TrainBatch): Promise<number>;
  /** Takes the step of what is accumulated, if anything is, as after the last batch of an epoch. */
  finishStep(options?: { readonly learningRate?: number }): void;
  /** The gradient of the loss for every weight, by state-dict key, with dropout on; the caller disposes them. */
  gradients(batch: TrainBatch): Promise<Map<string, tf.Tensor>>;
  /**
   * The optimizer's state: `step`, for each weight `exp_avg.<key>` and `exp_avg_sq.<key>`, and what is accumulated; copies, as of the
   * last `sync()`.
   */
  state(): StateDict;
  /** Goes on from such a state. */
  restore(state: StateDict): void;
};

/** How a detector is trained. */
export type TrainerOptions = {
  readonly loss: Loss;
  /** Which one, and its settings. */
  readonly optimizer: Partial<AdamWConfig> & { readonly kind: OptimizerName };
  /** Calls of `step()` for a step of the optimizer; 1 unless given. */
  readonly accumulate?: number;
  /** The greatest length of a step's gradient, over all weights; longer ones are made so short. */
  readonly clip?: number;
  /** Of matrix products; float32 unless given, and wherever the engine is `eager`. */
  readonly precision?: Precision;
  /** Of one image's features; without it no accelerator is tried. */
  readonly shape?: readonly number[];
  /** The one that a run was begun with, unless given the fastest by measurement; where it cannot be had, the next that can. */
  readonly engine?: EngineName;
  /** Stops that measurement. */
  readonly signal?: AbortSignal;
};

/**
 * Opens a detector's training; the caller closes it, and still owns the detector.
 *
 * The accelerators take AdamW's plain steps whole. With Adam, `accumulate` or `clip` they give the gradients, in their precision, and
 * the step is taken from these in float32 by tfjs. A loss other than cross-entropy they decline.
 *
 * @throws {InputError} when the loss is not for what the detector says, where `shape` is given
 *
 * @example
 * ```ts
 * import { createForgeLens, headDetector, initBackend, losses, openTrainer } from "@forgelens/bench";
 * import { assert } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const head = createForgeLens({ dim: 16, heads: 2, depth: 1, feedForward: 32, dropout: 0 }, 0);
 * const detector = headDetector(head);
 * const optimizer = { kind: "adamw", learningRate: 1e-3 } as const;
 * const trainer = await openTrainer(detector, { loss: losses.crossEntropy, optimizer, shape: [5, 16] });
 * const batch = { input: tf.randomNormal([2, 5, 16], 0, 1, "float32", 1), labels: [0, 1] };
 * const before = await trainer.step(batch);
 * assert(await trainer.step(batch) < before);
 * trainer.sync(); // and the detector has the weights
 * trainer.close();
 * ```
 */
export async function openTrainer(detector: Detector, options: TrainerOptions): Promise<Trainer> {
  const { loss, accumulate = 1, clip, shape } = options;
  if (shape) tryLoss(detector, { loss, shape });
  const optimizer = createOptimizer(options.optimizer);
  const { name, engine, measured } = await engineOf(detector, { ...options, optimizer });
  const isPlain = optimizer.kind === "adamw" && accumulate === 1 && clip === undefined;
  const steps = isPlain
    ? plainSteps(engine)
    : gradientSteps(engine, { detector, optimizer, accumulate, clip });
  return {
    ...engine,
    ...steps,
    engine: name,
    measured,
    get steps() {
      return optimizer.step;
    },
    gradients: async (batch) => (await engine.differentiate(batch)).gradients,
    state: () => new Map([...optimizerState(optimizer), ...steps.state()]),
    restore: (state) => {
      restoreOptimizer(optimizer, state);
      steps.restore(state);
      engine.load();
    },
    close: () => {
      engine.close();
      steps.close();
      dispose(optimizer.moments);
    },
  };
}

/** Takes the loss of one blank image, so that one which is not for the detector throws before any work. */
function tryLoss(
  detector: Detector,
  { loss, shape }: { readonly loss: Loss; readonly shape: readonly number[] },
): void {
  tf.tidy(() => {
    loss(detector.forward(tf.zeros([1, ...shape]), { training: false }), [0]);
  });
}

/** How steps are taken, and what waits for one. */
type Steps = Pick<Trainer, "step" | "finishStep" | "state" | "restore" | "close">;

/** The engine's own steps, one a batch. */
function plainSteps(engine: Engine): Steps {
  return {
    step: engine.step,
    finishStep: () => {},
    state: () => new Map(),
    restore: () => {},
    close: () => {},
  };
}

/** Steps from an engine's gradients, which may be of several batches, and held to a length. */
function gradientSteps(
  engine: Engine,
  options: {
    readonly detector: Detector;
    readonly optimizer: Optimizer;
    readonly accumulate: number;
    readonly clip?: number;
  },
): Steps {
  const { detector, optimizer, accumulate, clip } = options;
  const waiting = emptyAccumulation();
  const take = (means: Map<string, tf.Tensor>, learningRate: number | undefined) => {
    const gradients = clip === undefined ? means : clipped(means, clip);
    applyOptimizer(detector.weights, optimizer, { gradients, learningRate });
    dispose(gradients);
    engine.load();
  };
  return {
    step: async (batch) => {
      const { loss, gradients } = await engine.differentiate(batch);
      if (accumulate === 1) {
        take(gradients, batch.learningRate);
        return loss;
      }
      addGradients(waiting, gradients, { images: batch.labels.length });
      if (waiting.batches >= accumulate) take(takeMean(waiting), batch.learningRate);
      return loss;
    },
    finishStep: ({ learningRate } = {}) => {
      if (waiting.batches > 0) take(takeMean(waiting), learningRate);
    },
    state: () => accumulationState(waiting),
    restore: (state) => restoreAccumulation(waiting, state),
    close: () => dispose(waiting.sums),
  };
}

/** The fastest engine that takes a detector with its loss, opened. */
async function engineOf(
  detector: Detector,
  options: Omit<TrainerOptions, "optimizer"> & { readonly optimizer: Optimizer },
): Promise<{ readonly name: EngineName; readonly engine: Engine; readonly measured?: Rounds }> {
  const { optimizer, loss, precision = "float32" } = options;
  const found = await acceleratorOf(detector, options);
  if (found) {
    const engine = await accelerators[found.engine](found.model, { ...found.options, optimizer });
    return { name: found.engine, engine, measured: found.seconds };
  }
  if (detector.tower && isTensorFlow() && options.engine !== "eager") {
    return { name: "graph", engine: await towerEngine(detector, { optimizer, loss, precision }) };
  }
  return { name: "eager", engine: eagerEngine(detector, { optimizer, loss }) };
}

/** The engines that take the notebook's head alone; its graph runs on TensorFlow, else on onnxruntime. */
const accelerators = {
  graph: async (model: ForgeLens, options: HeadOptions) =>
    isTensorFlow()
      ? await graphEngine(model, options)
      : await (await import("./onnx_engine.ts")).onnxEngine(model, options),
  native: nativeEngine,
  "native-amx": (model: ForgeLens, options: HeadOptions) =>
    nativeEngine(model, { ...options, engine: "native-amx" }),
} as const;

/** The name of one of them. */
type AcceleratorName = keyof typeof accelerators;

/** An accelerator for a head, and what it is opened with. */
type Accelerated = z.output<typeof choiceSchema> & {
  readonly model: ForgeLens;
  readonly options: Omit<HeadOptions, "optimizer">;
};

/** The accelerator that takes a detector with its loss; undefined where all decline. */
async function acceleratorOf(
  detector: Detector,
  options: Omit<TrainerOptions, "optimizer">,
): Promise<Accelerated | undefined> {
  const { loss, precision = "float32", shape = [], engine, signal } = options;
  const model = headOf(detector);
  if (!model || loss !== crossEntropy || shape.length !== 2 || engine === "eager") return undefined;
  if (!isTensorFlow() && !onnxRuntime()) return undefined;
  const head = { model, options: { precision, tokens: shape[0] } };
  const able: AcceleratorName[] = ["graph"];
  if (engine !== "graph" && !isOnGpu()) {
    for (const name of ["native", "native-amx"] as const) {
      if (!(await nativeHeadFault(model.config, { engine: name, precision }))) able.push(name);
    }
  }
  if (able.length === 1) return { ...head, engine: "graph" };
  if (engine === undefined) {
    return { ...head, ...await chooseEngine(model.config, { ...head.options, able, signal }) };
  }
  return { ...head, engine: able.find((name) => name === engine) ?? able[1] };
}

const choiceSchema = z.object({
  engine: z.enum(engineNames).exclude(["eager"]),
  seconds: roundsSchema.optional(),
});

/**
 * The engine for a head on this machine, measured once: of those that are able, each where three rounds of four are faster with it
 * than with the one that was chosen before it. Steps are those of another head: some engines take them in the weights themselves.
 */
async function chooseEngine(
  config: ForgeLensConfig,
  options: Omit<HeadOptions, "optimizer"> & {
    readonly able: readonly AcceleratorName[];
    readonly signal?: AbortSignal;
  },
): Promise<z.output<typeof choiceSchema>> {
  const { precision, tokens, able, signal } = options;
  return await measuredOnce(async () => {
    const engines: Engine[] = [];
    const model = createForgeLens(config, 0);
    const optimizer = adamW();
    const batch = {
      input: tf.randomNormal([4, tokens, config.dim], 0, 1, "float32", 1),
      labels: [0, 1, 0, 1],
    };
    try {
      const bodies: Record<string, () => Promise<unknown>> = {};
      for (const name of able) {
        const engine = await accelerators[name](model, { optimizer: { ...optimizer }, precision, tokens });
        engines.push(engine);
        await engine.step(batch); // the first also makes ready
        bodies[name] = () => engine.step(batch);
      }
      const seconds = await secondsInTurns(bodies, {
        signal,
        undecided: (rounds) =>
          able.slice(1).some((name, i) =>
            isUndecided(gainOf(rounds[fastestOf(rounds, able.slice(0, i + 1))], rounds[name]), 1)
          ),
      });
      return { engine: fastestOf(seconds, able), seconds };
    } finally {
      for (const engine of engines) engine.close();
      dispose([batch.input, optimizer.moments, model.weights]);
    }
  }, { about: ["engine", VERSION, config, { precision, tokens, able }], schema: choiceSchema });
}

/** The last of these that is faster than the one that was chosen before it. */
function fastestOf(seconds: Rounds, [first, ...others]: readonly AcceleratorName[]): AcceleratorName {
  return others.reduce(
    (best, name) => gainOf(seconds[best], seconds[name]).lowerQuartile > 1 ? name : best,
    first,
  );
}

/** Changes when the way of choosing does. */
const VERSION = 3;
