/**
 * What the commands do: open, run, print. Loaded only when a command is run, so that help needs nothing of it.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { evaluateRun } from "../runs/evaluate.ts";
import type { RunEvent } from "../runs/events.ts";
import {
  checkRunFolder,
  folderName,
  newRunName,
  ownRunFolder,
  readRunConfig,
  unfinishedRun,
} from "../runs/folder/folder.ts";
import { readNumerics } from "../runs/folder/numerics.ts";
import { dealtBy } from "../runs/folder/own_data.ts";
import type { EvaluationResult, RunReport } from "../report/report.ts";
import { openSession } from "../runs/session.ts";
import { referenceTable, resultsTable, tableText, thresholdTable } from "../report/tables.ts";
import { trainRun } from "../runs/train.ts";
import { flagName, isDemo, resolveConfig, type RunConfig } from "../runs/config.ts";
import { writeDemoData } from "../data/demo/demo.ts";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import { unlockedNote } from "../base/owner.ts";
import { printable } from "../base/printable.ts";
import { configFlags, fromFile } from "./flags.ts";
import { onScreen, type Screen } from "../runs/screen.ts";

/** A command's flags by camelCase name; only those that were given, and defaults of its own. */
export type Flags = Readonly<Record<string, unknown>>;

/** Trains, tests and reports; resolves to the exit code. */
export async function train(flags: Flags): Promise<number> {
  const { config, resume } = flags.resume
    ? { config: await resumedConfig(flags), resume: true }
    : { config: resolveConfig(await fromFile(flags), configFlags(flags)), resume: false };
  const named = { ...config, run: config.run ?? newRunName(config) };
  await checkRunFolder(named, { resume });
  const folder = join(named.out, named.run);
  return await onScreen(async ({ screen, signal }) => {
    // From the first reading to the last result, so that whoever is refused has not worked in vain.
    await using owner = await ownRunFolder(folder);
    const unlocked = unlockedNote(folder, owner);
    if (unlocked) screen.show({ type: "warning", message: unlocked });
    if (isDemo(named)) console.log(demoNotice);
    const kept = (await readNumerics(folder))?.precision;
    const runFolder = resume ? { folder } : undefined;
    const session = await openSession(named, { report: screen.show, signal, runFolder, kept });
    try {
      for await (const event of trainRun(named, { resume, session, owner, signal })) screen.show(event);
      signal.throwIfAborted();
      await printing(screen, (onEvent) => evaluateRun(named, { session, owner, onEvent, signal }));
    } finally {
      session.close();
    }
    return 0;
  }, {
    interrupted: async () => {
      const started = await exists(join(folder, "config.json"));
      const out = named.out === "checkpoints" ? "" : ` --out ${named.out}`;
      return started
        ? `Interrupted. To go on: deno task train --resume --run ${named.run}${out}`
        : "Interrupted before training began.";
    },
  });
}

async function resumedConfig(flags: Flags): Promise<RunConfig> {
  const given = configFlags(flags);
  const { run, out = "checkpoints", backend, root, ...others } = given;
  if (Object.keys(others).length > 0 || flags.config !== undefined) {
    const names = [...Object.keys(others), ...(flags.config === undefined ? [] : ["config"])];
    throw new InputError(
      `Cannot resume with other settings: expected at most --run, --out, --backend and --root beside --resume but found ${
        names.join(", ")
      }`,
    );
  }
  const name = run === undefined ? await unfinishedRun(`${out}`, { onNote: console.log }) : `${run}`;
  return resolveConfig(await readRunConfig(join(`${out}`, name)), {
    out: `${out}`,
    run: name,
    backend,
    root,
  });
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
  const own = info.isDirectory ? await readRunConfig(folder) : await configBeside(folder);
  const named = given.test !== undefined || given.testReal !== undefined;
  const place = info.isDirectory ? await Deno.realPath(folder) : checkpoint.replace(/\.[^.]+$/, "");
  const config = {
    ...(named ? { ...own, test: [], testReal: undefined, testFake: undefined } : own),
    ...given,
    run: info.isDirectory ? basename(place) : folderName(basename(place)), // what the report is called
    out: dirname(place),
  };
  // A run has its own data; a file of weights too, where it lies in a run's folder and no other data are named.
  const other = named
    ? []
    : dealtBy.filter((key) =>
      given[key] !== undefined && JSON.stringify(given[key]) !== JSON.stringify((own as Flags)[key])
    );
  if (info.isDirectory && other.length > 0) {
    throw new InputError(
      `Cannot evaluate ${checkpoint}: expected its own data, split as they were, or test sets named with --test or --test-real and --test-fake but found ${
        other.map(flagName).join(", ")
      }`,
    );
  }
  const isRun = info.isDirectory || Object.keys(own).length > 0;
  const into = given.out === undefined ? undefined : `${given.out}`;
  if (into !== undefined && await isOtherRun(into, folder)) {
    throw new InputError(
      `Cannot write the results to ${into}: expected a folder of its own but found that of another run; name another --out`,
    );
  }
  return await onScreen(async ({ screen, signal }) => {
    await printing(screen, (onEvent) =>
      evaluateRun(config, {
        folder,
        checkpoint: info.isDirectory ? undefined : checkpoint,
        named,
        into,
        dataOf: isRun && other.length === 0 ? folder : undefined,
        root: given.root === undefined ? undefined : `${given.root}`,
        onEvent,
        signal,
      }));
    return 0;
  });
}

/** The configuration of the run that a file of weights lies in; nothing beside one from elsewhere, whose flags and defaults say how it is run. */
async function configBeside(folder: string): Promise<Partial<RunConfig>> {
  if (!(await exists(join(folder, "config.json")))) return {};
  try {
    return await readRunConfig(folder);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    console.log(`Warning: the run's configuration is not used: ${printable(error.message)}`);
    return {};
  }
}

/** Whether `into` is the folder of a run, and not of the one in `folder`. */
async function isOtherRun(into: string, folder: string): Promise<boolean> {
  if (!(await exists(join(into, "config.json")))) return false;
  return await Deno.realPath(into) !== await Deno.realPath(folder);
}

/** Writes the demo data; resolves to the exit code. */
export async function demoData(flags: { readonly root: string; readonly seed: number }): Promise<number> {
  return await onScreen(async ({ screen, signal }) => {
    const { written, images, sha256 } = await writeDemoData({
      ...flags,
      signal,
      onNote: (message) => screen.show({ type: "note", message }),
      onProgress: (done, total) =>
        screen.show({ type: "progress", task: "Writing the demo data", unit: "images", done, total }),
    });
    console.log(
      printable(`${written > 0 ? "Wrote" : "Found"} ${images} images in ${flags.root} (SHA-256 ${sha256})`),
    );
    return 0;
  });
}

const demoNotice = "DEMO: no data is named, so this run takes procedural faces and a built-in encoder. " +
  "Its numbers say nothing about real faces or CLIP.\n" +
  "For your own: deno task train --real FOLDER --fake FOLDER";

/** Tests on a screen and prints the report; where it fails at the end, what it had computed by then. */
async function printing(
  screen: Screen,
  test: (onEvent: (event: RunEvent) => void) => Promise<RunReport>,
): Promise<void> {
  const finished: EvaluationResult[] = [];
  let folder = "";
  try {
    const { results, warnings } = await test((event) => {
      if (event.type === "result") finished.push(event.result);
      if (event.type === "written") folder = event.folder;
      screen.show(event);
    });
    printTables(results);
    for (const message of warnings) screen.show({ type: "warning", message });
    if (warnings.length > 0) console.log(`Warnings: ${warnings.length}, said above and in the report`);
    console.log(`\nReport: ${printable(join(folder, "report.html"))}`);
  } catch (error) {
    screen.close();
    if (finished.length > 0) {
      printTables(finished);
      console.log("\nNot written to a file: what was tested before it ended with an error or was stopped.");
    }
    throw error;
  }
}

function printTables(results: readonly EvaluationResult[]): void {
  for (const table of [resultsTable(results), thresholdTable(results), referenceTable(results)]) {
    if (table) console.log(`\n${tableText(table)}`);
  }
}
