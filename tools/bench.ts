/**
 * Measures this machine: `deno task bench`.
 *
 * Everything is measured in one run, in rounds; with `--peer`, the reference's Python stack, PyTorch at its best and other engines take
 * their turns in each round. A ratio is the median over rounds of the ratio within a round, so that other work on the machine meets both
 * sides; where several peers do the same, ours is held against the fastest of them here.
 *
 * @module
 */
import os from "node:os";
import { Command, CommanderError, Option } from "commander";
import { isOnGpu } from "../lib/backend/raw.ts";
import { type BackendName, backendNames } from "../lib/backend/backends/mod.ts";
import { initBackend } from "../lib/backend/start.ts";
import { writeWhole } from "../lib/base/files.ts";
import { makeTemporaryFolder } from "../lib/base/temporary.ts";
import { comparedNames, type MeasureName, measureNames, measures } from "./bench_measures.ts";
import { type Peer, startPeer } from "./bench_peer.ts";
import { renderSvg } from "../lib/report/render.ts";
import { barChart, ratioChart, table } from "./bench_print.ts";
import { medianRates, ratiosOf } from "./bench_ratios.ts";
import { count } from "./flags.ts";
import { measureScale, scaleTable } from "./bench_scale.ts";
import { type Measure, type Rates, type Setting, writeBenchImages } from "./bench_setting.ts";

/** Images, and batches, that whole runs are timed on at least: enough for what a run does once to weigh little. */
const IMAGES = 96, BATCHES = 4;

/** Rates of each round, the peers' versions, and by the name of its rate why one is left out. */
type Found = {
  readonly rounds: readonly Rates[];
  readonly versions: readonly string[];
  readonly leftOut: Readonly<Record<string, string>>;
};

/** Runs the measures in turn, `rounds` times or as often as fits into `seconds` of this process: a map of rates for each round. */
async function runRounds(
  setting: Setting,
  options: {
    readonly only: readonly MeasureName[];
    readonly rounds: number;
    readonly seconds: number;
    readonly peer?: Peer;
    readonly log: (line: string) => void;
    /** Called after each measure with all that there is. */
    readonly soFar?: (found: Found) => Promise<void>;
  },
): Promise<Found> {
  const rounds: Rates[] = [];
  const ready: Measure[] = [];
  const found = (): Found => ({
    rounds,
    versions: ready.flatMap(({ versions }) => versions ?? []),
    leftOut: Object.assign({}, ...ready.map(({ leftOut }) => leftOut)),
  });
  async function* opened() {
    for (const name of options.only) {
      for (const measure of await measures[name](setting, options.peer)) {
        ready.push(measure);
        yield measure;
      }
    }
  }
  let longest = 0;
  for (let round = 0; round < options.rounds; round++) {
    if (round > 0 && performance.now() + longest > options.seconds * 1000) { // since the process began
      options.log(`${round} rounds: another would end after ${options.seconds} seconds, see --seconds`);
      break;
    }
    let taken = 0;
    const rates: Rates = new Map();
    rounds.push(rates);
    for await (const measure of round === 0 ? opened() : ready) {
      options.log(`Round ${round + 1}/${options.rounds}: ${measure.name}`);
      const began = performance.now();
      for (const [name, rate] of Object.entries(await measure.run())) rates.set(name, rate);
      taken += performance.now() - began;
      await options.soFar?.(found());
    }
    longest = Math.max(longest, taken);
  }
  for (const measure of ready) await measure.close?.();
  return found();
}

type Flags = {
  readonly backend: BackendName | "auto";
  readonly peer: boolean;
  readonly peerPython?: string;
  readonly engines: boolean;
  readonly only: readonly MeasureName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly batch: number;
  readonly scale?: number;
  readonly json: boolean;
  readonly jsonFile?: string;
  readonly chart?: string;
};

async function main(flags: Flags): Promise<void> {
  const { batch, engines } = flags;
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
      console.log(scaleTable(await measureScale(flags.scale, { folder, log })));
      return;
    }
    const paths = await writeBenchImages(folder, Math.max(IMAGES, BATCHES * batch));
    const asJson = ({ rounds, versions, leftOut }: Found) => {
      const ratios = ratiosOf(rounds);
      return JSON.stringify({
        ratios: Object.fromEntries(ratios.map(({ name, value }) => [name, value])),
        bases: Object.fromEntries(ratios.map(({ name, base }) => [name, base])),
        rates: Object.fromEntries(medianRates(rounds)),
        rounds: rounds.map((rates) => Object.fromEntries(rates)),
        machine: cpu,
        backend,
        peer: peer?.name ?? null,
        peers: versions,
        leftOut,
      });
    };
    const soFar = async (found: Found) => {
      if (flags.jsonFile) await writeWhole(flags.jsonFile, `${asJson(found)}\n`);
    };
    const options = { soFar, only: flags.only, rounds: flags.rounds, seconds: flags.seconds, peer, log };
    const { rounds, versions, leftOut } = await runRounds({ batch, folder, paths, engines }, options);
    const medians = medianRates(rounds);
    const found = ratiosOf(rounds);
    const made = [
      cpu,
      `${backend.name} ${backend.version} on ${backend.device}`,
      ...peer ? [peer.name] : [],
      ...versions,
      `batches of ${batch}`,
      rounds.length === 1 ? "one round" : `medians of ${rounds.length} rounds`,
      new Date().toISOString().slice(0, 10),
    ].join("; ");
    console.log(`\n${made}\n`);
    console.log(table(["measured", "rate"], [...medians].map(([name, rate]) => [name, inUnits(name, rate)])));
    for (const [name, reason] of Object.entries(leftOut)) console.log(`\nLeft out: ${name}: ${reason}`);
    if (found.length > 0) {
      console.log(`\n${table(["ratio", "×"], found.map(({ title, value }) => [title, value.toFixed(2)]))}`);
      console.log(`\n${barChart(found.map(({ name, value }) => [name, value]))}`);
      if (flags.chart) {
        const rows = found.filter(({ isInChart }) => isInChart);
        await writeWhole(flags.chart, await renderSvg(ratioChart(rows, { subtitle: made })));
      }
    }
    if (flags.json) {
      console.log(asJson({ rounds, versions, leftOut }));
    }
  } finally {
    await peer?.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function inUnits(name: string, rate: number): string {
  if (/matmul|GFLOP/.test(name)) return `${Math.round(rate)} GFLOP/s`;
  if (/GOP|peak, int8/.test(name)) return `${Math.round(rate)} GOP/s`;
  if (/cosine/.test(name)) return rate.toFixed(5);
  if (/^memory/.test(name)) return `${Math.round(rate)} MB`;
  return `${rate < 100 ? rate.toFixed(1) : Math.round(rate)} images/s`;
}

const program = new Command("bench")
  .description(
    "Measures this machine; with --peer, beside the reference's Python stack and the best engines.",
  )
  .addOption(new Option("--backend <name>").choices(["auto", ...backendNames]).default("auto"))
  .option(
    "--peer",
    "time PyTorch, OpenVINO and onnxruntime too, in environments of their own (7 GB, made once)",
    false,
  )
  .option("--peer-python <path>", "the same with a Python that has torch, open_clip_torch and pillow")
  .option(
    "--no-engines",
    "leave OpenVINO and onnxruntime out; on a GPU they are, since they compute on the CPU",
  )
  .addOption(
    new Option("--only <names...>", "measure these alone").choices(measureNames)
      .default(comparedNames, "all but prepare and memory"),
  )
  .option("--rounds <n>", "how often everything is measured in turn", count, 5)
  .option("--seconds <n>", "begin no further round that would end after so many seconds", count, 1200)
  .option("--batch <n>", "images in a batch", count, 8)
  .option("--scale <n>", "only measure how cost and memory grow from 100 images to n", count)
  .option("--chart <file>", "write the ratios as a chart, an SVG")
  .option("--json-file <file>", "write the same there after each measure, with all that there is")
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
