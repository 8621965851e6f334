/**
 * The folder that an evaluation's results go to, kept from other processes until they are written.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { InputError } from "../../base/errors.ts";
import { exists, nothingAt } from "../../base/files.ts";
import { type Ownership, ownFolder } from "../../base/owner.ts";
import { progressOf, timeStamp } from "./folder.ts";

/** Where results go; disposing it lets others in. */
export type ResultsFolder = Ownership & { readonly path: string };

/**
 * Makes the caller the owner of the folder for results: `into`, else the run's once it is trained and until it has a report,
 * else a new one below it, `evaluation-<time>`.
 *
 * @param options.beside the results are not the run's own, so they never go into its folder itself
 * @param options.owner the run's folder is the caller's already
 * @throws {InputError} naming the other process that owns the folder, or when it cannot be written to.
 */
export async function openResultsFolder(
  folder: string,
  options: { readonly into?: string; readonly beside?: boolean; readonly owner?: Ownership },
): Promise<ResultsFolder> {
  const { into, beside = false, owner } = options;
  if (into === undefined) {
    const state = beside ? undefined : await progressOf(folder);
    const isUnfinished = state !== undefined && !state.done;
    // A run that stopped can be tested beside the place of its report; one that goes on changes under the test.
    if (isUnfinished && !owner) await (await ownResults(folder))[Symbol.asyncDispose]();
    if (beside || isUnfinished || await exists(join(folder, "metrics.json"))) {
      return await openNewFolder(folder);
    }
  }
  const path = into ?? folder;
  if (owner && resolve(path) === resolve(folder)) {
    return { path, unlocked: owner.unlocked, async [Symbol.asyncDispose]() {} };
  }
  return { path, ...await ownResults(path) };
}

/**
 * Makes the caller the owner of a folder for results.
 *
 * @param options.doing the command that writes them, for another process to read; `evaluate` unless given
 * @throws {InputError} as `openResultsFolder()`
 */
export async function ownResults(
  path: string,
  { doing = "evaluate" }: { readonly doing?: string } = {},
): Promise<Ownership> {
  const cannot = `Cannot write results to ${path}`;
  return await ownFolder(path, { cannot, doing, instead: "wait for it, or name another --out" });
}

/** A file of each kind of results, and of a run. */
const marks = ["config.json", "metrics.json", "comparison.json", "robustness.json"];

/**
 * Refuses a folder in which other results lie: they would be lost, or mixed up with those to come.
 *
 * @param options.own the file that may be there: the caller looks whose it is
 * @throws {InputError} naming what is there
 */
export async function refuseResults(
  path: string,
  { own }: { readonly own?: string } = {},
): Promise<void> {
  for (const name of marks) {
    if (name === own || !(await exists(join(path, name)))) continue;
    throw new InputError(
      `Cannot write results to ${path}: expected a folder without any but found ${name}; name another --out`,
    );
  }
}

async function openNewFolder(folder: string): Promise<ResultsFolder> {
  const name = join(folder, `evaluation-${timeStamp()}`);
  for (let count = 1;; count++) {
    const path = count === 1 ? name : `${name}-${count}`;
    try {
      await Deno.mkdir(path); // of two processes one makes it
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) continue;
      if (error instanceof Deno.errors.NotFound) {
        throw new InputError(
          `Cannot evaluate ${folder}: expected a run's folder but found ${nothingAt(folder)}`,
        );
      }
      throw error;
    }
    const owner = await ownResults(path);
    return {
      path,
      unlocked: owner.unlocked,
      async [Symbol.asyncDispose]() {
        await owner[Symbol.asyncDispose]();
        await Deno.remove(path).catch(() => {}); // empty when nothing was written
      },
    };
  }
}
