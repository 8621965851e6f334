/**
 * ViT-B/16 encoding a batch on the bench: ours in each precision, PyTorch, and the engines that run towers.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { isTensorFlow } from "../lib/backend/raw.ts";
import { dispose } from "../lib/backend/tensors.ts";
import { imageBatches } from "../lib/data/order.ts";
import { type Clip, clipModels, encodeTokens, tokenCount, toPixels } from "../lib/model/encoders/clip.ts";
import { int8Peak } from "../lib/model/encoders/clip_int8.ts";
import { randomClip } from "../lib/model/encoders/clip_weights.ts";
import type { CompiledTower, EncoderPrecision } from "../lib/model/encoders/encoder.ts";
import { choosePrecision, meanCosine } from "../lib/model/encoders/precision.ts";
import { type Engine, type Engines, openEngines } from "./bench_engines.ts";
import { type Peer, peersThatRun } from "./bench_peer.ts";
import { median } from "./bench_print.ts";
import {
  CALLS,
  type Measure,
  openClip,
  peerRate,
  samplesOf,
  secondsOf,
  type Setting,
  towerOf,
  writeBenchImages,
} from "./bench_setting.ts";

/** Pictures that int8 is calibrated on elsewhere, and at least so many that cosines are taken on. */
const CALIBRATION = 256, HELD_OUT = 32;

/** Multiplications and additions of an image through the encoder, two a pair. */
function encoderWork({ width: D, layers, patchSize, imageSize }: Clip["config"]): number {
  const N = tokenCount({ imageSize, patchSize });
  const block = 2 * N * 12 * D * D + 2 * 2 * N * N * D;
  return layers * block + 2 * (N - 1) * 3 * patchSize ** 2 * D;
}

/** Pictures of the bench as runs prepare them, CALIBRATION before the rest; `batch` divides both. */
async function preparedImages(
  folder: string,
  { from, count }: { from: number; count: number },
): Promise<Uint8Array[]> {
  const images: Uint8Array[] = [];
  const paths = await writeBenchImages(folder, count, { from });
  for await (const { images: some } of imageBatches(samplesOf(paths), { batchSize: count })) {
    images.push(...some);
  }
  return images;
}

/**
 * The mean cosine of the chosen tower's tokens with the exact one's on pictures, and the exact tokens one after another.
 *
 * @param towers the chosen and the exact
 */
async function heldOutTokens(
  { chosen, exact }: { readonly chosen: CompiledTower; readonly exact: CompiledTower },
  { images, batch, size }: {
    readonly images: readonly Uint8Array[];
    readonly batch: number;
    readonly size: number;
  },
): Promise<{ cosine: number; tokens: Float32Array }> {
  const parts: Float32Array[] = [];
  let cosines = 0;
  for (let begin = 0; begin < images.length; begin += batch) {
    const pixels = toPixels(images.slice(begin, begin + batch), size);
    const [theirs, mine] = [await exact.tokens(pixels), await chosen.tokens(pixels)];
    parts.push(theirs.dataSync() as Float32Array);
    cosines += meanCosine(mine, theirs) * batch / images.length;
    tf.dispose([pixels, theirs, mine]);
  }
  const tokens = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let filled = 0;
  for (const part of parts) {
    tokens.set(part, filled);
    filled += part.length;
  }
  return { cosine: cosines, tokens };
}

/** ViT-B/16: eager float32, and compiled in each precision that this machine has, the one that runs choose among them. */
export async function encoders(
  { batch, folder, engines: withEngines }: Setting,
  peer?: Peer,
): Promise<Measure[]> {
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
  const { able, leftOut } = await peersThatRun(peer, {
    "PyTorch encoder, bfloat16": "encoder_bf16",
    [`PyTorch encoder, ${peer?.low}, compiled`]: "encoder_compiled",
  });
  const cosines: Record<string, number> = {};
  let others: Engines | undefined;
  if (peer !== undefined) {
    const towers = {
      chosen: compiled.find(({ precision }) => precision === chosen)!,
      exact: compiled.find(({ precision }) => precision === "float32")!,
    };
    const count = (least: number) => Math.ceil(least / batch) * batch;
    const images = await preparedImages(folder, { from: 0, count: count(HELD_OUT) });
    const { cosine, tokens } = await heldOutTokens(towers, { images, batch, size: imageSize });
    cosines["cosine with float32, encoder as runs choose it"] = cosine;
    if (withEngines && peer.device === "cpu") {
      others = await openEngines(() => randomClip(clipModels["ViT-B-16"], 0), {
        peer,
        batch,
        folder,
        pictures: {
          heldOut: images,
          exact: tokens,
          calibration: () => preparedImages(folder, { from: images.length, count: count(CALIBRATION) }),
        },
        log: console.error,
      });
    }
    for (const { name, cosine } of others?.engines ?? []) cosines[`cosine with float32, ${name}`] = cosine;
  }
  const engines = others?.engines ?? [];
  const attention = peer ? [`PyTorch attends by ${await peer.attention()}`] : [];
  let round = 0;
  return [{
    name: "encoder",
    leftOut: { ...leftOut, ...others?.leftOut },
    versions: [...others?.versions ?? [], ...attention],
    run: async () => {
      const rates: Record<string, number> = {};
      // Ours has its turn in the middle, and from round to round the others come before it and after it.
      const inTurn = round++ % 2 === 0 ? engines : engines.toReversed();
      const timed = async (some: readonly Engine[]) => {
        for (const { name, seconds } of some) rates[name] = batch / median(await seconds(CALLS));
      };
      await timed(inTurn.slice(0, engines.length >> 1));
      if (peer) rates["PyTorch encoder, float32"] = await peerRate(peer, "encoder_fp32", { items: batch });
      for (const [name, body] of bodies) {
        const seconds = await secondsOf(CALLS, () => once(body));
        rates[name] = batch / median(seconds);
        if (name === `encoder compiled, ${chosen}`) rates["encoder as runs choose it"] = rates[name];
        const work = encoderWork(clip.config) * batch / 1e9 / Math.min(...seconds);
        if (name.endsWith("bfloat16")) rates["encoder GFLOP/s, bfloat16"] = work;
        if (name.endsWith("int8")) {
          rates["encoder GOP/s, int8"] = work;
          rates["products' peak, int8"] = 2 * await int8Peak() / 1e9;
        }
      }
      for (const { name, measure } of able) rates[name] = await peerRate(peer!, measure, { items: batch });
      await timed(inTurn.slice(engines.length >> 1));
      return { ...rates, ...cosines };
    },
    close: async () => {
      await others?.close();
      compiled.forEach((one) => one.dispose());
      dispose(clip);
      pixels.dispose();
    },
  }];
}
