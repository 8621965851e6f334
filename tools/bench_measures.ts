/**
 * What the bench measures: each a function that is called once a round and gives rates, ours next to the peer's.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import sharp from "sharp";
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
import { openTower } from "../lib/model/encoders/open.ts";
import { clipTower } from "../lib/model/encoders/clip_tower.ts";
import type { CompiledTower, EncoderPrecision, Precision, Tower } from "../lib/model/encoders/encoder.ts";
import type { EngineName } from "../lib/training/engine.ts";
import { crossEntropy } from "../lib/training/losses/cross_entropy.ts";
import { featureBatches } from "../lib/model/features/batches.ts";
import { openTrainer } from "../lib/training/trainer.ts";
import type { Sample } from "../lib/data/sample.ts";
import { imageBatches } from "../lib/data/order.ts";
import {
  bindClip,
  type Clip,
  clipModels,
  encodeTokens,
  randomClip,
  tokenCount,
} from "../lib/model/encoders/clip.ts";
import { createForgeLens, headDetector } from "../lib/model/detectors/notebook_head.ts";
import { nativeHeadFault } from "../lib/training/head_native.ts";
import { choosePrecision } from "../lib/model/encoders/precision.ts";
import { dispose } from "../lib/backend/tensors.ts";
import { createRandom } from "../lib/base/random.ts";
import type { Peer, PeerMeasure } from "./bench_peer.ts";
import { median } from "./bench_print.ts";

/** Rates by name: images a second, GFLOP/s or megabytes. */
export type Rates = Map<string, number>;

/** What all measures share. */
export type Setting = { readonly batch: number; readonly folder: string; readonly paths: readonly string[] };

/** A measure, warm. */
export type Measure = {
  readonly name: string;
  run(): Promise<Record<string, number>>;
  close?(): void;
};

const CALLS = 4;
const EPOCHS = 5;

/** All measures, in their order within a round. */
export const measures: readonly ((setting: Setting, peer?: Peer) => Promise<Measure[]>)[] = [
  matmuls,
  images,
  encoders,
  heads,
  wholeRuns,
];

/** Seeded pictures with texture, 299 pixels a side unless told, as JPEG. */
export async function writeBenchImages(
  folder: string,
  count: number,
  { width = 299, height = 299 } = {},
): Promise<string[]> {
  const paths: string[] = [];
  for (let n = 0; n < count; n++) {
    const random = createRandom("bench", n);
    const [fx, fy] = [random.uniform() / 9, random.uniform() / 9];
    const rgb = new Uint8Array(width * height * 3);
    for (let i = 0; i < rgb.length; i++) {
      const pixel = Math.floor(i / 3);
      const wave = Math.sin(fx * (pixel % width) + i % 3) * Math.cos(fy * Math.floor(pixel / width));
      rgb[i] = 128 + 90 * wave + 20 * (random.uniform() - 0.5);
    }
    const path = join(folder, `${n}-${width}.jpg`);
    await sharp(rgb, { raw: { width, height, channels: 3 } }).jpeg({ quality: 92 }).toFile(path);
    paths.push(path);
  }
  return paths;
}

/** The seconds of each call. */
async function secondsOf(calls: number, body: () => unknown): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < calls; i++) {
    const began = performance.now();
    await body();
    seconds.push((performance.now() - began) / 1000);
  }
  return seconds;
}

async function peerRate(
  peer: Peer,
  measure: PeerMeasure,
  options: { readonly items: number; readonly paths?: readonly string[] },
): Promise<number> {
  return options.items / median(await peer.seconds(measure, { calls: CALLS, paths: options.paths }));
}

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

function samplesOf(paths: readonly string[]): Sample[] {
  return paths.map((path, i) => ({ path, label: i % 2 === 0 ? 0 : 1, set: "bench" }));
}

/** Files of 1920×1080 pixels to 224×224: decoded and resized. */
async function images({ batch, folder }: Setting, peer?: Peer): Promise<Measure[]> {
  const paths = await writeBenchImages(folder, 16, { width: 1920, height: 1080 });
  const prepare = async () => {
    for await (const _ of imageBatches(samplesOf(paths), { batchSize: batch })) { /* dropped */ }
  };
  return [{
    name: "image preparation",
    run: async () => ({
      "1080p images prepared": paths.length / median(await secondsOf(CALLS, prepare)),
      ...peer &&
        { "Pillow, 1080p images prepared": await peerRate(peer, "images", { items: paths.length, paths }) },
    }),
  }];
}

function openClip(): Clip {
  return bindClip(randomClip(clipModels["ViT-B-16"], 0), { activation: "quickgelu", attendAcross: "tokens" });
}

/** A clip as what runs open. */
function towerOf(clip: Clip): Tower {
  return clipTower(clip, { name: "bench", kind: "ViT-B-16" });
}

/** Multiplications and additions of an image through the encoder, two a pair. */
function encoderWork({ width: D, layers, patchSize, imageSize }: Clip["config"]): number {
  const N = tokenCount({ imageSize, patchSize });
  const block = 2 * N * 12 * D * D + 2 * 2 * N * N * D;
  return layers * block + 2 * (N - 1) * 3 * patchSize ** 2 * D;
}

/** ViT-B/16: eager float32, and compiled in each precision that this machine has, the one that runs choose among them. */
async function encoders({ batch }: Setting, peer?: Peer): Promise<Measure[]> {
  const clip = openClip();
  const { imageSize } = clip.config;
  const pixels = tf.randomNormal([batch, imageSize, imageSize, 3], 0, 1, "float32", 1) as tf.Tensor4D;
  const { precision: chosen } = await choosePrecision(towerOf(clip));
  const precisions = new Set<EncoderPrecision>([
    "float32",
    ...isTensorFlow() ? ["bfloat16"] as const : [],
    chosen,
  ]);
  const compiled: CompiledTower[] = [];
  for (const precision of precisions) compiled.push(await towerOf(clip).compile(precision));
  const bodies: [string, () => Promise<tf.Tensor>][] = [
    ["encoder eager, float32", () => Promise.resolve(encodeTokens(clip, pixels))],
    ...compiled.map((one): [string, () => Promise<tf.Tensor>] => [
      `encoder compiled, ${one.precision}`,
      () => one.tokens(pixels),
    ]),
  ];
  const once = async (body: () => Promise<tf.Tensor>) => {
    const tokens = await body();
    tokens.dataSync();
    tokens.dispose();
  };
  for (const [, body] of bodies) await once(body);
  return [{
    name: "encoder",
    run: async () => {
      const rates: Record<string, number> = {};
      if (peer) rates["PyTorch encoder, float32"] = await peerRate(peer, "encoder_fp32", { items: batch });
      for (const [name, body] of bodies) {
        const seconds = await secondsOf(CALLS, () => once(body));
        rates[name] = batch / median(seconds);
        if (name === `encoder compiled, ${chosen}`) rates["encoder as runs choose it"] = rates[name];
        if (name.endsWith("bfloat16")) {
          rates["encoder GFLOP/s, bfloat16"] = encoderWork(clip.config) * batch / 1e9 / Math.min(...seconds);
        }
      }
      if (peer) rates["PyTorch encoder, bfloat16"] = await peerRate(peer, "encoder_bf16", { items: batch });
      return rates;
    },
    close: () => {
      compiled.forEach((one) => one.dispose());
      dispose(clip);
      pixels.dispose();
    },
  }];
}

const head = { dim: 768, heads: 8, depth: 2, feedForward: 2048, dropout: 0.1 } as const;

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
    }
    if (await nativeHeadFault(head) === undefined) {
      steps.push(await open({ precision: "bfloat16", engine: "native" }));
    }
    const clip = openClip();
    const ofRuns = await open({ precision: (await choosePrecision(towerOf(clip))).head });
    chosen = ofRuns.name;
    ofRuns.close();
    dispose(clip);
  }
  return [{
    name: "head training step",
    run: async () => {
      const rates: Record<string, number> = {};
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

/** An encoder with a cache of its own, and what trains a head on it for `epochs`: images visited a second. */
function openRun(model: keyof typeof clipModels) {
  const clip = bindClip(randomClip(clipModels[model], 0), {
    activation: "quickgelu",
    attendAcross: "tokens",
  });
  const train = async (
    samples: readonly Sample[],
    options: { root: string; batch: number; epochs: number },
  ) => {
    const { root, batch, epochs } = options;
    const encoder = await openTower({ ...towerOf(clip), close: () => {} }, { // the clip is for all of them
      precision: "auto",
      keep: { folder: root, limit: Infinity },
    });
    const trunk = encoder.trunk("tokens");
    await trunk.cache();
    const detector = headDetector(createForgeLens(head, 0));
    const trainer = await openTrainer(detector, {
      loss: crossEntropy,
      optimizer: { kind: "adamw" },
      precision: encoder.choice.head,
      shape: trunk.shape,
    });
    const zeros = tf.zeros([batch, ...trunk.shape]);
    const labels = Array.from({ length: batch }, (_, i) => i % 2);
    await trainer.step({ input: zeros, labels, seed: 0 }); // the first step also makes the graph ready
    zeros.dispose();
    const began = performance.now();
    for (let epoch = 0; epoch < epochs; epoch++) {
      for await (const { features, samples: some } of featureBatches(trunk, samples, { batchSize: batch })) {
        const labels = some.map(({ label }) => label);
        await trainer.step({ input: features, labels, seed: epoch });
        features.dispose();
      }
    }
    trainer.sync();
    const seconds = (performance.now() - began) / 1000;
    trainer.close();
    detector.close();
    encoder.close();
    return epochs * samples.length / seconds;
  };
  const close = () => {
    dispose(clip);
  };
  return { train, close };
}

/** Five epochs over the images, from files to trained weights, with nothing cached and again with their tokens cached. */
async function wholeRuns({ batch, folder, paths }: Setting, peer?: Peer): Promise<Measure[]> {
  if (!isTensorFlow()) return [];
  const { train, close } = await openRun("ViT-B-16");
  const samples = samplesOf(paths);
  let round = 0;
  return [{
    name: `${EPOCHS} epochs`,
    run: async () => {
      const root = join(folder, `tokens-${round++}`);
      // The reference encodes in every step, so that each of its steps costs the same, whatever the epoch.
      const loop = peer && await peerRate(peer, "seed_step_fp32", { items: batch });
      const rates: Record<string, number> = {
        "5 epochs, nothing cached": await train(samples, { root, batch, epochs: EPOCHS }),
        "5 epochs, tokens cached": await train(samples, { root, batch, epochs: EPOCHS }),
        ...loop && { "reference's loop, 5 epochs": loop },
        "memory (resident)": Deno.memoryUsage().rss / 1e6,
      };
      await Deno.remove(root, { recursive: true });
      return rates;
    },
    close,
  }];
}

/** One epoch of ViT-B/32 over 100 images and over `count`, none cached: images a second and memory of each. */
export async function measureScale(
  { batch, folder, paths }: Setting,
  count: number,
): Promise<{ images: number; rate: number; megabytes: number }[]> {
  const { train, close } = await openRun("ViT-B-32");
  const many = join(folder, "many");
  await Deno.mkdir(many);
  const copies: string[] = [];
  for (let n = 0; n < count; n++) { // what follows a JPEG's end changes the file and not the picture
    const bytes = await Deno.readFile(paths[n % paths.length]);
    const path = join(many, `${n}.jpg`);
    await Deno.writeFile(path, new Uint8Array([...bytes, n & 255, n >> 8]));
    copies.push(path);
  }
  await train(samplesOf(paths), { root: join(folder, "warm"), batch, epochs: 1 });
  const found = [];
  for (const images of [100, count]) {
    const root = join(folder, `scale-${images}`);
    const rate = await train(samplesOf(copies.slice(0, images)), { root, batch, epochs: 1 });
    found.push({ images, rate, megabytes: Deno.memoryUsage().rss / 1e6 });
    await Deno.remove(root, { recursive: true });
  }
  close();
  return found;
}
