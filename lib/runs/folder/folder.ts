/**
 * A run's folder, `checkpoints/<run>/`: configuration, weights, the checkpoint to resume from.
 *
 * @module
 */
import { join } from "node:path";
import { isDemo, resolveConfig, type RunConfig } from "../config/config.ts";
import { InputError, reasonOf } from "../../base/errors.ts";
import { checkWritable, exists, readJson, writeWhole } from "../../base/files.ts";
import { type Ownership, ownFolder } from "../../base/owner.ts";
import { readSafetensors, saveSafetensors } from "../../weights/safetensors.ts";
import { savePth } from "../../weights/pth.ts";
import type { StateDict } from "../../weights/state.ts";
import { cardTexts, type WeightsCard } from "./card.ts";
import { checkSameConfig, parseState, stateText, type TrainState } from "./train_state.ts";

/** A state with the weights and moments that go with it; none at the start of a seed. */
export type Checkpoint = {
  readonly state: TrainState;
  readonly weights?: { readonly model: StateDict; readonly optimizer: StateDict };
};

const configFile = "config.json";
const stateFile = "state.json";
const resumeFile = "resume.safetensors";

/** `set-preset-seed0-20260102-030405`: a name that says what a run is, and sorts by time. */
export function newRunName(config: RunConfig): string {
  const set = folderName(isDemo(config) ? "demo" : config.set);
  return `${set}-${config.preset}-seed${config.seed}-${timeStamp()}`;
}

/** The name of the run that is trained first for one that stands on it. */
export function stageOneRun(run: string): string {
  return `${run}-stage1`;
}

/** A name that a run may have, from any other: `my set` → `my-set`. */
export function folderName(name: string): string {
  return name.replaceAll(/[^\w.-]+/g, "-").replace(/^[.-]+/, "").slice(0, 80).replace(/\.+$/, "") || "data";
}

/** The time in UTC as names of folders have it: `20260102-030405`. */
export function timeStamp(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "").replaceAll(/[-:]/g, "").replace("T", "-");
}

/**
 * Refuses a folder that cannot be written, a name that is taken, or with `resume` one that is not there or has another
 * configuration.
 *
 * @throws {InputError}
 */
export async function checkRunFolder(
  config: RunConfig & { readonly run: string },
  options: { readonly resume?: boolean } = {},
): Promise<void> {
  const path = join(config.out, config.run);
  await checkWritable(path);
  if (!options.resume) {
    if (!(await exists(join(path, configFile)))) return;
    throw new InputError(
      `Cannot start the run ${config.run}: expected a new name but found ${path}; take another --run, or go on with --resume --run ${config.run}`,
    );
  }
  const before = await readRunConfig(path);
  const changed = (Object.keys(config) as (keyof RunConfig)[]).filter((key) =>
    !["out", "run", "backend", "root"].includes(key) &&
    JSON.stringify(config[key]) !== JSON.stringify(before[key])
  );
  if (changed.length > 0) {
    throw new InputError(
      `Cannot resume ${path}: expected its own configuration but found another ${changed.join(", ")}`,
    );
  }
}

/**
 * Makes the caller the only one that trains in a run's folder, which need not be there yet.
 *
 * @throws {InputError} naming the process that does so already.
 */
export async function ownRunFolder(path: string): Promise<Ownership> {
  const instead = "wait for it, or take another --run";
  return await ownFolder(path, { cannot: `Cannot train in ${path}`, doing: "train", instead });
}

/** Makes a new run's folder with its `config.json`, or leaves the one that is there; returns its path. */
export async function makeRunFolder(config: RunConfig & { readonly run: string }): Promise<string> {
  const path = join(config.out, config.run);
  if (await exists(join(path, configFile))) return path;
  await Deno.mkdir(path, { recursive: true });
  await writeWhole(join(path, configFile), JSON.stringify(config, null, 2) + "\n");
  return path;
}

/**
 * The configuration that a run was started with.
 *
 * @throws {InputError} when the folder has none that can be used, or one that was changed since.
 */
export async function readRunConfig(path: string): Promise<RunConfig> {
  const file = join(path, configFile);
  const value = await readJson(file, { expected: "a run's configuration" });
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new InputError(`Cannot read ${file}: expected a run's configuration but found another value`);
  }
  let config: RunConfig;
  try {
    config = resolveConfig(value as Readonly<Record<string, unknown>>);
  } catch (error) {
    throw new InputError(`Cannot use ${file}: ${(error as Error).message.replace(/^Cannot .*?: /, "")}`, {
      cause: error,
    });
  }
  checkSameConfig(config, { state: await readState(path), file });
  return config;
}

/**
 * The newest run under `out` that training has not finished.
 *
 * @param options.onNote takes a sentence about each run that cannot be read, and is left out
 * @throws {InputError} when there is none.
 */
export async function unfinishedRun(
  out: string,
  options: { readonly onNote?: (message: string) => void } = {},
): Promise<string> {
  const found: { name: string; changed: number }[] = [];
  const unreadable: string[] = [];
  const entries = await Array.fromAsync(Deno.readDir(out)).catch(() => []);
  for (const { name, isFile } of entries) {
    const folder = join(out, name);
    try {
      if (isFile || !(await exists(join(folder, configFile)))) continue;
      if ((await readState(folder))?.done) continue;
      await readRunConfig(folder);
      const latest = await exists(join(folder, resumeFile)) ? resumeFile : configFile;
      found.push({ name, changed: (await Deno.stat(join(folder, latest))).mtime?.getTime() ?? 0 });
    } catch (error) {
      unreadable.push(`Leaving out the run ${name}: ${(error as Error).message}`);
    }
  }
  found.sort((a, b) => b.changed - a.changed);
  for (const message of unreadable) options.onNote?.(message);
  if (found.length === 0) {
    throw new InputError(
      `Cannot resume: expected an interrupted run in ${out} but found ${
        unreadable.length > 0 ? "only such as cannot be read" : "none"
      }; start one with train`,
    );
  }
  // What stands on a run that was trained for it goes on with that too.
  const [{ name }] = found;
  return found.find((other) => stageOneRun(other.name) === name)?.name ?? name;
}

/**
 * The checkpoint that a run left, if it left one.
 *
 * @throws {Error} when it cannot be read.
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint | undefined> {
  const file = join(folder, resumeFile);
  if (await exists(file)) {
    const { tensors, metadata } = await openSafetensors(file);
    const state = stateIn(metadata.state, file);
    const part = (prefix: string): StateDict =>
      new Map(
        [...tensors].filter(([key]) => key.startsWith(prefix)).map((
          [key, value],
        ) => [key.slice(prefix.length), value]),
      );
    return {
      state,
      weights: { model: part("model."), optimizer: part("optimizer.") },
    };
  }
  const state = await readState(folder);
  return state && { state };
}

/**
 * The state in a checkpoint.
 *
 * @throws {Error} naming the file and what to do.
 */
function stateIn(text: string | undefined, file: string): TrainState {
  try {
    if (text === undefined) throw new Error("expected a state in it but found none");
    return parseState(JSON.parse(text));
  } catch (error) {
    throw new Error(`Cannot resume from ${file}: ${reasonOf(error)}; ${withoutCheckpoint}`, { cause: error });
  }
}

const withoutCheckpoint = "remove it to go on from the last finished seed";

/**
 * Where a run stands, without its weights; undefined before its first seed is trained.
 *
 * @throws {InputError} naming the file and what to do, when it cannot be read.
 */
export async function readState(folder: string): Promise<TrainState | undefined> {
  const file = join(folder, stateFile);
  if (!(await exists(file))) return undefined;
  try {
    return parseState(await readJson(file, { expected: "where a run stands" }));
  } catch (error) {
    throw new InputError(
      `Cannot read ${file}: ${reasonOf(error)}; remove it to train its seeds again with --resume`,
      { cause: error },
    );
  }
}

/**
 * Where a run stands by its last checkpoint; undefined before its first.
 *
 * @throws {Error} when that cannot be read.
 */
export async function progressOf(folder: string): Promise<TrainState | undefined> {
  const state = await readState(folder);
  return state?.done ? state : (await readCheckpoint(folder))?.state;
}

/** Writes state, weights and moments as one file, so that they always belong together. */
export async function writeCheckpoint(
  folder: string,
  checkpoint: Required<Checkpoint>,
): Promise<void> {
  const { state, weights } = checkpoint;
  const dict: StateDict = new Map();
  for (const [key, value] of weights.model) dict.set(`model.${key}`, value);
  for (const [key, value] of weights.optimizer) dict.set(`optimizer.${key}`, value);
  const metadata = { state: stateText(state) };
  await saveSafetensors(join(folder, resumeFile), dict, { metadata, checksum: true });
}

/** Notes that a seed is trained; its weights stand in their own file by now. */
export async function finishSeed(folder: string, state: TrainState): Promise<void> {
  await writeWhole(join(folder, stateFile), stateText(state));
  await Deno.remove(join(folder, resumeFile)).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Where the weights of a seed stand, by its index from 0. */
export function weightsPath(folder: string, seedIndex: number): string {
  return join(folder, seedIndex === 0 ? "model.safetensors" : `model-run${seedIndex + 1}.safetensors`);
}

/** Writes the weights of a seed with what they say of themselves; with `--pth` also as PyTorch's file. */
export async function writeWeights(
  folder: string,
  weights: {
    readonly dict: StateDict;
    readonly card: WeightsCard;
    readonly seedIndex: number;
    readonly pth: boolean;
  },
): Promise<void> {
  const { dict, card, seedIndex, pth } = weights;
  const path = weightsPath(folder, seedIndex);
  await saveSafetensors(path, dict, { metadata: cardTexts(card), checksum: true });
  if (pth) await savePth(path.replace(/\.safetensors$/, ".pth"), dict);
}

async function openSafetensors(path: string) {
  using file = await Deno.open(path);
  try {
    return await readSafetensors(file, (await file.stat()).size);
  } catch (error) {
    throw new Error(
      `Cannot resume from ${path}: ${reasonOf(error)}; ${withoutCheckpoint}`,
      { cause: error },
    );
  }
}
