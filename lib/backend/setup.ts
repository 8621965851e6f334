/**
 * Sets up the TensorFlow backend: `deno task setup`.
 *
 * `@tensorflow/tfjs-node-gpu` comes without its native addon (its install step fetches an old TensorFlow from a host
 * that is often blocked). Here its C++ sources are compiled, unchanged, against the headers and the two shared
 * libraries of TensorFlow's Python wheel. The libraries and the addon live in a cache of this machine's user, the addon
 * is copied into each checkout's node_modules. The second run only checks.
 *
 * @module
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { cacheFolder } from "../base/cache.ts";
import {
  ADDON,
  type BuildRecord,
  buildTensorFlow,
  compilers,
  firstThatRuns,
  ignoreNotFound,
  type Log,
  RECORD,
  TENSORFLOW_VERSION,
  type Variant,
} from "./build_tensorflow.ts";

/** What {@linkcode setup} found or did. */
export type SetupResult =
  | {
    ok: true;
    /** TensorFlow's own version string. */
    version: string;
    /** Which wheel: `cuda` is for an NVIDIA GPU. */
    variant: Variant;
    /** Whether TensorFlow itself runs on a GPU. */
    gpu: boolean;
    /** Float32 matmul rate, GFLOP/s, measured when this machine was set up. */
    gflops: number;
    /** False when everything was in place already, so `gflops` is the recorded figure. */
    measuredNow: boolean;
    /** The addon in this checkout's node_modules. */
    addon: string;
    /** The folder of TensorFlow's two libraries. */
    libraries: string;
  }
  | { ok: false; reason: string; advice: string };

const PIP = [["python3", "-m", "pip"], ["python", "-m", "pip"], ["pip3"], ["pip"]];
const INSTALL = "On Debian and Ubuntu: apt install python3-pip g++";
const nodeRequire = createRequire(import.meta.url);

/**
 * Makes the TensorFlow backend usable from this checkout, doing only what is missing.
 *
 * Never throws for what a machine may lack (pip, a compiler, the network, room on the disk): the result then says what
 * was missing and what to install, and nothing half-made is left behind. Safe when several processes call it at once.
 *
 * @param options.log takes one line of progress at a time; silent when everything is in place
 * @param options.variant which build; by default `cuda` where there is an NVIDIA GPU (`cpu` if that fails), else `cpu`
 */
export async function setup(
  { log = () => {}, variant }: { log?: Log; variant?: Variant } = {},
): Promise<SetupResult> {
  try {
    if (Deno.build.os !== "linux") {
      return {
        ok: false,
        reason: `TensorFlow is set up on Linux (x64 and arm64) only, and this is ${Deno.build.os}`,
        advice: "Use Linux, or Windows with WSL 2",
      };
    }
    const tfjs = tfjsPackage();
    const variants: Variant[] = variant ? [variant] : await hasNvidiaGpu() ? ["cuda", "cpu"] : ["cpu"];
    for (const ready of variants) {
      const home = homeOf(ready);
      const record = await readRecord(home, tfjs.version);
      if (record) return await finish(home, record, { variant: ready, measuredNow: false, tfjs });
    }
    const pip = await firstThatRuns(PIP);
    const compiler = await firstThatRuns(compilers());
    if (!pip || !compiler) {
      const missing = [pip ? "" : "pip", compiler ? "" : "a C++ compiler"].filter(Boolean).join(" and ");
      return { ok: false, reason: `${missing} not found`, advice: INSTALL };
    }
    const failures: string[] = [];
    for (const next of variants) {
      const home = homeOf(next);
      try {
        await Deno.mkdir(dirname(home), { recursive: true });
        return await withLock(`${home}.lock`, async () => {
          // Another process may have finished while this one waited.
          const made = await readRecord(home, tfjs.version);
          const record = made ?? await buildTensorFlow({ home, variant: next, pip, compiler, tfjs, log });
          return await finish(home, record, { variant: next, measuredNow: made === undefined, tfjs });
        }, () => log("Waiting for another process that is setting up TensorFlow"));
      } catch (error) {
        failures.push(oneLine(error));
        if (next !== variants.at(-1)) log(`The ${next} build failed: ${failures.at(-1)}`);
      }
    }
    return { ok: false, reason: failures.join("; "), advice: INSTALL };
  } catch (error) {
    return { ok: false, reason: oneLine(error), advice: INSTALL };
  }
}

async function finish(
  home: string,
  { version, gpu, gflops }: BuildRecord,
  { variant, measuredNow, tfjs }: { variant: Variant; measuredNow: boolean; tfjs: { folder: string } },
): Promise<SetupResult> {
  const addon = await placeAddon(join(home, ADDON), tfjs.folder);
  return { ok: true, version, variant, gpu, gflops, measuredNow, addon, libraries: join(home, "tensorflow") };
}

/** Says a result of {@linkcode setup} in one line. */
export function describeSetup(result: SetupResult): string {
  if (!result.ok) {
    return `TensorFlow is not set up: ${result.reason}. onnxruntime is used instead, or else WebAssembly, about ten times slower. ` +
      `${result.advice}, then deno task setup`;
  }
  const device = result.gpu ? "GPU" : `CPU (${navigator.hardwareConcurrency} threads)`;
  const silent = result.variant === "cuda" && !result.gpu ? " because CUDA did not load" : "";
  const when = result.measuredNow ? "" : " (measured at set-up)";
  return `TensorFlow ${result.version} on ${device}${silent}, ` +
    `${Math.round(result.gflops)} GFLOP/s float32 matmul${when}`;
}

/** Where one build of TensorFlow lives; a home folder may be shared by machines of several kinds. */
function homeOf(variant: Variant): string {
  return join(cacheFolder(), `tensorflow-${TENSORFLOW_VERSION}-${variant}-${Deno.build.arch}`);
}

/** Where this checkout's tfjs-node-gpu is, which must not be Deno's global cache. */
function tfjsPackage(): { folder: string; version: string } {
  const manifest = nodeRequire.resolve("@tensorflow/tfjs-node-gpu/package.json");
  const folder = dirname(manifest);
  if (!folder.includes("node_modules")) {
    throw new Error(`this checkout has no node_modules (found ${folder}); run it with its own deno.json`);
  }
  return { folder, version: nodeRequire(manifest).version };
}

/** The machine's record if its cache is whole, else undefined. */
async function readRecord(home: string, tfjs: string): Promise<BuildRecord | undefined> {
  try {
    const record: BuildRecord = JSON.parse(await Deno.readTextFile(join(home, RECORD)));
    if (record.tfjs !== tfjs) return undefined;
    for (const [file, size] of Object.entries(record.sizes)) {
      if ((await Deno.stat(join(home, file))).size !== size) return undefined;
    }
    return record;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Copies the addon to where tfjs-node-gpu looks for it. A new file renamed into place: what is there may be linked
 * from elsewhere and is never written to. Returns the copy's path.
 */
export async function placeAddon(source: string, tfjsFolder: string): Promise<string> {
  const target = join(tfjsFolder, "lib", "napi-v8", ADDON);
  const wanted = await Deno.readFile(source);
  const present = await Deno.readFile(target).catch(ignoreNotFound);
  if (present && present.length === wanted.length && present.every((byte, i) => byte === wanted[i])) {
    return target;
  }
  await Deno.mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.${crypto.randomUUID()}.tmp`;
  await Deno.writeFile(temporary, wanted, { mode: 0o755 });
  await Deno.rename(temporary, target);
  return target;
}

/**
 * Runs `body` while holding an exclusive lock on `path`. The kernel drops the lock with the process that holds it, so a
 * killed one blocks nobody; the empty file stays.
 *
 * @param onWait called once if the lock is not free within a second
 */
export async function withLock<T>(
  path: string,
  body: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  using file = await Deno.open(path, { create: true, write: true });
  const timer = setTimeout(onWait, 1000);
  try {
    await file.lock(true);
  } finally {
    clearTimeout(timer);
  }
  try {
    return await body();
  } finally {
    await file.unlock();
  }
}

/** Whether this machine has an NVIDIA GPU with its driver. */
export async function hasNvidiaGpu(): Promise<boolean> {
  if (await Deno.stat("/proc/driver/nvidia/version").then(() => true, () => false)) return true;
  return await firstThatRuns([["nvidia-smi"]], "-L") !== undefined;
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split("\n")[0].replace(/\.$/, "");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { variant: { type: "string" } } });
  if (values.variant !== undefined && values.variant !== "cpu" && values.variant !== "cuda") {
    console.error(`Cannot set up TensorFlow: expected --variant cpu or cuda but found ${values.variant}`);
    Deno.exit(2);
  }
  console.log(describeSetup(await setup({ log: console.error, variant: values.variant })));
}
