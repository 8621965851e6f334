/**
 * How a part is submitted: the words of `sbatch`'s command line.
 *
 * @module
 */
import { join } from "node:path";
import type { Part } from "./parts.ts";

/** What all parts of a submission have in common. */
export type SbatchOptions = {
  /** The run's name, which begins the names of its jobs. */
  readonly run: string;
  /** The repository's folder. */
  readonly root: string;
  /** Where logs go. */
  readonly logs: string;
  readonly partition?: string;
  /** A limit for each task, as Slurm writes it. */
  readonly time?: string;
  /** Whether the run may be at work already: a job then waits for those of its own name, which it would disturb. */
  readonly again?: boolean;
  /** Further words for `sbatch`. */
  readonly more: readonly string[];
};

/** What one part is submitted with. */
export type Needs = {
  /** Memory as Slurm writes it: `4G`. */
  readonly memory: string;
  readonly cores: number;
};

/**
 * What `sbatch` is called with.
 *
 * @param part what is submitted
 * @param options.after the numbers of the jobs that have to end well before
 * @param options.before the numbers of the jobs that have to end first, however they do
 */
export function sbatchArguments(
  part: Part,
  options: SbatchOptions & {
    readonly needs: Needs;
    readonly after: readonly string[];
    readonly before?: readonly string[];
  },
): string[] {
  const { run, root, needs: { memory, cores }, after, before = [], partition, time, again, more } = options;
  const waits = [
    ...after.length > 0 ? [`afterok:${after.join(":")}`] : [],
    ...before.length > 0 ? [`afterany:${before.join(":")}`] : [],
    ...again && part.tasks === undefined ? ["singleton"] : [],
  ];
  return [
    "--parsable",
    `--job-name=${jobName(run, part)}`,
    `--chdir=${root}`,
    `--output=${logPattern(options.logs, part)}`,
    `--mem=${memory}`,
    `--cpus-per-task=${cores}`,
    ...part.tasks === undefined ? [] : [`--array=1-${part.tasks}`],
    ...waits.length > 0 ? [`--dependency=${waits.join(",")}`, "--kill-on-invalid-dep=yes"] : [],
    ...partition === undefined ? [] : [`--partition=${partition}`],
    ...time === undefined ? [] : [`--time=${time}`],
    ...more,
    join(root, "cluster", "slurm", "task.sh"),
    ...part.command,
  ];
}

/** What Slurm calls a part's job: `first.train`. */
export function jobName(run: string, { name }: Pick<Part, "name">): string {
  return `${run}.${name}`;
}

/** Where a part's tasks write what they say, in Slurm's signs: `%A` for the job, `%a` for the task. */
function logPattern(logs: string, { name, tasks }: Part): string {
  return join(logs.replaceAll("%", "%%"), `${name}-${tasks === undefined ? "%j" : "%A_%a"}.log`);
}

/** Where a task of a part writes what it says; `task` is its number in an array. */
export function logPath(logs: string, part: Pick<Part, "name">, job: string, task?: number): string {
  return join(logs, `${part.name}-${job}${task === undefined ? "" : `_${task}`}.log`);
}
