/**
 * Compiles the project's C++ (`lib/backend/native/*.cc`) for this machine, each file once: a few seconds.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../base/cache.ts";
import { sha256 } from "../base/checksum.ts";
import { exists, writeWhole } from "../base/files.ts";
import { compilerFault, compilers, firstThatRuns, ignoreNotFound } from "./build_tensorflow.ts";

/** A source that `buildNative()` compiles, without its `.cc`. */
export type NativeSource = "cpu" | "int8_vnni" | "int8_avx2" | HeadSource | "resize" | "jpeg";

/** Those of the notebook head. */
export type HeadSource = "head_float32_avx2" | "head_float32_avx512" | "head_step" | "head_amx";

const FOLDER = fileURLToPath(new URL("native/", import.meta.url));
const FLAGS = ["-std=c++17", "-O3", "-fPIC", "-shared", "-pthread", "-w"];
// Instructions are named, not those of the machine at hand: a cache may be shared by machines of several kinds.
const AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma"];
const AVX2 = ["-mavx2", "-mfma", "-mf16c"];
const INSTRUCTIONS: Readonly<Record<NativeSource, readonly string[]>> = {
  cpu: [],
  int8_vnni: [...AVX512, "-mavx512vnni"],
  int8_avx2: AVX2,
  head_float32_avx2: AVX2,
  head_float32_avx512: AVX512,
  head_step: [...AVX512, "-mavx512bf16"],
  head_amx: [...AVX512, "-mavx512bf16", "-mamx-tile", "-mamx-bf16"],
  resize: ["-mavx2"],
  jpeg: ["-mavx2", "-mbmi2"],
};

/**
 * Resolves to the path of a source's library, compiling it if there is none yet.
 *
 * @throws {Error} with what is missing or what the compiler said
 */
export async function buildNative(name: NativeSource): Promise<string> {
  const source = join(FOLDER, `${name}.cc`);
  const headers = (await Array.fromAsync(Deno.readDir(FOLDER))).map((entry) => entry.name)
    .filter((file) => file.endsWith(".h")).sort().map((file) => join(FOLDER, file));
  const flags = [...FLAGS, ...INSTRUCTIONS[name]];
  const texts = await Promise.all([source, ...headers].map((file) => Deno.readTextFile(file)));
  const digest = sha256(JSON.stringify([texts, flags]), { digits: 24 });
  const library = join(cacheFolder(), "native", `${name}-${digest}.so`);
  if (await isAsBuilt(library)) return library;
  const compiler = await firstThatRuns(await grantedOf(compilers()));
  if (!compiler) throw new Error("expected a C++ compiler but found none, or none that may be run");
  await Deno.mkdir(dirname(library), { recursive: true });
  const temporary = `${library}.${crypto.randomUUID()}.tmp`;
  try {
    const fault = await compilerFault([...compiler, ...flags, source, "-o", temporary]);
    if (fault !== undefined) {
      throw new Error(`expected ${compiler[0]} to compile ${name}.cc but found: ${fault}`);
    }
    await writeWhole(`${library}.sha256`, await sumOf(temporary));
    await Deno.rename(temporary, library); // whole or not at all, whoever else builds it
  } finally {
    await Deno.remove(temporary).catch(ignoreNotFound);
  }
  return library;
}

/** Whether a library is there as it was built: a changed byte in it would be another number, or the end of the process. */
async function isAsBuilt(library: string): Promise<boolean> {
  if (!(await exists(library))) return false;
  const sum = `${library}.sha256`; // which older versions did not write
  return !(await exists(sum)) || await Deno.readTextFile(sum) === await sumOf(library);
}

async function sumOf(path: string): Promise<string> {
  return sha256(await Deno.readFile(path));
}

/** The commands that may be run without asking: a question in the middle of a run would stop it, and nothing here must be had. */
async function grantedOf(commands: string[][]): Promise<string[][]> {
  const states = await Promise.all(
    commands.map(([command]) => Deno.permissions.query({ name: "run", command })),
  );
  return commands.filter((_, i) => states[i].state === "granted");
}
