/**
 * How far a submitted run is: by Slurm's queue, what Slurm remembers, and the files that the run itself writes.
 *
 * @module
 */
import { join } from "node:path";
import { reasonOf } from "../../base/errors.ts";
import { exists } from "../../base/files.ts";
import type { RunConfig } from "../config/config.ts";
import { type EncodeProgress, progressFolder, readProgress } from "../encode/progress.ts";
import { progressOf } from "../folder/folder.ts";
import { seedFolder, seedsOf, seedWeights } from "../folder/seeds.ts";
import { jobName, logPath } from "./sbatch.ts";
import { queuedTasks, rememberedTasks, type SlurmTask } from "./slurm.ts";
import { readSettings, type Submission, type SubmittedPart } from "./submission.ts";
import { type LogEnd, readLogEnd } from "./task_log.ts";

/** How a task stands. */
export type TaskState = "waits" | "at work" | "done" | "failed" | "cancelled" | "unknown";

/** One task of a part. */
export type TaskStatus = {
  /** Its number in an array. */
  readonly task?: number;
  readonly state: TaskState;
  /** Why it waits or failed; empty where there is nothing to say. */
  readonly why: string;
  /** Where it is or was, as far as Slurm knows. */
  readonly node: string;
  readonly log: string;
};

/** One part of a submission. */
export type PartStatus = {
  readonly part: string;
  readonly job: string;
  readonly tasks: readonly TaskStatus[];
  /** How far its work is, by the run's own files; empty where they do not say. */
  readonly reached: string;
};

/** How far a submission is; `unasked` says why Slurm could not be asked. */
export type SubmissionStatus = { readonly parts: readonly PartStatus[]; readonly unasked?: string };

/**
 * How far a submission is.
 *
 * @param folder of the run's submissions
 * @throws {InputError} where its settings cannot be read
 */
export async function submissionStatus(folder: string, submission: Submission): Promise<SubmissionStatus> {
  const { parts } = submission;
  const config = await readSettings(folder, submission);
  const jobs = parts.map(({ job }) => job);
  let queued: SlurmTask[] = [];
  let kept: SlurmTask[] = [];
  let unasked: string | undefined;
  try {
    queued = await queuedTasks(jobs);
    kept = await rememberedTasks(jobs);
  } catch (error) {
    unasked = reasonOf(error).replace(/^.*? but found /, "");
  }
  const statuses: PartStatus[] = [];
  for (const part of parts) {
    const progress = part.kind === "encode" ? await encodeProgress(part, config) : [];
    const tasks: TaskStatus[] = [];
    for (const task of taskNumbers(part)) {
      const isThis = (one: SlurmTask) =>
        one.job === part.job && one.task === task && one.name === jobName(config.run!, part);
      const inQueue = queued.find(isThis);
      const remembered = kept.find(isThis);
      const log = logPath(folder, part, part.job, task);
      const { state, why } = taskState({
        queued: inQueue,
        kept: remembered,
        log: await readLogEnd(log),
        error: progress.find(({ shard }) => shard.number === task)?.error,
      });
      const node = (inQueue ?? remembered)?.node ?? "";
      tasks.push({ ...(task === undefined ? {} : { task }), state, why, node, log });
    }
    const reached = part.kind === "encode"
      ? imagesReached(progress)
      : part.kind === "train"
      ? await trainReached(config)
      : part.kind === "seeds"
      ? await seedsReached(config)
      : "";
    statuses.push({ part: part.name, job: part.job, tasks, reached });
  }
  return { parts: statuses, ...(unasked === undefined ? {} : { unasked }) };
}

function taskNumbers({ tasks }: SubmittedPart): (number | undefined)[] {
  return tasks === undefined ? [undefined] : Array.from({ length: tasks }, (_, i) => i + 1);
}

/** States of Slurm in which a job has not begun, or begins again. */
const waiting: ReadonlySet<string> = new Set([
  "PENDING",
  "REQUEUED",
  "REQUEUE_HOLD",
  "REQUEUE_FED",
  "RESV_DEL_HOLD",
]);

/**
 * How a task stands.
 *
 * @param known.queued what Slurm's queue says; nothing of a task that ended
 * @param known.kept what Slurm remembers of it
 * @param known.log the end of its own log
 * @param known.error what its own progress file says against it
 */
export function taskState(
  known: {
    readonly queued?: SlurmTask;
    readonly kept?: SlurmTask;
    readonly log?: LogEnd;
    readonly error?: string;
  },
): { readonly state: TaskState; readonly why: string } {
  const { queued, kept, log, error } = known;
  if (queued && waiting.has(queued.state)) return { state: "waits", why: queued.detail };
  if (queued) return { state: "at work", why: log?.said ?? "" };
  if (log?.code === 0) return { state: "done", why: "" };
  const said = log?.said || error || "";
  const saying = (reason: string) => said === "" ? reason : `${reason}; it said last: ${said}`;
  if (kept?.state === "CANCELLED") {
    return log === undefined
      ? { state: "cancelled", why: "it never began: it was taken back, or what it waits for failed" }
      : { state: "cancelled", why: saying("it was taken back") };
  }
  if (kept?.state === "COMPLETED" && log === undefined) return { state: "done", why: "" };
  if (log?.code !== undefined && !log.isRequeued) {
    const how = log.code === 143 ? "stopped by a signal" : `exit code ${log.code}`;
    return { state: "failed", why: said === "" ? how : `${said} (${how})` };
  }
  if (kept && !["RUNNING", "COMPLETING", "PENDING"].includes(kept.state)) {
    const how = [kept.state, kept.detail, log?.slurm ?? ""].filter((text) => text !== "").join(", ");
    return { state: "failed", why: saying(`Slurm says ${how}`) };
  }
  if (log === undefined) return { state: "unknown", why: "Slurm has forgotten it, and it left no log" };
  return {
    state: "failed",
    why: saying(log.slurm || "it ended without saying how, and Slurm has forgotten it"),
  };
}

async function encodeProgress({ tasks }: SubmittedPart, config: RunConfig): Promise<EncodeProgress[]> {
  if (config.cacheFolder === undefined) return [];
  const found = await readProgress(progressFolder(config.cacheFolder, config));
  return found.filter(({ shard }) => shard.count === (tasks ?? 1));
}

/** How far an encoding is, by the files of its shards. */
export function imagesReached(progress: readonly EncodeProgress[]): string {
  if (progress.length === 0) return "";
  const [{ shard: { count } }] = progress;
  const sum = (key: "done" | "total" | "unreadable") => progress.reduce((all, each) => all + each[key], 0);
  const some = progress.length < count ? ` in ${progress.length} of ${count} shards` : "";
  const unreadable = sum("unreadable") > 0 ? `, ${sum("unreadable")} unreadable` : "";
  return `${sum("done")}/${sum("total")} images${some}${unreadable}`;
}

/** How many seeds are trained, and where the others stand that have begun. */
async function seedsReached(config: RunConfig): Promise<string> {
  const seeds = seedsOf(config);
  const run = { ...config, run: config.run! };
  let done = 0;
  const begun: string[] = [];
  for (let seedIndex = 0; seedIndex < seeds; seedIndex++) {
    try {
      if (await seedWeights(run, seedIndex) !== undefined) {
        done++;
        continue;
      }
      const state = await progressOf(seedFolder(run, seedIndex));
      if (state) begun.push(`seed ${seedIndex + 1}: epoch ${state.epoch}/${config.epochs}`);
    } catch (error) {
      begun.push(`seed ${seedIndex + 1}: ${reasonOf(error)}`);
    }
  }
  return [`${done}/${seeds} seeds`, ...begun].join(", ");
}

async function trainReached(config: RunConfig): Promise<string> {
  const folder = join(config.out, config.run!);
  if (!(await exists(join(folder, "config.json")))) return "";
  if (await exists(join(folder, "metrics.json"))) return "trained and tested";
  try {
    const state = await progressOf(folder);
    if (state?.done) return "trained, not tested";
    const seed = config.runs > 1 ? `seed ${(state?.run ?? 0) + 1}/${config.runs}, ` : "";
    return `${seed}epoch ${state?.epoch ?? 1}/${config.epochs}`;
  } catch (error) {
    return reasonOf(error);
  }
}
