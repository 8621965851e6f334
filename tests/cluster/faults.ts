/**
 * What goes wrong on a cluster, done to runs in their middle.
 *
 * @module
 */
import { join } from "node:path";
import { openFilms, seedAtWork, unsaid } from "./films.ts";
import { featuresOf, type Outcome } from "./outcome.ts";
import { mount } from "./mount.ts";
import { isAlive, isSent, isStopped, pause, send } from "./processes.ts";
import {
  type Cluster,
  command,
  describe,
  ended,
  progressOf,
  sbatch,
  SHARDS,
  stopInMiddle,
  submit,
  type Task,
  tasksOf,
  trySubmit,
  type World,
} from "./world.ts";
import type { NodeName } from "./slurm.ts";

/** How many of a shard's images were encoded when something happened to its task. */
export type Met = { readonly shard: number; readonly done: number };

/** What was done to a run, and what it cost. */
export type Fault = {
  /** When it happened. */
  readonly when: string;
  /** Shards whose tasks met it, and how many images they had encoded then. */
  readonly met?: readonly Met[];
  /** Images that were encoded and not kept, where no shard's log can tell. */
  readonly lost?: number;
  /** How it went on. */
  readonly then: string;
  /** What is wrong beside the numbers. */
  readonly wrong: readonly string[];
  /** The run's folders, and what the single machine left of the same, where it is another run than the others'. */
  readonly world?: World;
  readonly single?: Outcome;
};

/** A fault by what it is called in the table: done to a run until that has ended. */
export const faults: Readonly<Record<string, (cluster: Cluster, world: World) => Promise<Fault>>> = {
  "none": async (cluster, world) => {
    await submit(cluster, world);
    const tasks = await ended(cluster, world);
    const used = new Set(tasks.map(({ node }) => node)).size;
    const wrong = [...notDone(tasks), ...used === 2 ? [] : [`${used} nodes at work`]];
    return { when: "", then: "4 tasks on two nodes, then training", wrong };
  },

  "two tasks killed, by kill -9 and by scancel": async (cluster, world) => {
    await submit(cluster, world);
    const [one, other] = await Promise.all([1, 2].map((shard) => middle(cluster, world, shard)));
    send(one.pid, "SIGKILL");
    await cluster.slurm.call("scancel", "--signal=KILL", other.task.id);
    send(other.pid, "SIGCONT");
    const first = await ended(cluster, world);
    const wrong = onlyFailed(first, ["encode 1", "encode 2", "train"]);
    const { out, err } = await command(cluster, [
      ...["submit", "--status", "--run", world.name, "--out", world.out],
    ]);
    if (!/signal 9|137/.test(out)) wrong.push(`the status says ${JSON.stringify(out + err)}`);
    await submit(cluster, world);
    const second = await ended(cluster, world);
    return {
      when: `after ${one.done} and ${other.done} of ${one.total} and ${other.total} images`,
      met: [one, other],
      then: "training did not begin; the same submission again",
      wrong: [...wrong, ...notDone(second.slice(first.length))],
    };
  },

  "a task preempted": async (cluster, world) => {
    await submit(cluster, world);
    const met = await middle(cluster, world, 1);
    const { task, pid, done, total } = met;
    await cluster.slurm.call("scontrol", "requeue", task.id);
    await goOnWhenSent(pid);
    const tasks = await ended(cluster, world);
    return {
      when: `after ${done} of ${total} images`,
      met: [met],
      then: "SIGTERM, saved, queued again by Slurm",
      wrong: [...notDone(tasks), ...notAgain(tasks, "encode", 1)],
    };
  },

  "a node drained": async (cluster, world) => {
    // A task a node, so that two wait.
    await submit(cluster, world, "--cpus-per-task", "8");
    const { task, pid, done, total } = await middle(cluster, world, 1);
    const { node } = task;
    await cluster.slurm.call("scontrol", "update", `NodeName=${node}`, "State=DRAIN", "Reason=test");
    send(pid, "SIGCONT");
    const tasks = await ended(cluster, world);
    await cluster.slurm.call("scontrol", "update", `NodeName=${node}`, "State=RESUME");
    const there = tasks.filter((each) => each.node === node && each.id !== task.id);
    return {
      when: `after ${done} of ${total} images, two tasks waiting`,
      then: "its task ended there, the others on the other node",
      wrong: [...notDone(tasks), ...there.map((each) => `${describe(each)}, which is drained`)],
    };
  },

  "a node failed for good": async (cluster, world) => {
    const node = "n1";
    await submit(cluster, world);
    const there = await tasksOn(cluster, world, node);
    const met = await Promise.all(there.map((shard) => middle(cluster, world, shard)));
    await cluster.slurm.failNode(node);
    const began = Date.now();
    const wrong: string[] = [];
    for (const { pid } of met) if (await isAlive(pid)) wrong.push("a task lived on");
    const again = async () =>
      (await tasksOf(cluster, world)).some(({ task, restarts }) => task === there[0] && restarts > 0);
    while (Date.now() - began < 90_000 && !(await again())) await pause(200);
    const seconds = Math.round((Date.now() - began) / 1000);
    const tasks = await ended(cluster, world);
    await cluster.slurm.startNode(node);
    return {
      when: `with ${met.length} tasks on it, after ${
        met.map(({ done, total }) => `${done} of ${total}`).join(", ")
      } images`,
      met,
      then: `Slurm noticed after ${seconds} s, and they began again on the other node`,
      wrong: [...wrong, ...notDone(tasks), ...there.flatMap((shard) => notAgain(tasks, "encode", shard))],
    };
  },

  "the time limit near": async (cluster, world) => {
    // Slurm looks every half minute, and the signal is due two minutes before the limit: at the first look.
    const where = "--nodelist=n2"; // the other may fail meanwhile
    const encode = await sbatch(cluster, world, { part: "encode", options: [...array, where, "--time=2"] });
    await sbatch(cluster, world, { part: "train", options: [where, `--dependency=afterok:${encode}`] });
    const met = await middle(cluster, world, 1);
    const { ms, pid, done, total } = met;
    const began = Date.now();
    const isWarned = await goOnWhenSent(pid);
    const seconds = Math.round((ms + Date.now() - began) / 1000);
    const tasks = await ended(cluster, world);
    const missing = notAgain(tasks, "encode", 1);
    // Without a signal there was nothing to begin again for: a Slurm that has too much to do sends none before the task ends.
    const isTried = isWarned || missing.length === 0;
    return {
      when: `after ${done} of ${total} images and ${seconds} s`,
      met: [met],
      then: isTried
        ? "SIGTERM, saved, put into the queue again by the task"
        : "NOT TRIED: Slurm sent no SIGTERM while the task was at work",
      wrong: [...notDone(tasks), ...(isTried ? missing : [])],
    };
  },

  "the shared disk full": async (cluster, world) => {
    await mount(world.cache, { kibibytes: DISK_KB });
    await submit(cluster, world);
    const first = await ended(cluster, world);
    const failed = first.filter(({ part, state }) => part === "encode" && state !== "COMPLETED");
    const wrong = failed.length > 0 ? [] : ["no task met the full disk"];
    for (const { id } of failed) {
      const log = await Deno.readTextFile(join(world.out, `${world.name}.submit`, `encode-${id}.log`));
      if (!log.split("\n").some((line) => line.includes(world.cache) && /ENOSPC|No space left/.test(line))) {
        wrong.push(`${id} said ${JSON.stringify(log.slice(-500))}`);
      }
    }
    const kept = (await featuresOf(world.cache)).size;
    const encoded = (await progressOf(world)).reduce((sum, each) => sum + each.encoded, 0);
    await mount(world.cache, { kibibytes: 1024 * DISK_KB, again: true });
    await submit(cluster, world);
    const second = await ended(cluster, world);
    return {
      when: `with ${kept} of ${cluster.images} images kept`,
      lost: encoded - kept,
      then: `${failed.length} of ${SHARDS} tasks failed and said so; the same submission again with room`,
      wrong: [...wrong, ...notDone(second.slice(first.length))],
    };
  },

  "three submissions at a time": async (cluster, world) => {
    await submit(cluster, world);
    await sbatch(cluster, world, { part: "encode", options: array });
    const second = await trySubmit(cluster, world);
    const wrong = second.code === 2 && second.err.trimEnd().split("\n").length === 1
      ? []
      : [`the second ended with ${second.code}: ${second.err}`];
    await submit(cluster, world, "--again");
    const tasks = await ended(cluster, world);
    return {
      when: "from the start",
      then: "the second submit was refused; with --again, and an array by hand beside it, all went through",
      wrong: [...wrong, ...notDone(tasks)],
    };
  },

  "videos, two seeds and tests as tasks, a seed killed": async (cluster, world) => {
    const { submitted, flags, single } = await openFilms(cluster, world);
    const again = () => submit(cluster, submitted, ...flags);
    await again();
    send(await seedAtWork(submitted, 2), "SIGKILL");
    const first = await ended(cluster, submitted);
    const wrong = onlyFailed(first, [
      ...["evaluate-gone", "evaluate-other", "robustness-flip", "seeds 2", "train"],
    ]);
    wrong.push(...await unsaid(cluster, submitted, /^seeds 2\/2 failed: .*(signal 9|137)/m));
    await again();
    const all = await ended(cluster, submitted);
    wrong.push(...onlyFailed(all.slice(first.length), ["evaluate-gone"]));
    wrong.push(
      ...await unsaid(cluster, submitted, /^evaluate-gone failed: Cannot .*nowhere.* \(exit code 2\)/m),
    );
    const mails = (await cluster.slurm.mails()).split("\n").filter((line) => line.includes(submitted.name));
    for (const part of ["seeds", "evaluate-gone"]) {
      if (!mails.some((line) => line.includes(`.${part} Failed`))) wrong.push(`no mail on ${part}: ${mails}`);
    }
    return {
      when: "as soon as its folder was there",
      then:
        "nothing trained or tested after it; the same submission again, in which a set that is not there failed alone",
      ...{ world: submitted, single },
      wrong,
    };
  },

  "training preempted, then killed": async (cluster, world) => {
    await submit(cluster, world);
    const config = join(world.out, world.name, "config.json");
    const training = async (restarts: number) => {
      for (const began = Date.now(); Date.now() - began < 120_000; await pause(20)) {
        const train = (await tasksOf(cluster, world)).find(({ part }) => part === "train");
        const isThere = await Deno.stat(config).then(() => true, () => false);
        if (train?.state === "RUNNING" && train.restarts === restarts && isThere) return train.id;
      }
      throw new Error("expected training to begin");
    };
    await cluster.slurm.call("scontrol", "requeue", await training(0));
    const job = await training(1);
    await pause(2000);
    await cluster.slurm.call("scancel", "--signal=KILL", job);
    const first = await ended(cluster, world);
    await submit(cluster, world);
    const second = await ended(cluster, world);
    return {
      when: "as soon as its folder was there, and 2 s later",
      then: "queued again by Slurm; the same submission again",
      wrong: [...onlyFailed(first, ["train"]), ...notDone(second.slice(first.length))],
    };
  },
};

/** Which are tried two at a time, so that the waits of one are the other's time; the others need all nodes for themselves. */
export const besideOthers: readonly (readonly string[])[] = [
  ["a node failed for good", "the time limit near"],
  [
    "videos, two seeds and tests as tasks, a seed killed",
    "two tasks killed, by kill -9 and by scancel",
    "a task preempted",
    "the shared disk full",
    "three submissions at a time",
    "training preempted, then killed",
  ],
];

const array = [`--array=1-${SHARDS}`];
/** Less than the features of all images take. */
const DISK_KB = 64;

/** The shards whose tasks are at work on a node, as soon as there are any. */
async function tasksOn(cluster: Cluster, world: World, node: NodeName): Promise<number[]> {
  for (const began = Date.now(); Date.now() - began < 60_000; await pause(100)) {
    const encode = (await tasksOf(cluster, world)).filter(({ part }) => part === "encode");
    if (encode.some(({ state }) => state === "PENDING")) continue;
    const there = encode.filter((each) => each.node === node && each.state === "RUNNING");
    if (there.length > 0) return there.map(({ task }) => task!);
  }
  throw new Error(`expected tasks on ${node} but found none`);
}

/** Waits for a shard's task to be in its middle, and stops its process. */
async function middle(cluster: Cluster, world: World, shard: number) {
  const stopped = await stopInMiddle(world, shard);
  const running = (await tasksOf(cluster, world)).filter(({ state, part, task }) =>
    state === "RUNNING" && part === "encode" && task === shard
  );
  if (running.length !== 1) throw new Error(`expected shard ${shard} at work but found ${running.length}`);
  return { ...stopped, shard, task: running[0] };
}

/**
 * Lets a stopped process go on as soon as SIGTERM waits for it, unless Slurm does so itself; and where none comes although Slurm has looked,
 * as it came just before the stop. Resolves to whether it came while the process was stopped.
 */
async function goOnWhenSent(pid: number): Promise<boolean> {
  for (const began = Date.now(); await isStopped(pid); await pause(50)) {
    const isSigned = await isSent(pid, 15);
    if (!isSigned && Date.now() - began <= LOOKS_MS) continue;
    send(pid, "SIGCONT");
    return isSigned;
  }
  return true; // Slurm let it go on
}

/** Slurm looks at time limits every half minute, and later where it has much to do. */
const LOOKS_MS = 80_000;

/** What is wrong when others than these did not end well. */
function onlyFailed(tasks: readonly Task[], names: readonly string[]): string[] {
  const failed = tasks.filter(({ state }) => state !== "COMPLETED")
    .map(({ part, task }) => task === undefined ? part : `${part} ${task}`);
  return `${failed.toSorted()}` === `${names}` ? [] : [`ended otherwise: ${tasks.map(describe).join(", ")}`];
}

function notDone(tasks: readonly Task[]): string[] {
  return tasks.filter(({ state }) => state !== "COMPLETED").map(describe);
}

function notAgain(tasks: readonly Task[], part: string, task?: number): string[] {
  const found = tasks.find((each) => each.part === part && each.task === task);
  return found !== undefined && found.restarts > 0 ? [] : [`${part} ${task ?? ""} did not begin again`];
}
