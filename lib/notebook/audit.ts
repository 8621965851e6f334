/**
 * What the reference notebook's mistakes do, measured: each function shows one on the images and detectors it is given.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import type { Encoder, Tower } from "../model/encoders/encoder.ts";
import { encodeImages } from "../model/encoders/open.ts";
import { trunkOf } from "../runs/detectors.ts";
import { openEncoder } from "../runs/encoder.ts";
import { scoreSamples, testDetectors } from "../runs/evaluate.ts";
import { resultOf, scoredImages } from "../runs/scored_test.ts";
import { evaluateScores } from "../metrics/evaluate.ts";
import type { EvaluationResult } from "../report/report.ts";
import type { Session } from "../runs/session.ts";
import type { RunConfig } from "../runs/config/config.ts";
import { checkImages, type Sample, type SampleList } from "../data/sample.ts";
import { readFolders } from "../data/folders.ts";
import { imageBatches } from "../data/order.ts";
import { createRandom } from "../base/random.ts";
import { makeTemporaryFolder } from "../base/temporary.ts";
import { type LoadedRun, reload, train, watch } from "./run.ts";

/** A detector trained under one change of the protocol, and its unperturbed tests. */
export type Variant = {
  readonly name: string;
  readonly loaded: LoadedRun;
  readonly results: readonly EvaluationResult[];
};

/** Trains a detector with `change` made to the configuration, and tests it on every set. */
export async function trainVariant(
  name: string,
  options: { readonly config: RunConfig; readonly session: Session; readonly change?: Partial<RunConfig> },
): Promise<Variant> {
  const config = { ...options.config, ...options.change };
  const changed = config.attendAcross !== options.config.attendAcross ||
    config.activation !== options.config.activation;
  const encoder = changed ? await watch((task) => openEncoder(config, task)) : options.session.encoder;
  const session = { ...options.session, encoder };
  const loaded = await reload(await train(config, session, { chart: false }), session);
  const results = await watch(async (task) => {
    const results: EvaluationResult[] = [];
    for (const test of session.experiment.tests) {
      results.push((await testDetectors(loaded.detectors, session, { config, test, ...task })).result);
    }
    return results;
  });
  return { name, loaded, results };
}

/** How far two encodings of an image are apart. */
export type NeighbourEffect = {
  /** Largest change of any token's number when the image's neighbours in the batch are others. */
  readonly change: number;
  /** Largest standard deviation of a class token's number over different images: 0 when it is a constant. */
  readonly classSpread: number;
};

/**
 * Encodes the first sample among one half of the others and then among the other half; all that should matter is the image.
 *
 * @param samples at least 5
 */
export async function neighbourEffect(
  encoder: Encoder,
  samples: readonly Sample[],
): Promise<NeighbourEffect> {
  const images = await loadAll(encoder, samples);
  const half = Math.ceil((images.length - 1) / 2);
  const first = encodeImages(encoder, [images[0], ...images.slice(1, 1 + half)]); // [B, N, D]
  const second = encodeImages(encoder, [images[0], ...images.slice(1 + half)]);
  const [change, classSpread] = tf.tidy(() => {
    const own = (tokens: tf.Tensor3D) => tf.slice(tokens, [0, 0, 0], [1, -1, -1]); // [1, N, D]
    const classTokens = tf.squeeze(tf.slice(first, [0, 0, 0], [-1, 1, -1]), [1]); // [B, D]
    return [
      tf.max(tf.abs(tf.sub(own(first), own(second)))).dataSync()[0],
      tf.max(tf.sqrt(tf.moments(classTokens, 0).variance)).dataSync()[0],
    ];
  });
  tf.dispose([first, second]);
  return { change, classSpread };
}

/** How far the same images' tokens are apart under two encoders: ‖a − b‖ / ‖a‖ and the cosine between them, over all tokens. */
export async function tokenDifference(
  a: Encoder,
  b: Encoder,
  samples: readonly Sample[],
): Promise<{ relative: number; cosine: number }> {
  const images = await loadAll(a, samples);
  const [first, second] = [encodeImages(a, images), encodeImages(b, images)];
  const [difference, normA, normB, product] = tf.tidy(() => [
    tf.norm(tf.sub(first, second)).dataSync()[0],
    tf.norm(first).dataSync()[0],
    tf.norm(second).dataSync()[0],
    tf.sum(tf.mul(first, second)).dataSync()[0],
  ]);
  tf.dispose([first, second]);
  return { relative: difference / normA, cosine: product / (normA * normB) };
}

/** One image's score in two orders of the same test set. */
export type OrderedScore = { readonly label: 0 | 1; readonly sorted: number; readonly shuffled: number };

/** Scores a detector's own test set reals first, as the reference does, and in a random order. */
export async function orderEffect(
  { loaded }: Variant,
): Promise<{ scores: OrderedScore[]; sortedAuc: number; shuffledAuc: number }> {
  const { session: { encoder, experiment }, detectors, config } = loaded;
  const { batchSize } = config;
  const trunk = trunkOf(config, encoder);
  const { samples } = experiment.tests[0];
  const order = createRandom(0, "audit order").shuffled(samples.map((_, i) => i));
  return await watch(async (task) => {
    const one = detectors.slice(0, 1);
    const [sorted] = await scoreSamples(one, trunk, { samples, batchSize, task: "Reals first", ...task });
    const mixed = order.map((i) => samples[i]);
    const [scored] = await scoreSamples(one, trunk, {
      samples: mixed,
      batchSize,
      task: "Shuffled",
      ...task,
    });
    const shuffled = new Float64Array(samples.length);
    order.forEach((from, i) => shuffled[from] = scored[i]);
    const labels = samples.map(({ label }) => label);
    return {
      scores: samples.map(({ label }, i) => ({ label, sorted: sorted[i], shuffled: shuffled[i] })),
      sortedAuc: evaluateScores(labels, sorted).auc!,
      shuffledAuc: evaluateScores(labels, shuffled).auc!,
    };
  });
}

/** Scores the test set `times` times with the same weights; resolves to the AUCs and the largest change of any score. */
export async function repeatEffect(
  { loaded }: Variant,
  times: number,
): Promise<{ aucs: number[]; change: number }> {
  const { session: { encoder, experiment }, detectors, config } = loaded;
  const { batchSize } = config;
  const trunk = trunkOf(config, encoder);
  const { samples } = experiment.tests[0];
  const labels = samples.map(({ label }) => label);
  return await watch(async (task) => {
    const all: Float64Array[] = [];
    for (let i = 0; i < times; i++) {
      const name = `Evaluation ${i + 1} of ${times}`;
      all.push(
        ...await scoreSamples(detectors.slice(0, 1), trunk, { samples, batchSize, task: name, ...task }),
      );
    }
    const change = Math.max(
      ...all[0].map((score, i) => Math.max(...all.map((each) => Math.abs(each[i] - score)))),
    );
    return { aucs: all.map((scores) => evaluateScores(labels, scores).auc!), change };
  });
}

/** The unperturbed tests again with pixels normalised by mean and deviation 0.5, as the reference's text says. */
export async function halfNormalised({ loaded }: Variant): Promise<EvaluationResult[]> {
  const { session: { encoder, experiment }, detectors: [detector], config: { batchSize } } = loaded;
  const { size, fit, mean, std } = encoder.input;
  return await watch(async ({ report, signal }) => {
    const results: EvaluationResult[] = [];
    for (const test of experiment.tests) {
      const { set, samples } = test;
      const scores: number[] = [];
      for await (const { images } of imageBatches(samples, { batchSize, size, fit })) {
        signal.throwIfAborted();
        const tokens = tf.tidy(() => {
          const light = tf.add(tf.mul(encoder.pixels(images), [...std]), [...mean]); // [B, S, S, 3]
          return encoder.tokens(tf.div(tf.sub(light, 0.5), 0.5) as tf.Tensor4D); // [B, N, D]
        });
        scores.push(...await detector.scores(tokens));
        tokens.dispose();
        report({
          type: "progress",
          task: `Testing ${set}`,
          unit: "images",
          done: scores.length,
          total: samples.length,
        });
      }
      const scored = [Float64Array.from(scores)];
      results.push(
        resultOf(test, {
          images: scoredImages(test.samples),
          perturbation: "none",
          scored,
          demo: experiment.demo,
        }),
      );
    }
    return results;
  });
}

/** A folder of images with files among them that are none, as it is read here and as the reference would. */
export type MessyFolder = {
  readonly list: SampleList;
  /** Files of the folder of reals that the reference opens before the one that ends its run. */
  readonly before: number;
  readonly files: number;
};

/** Copies samples to a temporary folder, puts a text file, a cut image and an empty one among the reals, and reads it. */
export async function readMessyFolder(samples: readonly Sample[]): Promise<MessyFolder> {
  const root = makeTemporaryFolder({ prefix: "forgelens-audit-" });
  try {
    const counts = [0, 0];
    for (const { label, path } of samples) {
      const folder = join(root, label ? "fake" : "real");
      await Deno.mkdir(folder, { recursive: true });
      await Deno.copyFile(path, join(folder, `${String(counts[label]++).padStart(3, "0")}.jpg`));
    }
    const real = join(root, "real");
    const whole = await Deno.readFile(samples[0].path);
    await Deno.writeTextFile(join(real, "004 notes.txt"), "not an image");
    await Deno.writeFile(join(real, "005 cut.jpg"), whole.slice(0, whole.length >> 1));
    await Deno.writeFile(join(real, "006 empty.jpg"), new Uint8Array());
    const names = (await Array.fromAsync(Deno.readDir(real))).map(({ name }) => name).sort();
    const list = await checkImages(await readFolders({ real, fake: join(root, "fake") }, { set: "messy" }));
    return { list, before: names.indexOf("004 notes.txt"), files: names.length + counts[1] };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function loadAll(
  { input: { size } }: Tower,
  samples: readonly Sample[],
): Promise<readonly Uint8Array[]> {
  for await (const { images } of imageBatches(samples, { batchSize: samples.length, size })) return images;
  throw new Error("Cannot compare encodings: expected samples but found none");
}
