/**
 * What the bench measures: each a function that is called once a round and gives rates, ours next to the peer's.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import {
  castRaw,
  disposeRaw,
  DTYPE,
  executeOp,
  fromRaw,
  isOnGpu,
  isTensorFlow,
  type RawTensor,
} from "../lib/backend/raw.ts";
import type { Precision } from "../lib/model/encoders/encoder.ts";
import type { EngineName } from "../lib/training/engine.ts";
import { crossEntropy } from "../lib/training/losses/cross_entropy.ts";
import { openTrainer } from "../lib/training/trainer.ts";
import { clipModels, tokenCount } from "../lib/model/encoders/clip.ts";
import { createForgeLens, headDetector } from "../lib/model/detectors/notebook_head.ts";
import { nativeHeadFault } from "../lib/model/detectors/head_native.ts";
import { choosePrecision } from "../lib/model/encoders/precision.ts";
import { dispose } from "../lib/backend/tensors.ts";
import { encoders } from "./bench_encoder.ts";
import { faces } from "./bench_faces.ts";
import { images } from "./bench_images.ts";
import { type Peer, peersThatRun } from "./bench_peer.ts";
import { prepare } from "./bench_prepare.ts";
import { median } from "./bench_print.ts";
import { wholeRuns } from "./bench_runs.ts";
import {
  CALLS,
  head,
  type Measure,
  openClip,
  peerRate,
  secondsOf,
  type Setting,
  towerOf,
} from "./bench_setting.ts";
import { memoryOfSteps, trainingSteps } from "./bench_training.ts";

/** All measures by the names that `--only` takes, in their order within a round. */
export const measures = {
  matmul: matmuls,
  images,
  encoder: encoders,
  head: heads,
  runs: wholeRuns,
  training: trainingSteps,
  faces,
  prepare,
  memory: memoryOfSteps,
} as const satisfies Readonly<Record<string, (setting: Setting, peer?: Peer) => Promise<Measure[]>>>;

/** The name of a group of measures. */
export type MeasureName = keyof typeof measures;

/** The names of all groups. */
export const measureNames = Object.keys(measures) as MeasureName[];

/** Those that are measured unless some are named: all that have a peer to stand beside. */
export const comparedNames = measureNames.filter((name) => name !== "prepare" && name !== "memory");

// A batch of eight through the first half of ViT-B/16's MLP: 8·197 tokens, width 768 to 3072.
const [ROWS, INNER, COLUMNS] = [1576, 768, 3072];

/** The best matmul rate, float32 and, on TensorFlow, bfloat16. */
function matmuls(): Promise<Measure[]> {
  const x = tf.randomUniform<tf.Rank.R2>([ROWS, INNER], -1, 1, "float32", 1);
  const weights = tf.randomUniform<tf.Rank.R2>([INNER, COLUMNS], -1, 1, "float32", 2);
  const work = 2 * ROWS * INNER * COLUMNS / 1e9;
  const products = isOnGpu() ? 50 : 1; // there one takes less time than waiting for it
  const lows = isTensorFlow()
    ? [x, weights].map((one) => castRaw(one, { from: DTYPE.float32, to: DTYPE.bfloat16 }))
    : [];
  const attrs = { T: { type: DTYPE.bfloat16 }, transpose_a: false, transpose_b: false };
  return Promise.resolve([{
    name: `matmul ${ROWS}×${INNER} by ${INNER}×${COLUMNS}`,
    run: async () => {
      const rates: Record<string, number> = {};
      const full = await secondsOf(20, () => {
        const ys = Array.from({ length: products }, () => tf.matMul(x, weights));
        waitFor(ys[products - 1], DTYPE.float32);
        tf.dispose(ys);
      });
      rates["matmul peak, float32"] = products * work / Math.min(...full);
      if (lows.length > 0) {
        const low = await secondsOf(20, () => {
          const ys = Array.from({ length: products }, () => executeOp("MatMul", lows, { attrs })[0]);
          waitFor(ys[products - 1], DTYPE.bfloat16);
          disposeRaw(...ys);
        });
        rates["matmul peak, bfloat16"] = products * work / Math.min(...low);
      }
      return rates;
    },
    close: () => {
      tf.dispose([x, weights]);
      disposeRaw(...lows);
    },
  }]);
}

/** Reads one number of a matrix: a GPU returns before it has computed. */
function waitFor(matrix: tf.Tensor | RawTensor, dtype: number): void {
  if (!isTensorFlow()) return;
  const [origin, size] = [tf.tensor1d([0, 0], "int32"), tf.tensor1d([1, 1], "int32")];
  const [corner] = executeOp("Slice", [matrix, origin, size], {
    attrs: { T: { type: dtype }, Index: { type: DTYPE.int32 } },
  });
  const value = fromRaw(castRaw(corner, { from: dtype, to: DTYPE.float32 }));
  disposeRaw(corner);
  value.dataSync();
  tf.dispose([origin, size, value]);
}

/** A training step of the head on ready tokens: eager, and by each engine, the one that runs choose among them. */
async function heads({ batch }: Setting, peer?: Peer): Promise<Measure[]> {
  const N = tokenCount(clipModels["ViT-B-16"]);
  const tokens = tf.randomNormal([batch, N, head.dim], 0, 1, "float32", 1) as tf.Tensor3D;
  const labels = Array.from({ length: batch }, (_, i) => i % 2);
  const open = async (options: { readonly precision?: Precision; readonly engine?: EngineName }) => {
    const detector = headDetector(createForgeLens(head, 0));
    const trainer = await openTrainer(detector, {
      loss: crossEntropy,
      optimizer: { kind: "adamw" },
      shape: [N, head.dim],
      ...options,
    });
    let seed = 0;
    const step = () => trainer.step({ input: tokens, labels, seed: seed++ });
    await step();
    const name = `head step ${trainer.engine}, ${trainer.precision}`;
    const close = () => {
      trainer.close();
      detector.close();
    };
    return { name, step, close };
  };
  const steps = [await open({ engine: "eager" })];
  let chosen = steps[0].name;
  if (isTensorFlow()) {
    for (const precision of ["float32", "bfloat16"] as const) {
      steps.push(await open({ precision, engine: "graph" }));
      for (const engine of ["native", "native-amx"] as const) {
        if (await nativeHeadFault(head, { engine, precision }) === undefined) {
          steps.push(await open({ precision, engine }));
        }
      }
    }
    const clip = openClip();
    const ofRuns = await open({ precision: (await choosePrecision(towerOf(clip))).head });
    chosen = ofRuns.name;
    ofRuns.close();
    dispose(clip);
  }
  const low = peer?.low === "bfloat16" ? "bfloat16 autocast" : "float32, fused AdamW";
  const { able, leftOut } = await peersThatRun(peer, {
    [`PyTorch head step, ${low}`]: "head_fused",
    [`PyTorch head step, ${low}, compiled`]: "head_compiled",
  });
  return [{
    name: "head training step",
    leftOut,
    run: async () => {
      const rates: Record<string, number> = {};
      for (const { name, measure } of able) rates[name] = await peerRate(peer!, measure, { items: batch });
      for (const { name, step } of steps) {
        rates[name] = batch / median(await secondsOf(CALLS, step));
        if (name === chosen) rates["head step as runs choose it"] = rates[name];
      }
      if (peer) rates["PyTorch head step, float32"] = await peerRate(peer, "head_fp32", { items: batch });
      return rates;
    },
    close: () => {
      steps.forEach(({ close }) => close());
      tokens.dispose();
    },
  }];
}
