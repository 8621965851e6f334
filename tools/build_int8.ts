/**
 * Compiles `lib/model/int8.cc` for this machine, once: a few seconds.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { cacheFolder } from "../lib/cache.ts";
import { compilerFault, compilers, firstThatRuns, ignoreNotFound } from "./build_tensorflow.ts";

const SOURCE = new URL("../lib/model/int8.cc", import.meta.url);
// The instructions are named, not those of the machine at hand: a cache may be shared by machines of several kinds.
const INSTRUCTIONS = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni", "-mfma"];
const FLAGS = ["-std=c++17", "-O3", "-fPIC", "-shared", "-pthread", "-w", ...INSTRUCTIONS];

/** Resolves to the library's path, compiling it if there is none yet. @throws with what is missing or what the compiler said. */
export async function buildInt8(): Promise<string> {
  const source = await Deno.readTextFile(SOURCE);
  const digest = createHash("sha256").update(JSON.stringify([source, FLAGS])).digest("hex").slice(0, 24);
  const library = join(cacheFolder(), "int8", `${digest}.so`);
  if (await Deno.stat(library).catch(ignoreNotFound)) return library;
  const compiler = await firstThatRuns(compilers());
  if (!compiler) throw new Error("expected a C++ compiler but found none");
  await Deno.mkdir(dirname(library), { recursive: true });
  const temporary = `${library}.${crypto.randomUUID()}.tmp`;
  try {
    const fault = await compilerFault([...compiler, ...FLAGS, SOURCE.pathname, "-o", temporary]);
    if (fault !== undefined) {
      throw new Error(`expected ${compiler[0]} to compile int8.cc but found: ${fault}`);
    }
    await Deno.rename(temporary, library); // whole or not at all, whoever else builds it
  } finally {
    await Deno.remove(temporary).catch(ignoreNotFound);
  }
  return library;
}
