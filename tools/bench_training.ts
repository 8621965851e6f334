/**
 * Training steps through a whole tower: LN-tuned CLIP and stage 1 of the published ForgeLens, pixels to optimizer.
 *
 * Ours are a run's: the encoder opened as for training, the trainer with the tower's blocks as graphs, in the precision that runs choose
 * here, every block computed again for its gradient, but for hidden layers that are kept. The memory of one is that of a process of its own: `bench_memory.ts`.
 *
 * @module
 */
import { createRandom } from "../lib/base/random.ts";
import { isTensorFlow } from "../lib/backend/raw.ts";
import type { ClipName } from "../lib/model/encoders/clip_tower.ts";
import { resolveConfig, type RunInput } from "../lib/runs/config/config.ts";
import { createDetector, trunkOf } from "../lib/runs/detectors.ts";
import { openEncoder } from "../lib/runs/encoder.ts";
import { lossKind } from "../lib/training/losses/mod.ts";
import { openTrainer } from "../lib/training/trainer.ts";
import { type Peer, peersThatRun } from "./bench_peer.ts";
import { type Measure, peerRate, type Setting } from "./bench_setting.ts";

/** Images of the step whose memory is measured: the published batch of stage 1. */
const PUBLISHED_BATCH = 32;

/** What is trained, each with the optimizer of its publication. */
const trainings = {
  "LN-tuning": { detector: "ln-tuned", optimizer: "adamw", learningRate: 3e-4, weightDecay: 0 },
  "stage-1": { detector: "forgelens-stage1", optimizer: "adam", learningRate: 5e-5 },
} as const satisfies Readonly<Record<string, RunInput>>;

/** The name of a training. */
export type TrainingName = keyof typeof trainings;

/** A training on a tower with random weights, its first step taken; `step()` resolves to the seconds of the next. */
export async function openTraining(
  name: TrainingName,
  { clip, batch = PUBLISHED_BATCH }: {
    readonly clip: ClipName;
    /** Images of a step; the published 32 unless given. */
    readonly batch?: number;
  },
): Promise<{ step(): Promise<number>; close(): void }> {
  const config = resolveConfig({
    ...trainings[name],
    ...{ clip, randomClip: true, cache: false },
  });
  const { optimizer: kind, learningRate, weightDecay } = config;
  const encoder = await openEncoder(config);
  const trunk = trunkOf(config, encoder);
  const { shape, imageSize } = trunk;
  const detector = createDetector(config, { encoder, seed: 0 });
  const trainer = await openTrainer(detector, {
    loss: lossKind(config.loss).create(config),
    optimizer: { kind, learningRate, weightDecay },
    precision: encoder.choice.head,
    shape,
  });
  const labels = Array.from({ length: batch }, (_, i) => i % 2);
  const random = createRandom("bench", clip);
  const images = labels.map(() => Uint8Array.from({ length: imageSize ** 2 * 3 }, () => random.integer(256)));
  let seed = 0;
  const step = async () => {
    const input = await trunk.features(images.map((image) => image.slice()));
    const began = performance.now();
    await trainer.step({ input, labels, seed: seed++ });
    const seconds = (performance.now() - began) / 1000;
    input.dispose();
    return seconds;
  };
  await step();
  const close = () => {
    trainer.close();
    detector.close();
    encoder.close();
  };
  return { step, close };
}

/** A step of each training, beside PyTorch's in float32 and in bfloat16 autocast with recomputation. */
export async function trainingSteps({ batch }: Setting, peer?: Peer): Promise<Measure[]> {
  if (!isTensorFlow()) return [];
  const peers = { "LN-tuning": "ln_step", "stage-1": "stage1_step" } as const;
  const steps: Measure[] = [];
  for (const name of Object.keys(trainings) as TrainingName[]) {
    const { step, close } = await openTraining(name, { clip: "ViT-B-16", batch });
    const { able, leftOut } = await peersThatRun(peer, {
      [`PyTorch ${name} step, float32`]: `${peers[name]}_fp32`,
      [`PyTorch ${name} step, bfloat16 autocast`]: `${peers[name]}_bf16`,
    }, { batch });
    const run = async () => {
      const rates: Record<string, number> = { [`${name} step`]: batch / await step() };
      for (const each of able) {
        rates[each.name] = await peerRate(peer!, each.measure, { items: batch, batch, calls: 1 });
      }
      return rates;
    };
    steps.push({ name: `${name} step of ViT-B/16`, leftOut, run, close });
  }
  return steps;
}

/** The most memory that a process holds which trains ViT-L/14 for two steps; once, whatever the rounds. */
export function memoryOfSteps(): Promise<Measure[]> {
  let found: Promise<Record<string, number>> | undefined;
  return Promise.resolve([{
    name: `memory of an LN-tuning step of ViT-L/14, batch of ${PUBLISHED_BATCH}`,
    run: () => found ??= peakMemory("LN-tuning", "ViT-L-14"),
  }]);
}

async function peakMemory(name: TrainingName, clip: ClipName): Promise<Record<string, number>> {
  const script = new URL("bench_memory.ts", import.meta.url).pathname;
  const settings = new URL("../deno.json", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=bench", "--config", settings, script, name, clip],
  }).output();
  if (!success) {
    const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    throw new Error(`Cannot measure memory: expected a process that trains but found ${said}`);
  }
  const text = new TextDecoder().decode(stdout).trim();
  return text === "" ? {} : { [`peak memory, ${name} of ${clip}`]: Number(text) };
}
