/**
 * Whole runs on the bench: from files to trained weights.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { isTensorFlow } from "../lib/backend/raw.ts";
import { dispose } from "../lib/backend/tensors.ts";
import type { Sample } from "../lib/data/sample.ts";
import { createForgeLens, headDetector } from "../lib/model/detectors/notebook_head.ts";
import { clipModels } from "../lib/model/encoders/clip.ts";
import { bindClip, randomClip } from "../lib/model/encoders/clip_weights.ts";
import { openTower } from "../lib/model/encoders/open.ts";
import { featureBatches } from "../lib/model/features/batches.ts";
import { crossEntropy } from "../lib/training/losses/cross_entropy.ts";
import { openTrainer } from "../lib/training/trainer.ts";
import { type Peer, peersThatRun } from "./bench_peer.ts";
import { head, type Measure, peerRate, samplesOf, type Setting, towerOf } from "./bench_setting.ts";

const EPOCHS = 5;

/** What a run may take in seconds, about: on a slow machine it has fewer images, of which all but the first few weigh the same. */
const SECONDS = 15;

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

/** Five epochs over images, from files to trained weights, with nothing cached and again with their tokens cached. */
export async function wholeRuns({ batch, folder, paths: all }: Setting, peer?: Peer): Promise<Measure[]> {
  if (!isTensorFlow()) return [];
  const { train, close } = await openRun("ViT-B-16");
  const run = async (paths: readonly string[], root: string) =>
    await train(samplesOf(paths), { root, batch, epochs: EPOCHS });
  const tried = join(folder, "tokens-tried");
  const rate = await run(all.slice(0, batch), tried);
  await Deno.remove(tried, { recursive: true });
  const paths = all.slice(0, batch * Math.max(2, Math.round(SECONDS * rate / EPOCHS / batch)));
  const { able, leftOut } = await peersThatRun(
    peer,
    { "PyTorch 5 epochs, tokens kept in memory": "five_epochs" },
    { paths },
  );
  let round = 0;
  return [{
    name: `${EPOCHS} epochs over ${paths.length} images`,
    leftOut,
    versions: [`${EPOCHS} epochs over ${paths.length} images`],
    run: async () => {
      const root = join(folder, `tokens-${round++}`);
      // The reference encodes in every step, so that each of its steps costs the same, whatever the epoch.
      const loop = peer && await peerRate(peer, "seed_step_fp32", { items: batch });
      const rates: Record<string, number> = {
        "5 epochs, nothing cached": await run(paths, root),
        "5 epochs, tokens cached": await run(paths, root),
        ...loop && { "reference's loop, 5 epochs": loop },
        "memory (resident)": Deno.memoryUsage().rss / 1e6,
      };
      for (const { name, measure } of able) {
        rates[name] = await peerRate(peer!, measure, { items: EPOCHS * paths.length, paths, calls: 1 });
      }
      await Deno.remove(root, { recursive: true });
      return rates;
    },
    close,
  }];
}
