/**
 * Holds what `predict` answers beside what `evaluate` scores, on the same files in one process: rates and processor time
 * in turn, and memory.
 *
 *     deno run -A tools/bench_predict.ts checkpoints/first FOLDER
 *
 * @module
 */
import { cpuUsage } from "node:process";
import type { Sample } from "../lib/data/sample.ts";
import { configFor, openDetectors, readWeights, trunkOf } from "../lib/runs/detectors.ts";
import { openEncoder } from "../lib/runs/encoder.ts";
import { scoreSamples } from "../lib/runs/evaluate.ts";
import { readRunConfig } from "../lib/runs/folder/folder.ts";
import { inputsOf } from "../lib/runs/predict/inputs.ts";
import { openJudge, weightsIn } from "../lib/runs/predict/judge.ts";
import { predict } from "../lib/runs/predict/predict.ts";
import { median } from "./bench_print.ts";

const ROUNDS = 3;
/** After so many files what is made ready once is there. */
const WARM = 200;

if (import.meta.main) {
  const [run, folder] = Deno.args;
  const files = await Array.fromAsync(inputsOf([folder]));
  const paths = files.map(({ path }) => path);
  const judge = await openJudge(await weightsIn(run), { alpha: 0.05 });
  const weights = await readWeights(await readRunConfig(run), { folder: run });
  const config = { ...await configFor(weights.slice(0, 1), { cache: false }), batchSize: judge.batchSize };
  const [{ dict: checkpoint, card }] = weights;
  const encoder = await openEncoder(config, { kept: card?.precision, testing: true, checkpoint });
  const detectors = await openDetectors(weights.slice(0, 1), { config, encoder });
  const samples = paths.map((path): Sample => ({ path, label: 0, set: "files" }));

  const rates = { predict: [] as number[], evaluate: [] as number[] };
  const cores = { predict: [] as number[], evaluate: [] as number[] }; // processor milliseconds an image
  const timed = async (which: keyof typeof rates, work: () => Promise<unknown>) => {
    const [began, used] = [performance.now(), cpuUsage()];
    await work();
    const { user, system } = cpuUsage(used);
    rates[which].push(paths.length / (performance.now() - began) * 1000);
    cores[which].push((user + system) / 1000 / paths.length);
  };
  let [done, warm, most] = [0, 0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    await timed("predict", async () => {
      for await (const _ of predict(judge, paths)) {
        const megabytes = Deno.memoryUsage().rss / 1e6;
        if (++done === WARM) warm = megabytes;
        if (done > WARM) most = Math.max(most, megabytes);
      }
    });
    await timed("evaluate", () =>
      scoreSamples(detectors, trunkOf(config, encoder), {
        ...{ samples, batchSize: config.batchSize },
      }));
  }
  for (const which of ["predict", "evaluate"] as const) {
    console.log(
      `${which}: ${median(rates[which]).toFixed(1)} images/s (${
        rates[which].map((each) => each.toFixed(1)).join(", ")
      }), ${median(cores[which]).toFixed(1)} ms of processor an image (${
        cores[which].map((each) => each.toFixed(1)).join(", ")
      })`,
    );
  }
  console.log(`Memory: ${warm.toFixed(0)} MB after ${WARM} files, ${most.toFixed(0)} MB at most after them`);
  for (const each of detectors) each.close();
  encoder.close();
  judge.close();
}
