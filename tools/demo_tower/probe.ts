/**
 * How much the demo tower's tokens tell: linear probes, fitted to the demo data's training set and tested on its three tests.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import sharp from "sharp";
import { join } from "node:path";
import { demoSets } from "../../lib/data/demo/demo.ts";
import { evaluateScores } from "../../lib/metrics/evaluate.ts";
import { videoScores } from "../../lib/metrics/levels.ts";
import { fitLogistic } from "../../lib/model/detectors/logistic.ts";
import { type Clip, clsTokenOf, encodeTokens, toPixels } from "../../lib/model/encoders/clip.ts";

/** The AUC of a probe on a test, over images and over videos. */
export type ProbeAuc = { readonly image: number; readonly video: number };

/** The AUCs of a test: of the class token, and of the mean of the patches' tokens. */
export type TokenAucs = { readonly cls: ProbeAuc; readonly mean: ProbeAuc };

/** An image of the demo data. */
type Item = { readonly path: string; readonly video: string; readonly label: number };

/** Images encoded at a time. */
const TOGETHER = 32;

/**
 * Fits logistic regressions (C = 1) to the demo's training images and tests them.
 *
 * @param options.root the demo data
 * @param options.tests the demo sets to test on; all unless given
 * @param options.limit of images of each class in the training set and in a test, the first ones; all unless given
 */
export async function probeTower(
  clip: Clip,
  options: { readonly root: string; readonly tests?: readonly string[]; readonly limit?: number },
): Promise<Map<string, TokenAucs>> {
  const { root, tests = demoSets, limit } = options;
  const train = await itemsIn(join(root, demoSets[0], "train"), limit);
  const known = await tokensOf(clip, train);
  const labels = train.map(({ label }) => label);
  const probes = {
    cls: fitLogistic(known.cls, labels, { C: 1 }),
    mean: fitLogistic(known.mean, labels, { C: 1 }),
  };
  const found = new Map<string, TokenAucs>();
  for (const test of tests) {
    const items = await itemsIn(join(root, test, "test"), limit);
    const tokens = await tokensOf(clip, items);
    const aucOf = (kind: "cls" | "mean"): ProbeAuc => {
      const { coef, intercept } = probes[kind];
      const rows = items.map(({ label, video }, i) => {
        const logit = tokens[kind][i].reduce((sum, x, d) => sum + x * coef[d], intercept);
        return { label, video, score: 1 / (1 + Math.exp(-logit)) };
      });
      const videos = videoScores(rows, { how: "mean" });
      return {
        image: evaluateScores(rows.map(({ label }) => label), rows.map(({ score }) => score)).auc!,
        video: evaluateScores(videos.labels, videos.scores).auc!,
      };
    };
    found.set(test, { cls: aucOf("cls"), mean: aucOf("mean") });
  }
  return found;
}

/** The images of a split: reals, then fakes, in the order of their paths. */
async function itemsIn(split: string, limit = Infinity): Promise<Item[]> {
  const items: Item[] = [];
  for (const [label, kind] of ["real", "fake"].entries()) {
    const ofKind: Item[] = [];
    const walk = async (folder: string): Promise<void> => {
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        const path = join(folder, name);
        if (isDirectory) await walk(path);
        else ofKind.push({ path, video: folder, label });
      }
    };
    await walk(join(split, kind));
    items.push(...ofKind.sort((a, b) => a.path < b.path ? -1 : 1).slice(0, limit));
  }
  return items;
}

/** The class token and the mean of the patches' tokens of each image. */
async function tokensOf(clip: Clip, items: readonly Item[]): Promise<Record<"cls" | "mean", number[][]>> {
  const all = { cls: [] as number[][], mean: [] as number[][] };
  for (let i = 0; i < items.length; i += TOGETHER) {
    const some = items.slice(i, i + TOGETHER);
    const images = await Promise.all(
      some.map(async ({ path }) => new Uint8Array(await sharp(path).raw().toBuffer())),
    );
    const [cls, mean] = tf.tidy(() => {
      const tokens = encodeTokens(clip, toPixels(images, clip.config.imageSize)); // [B, N, D]
      const patches = tf.slice(tokens, [0, 1, 0], [-1, -1, -1]); // [B, N − 1, D]
      return [clsTokenOf(tokens), tf.mean(patches, 1) as tf.Tensor2D];
    });
    all.cls.push(...await cls.array());
    all.mean.push(...await mean.array());
    tf.dispose([cls, mean]);
  }
  return all;
}
