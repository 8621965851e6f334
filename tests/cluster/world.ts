/**
 * Runs that are submitted to a cluster, each with folders of its own, and what they leave to compare with a single machine's.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { cacheFolder } from "../../lib/base/cache.ts";
import { progressRoom } from "../../lib/model/features/cache.ts";
import { type EncodeProgress, readProgress } from "../../lib/runs/encode/progress.ts";
import type { RunInput } from "../../lib/runs/config/config.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { writePictures } from "../folders.ts";
import { isAlive, isStopped, pause, send } from "./processes.ts";
import type { Slurm } from "./slurm.ts";

/** The repository. */
const repository = join(import.meta.dirname!, "../..");
/** Tasks that share a run's images. */
export const SHARDS = 4;
const PATIENCE_MS = 180_000;
/** How often encoding says how far it is. */
const SAYS_EVERY_MS = 3000;

/** A cluster, data that all nodes see, and what a single machine makes of them. */
export type Cluster = {
  readonly root: string;
  readonly slurm: Slurm;
  /** What the single machine left. */
  readonly single: Outcome;
  /** Images of a run. */
  readonly images: number;
  readonly env: Readonly<Record<string, string>>;
  readonly precision: string;
};

/** One run's folders; its name is the run's. */
export type World = {
  readonly name: string;
  readonly root: string;
  readonly cache: string;
  readonly out: string;
  /** The configuration's file. */
  readonly config: string;
};

/** A task as Slurm knows it. */
export type Task = {
  /** What `scontrol` and `scancel` call it. */
  readonly id: string;
  /** The run's part. */
  readonly part: string;
  /** Its number in the array. */
  readonly task?: number;
  readonly state: string;
  readonly reason: string;
  readonly node: string;
  readonly restarts: number;
};

/** Makes the data, and trains on them on this machine alone. @throws {Error} with what the training said */
export async function openCluster(root: string, slurm: Slurm): Promise<Cluster> {
  await writePictures(join(root, "data"), { videos: 40 });
  await writePictures(join(root, "test"), { videos: 10, seed: 1 });
  const user = join(root, "user/forgelens-bench");
  await Deno.mkdir(user, { recursive: true });
  for await (const { name } of Deno.readDir(cacheFolder())) {
    if (/^(tensorflow|native|measured)/.test(name)) {
      await Deno.symlink(join(cacheFolder(), name), join(user, name));
    }
  }
  const hasInt8 = /^flags\s.*avx2/m.test(await Deno.readTextFile("/proc/cpuinfo"));
  const unset = Object.keys(Deno.env.toObject()).filter((name) => /^(SLURM|SBATCH)_/.test(name));
  const cluster = {
    root,
    slurm,
    images: 4 * 40 + 4 * 10,
    precision: hasInt8 ? "int8" : "float32",
    env: {
      ...Object.fromEntries(unset.map((name) => [name, ""])),
      ...slurm.env,
      DENO: Deno.execPath(),
      DENO_DIR: Deno.env.get("DENO_DIR") || join(dirname(cacheFolder()), "deno"),
      XDG_CACHE_HOME: dirname(user),
      FORGELENS_DATA_CACHE: "",
      NO_COLOR: "1",
    },
  };
  const world = await openWorld(cluster, "single");
  const { code, err } = await command(cluster, ["train", "--config", world.config]);
  if (code !== 0) throw new Error(`expected a single machine's run to end but found ${err}`);
  return { ...cluster, single: await outcomeOf(world) };
}

/**
 * Makes a run's folders.
 *
 * @param options.changes what its configuration has otherwise
 * @param options.place what its folder is called where that is not its name
 */
export async function openWorld(
  { root, precision }: Pick<Cluster, "root" | "precision">,
  name: string,
  { changes = {}, place = name }: { readonly changes?: RunInput; readonly place?: string } = {},
): Promise<World> {
  const at = join(root, "worlds", place);
  const world = {
    name,
    root: at,
    cache: join(at, "cache"),
    out: join(at, "out"),
    config: join(at, "config.json"),
  };
  for (const folder of [world.cache, world.out]) await Deno.mkdir(folder, { recursive: true });
  const config = {
    data: `small=${join(root, "data")}`,
    test: [`other=${join(root, "test")}`],
    ...{ jpegQualities: [], clip: "demo-tower", precision, detector: "linear-probe" },
    ...{ cacheFolder: world.cache, out: world.out, run: name },
    ...changes,
  };
  await Deno.writeTextFile(world.config, JSON.stringify(config));
  return world;
}

/** Runs a task of deno.json. */
export async function command(
  { env }: Pick<Cluster, "env">,
  args: readonly string[],
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", ...args],
    cwd: repository,
    env,
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Submits a run. @throws {Error} with what was said against it */
export async function submit(cluster: Cluster, world: World, ...flags: readonly string[]): Promise<void> {
  const { code, err } = await trySubmit(cluster, world, ...flags);
  if (code !== 0) throw new Error(`submit ended with ${code}: ${err}`);
}

/** Submits a run, or is refused. */
export async function trySubmit(cluster: Cluster, world: World, ...flags: readonly string[]) {
  const shards = flags.includes("--shards") ? [] : ["--shards", `${SHARDS}`];
  return await command(cluster, ["submit", "--config", world.config, ...shards, ...flags]);
}

/** Calls `sbatch` as a user would by hand; resolves to the job's number. */
export async function sbatch(
  { slurm, env }: Cluster,
  world: World,
  { part, options = [] }: { readonly part: "encode" | "train"; readonly options?: readonly string[] },
): Promise<string> {
  const { DENO, DENO_DIR, XDG_CACHE_HOME } = env;
  const all = { DENO, DENO_DIR, XDG_CACHE_HOME };
  const said = await slurm.call(
    "sbatch",
    ...["--parsable", `--job-name=${world.name}.${part}`, `--chdir=${repository}`],
    `--export=ALL,${Object.entries(all).map(([key, value]) => `${key}=${value}`).join()}`,
    `--output=${join(world.root, part === "encode" ? "encode-%A_%a.log" : "train-%j.log")}`,
    ...["--cpus-per-task=2", "--mem=4G", ...options],
    ...[join(repository, "cluster/slurm/task.sh"), part, "--config", world.config],
  );
  return said.trim();
}

/** All tasks of a run that Slurm remembers. */
export async function tasksOf({ slurm }: Pick<Cluster, "slurm">, { name }: World): Promise<Task[]> {
  const text = await slurm.call("scontrol", "--oneliner", "show", "job");
  return text.split("\n").flatMap((line) => {
    const field = (key: string) => new RegExp(`(?:^| )${key}=(\\S*)`).exec(line)?.[1];
    const [run, part] = (field("JobName") ?? "").split(".");
    if (run !== name) return [];
    const task = field("ArrayTaskId");
    const job = field("ArrayJobId") ?? field("JobId")!;
    return [{
      id: task === undefined ? job : `${job}_${task}`,
      part,
      ...(task !== undefined && /^\d+$/.test(task) ? { task: Number(task) } : {}),
      state: field("JobState")!,
      reason: field("Reason")!,
      node: field("NodeList")!,
      restarts: Number(field("Restarts")),
    }];
  });
}

/** Waits until no task of a run waits or works; resolves to all of them. @throws {Error} when that takes minutes */
export async function ended(cluster: Cluster, world: World): Promise<Task[]> {
  for (const began = Date.now();; await pause(200)) {
    const tasks = await tasksOf(cluster, world);
    const open = tasks.filter(({ state }) =>
      ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"].includes(state)
    ).filter(({ reason }) => reason !== "DependencyNeverSatisfied");
    if (open.length === 0) return tasks;
    if (Date.now() - began > PATIENCE_MS) {
      throw new Error(`expected the run to end but found ${open.map(describe).join(", ")}`);
    }
  }
}

/** What a task is and how it is, for messages. */
export function describe({ part, task, state, reason, node }: Task): string {
  return `${part}${task === undefined ? "" : ` ${task}`} ${state} (${reason}) on ${node}`;
}

/** A task's process that was stopped in its middle. */
export type Stopped = {
  readonly pid: number;
  /** Images that it has encoded, and those of its shard. */
  readonly done: number;
  readonly total: number;
  /** Milliseconds since it began. */
  readonly ms: number;
};

/**
 * Waits for the process that encodes a shard, and stops it after some of the images: on a fast machine there is no other way to be sure
 * of meeting it in its middle.
 *
 * @throws {Error} when it was not met
 */
export async function stopInMiddle(world: World, shard: number): Promise<Stopped> {
  let stopped = false;
  for (const began = Date.now(); Date.now() - began < PATIENCE_MS; await pause(2)) {
    const found = (await progressOf(world)).find((each) => each.shard.number === shard);
    if (!found) continue;
    const { pid, done, total, started } = found;
    if (done > 0) {
      send(pid, "SIGSTOP");
      while (await isAlive(pid) && !(await isStopped(pid))) await pause(5); // each of its threads takes a moment
      const ms = Date.now() - Date.parse(started);
      if (done < total && await isAlive(pid)) return { pid, done, total, ms };
      throw new Error(`expected shard ${shard} in its middle but found ${done} of ${total} images done`);
    }
    if (!stopped) {
      stopped = true;
      send(pid, "SIGSTOP"); // so long that it says how far it is after the next batch
      await pause(SAYS_EVERY_MS);
      send(pid, "SIGCONT");
    }
  }
  throw new Error(`expected shard ${shard} to begin but found no word of it`);
}

/** How far the tasks of a run's encoding say that they are. */
export async function progressOf({ cache }: World): Promise<EncodeProgress[]> {
  const folders = Deno.readDir(join(cache, progressRoom));
  const names = await Array.fromAsync(folders, ({ name }) => name).catch(() => []);
  return (await Promise.all(names.map((name) => readProgress(join(cache, progressRoom, name))))).flat();
}
