/**
 * Measures this machine: `deno task bench [--peer] [--json] [--rounds N] [--batch N] [--scale N] [--backend NAME] [--peer-python PATH]`.
 *
 * Everything is measured in one run, in rounds; with `--peer`, the reference's Python stack takes its turn in each round.
 * `--scale N` measures only how cost and memory grow from 100 images to N. A ratio is the median over rounds of the ratio within a round, so that other work on the machine meets both sides.
 *
 * @module
 */
import os from "node:os";
import { parseArgs } from "node:util";
import { type BackendName, initBackend } from "../lib/backend.ts";
import {
  type Measure,
  measures,
  measureScale,
  type Rates,
  type Setting,
  writeBenchImages,
} from "./bench_measures.ts";
import { type Peer, startPeer } from "./bench_peer.ts";
import { barChart, median, table } from "./bench_print.ts";

/** What is compared: two measures of a round, `ours` over `base`, in images (or FLOP) per second. */
type Ratio = {
  readonly name: string;
  readonly title: string;
  readonly ours: string;
  readonly base: string;
};

const ratios: readonly Ratio[] = [
  {
    name: "encoderVsPeerBfloat16",
    title: "encoder, against PyTorch bfloat16",
    ours: "encoder compiled, bfloat16",
    base: "PyTorch encoder, bfloat16",
  },
  {
    name: "encoderVsPeerFloat32",
    title: "encoder, against PyTorch float32",
    ours: "encoder compiled, bfloat16",
    base: "PyTorch encoder, float32",
  },
  {
    name: "headStepVsPeer",
    title: "head training step, against PyTorch float32",
    ours: "head step graph, bfloat16",
    base: "PyTorch head step, float32",
  },
  {
    name: "fiveEpochsVsPeer",
    title: "5 epochs, encoding and cache writing included, against the reference's loop",
    ours: "5 epochs, nothing cached",
    base: "reference's loop, 5 epochs",
  },
  {
    name: "secondRunVsPeer",
    title: "5 epochs again on the same images, against the reference's loop",
    ours: "5 epochs, tokens cached",
    base: "reference's loop, 5 epochs",
  },
  {
    name: "encoderVsMatmulPeak",
    title: "encoder FLOP/s, against the bfloat16 matmul peak",
    ours: "encoder GFLOP/s",
    base: "matmul peak, bfloat16",
  },
  {
    name: "imagesVsPillow",
    title: "image preparation, against Pillow",
    ours: "images prepared",
    base: "Pillow, images prepared",
  },
];

/** Runs all measures `rounds` times in turn: a map of rates for each round. */
async function runRounds(
  setting: Setting,
  options: { readonly rounds: number; readonly peer?: Peer; readonly log: (line: string) => void },
): Promise<Rates[]> {
  const rounds: Rates[] = [];
  const ready: Measure[] = [];
  for (const open of measures) ready.push(...await open(setting, options.peer));
  for (let round = 0; round < options.rounds; round++) {
    const rates: Rates = new Map();
    for (const measure of ready) {
      options.log(`Round ${round + 1}/${options.rounds}: ${measure.name}`);
      for (const [name, rate] of Object.entries(await measure.run())) rates.set(name, rate);
    }
    rounds.push(rates);
  }
  for (const measure of ready) measure.close?.();
  return rounds;
}

function ratiosOf(rounds: readonly Rates[]): Map<Ratio, number> {
  const result = new Map<Ratio, number>();
  for (const ratio of ratios) {
    const values = rounds.flatMap((rates) => {
      const ours = rates.get(ratio.ours);
      const base = rates.get(ratio.base);
      return ours !== undefined && base !== undefined ? [ours / base] : [];
    });
    if (values.length > 0) result.set(ratio, median(values));
  }
  return result;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      backend: { type: "string" },
      json: { type: "boolean" },
      peer: { type: "boolean" },
      "peer-python": { type: "string" },
      rounds: { type: "string", default: "5" },
      batch: { type: "string", default: "8" },
      scale: { type: "string" },
    },
  });
  const log = (line: string) => console.error(line);
  const backend = await initBackend({ backend: values.backend as BackendName | undefined });
  if (backend.note) console.log(backend.note);
  const cpu = `${os.cpus()[0].model.trim()}, ${os.cpus().length} threads`;
  const batch = Number(values.batch);
  const peer = values.peer || values["peer-python"]
    ? await startPeer({ batch, python: values["peer-python"], log })
    : undefined;
  const folder = await Deno.makeTempDir({ prefix: "forgelens-bench-" });
  try {
    const paths = await writeBenchImages(folder, 4 * batch);
    if (values.scale) {
      for (
        const { images, rate, megabytes } of await measureScale(
          { batch, folder, paths },
          Number(values.scale),
        )
      ) {
        console.log(
          `ViT-B-32, one epoch of ${images} images: ${rate.toFixed(1)} images/s, ${megabytes.toFixed(0)} MB`,
        );
      }
      return;
    }
    const rounds = await runRounds({ batch, folder, paths }, { rounds: Number(values.rounds), peer, log });
    const names = [...new Set(rounds.flatMap((rates) => [...rates.keys()]))];
    const medians = new Map(names.map((name) => [name, median(rounds.map((rates) => rates.get(name)!))]));
    const found = ratiosOf(rounds);
    console.log(
      `\n${cpu}; ${backend.name} ${backend.version}${
        peer ? `; ${peer.name}` : ""
      }; batches of ${batch}; medians of ${values.rounds} rounds; ${new Date().toISOString().slice(0, 10)}\n`,
    );
    console.log(table(["measured", "rate"], [...medians].map(([name, rate]) => [name, inUnits(name, rate)])));
    if (found.size > 0) {
      console.log(`\n${table(["ratio", "×"], [...found].map(([{ title }, x]) => [title, x.toFixed(2)]))}`);
      console.log(`\n${barChart([...found].map(([{ name }, x]) => [name, x]))}`);
    }
    if (values.json) {
      console.log(JSON.stringify({
        ratios: Object.fromEntries([...found].map(([{ name }, x]) => [name, x])),
        rates: Object.fromEntries(medians),
        machine: cpu,
        backend,
        peer: peer?.name ?? null,
      }));
    }
  } finally {
    await peer?.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function inUnits(name: string, rate: number): string {
  if (/matmul|GFLOP/.test(name)) return `${Math.round(rate)} GFLOP/s`;
  if (/memory/.test(name)) return `${Math.round(rate)} MB`;
  return `${rate < 100 ? rate.toFixed(1) : Math.round(rate)} images/s`;
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
