/**
 * The command that tests trained weights again.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { InputError } from "../base/errors.ts";
import { exists, readJson } from "../base/files.ts";
import { printable } from "../base/printable.ts";
import type { RunConfig } from "../runs/config/config.ts";
import { flagName } from "../runs/config/names.ts";
import { probeConfig, probePath } from "../runs/probe.ts";
import { evaluateRun } from "../runs/evaluate.ts";
import { folderName, readRunConfig } from "../runs/folder/folder.ts";
import { dealtBy } from "../runs/folder/own_data.ts";
import { configFlags, type Flags, fromFile, textOf } from "./flags.ts";
import { printResults } from "./results.ts";
import { onScreen } from "../runs/screen.ts";

/** Tests a run's weights, or a file of weights, again; resolves to the exit code. */
export async function evaluate(checkpoint: string, flags: Flags): Promise<number> {
  if (flags.run !== undefined) {
    const into = join(textOf(flags.out) ?? "FOLDER", `${flags.run}`);
    throw new InputError(
      `Cannot evaluate ${checkpoint}: expected no --run, since --out alone says where the results go, but found --run ${flags.run}; give --out ${into}`,
    );
  }
  const given = { ...await fromFile(flags), ...configFlags(flags) };
  const info = await Deno.stat(checkpoint).catch(() => undefined);
  if (!info) {
    throw new InputError(
      `Cannot evaluate ${checkpoint}: expected a run's folder or a file of weights but found nothing there`,
    );
  }
  const folder = info.isDirectory ? checkpoint : dirname(checkpoint);
  const own = info.isDirectory ? await readRunConfig(folder) : await configBeside(checkpoint);
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
  const into = textOf(given.out);
  if (into !== undefined && await isOtherRun(into, folder)) {
    throw new InputError(
      `Cannot write the results to ${into}: expected a folder of its own but found that of another run; name another --out`,
    );
  }
  return await onScreen(async ({ screen, signal }) => {
    await printResults(screen, (onEvent) =>
      evaluateRun(config, {
        folder,
        checkpoint: info.isDirectory ? undefined : checkpoint,
        named,
        into,
        dataOf: isRun && other.length === 0 ? folder : undefined,
        root: textOf(given.root),
        onEvent,
        signal,
      }));
    return 0;
  });
}

/** The configuration of the run that a file of weights lies in; nothing beside one from elsewhere, whose flags and defaults say how it is run. */
async function configBeside(weights: string): Promise<Partial<RunConfig>> {
  const folder = dirname(weights);
  const file = join(folder, "config.json");
  if (!(await exists(file))) return {};
  try {
    const value = await readJson(file);
    // Hugging Face's tools call a model's settings so too.
    if (value !== null && typeof value === "object" && "model_type" in value) return {};
    const config = await readRunConfig(folder);
    return weights === probePath(folder) ? probeConfig(config) : config; // the probe beside the run's detector
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
