/**
 * Several detectors on the same data, each with several seeds, as a notebook trains, tests and compares them: in the command line's
 * own steps and files, so that the same settings give the same numbers.
 *
 * @module
 */
import { join } from "node:path";
import { csvText } from "../base/csv.ts";
import { InputError } from "../base/errors.ts";
import { decodeText, exists, writeWhole } from "../base/files.ts";
import { createRandom } from "../base/random.ts";
import type { Comparison } from "../report/comparison.ts";
import { writeComparison } from "../report/comparison_page.ts";
import type { RunReport, ScoreReport } from "../report/report.ts";
import type { RobustnessReport } from "../report/robustness/robustness.ts";
import { parseMetricsJson } from "../report/schema.ts";
import { escapeMarkdown } from "../report/table.ts";
import { detectorKind } from "../model/detectors/mod.ts";
import { compareScores } from "../runs/compare/compare.ts";
import { resolveConfig, type RunConfig, type RunInput } from "../runs/config/config.ts";
import { keyGroups } from "../runs/config/keys.ts";
import { evaluateRun } from "../runs/evaluate.ts";
import type { RunEvent } from "../runs/events.ts";
import { progressOf } from "../runs/folder/folder.ts";
import { loadRunData } from "../runs/folder/run_data.ts";
import { testRobustness } from "../runs/robustness.ts";
import { scoreFile } from "../runs/score.ts";
import type { Session } from "../runs/session.ts";
import { bundleOf, type Display, inJupyter } from "./display.ts";
import { inOneLine, isRunOf, plain, train, watch } from "./run.ts";

/** One detector of a benchmark: its run with all of its seeds, and what the test of it gave. */
export type BenchmarkRun = { readonly name: string; readonly folder: string; readonly report: RunReport };

/**
 * Trains and tests each detector, into a run folder of its name with the command line's files. A run that is there already with the
 * same configuration, encoder and images is loaded, one that was stopped goes on, and where another has the name it is `name-2`.
 *
 * @param config what all have in common
 * @param options.detectors by name, what each changes of it
 * @throws {InputError} when interrupted, or a configuration cannot be used
 */
export async function runBenchmark(
  config: RunConfig,
  options: {
    readonly session: Session;
    readonly detectors: Readonly<Record<string, RunInput>>;
    readonly display?: Display;
    readonly signal?: AbortSignal;
  },
): Promise<BenchmarkRun[]> {
  const { session, detectors, display = inJupyter, signal } = options;
  const runs: BenchmarkRun[] = [];
  for (const [name, change] of Object.entries(detectors)) {
    const wanted = inOneLine(() => detectorConfig(name, { config, change }));
    const { run, stands } = await placeOf({ ...wanted, run: name }, session).catch((error) => {
      throw plain(error);
    });
    const named = { ...wanted, run };
    const folder = join(named.out, run);
    await display(await bundleOf(`**${escapeMarkdown(run)}**: ${words[stands]} \`${folder}\``));
    if (stands === "new" || stands === "begun") {
      await train(named, session, { chart: false, brief: true, display, signal });
    }
    if (stands !== "tested") {
      await watch(async (task) => {
        await evaluateRun(named, { session, into: folder, onEvent: task.report, signal: task.signal });
      }, { display });
    }
    runs.push({ name: run, folder, report: await readReport(folder) });
  }
  return runs;
}

/** What the open session was made of, which is the same for all detectors. */
const common = [
  ...Object.keys({ ...keyGroups.data.keys, ...keyGroups.encoder.keys }),
  ...["preset", "seed", "precision", "backend", "demoRoot"],
] as (keyof RunConfig)[];

/** @throws {InputError} when the change is of data or encoder, which are open already */
function detectorConfig(
  name: string,
  { config, change }: { readonly config: RunConfig; readonly change: RunInput },
): RunConfig {
  const { fit, defaults } = detectorKind(change.detector ?? config.detector);
  const seeds = fit ? { runs: 1 } : {}; // a fit is the same for every seed
  const wanted = resolveConfig({ ...config, ...defaults, ...seeds, ...change, run: name });
  const changed = common.filter((key) => JSON.stringify(wanted[key]) !== JSON.stringify(config[key]));
  if (changed.length === 0) return wanted;
  throw new InputError(
    `Cannot train ${name}: expected the data, encoder and seed of all detectors but found another ${
      changed.join(", ")
    }; change it for all`,
  );
}

/** How far a run is. */
type Stands = "new" | "begun" | "trained" | "tested";

const words: Readonly<Record<Stands, string>> = {
  new: "trained and tested now, into",
  begun: "training goes on from its checkpoint, in",
  trained: "trained before, and tested now, in",
  tested: "trained and tested before with the same settings, and loaded from",
};

/** The run's name, or that with the first number that no other configuration has, and how far that run is. */
async function placeOf(
  config: RunConfig & { readonly run: string },
  session: Session,
): Promise<{ run: string; stands: Stands }> {
  for (let count = 1;; count++) {
    const run = count === 1 ? config.run : `${config.run}-${count}`;
    const folder = join(config.out, run);
    if (!(await exists(join(folder, "config.json")))) return { run, stands: "new" };
    const stands = await standsOf(folder, config, session).catch((error) => {
      if (error instanceof InputError) return undefined; // another run, or none that can be read
      throw error;
    });
    if (stands) return { run, stands };
  }
}

/** Undefined for a run of another configuration, encoder, or other images. */
async function standsOf(folder: string, config: RunConfig, session: Session): Promise<Stands | undefined> {
  if (!(await isRunOf(folder, config, session.encoder))) return undefined;
  const state = await progressOf(folder);
  if (!state) return "begun";
  if (state.digest !== session.experiment.digest) return undefined;
  if (!state.done) return "begun";
  if (!(await exists(join(folder, "metrics.json")))) return "trained";
  await loadRunData(config, { folder, tests: true }); // refuses images whose bytes have changed
  return "tested";
}

async function readReport(folder: string): Promise<RunReport> {
  const path = join(folder, "metrics.json");
  return parseMetricsJson(decodeText(await Deno.readFile(path)), { path });
}

/**
 * Compares the runs, and CSV files of any other detectors' scores of the same images, as `deno task compare` does; writes the
 * comparison's files.
 *
 * @param options.out where they go
 * @throws {InputError} as `compareScores()` does
 */
export async function compareRuns(
  runs: readonly BenchmarkRun[],
  options: { readonly out: string; readonly scores?: readonly string[]; readonly display?: Display },
): Promise<Comparison> {
  const { out, scores = [], display } = options;
  return await watch(async ({ report, signal }) => {
    const comparison = await compareScores([...runs.map(({ folder }) => folder), ...scores], { signal });
    for (const message of comparison.warnings) report({ type: "warning", message });
    await writeComparison(out, comparison, { signal });
    return comparison;
  }, { display });
}

/**
 * Tests a run under perturbations as `deno task robustness` does, into its folder; scores that are there already are not made again.
 *
 * @param options.perturb families or single perturbations, as in the configuration
 * @throws {InputError} as that command
 */
export async function testPerturbed(
  { folder }: BenchmarkRun,
  options: { readonly perturb: readonly string[]; readonly display?: Display },
): Promise<RobustnessReport> {
  const { perturb, display } = options;
  return await watch(async ({ report, signal }) => {
    // What it says of backend, data and encoder was said above.
    const brief = (event: RunEvent) =>
      event.type === "note" || event.type === "data" ? undefined : report(event);
    return await testRobustness(folder, { given: { perturb: [...perturb] }, report: brief, signal });
  }, { display });
}

/** A file of scores, measured. */
export type Scored = { readonly folder: string; readonly report: ScoreReport };

/**
 * Measures a CSV file of any detector's scores as `deno task score` does; writes the report beside the file.
 *
 * @throws {InputError} as `scoreFile()` does
 */
export async function scoreCsv(
  path: string,
  options: { readonly detector?: string; readonly display?: Display } = {},
): Promise<Scored> {
  const { display, detector } = options;
  return await watch(async ({ report, signal }) => {
    let folder = "";
    const onEvent = (event: RunEvent) => {
      if (event.type === "written") folder = event.folder;
      report(event);
    };
    const finished = await scoreFile(path, { detector, onEvent, signal });
    for (const message of finished.warnings) report({ type: "warning", message });
    return { folder, report: finished };
  }, { display });
}

/**
 * Writes made-up scores of made-up videos, to show what such a file looks like: 20 real and 40 fake videos of two methods, four
 * frames each, always the same.
 *
 * @returns the file's path
 */
export async function writeMadeUpScores(folder: string): Promise<string> {
  const random = createRandom(0, "made-up scores");
  const rows = Array.from({ length: 60 }, (_, video) => {
    const label = video < 20 ? 0 : 1;
    const method = label === 0 ? "" : video % 2 ? "swap" : "reenact";
    const centre = { "": 0.35, swap: 0.7, reenact: 0.55 }[method] + 0.3 * (random.uniform() - 0.5);
    const name = `${label ? "fake" : "real"}-${video}`;
    return Array.from({ length: 4 }, (_, frame) => ({
      ...{ path: `${name}/${frame}.png`, video: name, label, method, set: "made-up", split: "test" },
      score: Math.min(1, Math.max(0, centre + 0.4 * (random.uniform() - 0.5))).toFixed(4),
    }));
  }).flat();
  const path = join(folder, "made-up.csv");
  const columns = ["path", "video", "label", "method", "set", "split", "score"];
  await writeWhole(path, csvText(rows, { columns }));
  return path;
}
