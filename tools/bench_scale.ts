/**
 * How the cost of an image, and the memory of a process, grow with the number of images.
 *
 * What is measured is what this bench does for each image beside encoder and head: listing, checking, reading, decoding, keeping features
 * and finding them again. So the tower and the head are tiny ones, whose work does not hide it. Each count has two processes of its own:
 * one that begins with nothing, and one that finds all that the first one kept.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import process from "node:process";
import sharp from "sharp";
import { initBackend } from "../lib/backend/start.ts";
import { inParallel } from "../lib/base/pool.ts";
import { createRandom } from "../lib/base/random.ts";
import type { Sample } from "../lib/data/sample.ts";
import { createForgeLens, headDetector } from "../lib/model/detectors/notebook_head.ts";
import { bindClip, randomClip } from "../lib/model/encoders/clip_weights.ts";
import { openTower } from "../lib/model/encoders/open.ts";
import { featureBatches } from "../lib/model/features/batches.ts";
import { resolveConfig } from "../lib/runs/config/config.ts";
import { loadExperiment } from "../lib/runs/experiment.ts";
import { signed } from "../lib/report/tables/column.ts";
import { duration } from "../lib/runs/screen.ts";
import { crossEntropy } from "../lib/training/losses/cross_entropy.ts";
import { openTrainer } from "../lib/training/trainer.ts";
import { median, table } from "./bench_print.ts";
import { towerOf } from "./bench_setting.ts";
import { peakMemory } from "./peak_memory.ts";

/** What an image costs, in microseconds of processor time, of all threads: other work on the machine changes it little. */
type Costs = {
  /** Listing the images, checking and dealing them, looking for copies. */
  readonly list: number;
  /** An epoch: in the first process reading, decoding, encoding, keeping and training; in the second reading, hashing, finding and training. */
  readonly epoch: number;
  /** A further epoch of the same process. */
  readonly further: number;
};

/** What one round found: the costs of a count's processes, and the most memory of them in megabytes. */
type Round = { readonly first: Costs; readonly second: Costs; readonly megabytes: number };

/** What all rounds found for one count of images. */
export type ScalePoint = { readonly images: number; readonly rounds: readonly Round[] };

const FRAMES = 10;
/** Pixels across a picture, the coloured cells that it is made of, and pixels across the patch by which a frame differs from another. */
const [SIDE, CELLS, PATCH] = [64, 12, 6];
/** Videos that are written at a time: drawing waits for the disk, and the disk for drawing. */
const WRITTEN_TOGETHER = 10;
/** So many videos are written between two lines that say how long is left. */
const SAID_EVERY = 1000;
const BATCH = 8;
const sizes = { width: 64, layers: 1, heads: 1, imageSize: 64, patchSize: 32, embedDim: 32 };
const head = { dim: sizes.width, heads: 4, depth: 1, feedForward: 64, dropout: 0.1 };
/** Images on which a process runs all before it is timed: the engine compiles what it runs often. */
const WARM = 1000;
/** Further epochs are as many as visit so many images, so that few images are timed for as long. */
const FURTHER = 4000;
/** Rounds of all counts in turn: a machine's speed changes by more than what is looked for, between minutes. */
const ROUNDS = 3;
/** Images that cost as much as the start of the processes does. */
const START = 3000;

/** Costs and memory at 100 images, at ten times as many and so on up to `most`. */
export async function measureScale(
  most: number,
  { folder, log }: { readonly folder: string; readonly log: (line: string) => void },
): Promise<ScalePoint[]> {
  const counts = [100];
  while (counts.at(-1)! * 10 < most) counts.push(counts.at(-1)! * 10);
  if (most > 100) counts.push(most);
  const all = await writeImages(join(folder, "all"), { count: Math.max(most, WARM), log });
  await linkImages(all.slice(0, WARM), join(folder, "warm"));
  for (const count of counts) await linkImages(all.slice(0, count), join(folder, `${count}`));
  const points = counts.map((images) => ({ images, rounds: [] as Round[] }));
  const costOf = (images: number) => images + START;
  const sayLeft = timeLeft(ROUNDS * counts.reduce((sum, images) => sum + costOf(images), 0));
  let done = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { images, rounds } of points) {
      log(`Round ${round} of ${ROUNDS}: ${images.toLocaleString("en")} images${sayLeft(done)}`);
      const kept = join(folder, `kept-${images}-${round}`);
      const first = await inProcess(folder, { images, kept });
      const second = await inProcess(folder, { images, kept });
      await Deno.remove(kept, { recursive: true });
      rounds.push({ first, second, megabytes: Math.max(first.megabytes, second.megabytes) });
      done += costOf(images);
    }
  }
  return points;
}

/** Says how much longer `all` takes, once a part of it is done: `; about 3 min 5 s left`. */
function timeLeft(all: number): (done: number) => string {
  const began = performance.now();
  return (done) =>
    done === 0 ? "" : `; about ${duration((performance.now() - began) / 1000 * (all - done) / done)} left`;
}

/** What is measured of a round, by its column. */
const columns: readonly (readonly [string, (round: Round) => number])[] = [
  ["list", ({ first }) => first.list],
  ["encode, 1st epoch", ({ first }) => first.epoch],
  ["further epoch", ({ first }) => first.further],
  ["again: list", ({ second }) => second.list],
  ["1st epoch", ({ second }) => second.epoch],
  ["further epoch", ({ second }) => second.further],
];

/** A row of medians for each count of images, and a table of how the last count's costs differ from those of the one before. */
export function scaleTable(points: readonly ScalePoint[]): string {
  const names = columns.map(([name]) => name);
  const rows = points.map(({ images, rounds }) => [
    images.toLocaleString("en"),
    ...columns.map(([, of]) => `${Math.round(median(rounds.map(of)))} µs`),
    `${median(rounds.map(({ megabytes }) => megabytes))} MB`,
  ]);
  const medians = table(["images", ...names, "memory"], rows);
  if (points.length === 1) return medians;
  const [before, after] = points.slice(-2);
  const change = `${before.images.toLocaleString("en")} to ${after.images.toLocaleString("en")}`;
  return [medians, table([change, ...names], growth(before, after))].join("\n\n");
}

/** By how many percent costs differ between two counts, round by round. */
function growth(before: ScalePoint, after: ScalePoint): string[][] {
  const all = columns.map(([, of]) =>
    after.rounds.map((round, i) => 100 * (of(round) / of(before.rounds[i]) - 1))
  );
  const row = (name: string, of: (values: readonly number[]) => number) => [
    name,
    ...all.map((percents) => `${signed(of(percents), 0)} %`),
  ];
  return [
    row("median", median),
    row("least", (percents) => Math.min(...percents)),
    row("most", (percents) => Math.max(...percents)),
  ];
}

async function inProcess(
  folder: string,
  { images, kept }: { readonly images: number; readonly kept: string },
): Promise<Costs & { readonly megabytes: number }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, folder, `${images}`, kept],
  }).output();
  const said = new TextDecoder().decode(code === 0 ? stdout : stderr).trim().split("\n").at(-1)!;
  if (code !== 0) throw new Error(`Cannot time ${images} images: expected costs but found ${said}`);
  return JSON.parse(said);
}

/** Writes videos of ten frames, reals and fakes in turn; frames of a video differ by where a patch is. */
async function writeImages(
  folder: string,
  { count, log }: { readonly count: number; readonly log: (line: string) => void },
): Promise<string[]> {
  const videos = Array.from({ length: Math.ceil(count / FRAMES) }, (_, video) => video);
  const sayLeft = timeLeft(videos.length);
  let done = 0;
  const written = await inParallel(videos, async (video) => {
    if (done++ % SAID_EVERY === 0) {
      log(`Writing ${count.toLocaleString("en")} images${sayLeft(done - 1)}`);
    }
    const inside = join(folder, video % 2 === 0 ? "real" : "fake", `${video}`);
    await Deno.mkdir(inside, { recursive: true });
    const random = createRandom("bench scale", video);
    const cells = Uint8Array.from({ length: CELLS * CELLS * 3 }, () => 255 * random.uniform());
    const raw = { width: SIDE, height: SIDE, channels: 3 } as const;
    const picture = await sharp(cells, { raw: { ...raw, width: CELLS, height: CELLS } }).resize(SIDE, SIDE)
      .raw().toBuffer();
    const paths = Array.from(
      { length: Math.min(FRAMES, count - video * FRAMES) },
      (_, frame) => join(inside, `${frame}.jpg`),
    );
    for (const [frame, path] of paths.entries()) {
      const pixels = Uint8Array.from(picture);
      for (let row = 0; row < PATCH; row++) {
        const from = 3 * (row * SIDE + frame * PATCH);
        pixels.fill(255, from, from + 3 * PATCH);
      }
      await Deno.writeFile(path, await sharp(pixels, { raw }).jpeg({ quality: 90 }).toBuffer());
    }
    return paths;
  }, { workers: WRITTEN_TOGETHER });
  return written.flat();
}

async function linkImages(paths: readonly string[], folder: string): Promise<void> {
  for (const path of paths) {
    const [label, video, name] = path.split("/").slice(-3);
    if (name === "0.jpg") await Deno.mkdir(join(folder, label, video), { recursive: true });
    await Deno.link(path, join(folder, label, video, name));
  }
}

/** Processor seconds of an epoch over the samples, and of as many further ones as were asked for. */
async function train(
  samples: readonly Sample[],
  { kept, further }: { readonly kept: string; readonly further: number },
): Promise<number[]> {
  const clip = bindClip(randomClip(sizes, 0), { activation: "quickgelu", attendAcross: "tokens" });
  const encoder = await openTower(towerOf(clip), {
    precision: "float32",
    keep: { folder: join(kept, "tokens"), limit: Infinity },
  });
  const trunk = encoder.trunk("tokens");
  const detector = headDetector(createForgeLens(head, 0));
  const trainer = await openTrainer(detector, {
    loss: crossEntropy,
    optimizer: { kind: "adamw" },
    precision: "float32",
    shape: trunk.shape,
  });
  const zeros = tf.zeros([BATCH, ...trunk.shape]);
  await trainer.step({ input: zeros, labels: Array(BATCH).fill(0), seed: 0 });
  zeros.dispose();
  const seconds: number[] = [];
  for (let epoch = 0; epoch <= further; epoch++) {
    const began = processorSeconds();
    for await (const { features, samples: some } of featureBatches(trunk, samples, { batchSize: BATCH })) {
      await trainer.step({ input: features, labels: some.map(({ label }) => label), seed: epoch });
      features.dispose();
    }
    seconds.push(processorSeconds() - began);
  }
  await (await trunk.cache())?.close();
  trainer.close();
  detector.close();
  encoder.close();
  return seconds;
}

async function list(folder: string, kept: string): Promise<Sample[]> {
  const config = resolveConfig({
    real: join(folder, "real"),
    fake: join(folder, "fake"),
    videos: "folder",
    valShare: 0,
    select: "last",
    testShare: 0.1,
  });
  const { train, tests } = await loadExperiment(config, { cacheDir: join(kept, "data") });
  return [...train, ...tests.flatMap(({ samples }) => samples)];
}

/** What this process has taken of the processors so far. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Costs of the images below a folder, whose lists and features are in `kept`. */
async function timed(folder: string, kept: string): Promise<Costs> {
  const began = processorSeconds();
  const samples = await list(folder, kept);
  const images = samples.length;
  const listed = processorSeconds() - began;
  const further = Math.max(1, Math.round(FURTHER / images));
  const [epoch, ...others] = await train(samples, { kept, further });
  const microseconds = (seconds: number) => 1e6 * seconds / images;
  return { list: microseconds(listed), epoch: microseconds(epoch), further: microseconds(median(others)) };
}

if (import.meta.main) {
  const [folder, images, kept] = Deno.args;
  await initBackend();
  await timed(join(folder, "warm"), await Deno.makeTempDir({ dir: folder }));
  const costs = await timed(join(folder, images), kept);
  console.log(JSON.stringify({ ...costs, megabytes: await peakMemory() }));
}
