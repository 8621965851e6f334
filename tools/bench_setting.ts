/**
 * What the bench's measures share: their types, pictures to work on, and how calls are timed.
 *
 * @module
 */
import { join } from "node:path";
import sharp from "sharp";
import type { Sample } from "../lib/data/sample.ts";
import { type Clip, clipModels } from "../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../lib/model/encoders/clip_weights.ts";
import { clipTower } from "../lib/model/encoders/clip_tower.ts";
import type { Tower } from "../lib/model/encoders/encoder.ts";
import { createRandom } from "../lib/base/random.ts";
import type { Peer, PeerMeasure } from "./bench_peer.ts";
import { LIMIT } from "./bench_process.ts";
import { median } from "./bench_print.ts";

/** Rates by name: images a second, GFLOP/s or megabytes. */
export type Rates = Map<string, number>;

/** What all measures share. */
export type Setting = {
  readonly batch: number;
  readonly folder: string;
  readonly paths: readonly string[];
  /** Whether OpenVINO and onnxruntime are held against the encoder; never on a GPU, since they compute on the CPU. */
  readonly engines: boolean;
};

/** A measure, warm. */
export type Measure = {
  readonly name: string;
  /** By the name of its rate, why a peer does not run here. */
  readonly leftOut?: Readonly<Record<string, string>>;
  /** Further peers with their versions, for example `openvino 2026.4.1`. */
  readonly versions?: readonly string[];
  run(): Promise<Record<string, number>>;
  close?(): void | Promise<void>;
};

/** Calls of which a rate is the median; fewer where they take longer than `LIMIT` seconds. */
export const CALLS = 4;

/** Seeded pictures with texture, 299 pixels a side unless told, as JPEG; the first is number `from`, 0 unless told. */
export async function writeBenchImages(
  folder: string,
  count: number,
  { width = 299, height = 299, from = 0 } = {},
): Promise<string[]> {
  const paths: string[] = [];
  for (let n = from; n < from + count; n++) {
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

/** The seconds of each of `calls` calls, or of as many as begin within `LIMIT` seconds. */
export async function secondsOf(calls: number, body: () => unknown): Promise<number[]> {
  const seconds: number[] = [];
  for (let spent = 0; seconds.length < calls && spent < LIMIT; spent += seconds.at(-1)!) {
    const began = performance.now();
    await body();
    seconds.push((performance.now() - began) / 1000);
  }
  return seconds;
}

/** Images a second of the peer: the median over calls, of which there are fewer where they take longer than `LIMIT` seconds. */
export async function peerRate(
  peer: Peer,
  measure: PeerMeasure,
  { items, calls = CALLS, ...options }: {
    readonly items: number;
    readonly paths?: readonly string[];
    /** Images of a step of LN-tuning or stage 1. */
    readonly batch?: number;
    readonly calls?: number;
  },
): Promise<number> {
  return items / median(await peer.seconds(measure, { calls, ...options }));
}

/** Real and fake in turn. */
export function samplesOf(paths: readonly string[]): Sample[] {
  return paths.map((path, i) => ({ path, label: i % 2 === 0 ? 0 : 1, set: "bench" }));
}

/** ViT-B/16 with random weights. */
export function openClip(): Clip {
  return bindClip(randomClip(clipModels["ViT-B-16"], 0), { activation: "quickgelu", attendAcross: "tokens" });
}

/** A clip as what runs open. */
export function towerOf(clip: Clip): Tower {
  return clipTower(clip, { name: "bench", kind: "ViT-B-16" });
}

/** The sizes of the notebook's head. */
export const head = { dim: 768, heads: 8, depth: 2, feedForward: 2048, dropout: 0.1 } as const;
