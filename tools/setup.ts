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
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";

/** The release of TensorFlow whose Python wheel is used. */
export const TENSORFLOW_VERSION = "2.21.0";

/** What {@linkcode setup} found or did. */
export type SetupResult =
  | {
    ok: true;
    /** TensorFlow's own version string. */
    version: string;
    /** Which wheel: `cuda` needs an NVIDIA GPU and is untested. */
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

/** `cpu`: the CPU build. `cuda`: the CUDA 12 build with NVIDIA's wheels. */
export type Variant = "cpu" | "cuda";

type Log = (line: string) => void;
/** What one machine's cache records beside the libraries; `sizes` finds a file that was cut short or replaced. */
type Record = {
  version: string;
  gpu: boolean;
  gflops: number;
  tfjs: string;
  sizes: { [file: string]: number };
};

const RECORD = "setup.json";
const ADDON = "tfjs_binding.node";
const LIBRARIES = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];
const PIP = [["python3", "-m", "pip"], ["python", "-m", "pip"], ["pip3"], ["pip"]];
const INSTALL = "On Debian and Ubuntu: apt install python3-pip g++";
const require = createRequire(import.meta.url);

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
        const record = await withLock(`${home}.lock`, async () => {
          // Another process may have finished while this one waited.
          const made = await readRecord(home, tfjs.version);
          return made ?? await build({ home, variant: next, pip, compiler, tfjs, log });
        }, () => log("Waiting for another process that is setting up TensorFlow"));
        return await finish(home, record, { variant: next, measuredNow: true, tfjs });
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
  { version, gpu, gflops }: Record,
  { variant, measuredNow, tfjs }: { variant: Variant; measuredNow: boolean; tfjs: { folder: string } },
): Promise<SetupResult> {
  const addon = await placeAddon(join(home, ADDON), tfjs.folder);
  return { ok: true, version, variant, gpu, gflops, measuredNow, addon, libraries: join(home, "tensorflow") };
}

/** Says a result of {@linkcode setup} in one line. */
export function describeSetup(result: SetupResult): string {
  if (!result.ok) {
    return `TensorFlow is not set up: ${result.reason}. WebAssembly is used instead, about ten times slower. ` +
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
  return join(cacheRoot(), `tensorflow-${TENSORFLOW_VERSION}-${variant}-${Deno.build.arch}`);
}

/** The folder that holds what is built once per machine and user. */
function cacheRoot(): string {
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  if (xdg) return join(xdg, "forgelens-bench");
  const home = Deno.env.get("HOME");
  if (!home) throw new Error("neither XDG_CACHE_HOME nor HOME is set, so there is no cache folder");
  return join(home, ".cache", "forgelens-bench");
}

/** Where this checkout's tfjs-node-gpu is, which must not be Deno's global cache. */
function tfjsPackage(): { folder: string; version: string } {
  const manifest = require.resolve("@tensorflow/tfjs-node-gpu/package.json");
  const folder = dirname(manifest);
  if (!folder.includes("node_modules")) {
    throw new Error(`this checkout has no node_modules (found ${folder}); run it with its own deno.json`);
  }
  return { folder, version: require(manifest).version };
}

/** The machine's record if its cache is whole, else undefined. */
async function readRecord(home: string, tfjs: string): Promise<Record | undefined> {
  try {
    const record: Record = JSON.parse(await Deno.readTextFile(join(home, RECORD)));
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

/** Downloads, compiles, measures in a folder beside `home`, and renames it to `home` as the last step. */
async function build(
  { home, variant, pip, compiler, tfjs, log }: {
    home: string;
    variant: Variant;
    pip: string[];
    compiler: string[];
    tfjs: { folder: string; version: string };
    log: Log;
  },
): Promise<Record> {
  await removeLeftovers(home);
  const work = await Deno.makeTempDir({ dir: dirname(home), prefix: `${basename(home)}.partial-` });
  const made = join(work, "made");
  const site = join(work, "site");
  try {
    const wheel = variant === "cuda" || Deno.build.arch === "aarch64" ? "tensorflow" : "tensorflow-cpu";
    log(`Setting up TensorFlow ${TENSORFLOW_VERSION} in ${home}, once for this machine`);
    await pipInstall(pip, [`${wheel}==${TENSORFLOW_VERSION}`], { site, work, log });
    if (variant === "cuda") await pipInstall(pip, await cudaWheels(site), { site, work, log });

    log("Compiling the addon");
    await Deno.mkdir(join(made, "tensorflow"), { recursive: true });
    for (const file of LIBRARIES) {
      await Deno.rename(join(site, "tensorflow", file), join(made, "tensorflow", file));
    }
    // TensorFlow looks for CUDA in ../nvidia, as laid out by pip.
    if (variant === "cuda") await Deno.rename(join(site, "nvidia"), join(made, "nvidia"));
    await compile(compiler, {
      made,
      home,
      include: join(site, "tensorflow", "include"),
      binding: tfjs.folder,
    });

    log("Measuring");
    const measured = await measureInChild(join(made, ADDON));
    const sizes: Record["sizes"] = {};
    for (const file of [ADDON, ...LIBRARIES.map((name) => `tensorflow/${name}`)]) {
      sizes[file] = (await Deno.stat(join(made, file))).size;
    }
    const record: Record = { ...measured, tfjs: tfjs.version, sizes };
    await Deno.writeTextFile(join(made, RECORD), JSON.stringify(record, null, 2) + "\n");
    await Deno.remove(home, { recursive: true }).catch(ignoreNotFound);
    await Deno.rename(made, home);
    return record;
  } finally {
    await Deno.remove(work, { recursive: true }).catch(ignoreNotFound);
  }
}

/** Removes what killed runs left; the caller holds the lock, so nobody is using it. */
async function removeLeftovers(home: string): Promise<void> {
  for await (const entry of Deno.readDir(dirname(home))) {
    if (!entry.name.startsWith(`${basename(home)}.partial-`)) continue;
    await Deno.remove(join(dirname(home), entry.name), { recursive: true });
  }
}

/** Installs wheels for CPython 3.12, whichever Python runs pip, into `site`. */
async function pipInstall(
  pip: string[],
  wheels: string[],
  { site, work, log }: { site: string; work: string; log: Log },
): Promise<void> {
  const args = [
    ...["install", "--target", site, "--no-deps", "--no-compile", "--only-binary=:all:"],
    ...["--implementation", "cp", "--python-version", "3.12", "--abi", "cp312"],
    ...["--disable-pip-version-check", "--retries", "2", "--timeout", "20", "--upgrade"],
    ...wheels,
  ];
  const downloads = join(work, "downloads");
  await Deno.mkdir(downloads, { recursive: true });
  // A user's own pip settings for virtual environments and user installs do not mix with --target.
  const env = { TMPDIR: downloads, PYTHONUNBUFFERED: "1", PIP_USER: "0", PIP_REQUIRE_VIRTUALENV: "0" };
  const stopWatching = watchFolder(work, log);
  const { success, stdout, stderr } = await run([...pip, ...args], {
    env,
    onLine: (line) => {
      const found = line.match(/^\s*(Downloading|Using cached) (\S+)-[\d.]+.*?(\([\d.]+ [kMG]B\))/);
      if (found) log(`${found[1]} ${found[2]} ${found[3]}`);
      if (line.startsWith("Installing collected packages")) log("Unpacking");
    },
  }).finally(stopWatching);
  if (success) return;
  const errors = `${stderr}\n${stdout}`.split("\n").filter((line) => /^\s*ERROR: /.test(line));
  const offline = /NewConnectionError|NameResolutionError|ConnectTimeout|Failed to establish/.test(stderr);
  const why = offline ? "the package index cannot be reached" : errors.at(-1)?.replace(/^\s*ERROR: /, "");
  const hint = why?.includes("No matching distribution")
    ? " (it needs pip 20.3 and glibc 2.27, or newer)"
    : "";
  throw new Error(`pip could not install ${wheels[0]}: ${why ?? stderr.trim().split("\n").at(-1)}${hint}`);
}

/** NVIDIA's wheels in the versions that TensorFlow's own wheel asks for. */
async function cudaWheels(site: string): Promise<string[]> {
  const metadata = await Deno.readTextFile(
    join(site, `tensorflow-${TENSORFLOW_VERSION}.dist-info`, "METADATA"),
  );
  const found = [...metadata.matchAll(/^Requires-Dist: (nvidia-[^;]+);.*extra == ["']and-cuda["']/gm)];
  if (found.length === 0) throw new Error("TensorFlow's wheel names no CUDA wheels (extra and-cuda)");
  return found.map((match) => match[1].replaceAll(" ", ""));
}

/** Compiles tfjs-node-gpu's unchanged sources against TensorFlow's headers and libraries. */
async function compile(
  compiler: string[],
  { made, home, include, binding }: { made: string; home: string; include: string; binding: string },
): Promise<void> {
  const sources: string[] = [];
  for await (const { name } of Deno.readDir(join(binding, "binding"))) {
    if (name.endsWith(".cc")) sources.push(join(binding, "binding", name));
  }
  const { success, stderr } = await run([
    ...compiler,
    ...["-std=c++17", "-O2", "-fPIC", "-shared", "-w", "-DNAPI_VERSION=8"],
    ...[binding, include, dirname(require.resolve("node-api-headers/include/node_api.h"))].map((dir) =>
      `-I${dir}`
    ),
    ...sources.sort(),
    ...["-o", join(made, ADDON), `-L${join(made, "tensorflow")}`, ...LIBRARIES.map((name) => `-l:${name}`)],
    // The first for the measurement before the rename, the second for the copies in node_modules.
    ...["-Wl,-rpath,$ORIGIN/tensorflow", `-Wl,-rpath,${join(home, "tensorflow")}`],
  ]);
  if (success) return;
  const why = stderr.split("\n").find((line) => /error|undefined reference|not found/i.test(line)) ?? stderr;
  throw new Error(`${compiler[0]} could not compile the addon: ${why.trim()}`);
}

/** Loads the addon in a process of its own, so that one that crashes is never put in place. */
async function measureInChild(addon: string): Promise<{ version: string; gpu: boolean; gflops: number }> {
  const self = new URL(import.meta.url).pathname;
  const flags = [
    "run",
    "--no-config",
    "--no-lock",
    "--allow-ffi",
    "--allow-read",
    "--allow-env",
    "--allow-sys",
  ];
  const { success, stdout, stderr } = await run([Deno.execPath(), ...flags, self, "--measure", addon], {
    env: { TF_CPP_MIN_LOG_LEVEL: "2" },
  });
  if (!success) throw new Error(`the compiled addon does not load: ${stderr.trim().split("\n").at(-1)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

/** Times float32 matmul, 1576×768 by 768×3072 (eight images through ViT-B/16's MLP), on the bare addon. */
function measure(addon: string): { version: string; gpu: boolean; gflops: number } {
  const [rows, inner, columns] = [1576, 768, 3072];
  const binding = require(addon);
  const matrix = (height: number, width: number) =>
    binding.createTensor([height, width], binding.TF_FLOAT, new Float32Array(height * width).fill(0.5));
  const inputs = [matrix(rows, inner), matrix(inner, columns)];
  const attrs = [
    { name: "transpose_a", type: binding.TF_ATTR_BOOL, value: false },
    { name: "transpose_b", type: binding.TF_ATTR_BOOL, value: false },
    { name: "T", type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
  ];
  let best = Infinity;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    const [product] = binding.executeOp("MatMul", attrs, inputs, 1);
    // A GPU returns before it has computed; reading waits for it, and on the CPU is not part of the work.
    if (binding.isUsingGpuDevice()) binding.tensorDataSync(product.id);
    best = Math.min(best, performance.now() - start);
    if (i === 0 && binding.tensorDataSync(product.id)[0] !== inner / 4) throw new Error("matmul is wrong");
    binding.deleteTensor(product.id);
  }
  const gflops = 2 * rows * inner * columns / best / 1e6;
  return { version: binding.TF_Version, gpu: binding.isUsingGpuDevice(), gflops };
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

async function hasNvidiaGpu(): Promise<boolean> {
  if (await Deno.stat("/proc/driver/nvidia/version").then(() => true, () => false)) return true;
  return await firstThatRuns([["nvidia-smi"]], "-L") !== undefined;
}

function compilers(): string[][] {
  const own = Deno.env.get("CXX")?.trim();
  return [...(own ? [own.split(/\s+/)] : []), ["g++"], ["c++"], ["clang++"]];
}

/** The first of these commands that exists and succeeds with `flag`. */
async function firstThatRuns(commands: string[][], flag = "--version"): Promise<string[] | undefined> {
  for (const command of commands) {
    try {
      if ((await run([...command, flag])).success) return command;
    } catch (error) {
      // Not installed, not executable, or --allow-run leaves it out: the next one may do.
      const { NotFound, PermissionDenied, NotCapable } = Deno.errors;
      if (![NotFound, PermissionDenied, NotCapable].some((kind) => error instanceof kind)) throw error;
    }
  }
  return undefined;
}

/** Runs a command to its end; `onLine` sees its standard output as it comes. */
async function run(
  [command, ...args]: string[],
  { env, onLine }: { env?: { [name: string]: string }; onLine?: Log } = {},
): Promise<{ success: boolean; stdout: string; stderr: string }> {
  const child = new Deno.Command(command, { args, env, stdin: "null", stdout: "piped", stderr: "piped" })
    .spawn();
  const stderr = new Response(child.stderr).text();
  let stdout = "";
  let seen = 0;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    stdout += text;
    for (let end = stdout.indexOf("\n", seen); onLine && end >= 0; end = stdout.indexOf("\n", seen)) {
      onLine(stdout.slice(seen, end));
      seen = end + 1;
    }
  }
  return { success: (await child.status).success, stdout, stderr: await stderr };
}

/** Reports the size of a folder while it grows: each half second on a terminal, each ten seconds elsewhere. */
function watchFolder(folder: string, log: Log): () => void {
  const terminal = Deno.stderr.isTerminal();
  const show = async () => {
    const text = `  ${Math.round(await folderSize(folder) / 1e6)} MB downloaded and unpacked`;
    if (terminal) Deno.stderr.writeSync(new TextEncoder().encode(`\r${text}\r`));
    else log(text);
  };
  const timer = setInterval(show, terminal ? 500 : 10_000);
  return () => clearInterval(timer);
}

async function folderSize(folder: string): Promise<number> {
  let total = 0;
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      total += entry.isDirectory ? await folderSize(path) : (await Deno.lstat(path)).size;
    }
  } catch (error) {
    ignoreNotFound(error); // pip moves files while they are counted
  }
  return total;
}

function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split("\n")[0].replace(/\.$/, "");
}

if (import.meta.main) {
  if (Deno.args[0] === "--measure") console.log(JSON.stringify(measure(Deno.args[1])));
  else {
    const { values } = parseArgs({ options: { variant: { type: "string" } } });
    if (values.variant !== undefined && values.variant !== "cpu" && values.variant !== "cuda") {
      console.error(`Cannot set up TensorFlow: expected --variant cpu or cuda but found ${values.variant}`);
      Deno.exit(2);
    }
    console.log(describeSetup(await setup({ log: console.error, variant: values.variant })));
  }
}
