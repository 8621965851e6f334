/**
 * Where the project's C++ has to work.
 *
 * @module
 */
import { compilers, firstThatRuns } from "../../lib/backend/build_tensorflow.ts";

/** Whether this machine has the instructions that `/proc/cpuinfo` calls `flag`, and a C++ compiler. */
export async function compilesFor(
  flag: "fpu" | "avx2" | "avx512bw" | "avx512_vnni" | "avx512_bf16" | "amx_int8" | "amx_bf16",
): Promise<boolean> {
  const cpu = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return new RegExp(`\\b${flag}\\b`).test(cpu) && await firstThatRuns(compilers()) !== undefined;
}
