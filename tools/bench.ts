/**
 * Measures this machine: `deno task bench`.
 *
 * Everything is measured in one run, in rounds; with `--peer`, the reference's Python stack takes its turn in each round. A
 * ratio is the median over rounds of the ratio within a round, so that other work on the machine meets both sides.
 *
 * @module
 */
import os from "node:os";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { isOnGpu } from "../lib/backend/raw.ts";
import { type BackendName, backendNames } from "../lib/backend/backends/mod.ts";
import { initBackend } from "../lib/backend/start.ts";
import { writeWhole } from "../lib/base/files.ts";
import { makeTemporaryFolder } from "../lib/base/temporary.ts";
import { type MeasureName, measureNames, measures } from "./bench_measures.ts";
import { type Peer, startPeer } from "./bench_peer.ts";
import { renderSvg } from "../lib/report/render.ts";
import { barChart, median, ratioChart, table } from "./bench_print.ts";
import { measureScale } from "./bench_runs.ts";
import { type Measure, type Rates, type Setting, writeBenchImages } from "./bench_setting.ts";

/** Images that whole runs are timed on: enough for what a run does once to weigh little. */
const IMAGES = 96;

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
    ours: "encoder as runs choose it",
    base: "PyTorch encoder, bfloat16",
  },
  {
    name: "encoderVsPeerFloat32",
    title: "encoder, against PyTorch float32",
    ours: "encoder as runs choose it",
    base: "PyTorch encoder, float32",
  },
  {
    name: "encoderBfloat16VsPeerBfloat16",
    title: "encoder in bfloat16, against PyTorch bfloat16",
    ours: "encoder compiled, bfloat16",
    base: "PyTorch encoder, bfloat16",
  },
  {
    name: "headStepVsPeer",
    title: "head's training step, against PyTorch float32",
    ours: "head step as runs choose it",
    base: "PyTorch head step, float32",
  },
  {
    name: "fiveEpochsVsPeer",
    title: "5 epochs from files, against the reference's loop",
    ours: "5 epochs, nothing cached",
    base: "reference's loop, 5 epochs",
  },
  {
    name: "secondRunVsPeer",
    title: "5 epochs again, against the reference's loop",
    ours: "5 epochs, tokens cached",
    base: "reference's loop, 5 epochs",
  },
  {
    name: "encoderVsMatmulPeak",
    title: "encoder FLOP/s in bfloat16, against that peak",
    ours: "encoder GFLOP/s, bfloat16",
    base: "matmul peak, bfloat16",
  },
  {
    name: "imagesVsPillow",
    title: "1080p JPEGs to 224×224, against Pillow",
    ours: "1080p images prepared",
    base: "Pillow, 1080p images prepared",
  },
  {
    name: "lnStepVsPeerFloat32",
    title: "LN-tuning step, against PyTorch float32",
    ours: "LN-tuning step",
    base: "PyTorch LN-tuning step, float32",
  },
  {
    name: "lnStepVsPeerBfloat16",
    title: "LN-tuning step, against autocast, recomputing",
    ours: "LN-tuning step",
    base: "PyTorch LN-tuning step, bfloat16 autocast",
  },
  {
    name: "stage1StepVsPeerFloat32",
    title: "stage-1 step, against PyTorch float32",
    ours: "stage-1 step",
    base: "PyTorch stage-1 step, float32",
  },
  {
    name: "stage1StepVsPeerBfloat16",
    title: "stage-1 step, against autocast, recomputing",
    ours: "stage-1 step",
    base: "PyTorch stage-1 step, bfloat16 autocast",
  },
  {
    name: "facesVsPeer",
    title: "faces in 720p frames, against facenet-pytorch",
    ours: "720p frames searched for faces",
    base: "facenet-pytorch, 720p frames searched",
  },
  {
    name: "prepareVsParts",
    title: "prepare --faces, against 1.5 × ffmpeg and the detector",
    ours: "720p frames prepared with faces",
    base: "1.5 times ffmpeg and the detector, 720p frames",
  },
];

/** Runs the measures `rounds` times in turn: a map of rates for each round. */
async function runRounds(
  setting: Setting,
  options: {
    readonly only: readonly MeasureName[];
    readonly rounds: number;
    readonly peer?: Peer;
    readonly log: (line: string) => void;
  },
): Promise<Rates[]> {
  const rounds: Rates[] = [];
  const ready: Measure[] = [];
  for (const name of options.only) ready.push(...await measures[name](setting, options.peer));
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

type Flags = {
  readonly backend: BackendName | "auto";
  readonly peer: boolean;
  readonly peerPython?: string;
  readonly only: readonly MeasureName[];
  readonly rounds: number;
  readonly batch: number;
  readonly scale?: number;
  readonly json: boolean;
  readonly chart?: string;
};

async function main(flags: Flags): Promise<void> {
  const { batch, rounds: count } = flags;
  const log = (line: string) => console.error(line);
  const env = Deno.env.toObject(); // before what the backend sets, which is not for the peer
  const backend = await initBackend(flags);
  if (backend.note) console.log(backend.note);
  const cpu = `${os.cpus()[0].model.trim()}, ${os.cpus().length} threads`;
  const peer = flags.peer || flags.peerPython
    ? await startPeer({ batch, python: flags.peerPython, device: isOnGpu() ? "cuda" : "cpu", env, log })
    : undefined;
  const folder = makeTemporaryFolder({ prefix: "forgelens-bench-" });
  try {
    if (flags.scale !== undefined) {
      const paths = await writeBenchImages(folder, 4 * batch);
      const measured = await measureScale({ batch, folder, paths }, flags.scale);
      for (const { images, rate, megabytes } of measured) {
        console.log(
          `ViT-B-32, one epoch of ${images} images: ${rate.toFixed(1)} images/s, ${megabytes.toFixed(0)} MB`,
        );
      }
      return;
    }
    const paths = await writeBenchImages(folder, IMAGES);
    const rounds = await runRounds({ batch, folder, paths }, { only: flags.only, rounds: count, peer, log });
    const names = [...new Set(rounds.flatMap((rates) => [...rates.keys()]))];
    const medians = new Map(names.map((name) => [name, median(rounds.map((rates) => rates.get(name)!))]));
    const found = ratiosOf(rounds);
    const made = [
      cpu,
      `${backend.name} ${backend.version} on ${backend.device}`,
      ...peer ? [peer.name] : [],
      `batches of ${batch}`,
      `medians of ${count} rounds`,
      new Date().toISOString().slice(0, 10),
    ].join("; ");
    console.log(`\n${made}\n`);
    console.log(table(["measured", "rate"], [...medians].map(([name, rate]) => [name, inUnits(name, rate)])));
    if (found.size > 0) {
      console.log(`\n${table(["ratio", "×"], [...found].map(([{ title }, x]) => [title, x.toFixed(2)]))}`);
      console.log(`\n${barChart([...found].map(([{ name }, x]) => [name, x]))}`);
      if (flags.chart) {
        const rows = [...found].map(([{ title }, value]) => ({ title, value }));
        await writeWhole(flags.chart, await renderSvg(ratioChart(rows, { subtitle: made })));
      }
    }
    if (flags.json) {
      console.log(JSON.stringify({
        ratios: Object.fromEntries([...found].map(([{ name }, x]) => [name, x])),
        rates: Object.fromEntries(medians),
        rounds: rounds.map((rates) => Object.fromEntries(rates)),
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

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError(`expected a whole number of at least 1 but found ${text}`);
  }
  return value;
}

const program = new Command("bench")
  .description("Measures this machine; with --peer, beside the reference's Python stack.")
  .addOption(new Option("--backend <name>").choices(["auto", ...backendNames]).default("auto"))
  .option(
    "--peer",
    "time PyTorch and open_clip too, in an environment of their own (5.5 GB, made once)",
    false,
  )
  .option("--peer-python <path>", "the same with a Python that has torch, open_clip_torch and pillow")
  .addOption(
    new Option("--only <names...>", "measure these alone").choices(measureNames).default(measureNames, "all"),
  )
  .option("--rounds <n>", "how often everything is measured in turn", count, 5)
  .option("--batch <n>", "images in a batch", count, 8)
  .option("--scale <n>", "only measure how cost and memory grow from 100 images to n", count)
  .option("--chart <file>", "write the ratios as a chart, an SVG")
  .option("--json", "end with the numbers as one line of JSON", false)
  .exitOverride()
  .action(main);

if (import.meta.main) {
  try {
    await program.parseAsync(Deno.args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) Deno.exit(error.exitCode === 0 ? 0 : 2); // it has said what is wrong
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
