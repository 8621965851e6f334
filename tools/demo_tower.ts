/**
 * Trains the small tower that `--clip demo-tower` opens, and writes it to `assets/`: `deno task demo-tower`.
 *
 * It goes on where it was stopped, by Ctrl-C or however, and needs about an hour of two cores.
 *
 * @module
 */
import { join } from "node:path";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { isTensorFlow } from "../lib/backend/raw.ts";
import { initBackend } from "../lib/backend/start.ts";
import { dispose } from "../lib/backend/tensors.ts";
import { cacheFolder } from "../lib/base/cache.ts";
import { writeWhole } from "../lib/base/files.ts";
import { DEMO_VERSION, writeDemoData } from "../lib/data/demo/demo.ts";
import type { Clip } from "../lib/model/encoders/clip.ts";
import { bindClip } from "../lib/model/encoders/clip_weights.ts";
import { clipState } from "../lib/model/encoders/clip_state.ts";
import { renderSvg } from "../lib/report/render.ts";
import { stopOnSignals } from "../lib/runs/interrupt.ts";
import { loadStateDict } from "../lib/weights/load.ts";
import { saveSafetensors } from "../lib/weights/safetensors.ts";
import { openBatches } from "./demo_tower/batches.ts";
import { curveChart, type CurvePoint, curveText, readCurve } from "./demo_tower/curve.ts";
import { editNames } from "./demo_tower/edits.ts";
import { faceSeeds, facesIn } from "./demo_tower/faces.ts";
import { probeTower } from "./demo_tower/probe.ts";
import { initialTower } from "./demo_tower/tower.ts";
import {
  createLearner,
  learn,
  type Learner,
  learnerState,
  learningRateAt,
  type Losses,
  recipe,
  restoreLearner,
} from "./demo_tower/training.ts";

/** Steps between points of the curve, and between probes. */
const POINT = 20, PROBE = 300;
/** How often the state is saved. */
const SAVE_MS = 150_000;

type Flags = { steps: number; seed: number; work: string; demo: string; out: string };

async function main({ steps, seed, work, demo, out }: Flags): Promise<void> {
  using stop = stopOnSignals(undefined, { once: true });
  await initBackend({ backend: "tensorflow" });
  if (!isTensorFlow()) throw new Error("Cannot train the demo tower: expected TensorFlow");
  await writeDemoData({ root: demo, onNote: console.log, signal: stop.signal });
  const onProgress = (done: number, total: number) =>
    done % 100 === 0 && console.log(`faces of ${done} of ${total} videos are drawn`);
  const faces = await facesIn(work, { onProgress, signal: stop.signal });
  const statePath = join(work, "state.safetensors"), curvePath = join(work, "curve.csv");
  const { learner, curve } = await begin({ statePath, curvePath, demo, seed });
  const save = async () => {
    await saveSafetensors(statePath, learnerState(learner));
    await writeWhole(curvePath, curveText(curve));
  };
  const first = learner.optimizers.matrices.step;
  console.log(
    `${first > 0 ? `going on at step ${first}` : "beginning"}: ${steps} steps of ${recipe.batch} images`,
  );
  const batches = openBatches(faces, { seed, from: first, count: recipe.batch });
  try {
    let losses: Losses[] = [], since = performance.now(), saved = since;
    for (let step = first; step < steps && !stop.signal.aborted;) {
      const learningRate = learningRateAt(step, steps);
      losses.push(await learn(learner, await batches.next(), { learningRate }));
      step++;
      if (step % POINT === 0 || step === steps) {
        const seconds = (performance.now() - since) / 1000 / losses.length;
        const hasProbe = step % PROBE === 0 || step === steps;
        const point = {
          ...{ step, images: step * recipe.batch, learning_rate: learningRate },
          ...meansOf(losses),
          ...hasProbe ? await probesOf(learner.clip, demo) : undefined,
        } as CurvePoint;
        curve.push(point);
        console.log(lineOf(point, { steps, seconds }));
        losses = [], since = performance.now();
      }
      if (performance.now() - saved > SAVE_MS) {
        await save();
        saved = performance.now();
      }
    }
  } finally {
    batches.close();
  }
  await save();
  const step = learner.optimizers.matrices.step;
  if (step < steps) return console.log(`stopped at step ${step}; the same command goes on`);
  await finish(learner, { curve, out, demo, steps, seed });
}

/** A new learner, or the one that was saved with its curve. */
async function begin(
  { statePath, curvePath, demo, seed }: { statePath: string; curvePath: string; demo: string; seed: number },
): Promise<{ learner: Learner; curve: CurvePoint[] }> {
  const isThere = await Deno.stat(statePath).then(() => true, () => false);
  if (!isThere) {
    const learner = createLearner(initialTower(seed), seed);
    return { learner, curve: [{ step: 0, images: 0, ...await probesOf(learner.clip, demo) } as CurvePoint] };
  }
  const learner = restoreLearner(await loadStateDict(statePath));
  const curve = await readCurve(curvePath);
  return { learner, curve: curve.filter(({ step }) => step! <= learner.optimizers.matrices.step) };
}

function meansOf(losses: readonly Losses[]): Losses {
  const keys = Object.keys(losses[0]) as (keyof Losses)[];
  const mean = (key: keyof Losses) => losses.reduce((sum, each) => sum + each[key], 0) / losses.length;
  return Object.fromEntries(keys.map((key) => [key, mean(key)])) as Losses;
}

async function probesOf(clip: Clip, root: string): Promise<Partial<CurvePoint>> {
  const names = { demo: "demo", "demo-shift-a": "shift_a", "demo-shift-b": "shift_b" } as Record<
    string,
    string
  >;
  const found = await probeTower(clip, { root });
  return Object.fromEntries([...found].flatMap(([test, { cls, mean }]) => [
    [names[test], cls.image],
    [`mean_${names[test]}`, mean.image],
  ]));
}

function lineOf(
  { step, loss, accuracy, demo, shift_a, shift_b }: CurvePoint,
  { steps, seconds }: { steps: number; seconds: number },
): string {
  const probes = demo === undefined
    ? ""
    : `, probes' AUC ${[demo, shift_a, shift_b].map((auc) => auc!.toFixed(3)).join(" ")}`;
  const left = (steps - step!) * seconds / 60;
  return `step ${step} of ${steps}: loss ${loss!.toFixed(3)}, accuracy ${accuracy!.toFixed(3)}${probes}; ` +
    `${(recipe.batch / seconds).toFixed(1)} images/s, ${left.toFixed(0)} minutes left`;
}

/** Writes the tower in half precision, with what its own probes say of it, and the curve. */
async function finish(
  { clip }: Learner,
  { curve, out, demo, steps, seed }: Omit<Flags, "work"> & { readonly curve: readonly CurvePoint[] },
): Promise<void> {
  const path = join(out, "demo_tower.safetensors");
  const halves = [...clipState(clip, "visual.")].map(([key, value]) =>
    [key, { ...value, dtype: "float16" }] as const
  );
  await saveSafetensors(path, new Map(halves));
  const kept = bindClip(await loadStateDict(path), { activation: "quickgelu", attendAcross: "tokens" });
  const probes = await probeTower(kept, { root: demo });
  dispose(kept);
  const metadata = {
    made: `deno task demo-tower --steps ${steps} --seed ${seed}`,
    activation: "quickgelu",
    data: `real frames of the demo generator (version ${DEMO_VERSION}), set demo, seeds ${faceSeeds[0]} to ` +
      `${faceSeeds.at(-1)}; half of the images with a random region edited: ${editNames.join(", ")}`,
    unseen: "the demo data's persons and its manipulations",
    images: String(steps * recipe.batch),
    recipe: JSON.stringify(recipe),
    probes: JSON.stringify(Object.fromEntries(probes)),
  };
  await saveSafetensors(path, new Map(halves), { metadata, checksum: true });
  await writeWhole(join(out, "demo_tower.csv"), curveText(curve));
  await writeWhole(join(out, "demo_tower.svg"), await renderSvg(curveChart(curve)));
  console.log(`Wrote ${path}. AUC of linear probes, fitted to the demo's training images:`);
  for (const [test, { cls, mean }] of probes) {
    const words = ({ image, video }: typeof cls) => `images ${image.toFixed(4)}, videos ${video.toFixed(4)}`;
    console.log(`${test}: class token ${words(cls)}; mean of the patches ${words(mean)}`);
  }
}

const whole = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError("expected a whole number of at least 0");
};

if (import.meta.main) {
  const command = new Command("demo-tower")
    .description("Trains the demo tower and writes it to assets/.")
    .option("--steps <number>", "batches of 32 images to train on", whole, 1600)
    .option("--seed <number>", "of weights and batches", whole, 1)
    .option("--work <folder>", "where faces and the state are kept", join(cacheFolder(), "demo-tower"))
    .option("--demo <folder>", "the demo data that probes are fitted to and tested on", "data/demo")
    .option("--out <folder>", "where the tower goes", "assets")
    .exitOverride();
  try {
    await main(command.parse(Deno.args, { from: "user" }).opts<Flags>());
  } catch (error) {
    if (error instanceof CommanderError) Deno.exit(error.exitCode === 0 ? 0 : 2);
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  Deno.exit(0); // threads of the images' library would keep it
}
