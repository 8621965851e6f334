/**
 * Submits a run to Slurm: preparing and encoding as arrays, then what depends on them.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { tokenFolder } from "../../base/cache.ts";
import { InputError } from "../../base/errors.ts";
import { checkWritable, exists } from "../../base/files.ts";
import { ownFolder } from "../../base/owner.ts";
import { isDemo, type RunConfig } from "../config/config.ts";
import { checkRunFolder, readRunConfig } from "../folder/folder.ts";
import { isAccelerated } from "../head_use.ts";
import { needsOf } from "./needs.ts";
import { type PartOptions, partsOf } from "./parts.ts";
import { jobName, sbatchArguments, type SbatchOptions } from "./sbatch.ts";
import { cancelJobs, queuedTasks, type SlurmTask, submitJob } from "./slurm.ts";
import {
  readSubmissions,
  type Submission,
  submitFolder,
  type SubmittedPart,
  writeSettings,
  writeSubmissions,
} from "./submission.ts";

/** How a run is submitted. */
export type SubmitOptions =
  & Omit<PartOptions, "configFile">
  & Pick<SbatchOptions, "partition" | "time" | "more">
  & {
    /** Memory and cores of every task; as measured unless given. */
    readonly memory?: string;
    readonly cores?: number;
    /** Whether a run is submitted that is queued or at work already. */
    readonly again?: boolean;
  };

/**
 * Submits a run; resolves to what was submitted and where that is written.
 *
 * @throws {InputError} for what a cluster cannot do as one machine would, a run that is queued already, or what Slurm refuses; no job of
 * it is left then
 */
export async function submitRun(
  config: RunConfig & { readonly run: string },
  options: SubmitOptions,
): Promise<{ readonly submission: Submission; readonly file: string; readonly config: RunConfig }> {
  const cannot = `Cannot submit the run ${config.run}`;
  const root = repository(cannot);
  checkPinned(config, cannot);
  const runFolder = join(resolve(config.out), config.run);
  const begun = await exists(join(runFolder, "config.json"));
  const pinned = pinnedConfig(config, begun ? await readRunConfig(runFolder) : undefined);
  await checkRunFolder(pinned, { resume: begun });
  if (pinned.cacheFolder !== undefined) await checkWritable(pinned.cacheFolder, { flag: "--cache-folder" });
  const folder = submitFolder(pinned);
  await using _owner = await ownFolder(folder, { cannot, doing: "submit", instead: "wait for it" });
  const before = await readSubmissions(folder);
  const earlier = before?.submissions ?? [];
  const queued = await queuedOf(config.run, earlier);
  if (!options.again) refuseQueued(queued, cannot);
  const settings = await writeSettings(folder, pinned);
  const parts = partsOf(pinned, { ...options, configFile: join(folder, settings) });
  const needs = parts.map((part) => needsOf(part, pinned, options)); // refuses before anything is submitted
  const jobs = new Map<string, string>();
  let submission: Submission = { submitted: new Date().toISOString(), settings, parts: [] };
  let file = "";
  try {
    for (const [i, part] of parts.entries()) {
      const sbatch = sbatchArguments(part, {
        ...options,
        ...{ run: config.run, root, logs: folder },
        needs: needs[i],
        after: part.after.map((name) => jobs.get(name)!),
        // One process at a time trains in a seed's folder, and each task of an array would wait for the others by `singleton`.
        before: part.kind === "seeds" ? jobsNamed(queued, jobName(config.run, part)) : [],
      });
      const job = await submitJob(sbatch, { cannot: `Cannot submit ${part.name}` });
      jobs.set(part.name, job);
      const { kind, name, tasks, after, command } = part;
      const submitted: SubmittedPart = {
        ...{ kind, name, job, ...(tasks === undefined ? {} : { tasks }) },
        ...{ after: [...after], command: [...command], sbatch },
      };
      submission = { ...submission, parts: [...submission.parts, submitted] };
      // After each, so that a job is known whatever ends this process.
      const submissions = [...earlier, submission];
      file = await writeSubmissions(folder, { version: 1, run: config.run, submissions });
    }
  } catch (error) {
    if (jobs.size > 0) await cancelJobs([...jobs.values()]);
    throw error;
  }
  return { submission, file, config: pinned };
}

/** @throws {InputError} for a choice that each node would make for itself, and that nothing else can make for all */
function checkPinned(config: RunConfig, cannot: string): void {
  if (config.precision === "auto") {
    throw new InputError(
      `${cannot}: expected one --precision for all nodes but found auto, which each would measure for itself; give --precision float32, bfloat16 or int8`,
    );
  }
  if (!isDemo(config) && config.clip === "auto" && config.clipWeights === undefined && !config.randomClip) {
    throw new InputError(
      `${cannot}: expected an encoder that is named but found auto, for which a node that cannot have CLIP's weights takes the demo's; give --clip ViT-B-16 or --clip-weights FILE`,
    );
  }
}

/**
 * The configuration with what every node has to have alike: places, and what each would measure for itself, which is what all machines
 * have.
 *
 * @param begun the configuration of the run where it was begun already, whose choices stand
 */
export function pinnedConfig<T extends RunConfig>(config: T, begun?: RunConfig): T {
  const { precision, headPrecision, engine } = config;
  const cacheFolder = config.cache ? resolve(config.cacheFolder ?? tokenFolder()) : undefined;
  const head = precision === "int8" ? "float32" : "auto"; // else the encoder's, without a measurement
  return {
    ...config,
    out: resolve(config.out),
    cacheFolder,
    headPrecision: headPrecision === "auto" ? begun?.headPrecision ?? head : headPrecision,
    engine: engine === "auto" ? begun?.engine ?? (isAccelerated(config) ? "graph" : "auto") : engine,
  };
}

/** The tasks of a run's earlier submissions that wait or are at work. */
async function queuedOf(run: string, earlier: readonly Submission[]): Promise<SlurmTask[]> {
  const parts = earlier.flatMap((each) => each.parts);
  return (await queuedTasks(parts.map(({ job }) => job)))
    .filter((task) => parts.some((part) => part.job === task.job && jobName(run, part) === task.name));
}

/** The numbers of the jobs of this name, each once. */
function jobsNamed(tasks: readonly SlurmTask[], name: string): string[] {
  return [...new Set(tasks.filter((task) => task.name === name).map(({ job }) => job))];
}

/** @throws {InputError} naming the jobs that wait or are at work */
function refuseQueued(queued: readonly SlurmTask[], cannot: string): void {
  if (queued.length === 0) return;
  throw new InputError(
    `${cannot}: expected none of its jobs in Slurm's queue but found ${
      [...new Set(queued.map(({ job, name }) => `${job} (${name})`))].join(", ")
    }; wait for them, take them back with scancel, or give --again`,
  );
}

/** The folder that tasks begin in. @throws {InputError} where it is none or the command was not called there */
function repository(cannot: string): string {
  const root = import.meta.url.startsWith("file:")
    ? fileURLToPath(new URL("../../../", import.meta.url))
    : "";
  const folder = root.replace(/[\\/]$/, "");
  if (root !== "" && Deno.realPathSync(folder) === Deno.realPathSync(Deno.cwd())) return folder;
  throw new InputError(
    `${cannot}: expected to be called in the bench's repository, where paths are the same for its tasks, but found ${Deno.cwd()}`,
  );
}
