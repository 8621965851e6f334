/**
 * Slurm's own programs: what they are called with and what they answer.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";

/** What Slurm says of one task of a job: `RUNNING`, and why where it waits. */
export type SlurmTask = {
  readonly job: string;
  /** What it is called: a number may be another job's, since Slurm begins again at 1. */
  readonly name: string;
  /** Its number in an array. */
  readonly task?: number;
  /** In Slurm's words, in capitals: `PENDING`, `NODE_FAIL`. */
  readonly state: string;
  /** Why it waits, or the exit code that it ended with; empty where Slurm does not say. */
  readonly detail: string;
  /** Where it is or was; empty while it waits. */
  readonly node: string;
};

const PATIENCE_MS = 60e3;

/**
 * Submits a job; resolves to its number.
 *
 * @throws {InputError} with what `sbatch` says against it
 */
export async function submitJob(
  args: readonly string[],
  options: { readonly cannot: string },
): Promise<string> {
  // The nodes may have the same file; where not, the task looks for another.
  const { code, text, error } = await call("sbatch", args, { DENO: Deno.execPath() });
  const [, job] = /^(\d+)(?:;.*)?$/m.exec(text.trim()) ?? [];
  if (code === 0 && job !== undefined) return job;
  throw new InputError(
    `${options.cannot}: expected a job's number from sbatch but found ${
      error || text || `exit code ${code}`
    }`,
  );
}

/** Takes jobs back. */
export async function cancelJobs(jobs: readonly string[]): Promise<void> {
  await call("scancel", jobs);
}

/**
 * What waits or is at work of some jobs of this user.
 *
 * @throws {InputError} where Slurm cannot be asked
 */
export async function queuedTasks(jobs: readonly string[]): Promise<SlurmTask[]> {
  const wanted = new Set(jobs);
  if (wanted.size === 0) return [];
  // All of a user's: squeue refuses a list whose jobs it has forgotten.
  const { code, text, error } = await call("squeue", [
    "--me",
    "--noheader",
    "--array",
    `--format=${queueFormat}`,
  ]);
  if (code === 0) return parseQueue(text).filter(({ job }) => wanted.has(job));
  throw new InputError(
    `Cannot ask Slurm about its queue: expected an answer from squeue but found ${
      error || `exit code ${code}`
    }`,
  );
}

const queueFormat = "%F|%K|%j|%T|%r|%N";

/** The tasks in what `squeue --array` prints as `job|task|name|state|reason|node`. */
export function parseQueue(text: string): SlurmTask[] {
  return linesIn(text).map((line) => {
    const [job, task, name, state, detail, node = ""] = line.split("|");
    return { job, name, ...numbered(task), state, detail: detail === "None" ? "" : detail, node };
  });
}

/**
 * What Slurm remembers of some jobs that ended or not, from its accounting, or where that is not kept from what the controller still has.
 * Nothing of those that both have forgotten.
 */
export async function rememberedTasks(jobs: readonly string[]): Promise<SlurmTask[]> {
  const fields = "--format=JobID,JobName,State,ExitCode,NodeList";
  const list = jobs.join(",");
  const kept = await call("sacct", [
    "--noheader",
    "--parsable2",
    "--allocations",
    "--array",
    fields,
    `--jobs=${list}`,
  ]);
  const found = kept.code === 0 ? parseAccounts(kept.text) : [];
  if (found.length > 0) return found;
  const tasks: SlurmTask[] = [];
  for (const job of jobs) {
    const { code, text } = await call("scontrol", ["--oneliner", "show", "job", job]);
    if (code === 0) tasks.push(...parseJobs(text));
  }
  return tasks;
}

/** The tasks in what `sacct --parsable2` prints as `JobID|JobName|State|ExitCode|NodeList`. */
export function parseAccounts(text: string): SlurmTask[] {
  return linesIn(text).flatMap((line) => {
    const [id, name, state, exit, node = ""] = line.split("|");
    const [, job, task] = /^(\d+)(?:_(\d+))?$/.exec(id) ?? [];
    if (job === undefined) return [];
    return [{
      job,
      name,
      ...numbered(task),
      state: stateWord(state),
      detail: exitDetail(exit),
      node: nodeName(node),
    }];
  });
}

/** The tasks in what `scontrol --oneliner show job` prints. */
export function parseJobs(text: string): SlurmTask[] {
  return linesIn(text).flatMap((line) => {
    const field = (name: string) => new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1];
    const job = field("ArrayJobId") ?? field("JobId");
    const name = field("JobName");
    const state = field("JobState");
    if (job === undefined || name === undefined || state === undefined) return [];
    const reason = field("Reason");
    const waits = state === "PENDING" && reason !== undefined && reason !== "None";
    const detail = waits ? reason : exitDetail(field("ExitCode") ?? "0:0");
    return tasksIn(field("ArrayTaskId")).map((task) => ({
      ...{ job, name },
      ...(task === undefined ? {} : { task }),
      state: stateWord(state),
      detail,
      node: nodeName(field("NodeList") ?? ""),
    }));
  });
}

/** The numbers in `1`, `2-4,7` or `2-9%2`; one undefined for a job without an array. */
function tasksIn(list: string | undefined): (number | undefined)[] {
  if (list === undefined) return [undefined];
  return list.replace(/%\d+$/, "").split(",").flatMap((range) => {
    const [from, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

function numbered(task: string | undefined): { task?: number } {
  return task !== undefined && /^\d+$/.test(task) ? { task: Number(task) } : {};
}

/** `CANCELLED by 1000` and `CANCELLED+` are CANCELLED. */
function stateWord(state: string): string {
  return /^[A-Z_]*/.exec(state)![0];
}

/** `1:0` is exit code 1, `0:9` signal 9. */
function exitDetail(exit: string): string {
  const [code, signal = "0"] = exit.split(":");
  if (signal !== "0") return `signal ${signal}`;
  return code === "0" || code === "" ? "" : `exit code ${code}`;
}

function nodeName(node: string): string {
  return node === "(null)" || node === "None assigned" ? "" : node;
}

function linesIn(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

async function call(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly text: string; readonly error: string }> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      env,
      stdin: "null",
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).output();
    const decoder = new TextDecoder();
    const error = linesIn(decoder.decode(stderr)).map((line) => line.replace(/^\w+: (error|fatal): /, ""));
    return { code, text: decoder.decode(stdout), error: error.join("; ") };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { code: 127, text: "", error: `no ${program} on this machine, which Slurm brings` };
  }
}
