/**
 * What the commands do: open, run, print. Loaded only when a command is run, so that help needs nothing of it.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { evaluateRun } from "./bench/evaluate.ts";
import { checkRunFolder, newRunName, readRunConfig, unfinishedRun } from "./bench/folder.ts";
import { stopOnSignals } from "./bench/interrupt.ts";
import type { RunReport } from "./bench/report.ts";
import { openSession } from "./bench/session.ts";
import { referenceTable, resultsTable, tableText, thresholdTable } from "./bench/tables.ts";
import { trainRun } from "./bench/train.ts";
import { isDemo, resolveConfig, type RunConfig } from "./config.ts";
import { writeDemoData } from "./data/demo.ts";
import { InputError } from "./errors.ts";
import { configFlags, fromFile } from "./flags.ts";
import { createScreen } from "./progress.ts";

/** A command's flags by camelCase name; only those that were given, and defaults of its own. */
export type Flags = Readonly<Record<string, unknown>>;

/** Trains, tests and reports; resolves to the exit code. */
export async function train(flags: Flags): Promise<number> {
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

/** Tests a run's weights, or a file of weights, again; resolves to the exit code. */
export async function evaluate(checkpoint: string, flags: Flags): Promise<number> {
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

/** Writes the demo data; resolves to the exit code. */
export async function demoData(flags: { readonly root: string; readonly seed: number }): Promise<number> {
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
  const { results } = report;
  for (const table of [resultsTable(results), thresholdTable(results), referenceTable(results)]) {
    if (table) console.log(`\n${tableText(table)}`);
  }
  for (const message of report.warnings) console.log(`\nWarning: ${message}`);
  console.log(`\nReport: ${join(folder, "report.html")}`);
}
