/**
 * Starts a Slurm with two nodes on this machine, and shows that what goes wrong on a cluster changes no number:
 * `deno run -A tests/cluster.ts [words of faults]`, all faults unless words name some.
 *
 * Root on Debian, which installs Slurm and munge where they are missing. Each run is submitted, met by a fault in its middle, ended, and
 * compared with what this machine made of the same data alone: features, weights, predictions and metrics, bit for bit.
 *
 * @module
 */
import { markdownTable } from "markdown-table";
import { join } from "node:path";
import { inParallel } from "../lib/base/pool.ts";
import { Interrupted, stopOnSignals } from "../lib/runs/interrupt.ts";
import { besideOthers, type Fault, faults } from "./cluster/faults.ts";
import { installSlurm } from "./cluster/install.ts";
import { openSlurm, type Slurm } from "./cluster/slurm.ts";
import { unmountBelow } from "./cluster/mount.ts";
import { differences, encodedOf, outcomeOf } from "./cluster/outcome.ts";
import { type Cluster, openCluster, openWorld, type World } from "./cluster/world.ts";
import { createCheck } from "./faults/check.ts";

const words = Deno.args;
const named = Object.keys(faults).filter((name) =>
  words.length === 0 || words.some((word) => name.includes(word))
);
if (named.length === 0) {
  console.error(`Cannot try faults: expected ${Object.keys(faults).join(", ")} but found ${words.join(" ")}`);
  Deno.exit(2);
}
const check = createCheck();
const rows = new Map<string, readonly string[]>();
const reason = await installSlurm(console.log);
let code = 0;
if (reason === undefined) code = await tryFaults();
else console.log(`Nothing was tried: ${reason}`);
if (rows.size > 0) {
  const head = ["fault", "when", "how it went on", "encoded twice", "all took", "same numbers"];
  const known = named.flatMap((name) => rows.has(name) ? [[name, ...rows.get(name)!]] : []);
  const table = markdownTable([head, ...known], { alignDelimiters: false });
  console.log(`\n${table}\n`);
  const file = Deno.env.get("CLUSTER_TABLE");
  if (file) await Deno.writeTextFile(file, `${table}\n`);
}
console.log(`${check.passed} passed, ${check.failed} failed`);
Deno.exit(code || (check.failed > 0 || check.passed === 0 ? 1 : 0));

/** Resolves to the exit code of a signal that stopped it, 0 where none did. */
async function tryFaults(): Promise<number> {
  using stop = stopOnSignals();
  const root = await Deno.realPath(await Deno.makeTempDir({ dir: "/tmp", prefix: "forgelens-cluster-" }));
  await Deno.chmod(root, 0o755); // munge refuses a socket that not all can reach
  let slurm: Slurm | undefined;
  try {
    await Deno.mkdir(join(root, "slurm"));
    slurm = await openSlurm(join(root, "slurm"));
    const began = performance.now();
    const cluster = await untilStopped(openCluster(root, slurm), stop.signal);
    console.log(`${cluster.images} images, ${cluster.precision}; this machine alone took ${since(began)} s`);
    const alone = named.filter((name) => !besideOthers.flat().includes(name)).map((name) => [name]);
    for (
      const group of [
        ...alone,
        ...besideOthers.map((names) => names.filter((name) => named.includes(name))),
      ]
    ) {
      const all = inParallel(group, (name) => tryFault(cluster, name), { workers: 2 });
      await untilStopped(all, stop.signal);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    console.error("Interrupted.");
    return error.exitCode;
  } finally {
    await slurm?.close();
    await unmountBelow(root);
    await Deno.remove(root, { recursive: true });
  }
}

async function tryFault(cluster: Cluster, name: string): Promise<void> {
  const began = performance.now();
  const world = await openWorld(cluster, `run${named.indexOf(name) + 1}`);
  await check(name, async () => {
    const fault = await faults[name](cluster, world);
    const seconds = since(began);
    const outcome = await outcomeOf(world);
    const other = differences(cluster.single, outcome);
    const twice = await encodedTwice(world, { fault, images: outcome.features.size });
    const same = other.length === 0 ? "yes" : other.join(", ");
    rows.set(name, [fault.when, fault.then, `${twice} of ${cluster.images}`, `${seconds} s`, same]);
    return [...fault.wrong, ...other];
  });
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

/** What `work` resolves to, unless the signal comes first, whose reason is thrown. */
async function untilStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
