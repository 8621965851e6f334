/**
 * The command line: parse flags, call the library, print.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { basename, dirname, join } from "node:path";
import { evaluateRun } from "./bench/evaluate.ts";
import { checkRunFolder, newRunName, readRunConfig, unfinishedRun } from "./bench/folder.ts";
import { stopOnSignals } from "./bench/interrupt.ts";
import type { RunReport } from "./bench/report.ts";
import { openSession } from "./bench/session.ts";
import { reportTables, tableText } from "./bench/tables.ts";
import { trainRun } from "./bench/train.ts";
import { isDemo, resolveConfig, type RunConfig } from "./config.ts";
import { writeDemoData } from "./data/demo.ts";
import { InputError, reasonOf } from "./errors.ts";
import { addConfigFlags, configFlags } from "./flags.ts";
import { createScreen } from "./progress.ts";

type Flags = Readonly<Record<string, unknown>>;

/** Runs the command that `args` name and resolves to the exit code: 0, 1 for a failure, 2 for bad input, 130 when interrupted. */
export async function main(args: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command("forgelens")
    .description("A benchmark of CLIP-based deepfake detection (ForgeLens).")
    .usage("<command> [flags]   (deno task <command> [flags])")
    .exitOverride()
    .configureOutput({ writeErr: () => {} }) // errors are printed once, below
    .showSuggestionAfterError();
  const add = (name: string) => program.command(name).exitOverride().configureOutput({ writeErr: () => {} });

  addConfigFlags(
    add("train").description(
      "train a detector, test it within and across data sets and under JPEG, and write a report",
    )
      .option("--config <file>", "JSON file with any of the keys below, in camelCase; flags win over it")
      .option("--resume", "go on with an interrupted run: the one --run names, or the newest"),
  ).action(async (flags: Flags) => {
    code = await train(flags);
  });
  addConfigFlags(
    add("evaluate").description("test trained weights again, or on other data sets")
      .argument("<checkpoint>", "a run's folder, or a .safetensors or .pth file of weights")
      .option("--config <file>", "JSON file with any of the keys below, in camelCase; flags win over it"),
  ).action(async (checkpoint: string, flags: Flags) => {
    code = await evaluate(checkpoint, flags);
  });
  add("demo-data").description("write the procedural demo data set")
    .option("--root <folder>", "where to", "data/demo")
    .option("--seed <number>", "another seed gives other faces", Number, 0)
    .action(async (flags: { root: string; seed: number }) => {
      code = await demoData(flags);
    });

  try {
    await program.parseAsync(args.length > 0 ? [...args] : ["help"], { from: "user" });
    return code;
  } catch (error) {
    return explain(error);
  }
}

async function train(flags: Flags): Promise<number> {
  const { config, resume } = flags.resume
    ? { config: await resumedConfig(flags), resume: true }
    : { config: resolveConfig(await fromFile(flags), configFlags(flags)), resume: false };
  const named = { ...config, run: config.run ?? newRunName(config) };
  await checkRunFolder(named, { resume });
  using stop = stopOnSignals();
  const screen = createScreen();
  try {
    if (isDemo(named)) console.log(demoNotice);
    const session = await openSession(named, { report: screen.show, signal: stop.signal });
    try {
      for await (const event of trainRun(named, { resume, session, signal: stop.signal })) screen.show(event);
      stop.signal.throwIfAborted();
      const report = await evaluateRun(named, { session, onEvent: screen.show, signal: stop.signal });
      printReport(report, join(named.out, named.run));
    } finally {
      session.close();
    }
    return 0;
  } catch (error) {
    if (error !== stop.signal.reason) throw error;
    screen.close();
    const started = await Deno.stat(join(named.out, named.run)).catch(() => undefined);
    const out = named.out === "checkpoints" ? "" : ` --out ${named.out}`;
    console.error(
      started
        ? `Interrupted. To go on: deno task train --resume --run ${named.run}${out}`
        : "Interrupted before training began.",
    );
    return 130;
  } finally {
    screen.close();
  }
}

async function resumedConfig(flags: Flags): Promise<RunConfig> {
  const given = configFlags(flags);
  const { run, out = "checkpoints", backend, ...others } = given;
  if (Object.keys(others).length > 0 || flags.config !== undefined) {
    const names = [...Object.keys(others), ...(flags.config === undefined ? [] : ["config"])];
    throw new InputError(
      `Cannot resume with other settings: expected at most --run, --out and --backend beside --resume but found ${
        names.join(", ")
      }`,
    );
  }
  const name = run === undefined ? await unfinishedRun(`${out}`) : `${run}`;
  const before = await readRunConfig(join(`${out}`, name));
  return {
    ...before,
    out: `${out}`,
    run: name,
    ...(backend === undefined ? {} : { backend: before.backend }),
  };
}

async function evaluate(checkpoint: string, flags: Flags): Promise<number> {
  const given = { ...await fromFile(flags), ...configFlags(flags) };
  const info = await Deno.stat(checkpoint).catch(() => undefined);
  if (!info) {
    throw new InputError(
      `Cannot evaluate ${checkpoint}: expected a run's folder or a file of weights but found nothing there`,
    );
  }
  const folder = info.isDirectory ? checkpoint : dirname(checkpoint);
  const own = await readRunConfig(folder).catch((error) => {
    if (info.isDirectory) throw error;
    return {}; // a file of weights from elsewhere: flags and defaults say how it is run
  });
  const named = given.test !== undefined || given.testReal !== undefined;
  const time = new Date().toISOString().replace(/\.\d+Z$/, "").replaceAll(/[-:]/g, "").replace("T", "-");
  const config = {
    ...resolveConfig(named ? { ...own, test: [], testReal: undefined, testFake: undefined } : own, given),
    run: basename(info.isDirectory ? await Deno.realPath(folder) : checkpoint.replace(/\.[^.]+$/, "")),
    out: dirname(info.isDirectory ? await Deno.realPath(folder) : checkpoint),
  };
  const into = named || !info.isDirectory ? join(folder, `evaluation-${time}`) : folder;
  using stop = stopOnSignals();
  const screen = createScreen();
  try {
    const report = await evaluateRun(config, {
      checkpoint: info.isDirectory ? undefined : checkpoint,
      named,
      into,
      onEvent: screen.show,
      signal: stop.signal,
    });
    printReport(report, into);
    return 0;
  } catch (error) {
    if (error !== stop.signal.reason) throw error;
    console.error("Interrupted.");
    return 130;
  } finally {
    screen.close();
  }
}

async function demoData(flags: { readonly root: string; readonly seed: number }): Promise<number> {
  const screen = createScreen();
  try {
    const { written, images, sha256 } = await writeDemoData({
      ...flags,
      onProgress: (done, total) =>
        screen.show({ type: "progress", task: "Writing the demo data", unit: "images", done, total }),
    });
    console.log(`${written > 0 ? "Wrote" : "Found"} ${images} images in ${flags.root} (SHA-256 ${sha256})`);
    return 0;
  } finally {
    screen.close();
  }
}

const demoNotice = "DEMO: no data is named, so this run takes procedural faces and a built-in encoder. " +
  "Its numbers say nothing about real faces or CLIP.\n" +
  "For your own: deno task train --real FOLDER --fake FOLDER";

function printReport(report: RunReport, folder: string): void {
  for (const table of reportTables(report)) console.log(`\n${tableText(table)}`);
  for (const message of report.warnings) console.log(`\nWarning: ${message}`);
  console.log(`\nReport: ${join(folder, "report.html")}`);
}

async function fromFile(flags: Flags): Promise<Record<string, unknown>> {
  if (flags.config === undefined) return {};
  const path = `${flags.config}`;
  try {
    const value = JSON.parse(await Deno.readTextFile(path));
    if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error("no object");
    return value;
  } catch (error) {
    throw new InputError(
      `Cannot read ${path}: expected a JSON object of settings but found ${reasonOf(error)}`,
    );
  }
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0; // help, which is printed by now
    const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    console.error(`Cannot read the command line: ${message}; deno task help lists commands and flags`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  console.error(message.split("\n")[0]);
  if (Deno.env.get("FORGELENS_DEBUG")) console.error(error);
  return error instanceof InputError ? 2 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
