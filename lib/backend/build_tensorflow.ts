/**
 * Builds TensorFlow for tfjs-node in a folder: wheels through pip, the addon through a C++ compiler, one measurement.
 * `lib/backend/setup.ts` decides when.
 *
 * @module
 */
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { writeWhole } from "../base/files.ts";

/** The release of TensorFlow whose Python wheel is used. */
export const TENSORFLOW_VERSION = "2.21.0";

/** `cpu`: the CPU build. `cuda`: the CUDA 12 build with NVIDIA's wheels. */
export type Variant = "cpu" | "cuda";

/** Takes one line of progress. */
export type Log = (line: string) => void;

/** What a finished build says of itself, in setup.json; `sizes` finds a file that was cut short or replaced. */
export type BuildRecord = {
  version: string;
  gpu: boolean;
  gflops: number;
  tfjs: string;
  sizes: { [file: string]: number };
};

/** The record's name in a finished build; it is there only if everything else is. */
export const RECORD = "setup.json";
/** The addon's name, in the build and in node_modules. */
export const ADDON = "tfjs_binding.node";
const LIBRARIES = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];
const CLEAR_LINE = "\r\x1b[K"; // of a terminal
const nodeRequire = createRequire(import.meta.url);

/** Downloads, compiles, measures in a folder beside `home`, and renames it to `home` as the last step. */
export async function buildTensorFlow(
  { home, variant, pip, compiler, tfjs, log }: {
    home: string;
    variant: Variant;
    pip: string[];
    compiler: string[];
    tfjs: { folder: string; version: string };
    log: Log;
  },
): Promise<BuildRecord> {
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
      ...{ made, home, work },
      include: join(site, "tensorflow", "include"),
      binding: tfjs.folder,
    });

    log("Measuring");
    const measured = await measureInChild(join(made, ADDON));
    const sizes: BuildRecord["sizes"] = {};
    for (const file of [ADDON, ...LIBRARIES.map((name) => `tensorflow/${name}`)]) {
      sizes[file] = (await Deno.stat(join(made, file))).size;
    }
    const record: BuildRecord = { ...measured, tfjs: tfjs.version, sizes };
    await writeWhole(join(made, RECORD), JSON.stringify(record, null, 2) + "\n");
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
  const clearLine = Deno.stderr.isTerminal() ? CLEAR_LINE : "";
  const stopWatching = watchFolder(work, log);
  const { success, stdout, stderr } = await run([...pip, ...args], {
    env,
    onLine: (line) => {
      const found = line.match(/^\s*(Downloading|Using cached) (\S+)-[\d.]+.*?(\([\d.]+ [kMG]B\))/);
      if (found) log(`${clearLine}${found[1]} ${found[2]} ${found[3]}`);
      if (line.startsWith("Installing collected packages")) log(`${clearLine}Unpacking`);
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

/**
 * Compiles tfjs-node-gpu's unchanged sources against TensorFlow's headers, and links empty libraries of its libraries' names: the
 * linker reads all symbols of the real ones for a quarter of a minute. Loading the addon finds those that it needs, or fails.
 */
async function compile(
  compiler: string[],
  { made, home, work, include, binding }: Record<"made" | "home" | "work" | "include" | "binding", string>,
): Promise<void> {
  const sources: string[] = [];
  for await (const { name } of Deno.readDir(join(binding, "binding"))) {
    if (name.endsWith(".cc")) sources.push(join(binding, "binding", name));
  }
  const build = async (...args: string[]) => {
    const fault = await compilerFault([...compiler, ...args]);
    if (fault !== undefined) throw new Error(`${compiler[0]} could not compile the addon: ${fault}`);
  };
  for (const name of LIBRARIES) {
    await build("-shared", "-x", "c++", "/dev/null", `-Wl,-soname,${name}`, "-o", join(work, name));
  }
  await build(
    ...["-std=c++17", "-O2", "-fPIC", "-shared", "-w", "-DNAPI_VERSION=8"],
    ...[binding, include, dirname(nodeRequire.resolve("node-api-headers/include/node_api.h"))].map((dir) =>
      `-I${dir}`
    ),
    ...sources.sort(),
    ...["-o", join(made, ADDON), "-Wl,--no-as-needed", "-Wl,-z,now"],
    ...[`-L${work}`, ...LIBRARIES.map((name) => `-l:${name}`)],
    // The first for the measurement before the rename, the second for the copies in node_modules.
    ...["-Wl,-rpath,$ORIGIN/tensorflow", `-Wl,-rpath,${join(home, "tensorflow")}`],
  );
}

/** Runs a compiler; resolves to the line that says what it found wrong, or undefined. */
export async function compilerFault(command: string[]): Promise<string | undefined> {
  const { success, stderr } = await run(command);
  if (success) return undefined;
  const fault = stderr.split("\n").find((line) => /error|undefined reference|not found/i.test(line));
  return (fault ?? stderr).trim();
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
  const { success, stdout, stderr } = await run([Deno.execPath(), ...flags, self, addon], {
    env: { TF_CPP_MIN_LOG_LEVEL: "2", NO_COLOR: "1" },
  });
  const why = stderr.match(/^error: (.*)$/m)?.[1] ?? stderr.trim().split("\n").at(-1);
  if (!success) throw new Error(`the compiled addon does not run: ${why}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

/** Times float32 matmul, 1576×768 by 768×3072 (eight images through ViT-B/16's MLP), on the bare addon. */
function measure(addon: string): { version: string; gpu: boolean; gflops: number } {
  const [rows, inner, columns] = [1576, 768, 3072];
  const binding = nodeRequire(addon);
  const gpu: boolean = binding.isUsingGpuDevice();
  const matrix = (height: number, width: number) =>
    binding.createTensor([height, width], binding.TF_FLOAT, new Float32Array(height * width).fill(0.5));
  const inputs = [matrix(rows, inner), matrix(inner, columns)];
  const axes = binding.createTensor([2], binding.TF_INT32, Int32Array.of(0, 1));
  const flag = (name: string) => ({ name, type: binding.TF_ATTR_BOOL, value: false });
  const type = (name: string, value: number) => ({ name, type: binding.TF_ATTR_TYPE, value });
  const float = type("T", binding.TF_FLOAT);
  let best = Infinity;
  for (let i = 0; i < 30; i++) {
    const start = performance.now();
    const [product] = binding.executeOp(
      "MatMul",
      [flag("transpose_a"), flag("transpose_b"), float],
      inputs,
      1,
    );
    const computed = performance.now();
    const attrs = [flag("keep_dims"), float, type("Tidx", binding.TF_INT32)];
    const [largest] = binding.executeOp("Max", attrs, [product.id, axes], 1);
    if (binding.tensorDataSync(largest.id)[0] !== inner / 4) throw new Error("TensorFlow's matmul is wrong");
    // A GPU returns before it has computed, and only reading a value waits for it.
    best = Math.min(best, (gpu ? performance.now() : computed) - start);
    binding.deleteTensor(product.id);
    binding.deleteTensor(largest.id);
  }
  return { version: binding.TF_Version, gpu, gflops: 2 * rows * inner * columns / best / 1e6 };
}

/** Reports the size of a folder while it grows: each half second on a terminal, each ten seconds elsewhere. */
function watchFolder(folder: string, log: Log): () => void {
  const terminal = Deno.stderr.isTerminal();
  const show = async () => {
    const text = `  ${Math.round(await folderSize(folder) / 1e6)} MB downloaded and unpacked`;
    if (terminal) Deno.stderr.writeSync(new TextEncoder().encode(`${CLEAR_LINE}${text}\r`));
    else log(text);
  };
  const timer = setInterval(show, terminal ? 500 : 10_000);
  return () => {
    clearInterval(timer);
    if (terminal) Deno.stderr.writeSync(new TextEncoder().encode(CLEAR_LINE));
  };
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

/** The first of these commands that exists and succeeds with `flag`. */
export async function firstThatRuns(commands: string[][], flag = "--version"): Promise<string[] | undefined> {
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

/** The C++ compilers to try: the user's own, `$CXX`, first. */
export function compilers(): string[][] {
  const own = Deno.env.get("CXX")?.trim();
  return [...(own ? [own.split(/\s+/)] : []), ["g++"], ["c++"], ["clang++"]];
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

/** Passes over the error that something is not there. @throws any other */
export function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

if (import.meta.main) console.log(JSON.stringify(measure(Deno.args[0])));
