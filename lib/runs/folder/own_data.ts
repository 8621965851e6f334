/**
 * Whether a configuration asks for a run's own data: those are read with their split from the run's folder, never dealt anew.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { InputError } from "../../base/errors.ts";
import { exists } from "../../base/files.ts";
import { isDemo, type RunConfig, type RunInput } from "../config/config.ts";
import { flagName } from "../config/names.ts";
import { readRunConfig } from "./folder.ts";
import { dataFile } from "./run_data.ts";

/** What names the data that are trained on. */
const namedBy = ["data", "also", "manifest", "real", "fake", "valReal", "valFake"] as const;

/** What says which images there are and how they are dealt: with other values, training images may be among the test's. */
export const dealtBy = [
  ...namedBy,
  ...["valShare", "testShare", "methods", "compression", "framesPerVideo"] as const,
] as const;

/** {@link dealtBy}, and what else says which images a run has. */
const dataKeys = [...dealtBy, "testReal", "testFake", "test", "set", "seed", "videos", "demoRoot"] as const;

/**
 * The configuration of the run in whose folder a file of weights lies, where `given` names no other data than that run's: its
 * images and split then belong to the weights. Undefined elsewhere.
 */
export async function runOfWeights(path: string, given: RunInput): Promise<RunConfig | undefined> {
  const folder = dirname(path);
  if (!(await exists(join(folder, dataFile))) || !(await exists(join(folder, "config.json")))) {
    return undefined;
  }
  const own = await readRunConfig(folder);
  return namedBy.every((key) => given[key] === undefined || isSame(given[key], own[key])) ? own : undefined;
}

/** A configuration with a run's data where it names none. */
export function withDataOf(own: RunConfig, given: RunInput): RunInput {
  const theirs = Object.fromEntries(dataKeys.map((key) => [key, own[key]]));
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return isDemo(given) ? { ...given, ...theirs } : { ...theirs, ...Object.fromEntries(said) };
}

/**
 * Refuses a configuration that asks for other images than a run's, which would not be taken.
 *
 * @throws {InputError} naming the flags
 */
export async function checkOwnData(folder: string, config: RunConfig): Promise<void> {
  if (!(await exists(join(folder, "config.json")))) return;
  const own = await readRunConfig(folder);
  const other = [...dealtBy, "testReal", "testFake", "test"].filter((key) =>
    !isSame(config[key as keyof RunConfig], own[key as keyof RunConfig])
  );
  if (other.length === 0) return;
  throw new InputError(
    `Cannot evaluate ${folder}: expected its own data, split as they were, or test sets named with --test or --test-real and --test-fake but found ${
      other.map(flagName).join(", ")
    }`,
  );
}

/** Whether two values of a setting are one; a folder may be named in two ways. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a === "string" && typeof b === "string") return resolve(a) === resolve(b);
  return JSON.stringify(a) === JSON.stringify(b);
}
