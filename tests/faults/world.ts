/**
 * A place of its own for each trial: run folders, caches and temporary files, beside data that all share; and what a run there
 * leaves, to compare with one that met no fault.
 *
 * @module
 */
import { dirname, join, relative } from "node:path";
import { cacheFolder } from "../../lib/base/cache.ts";
import { loadStateDict } from "../../lib/weights/load.ts";
import { smallRun } from "../command_line.ts";
import { writePictures } from "../folders.ts";

const cli = join(import.meta.dirname!, "../../lib/cli.ts");
const preload = join(import.meta.dirname!, "kill_at.ts");

/** Deno's own cache, which would be made again for every trial. */
const denoFolder = Deno.env.get("DENO_DIR") || join(dirname(cacheFolder()), "deno");

/** One trial's folders. */
export type World = {
  readonly root: string;
  /** Run folders. */
  readonly out: string;
  /** The user's cache folder. */
  readonly cache: string;
  readonly tmp: string;
};

/** How a command ended. */
export type Ended = {
  readonly code: number;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
};

/** What a run leaves that must not depend on any fault. */
export type Outcome = { readonly metrics: string; readonly predictions: string; readonly weights: string };

/** All that trials share. */
export type Faults = {
  readonly root: string;
  /** The data set's folder, with `real` and `fake`. */
  readonly data: string;
  /** Where a run met no fault. */
  readonly whole: World;
  /** What it left. */
  readonly expected: Outcome;
  /** What it did to files, in order; what differs from run to run left out. */
  readonly operations: readonly string[];
};

/** Makes the data, and runs once without a fault. */
export async function openFaults(): Promise<Faults> {
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "forgelens-faults-" }));
  const data = join(root, "data");
  await writePictures(data, { videos: 7 });
  const before = new Date(Date.now() - 60_000); // settled, so that the list of files is kept
  for (const folder of ["", "real", "fake"]) await Deno.utime(join(data, folder), before, before);
  const world = await openWorld({ root }, "whole");
  const list = join(root, "operations.txt");
  const ended = await train({ data }, world, { env: { FAULTS_COUNT: list } });
  if (ended.code !== 0) {
    throw new Error(`Cannot look for faults: expected a run to end but found ${ended.err}`);
  }
  const operations = (await Deno.readTextFile(list)).trimEnd().split("\n")
    .map((line) => line.replaceAll(world.root, "").replaceAll(/[0-9a-f]{8,}|\.\d+(?=\.)/g, "…"));
  return { root, data, whole: world, expected: await outcomeOf(world, { ended }), operations };
}

/** Makes a trial's folders; the cache has the machine's TensorFlow, and nothing else. */
export async function openWorld({ root }: Pick<Faults, "root">, name: string): Promise<World> {
  const at = join(root, name);
  const world = { root: at, out: join(at, "out"), cache: join(at, "cache"), tmp: join(at, "tmp") };
  const ours = join(world.cache, "forgelens-bench");
  for (const folder of [world.out, ours, world.tmp]) await Deno.mkdir(folder, { recursive: true });
  for await (const { name } of Deno.readDir(cacheFolder())) {
    if (/^(tensorflow|native)/.test(name)) await Deno.symlink(join(cacheFolder(), name), join(ours, name));
  }
  return world;
}

/** Removes a trial's folders. */
export async function closeWorld(world: World): Promise<void> {
  await Deno.remove(world.root, { recursive: true });
}

/** Runs a command in a trial's folders. */
export async function command(
  args: readonly string[],
  options: {
    readonly world: World;
    readonly env?: Readonly<Record<string, string>>;
    /** Put before the program, such as one that takes rights away. */
    readonly before?: readonly string[];
    readonly signal?: AbortSignal;
  },
): Promise<Ended> {
  const { world, env, before = [], signal } = options;
  const [program, ...rest] = [
    ...before,
    Deno.execPath(),
    "run",
    "--quiet",
    "-A",
    "--preload",
    preload,
    cli,
    ...args,
  ];
  const { code, signal: by, stdout, stderr } = await new Deno.Command(program, {
    args: rest,
    env: {
      NO_COLOR: "1",
      FORGELENS_DEBUG: "",
      FORGELENS_DATA_CACHE: "",
      DENO_DIR: denoFolder,
      XDG_CACHE_HOME: world.cache,
      TMPDIR: world.tmp,
      ...env,
    },
    signal,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, signal: by, out: text(stdout), err: text(stderr) };
}

/** Trains two seeds of two epochs as the run `run`, on the tiny data. */
export function train(
  { data }: Pick<Faults, "data">,
  world: World,
  options: Omit<Parameters<typeof command>[1], "world"> & { readonly run?: string } = {},
): Promise<Ended> {
  const { run = "run" } = options;
  const flags = [
    "--data",
    `tiny=${data}`,
    "--epochs",
    "2",
    "--runs",
    "2",
    "--jpeg-qualities",
    "50",
    "--allow-leak",
    // Else each trial, whose cache is its own, would measure which engine is the fastest, and might find another one.
    "--engine",
    "graph",
  ];
  return command(["train", ...flags, ...smallRun, "--out", world.out, "--run", run], { world, ...options });
}

/** Goes on with the run where it has begun, else begins it. */
export async function goOn(
  faults: Pick<Faults, "data">,
  world: World,
  options: Omit<Parameters<typeof command>[1], "world"> = {},
): Promise<Ended> {
  const began = await Deno.stat(join(world.out, "run/config.json")).catch(() => undefined);
  if (!began) return await train(faults, world, options);
  return await command(["train", "--resume", "--run", "run", "--out", world.out], { world, ...options });
}

/** Trains until just before the operation after the `count`th that `pattern` matches, and is killed there. */
export async function stopAt(
  faults: Faults,
  world: World,
  { pattern, count }: { readonly pattern: RegExp; readonly count: number },
): Promise<void> {
  const matched = faults.operations.flatMap((line, i) => pattern.test(line) ? [i + 1] : []);
  const { signal, err } = await train(faults, world, {
    env: { FAULTS_KILL_AT: `${matched[count - 1] + 1}` },
  });
  if (signal !== "SIGKILL") throw new Error(`expected a killed run but found ${err}`);
  await age(world);
}

/** Which run is looked at: `run` unless given, and how the command ended that wrote its results. */
type Looked = { readonly run?: string; readonly ended: Ended };

/** What the run left, its results from where the command says that they are. */
export async function outcomeOf(world: World, { run = "run", ended }: Looked): Promise<Outcome> {
  const folder = join(world.out, run);
  const reported = /^Report: (.*)$/m.exec(ended.out)?.[1];
  if (reported === undefined) throw new Error(`expected the report's place but found ${ended.out}`);
  const { history, results, data, demo, encoder, warnings } = JSON.parse(
    await Deno.readTextFile(join(dirname(reported), "metrics.json")),
  );
  const epochs = history.map((record: object) => ({ ...record, seconds: 0 }));
  const weights: unknown[] = [];
  for (const name of ["model.safetensors", "model-run2.safetensors"]) {
    const dict = await loadStateDict(join(folder, name));
    for (const [key, { data }] of dict) {
      weights.push([key, [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]]);
    }
  }
  return {
    metrics: JSON.stringify({ epochs, results, data, demo, encoder, warnings }, null, 1),
    predictions: await Deno.readTextFile(join(dirname(reported), "predictions.csv")),
    weights: JSON.stringify(weights),
  };
}

/** What of a run differs from one that met no fault; nothing when all is equal. */
export async function differences(
  { expected }: Pick<Faults, "expected">,
  world: World,
  looked: Looked,
): Promise<string[]> {
  const found = await outcomeOf(world, looked);
  return (Object.keys(expected) as (keyof Outcome)[]).filter((part) => found[part] !== expected[part]).map((
    part,
  ) => `other ${part}`);
}

/** Every file below a folder, relative to it; links are not followed. */
export async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  const visit = async (at: string): Promise<void> => {
    for await (const { name, isDirectory, isFile } of Deno.readDir(at)) {
      if (isDirectory) await visit(join(at, name));
      else if (isFile) files.push(relative(folder, join(at, name)));
    }
  };
  await visit(folder);
  return files.sort();
}

/** Temporary files in run folders and caches, which nobody should leave. */
export async function leftovers(world: World): Promise<string[]> {
  return (await filesBelow(world.root)).filter((name) =>
    !name.startsWith("tmp/") &&
    (/\.tmp$|\.demo-|\.owner\.lock$/.test(name) || name.endsWith("resume.safetensors"))
  );
}

/** Makes temporary files look as if nobody had written to them for two minutes. */
export async function age(world: World): Promise<void> {
  const before = new Date(Date.now() - 120_000);
  for (const name of await filesBelow(world.root)) {
    if (name.endsWith(".tmp")) await Deno.utime(join(world.root, name), before, before);
  }
}
