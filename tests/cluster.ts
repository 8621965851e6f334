/**
 * Starts a Slurm with two nodes on this machine, and shows that what goes wrong on a cluster changes no number:
 * `deno run -A tests/cluster.ts [--if-possible] [--limit SECONDS] [words of faults]`, all faults unless words name some.
 *
 * Root on Debian, which installs Slurm and munge where they are missing. Each run is submitted, met by a fault in its middle, ended, and
 * compared with what this machine made of the same data alone: features, weights, predictions and metrics, bit for bit.
 *
 * With `--if-possible` nothing is installed, and a machine that cannot start a Slurm is no failure. After `--limit` it says what it waits
 * for, and ends.
 *
 * @module
 */
import { markdownTable } from "markdown-table";
import { parseArgs } from "node:util";
import { inParallel } from "../lib/base/pool.ts";
import { Interrupted, stopOnSignals } from "../lib/runs/interrupt.ts";
import { besideOthers, type Fault, faults } from "./cluster/faults.ts";
import { installSlurm } from "./cluster/install.ts";
import { openRoot } from "./cluster/root.ts";
import { openSlurm, type Slurm } from "./cluster/slurm.ts";
import { differences, encodedOf, outcomeOf } from "./cluster/outcome.ts";
import { type Cluster, describe, openCluster, openWorld, tasksOf, type World } from "./cluster/world.ts";
import { createCheck } from "./faults/check.ts";

const { values: { "if-possible": ifPossible = false, limit = "0" }, positionals: words } = parseArgs({
  args: Deno.args,
  options: { "if-possible": { type: "boolean" }, limit: { type: "string" } },
  allowPositionals: true,
});
const named = Object.keys(faults).filter((name) =>
  words.length === 0 || words.some((word) => name.includes(word))
);
if (named.length === 0) {
  console.error(`Cannot try faults: expected ${Object.keys(faults).join(", ")} but found ${words.join(" ")}`);
  Deno.exit(2);
}
/** That all took longer than it may. */
class Late extends Error {}

const check = createCheck();
const rows = new Map<string, readonly string[]>();
const never = new Promise<never>(() => {});
/** What is at work, and since when. */
const atWork = new Map<string, { readonly began: number; readonly world?: World }>();
let unfinished = 0;
let code = 0;
/** Whether all was ended before its time: what goes wrong then is none of the faults' own. */
let isOver = false;
let reason = await installSlurm(console.log, { isAllowed: !ifPossible });
if (reason === undefined) code = await tryFaults();
if (reason !== undefined) {
  console.log(`${ifPossible ? "Left out: the faults of a cluster" : "Nothing was tried"}: ${reason}`);
}
if (rows.size > 0) {
  const head = ["fault", "when", "how it went on", "encoded twice", "all took", "same numbers"];
  const known = named.flatMap((name) => rows.has(name) ? [[name, ...rows.get(name)!]] : []);
  const table = markdownTable([head, ...known], { alignDelimiters: false });
  console.log(`\n${table}\n`);
  const file = Deno.env.get("CLUSTER_TABLE");
  if (file) await Deno.writeTextFile(file, `${table}\n`);
}
const failed = check.failed + unfinished;
console.log(`${check.passed} passed, ${failed} failed`);
const isLeftOut = ifPossible && reason !== undefined;
Deno.exit(code || (!isLeftOut && (failed > 0 || check.passed === 0) ? 1 : 0));

/** Resolves to the exit code of a signal that stopped it, 0 where none did; sets the reason where this machine cannot start a Slurm. */
async function tryFaults(): Promise<number> {
  using stop = stopOnSignals();
  let slurm: Slurm | undefined;
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {}); // it may come where nothing waits for it
  const timer = Number(limit) > 0 ? setTimeout(() => late.reject(new Late()), Number(limit) * 1000) : 0;
  const root = await openRoot(console.log).catch((error) => {
    reason = oneLine(error);
    return undefined;
  });
  if (root === undefined) return 0;
  try {
    slurm = await openSlurm(root.slurm).catch((error) => {
      reason = oneLine(error);
      return undefined;
    });
    if (slurm === undefined) return 0;
    const began = performance.now();
    atWork.set("one machine alone", { began });
    const cluster = await untilStopped(openCluster(root.path, slurm), stop.signal, late.promise);
    atWork.clear();
    console.log(`${cluster.images} images, ${cluster.precision}; this machine alone took ${since(began)} s`);
    const alone = named.filter((name) => !besideOthers.flat().includes(name)).map((name) => [name]);
    const groups = [...alone, ...besideOthers.map((names) => names.filter((name) => named.includes(name)))];
    for (const group of groups) {
      const all = inParallel(group, (name) => tryFault(cluster, name), { workers: 2 });
      await untilStopped(all, stop.signal, late.promise);
    }
    return 0;
  } catch (error) {
    isOver = true;
    if (error instanceof Late) {
      unfinished = Math.max(1, atWork.size);
      console.log(`FAILED  all were to be tried within ${limit} s, but at work are ${await workText(slurm)}`);
      return 1;
    }
    if (!(error instanceof Interrupted)) throw error;
    console.error("Interrupted.");
    return error.exitCode;
  } finally {
    clearTimeout(timer);
    await slurm?.close();
    await root.close();
  }
}

/** What was waited for when the time was over. */
async function workText(slurm: Slurm | undefined): Promise<string> {
  const all: string[] = [];
  for (const [name, { began, world }] of atWork) {
    const asked = slurm && world ? tasksOf({ slurm }, world) : Promise.resolve([]);
    const tasks = await asked.catch(() => []);
    const open = tasks.filter(({ state }) => state !== "COMPLETED").map(describe);
    all.push(`${name} since ${since(began)} s${open.length > 0 ? `: ${open.join(", ")}` : ""}`);
  }
  return all.join("; ");
}

async function tryFault(cluster: Cluster, name: string): Promise<void> {
  if (isOver) return;
  const began = performance.now();
  const world = await openWorld(cluster, `run${named.indexOf(name) + 1}`);
  atWork.set(name, { began, world });
  await check(name, async () => {
    const fault = await faults[name](cluster, world).catch((error) => isOver ? never : Promise.reject(error));
    const seconds = since(began);
    const { single = cluster.single } = fault;
    const tried = fault.world ?? world;
    const outcome = await outcomeOf(tried);
    const other = differences(single, outcome);
    const images = single.features.size;
    const twice = await encodedTwice(tried, { fault, images: outcome.features.size });
    const same = other.length === 0 ? "yes" : other.join(", ");
    rows.set(name, [fault.when, fault.then, `${twice} of ${images}`, `${seconds} s`, same]);
    return [...fault.wrong, ...other];
  });
  atWork.delete(name);
}

/** How many images were encoded although another task had encoded them. */
async function encodedTwice(
  world: World,
  { fault: { met = [], lost = 0 }, images }: { readonly fault: Fault; readonly images: number },
): Promise<number> {
  const said = await encodedOf(world);
  const all = [...said.values()].flat().reduce((sum, { encoded }) => sum + encoded, 0);
  const gone = met.map(({ shard, done }) => Math.max(0, done - (said.get(shard)?.[0]?.there ?? 0)));
  return gone.reduce((sum, each) => sum + each, lost) + Math.max(0, all - images);
}

/** Whole seconds since a time of `performance.now()`. */
function since(began: number): number {
  return Math.round((performance.now() - began) / 1000);
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : `${error}`).trim().replaceAll(/\s*\n\s*/g, "; ");
}

/** What `work` resolves to, unless the signal comes first, whose reason is thrown, or `late` rejects. */
async function untilStopped<T>(work: Promise<T>, signal: AbortSignal, late: Promise<never>): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, stopped.promise, late]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
