/**
 * Where the project's C++ has to work.
 *
 * @module
 */
import { compilers, firstThatRuns } from "../../lib/backend/build_tensorflow.ts";

/** Whether the C++ for AVX2 trains heads here: TensorFlow is the faster where the CPU has AVX-512. */
export async function trainsByAvx2(): Promise<boolean> {
  return await compilesFor("avx2") && !await compilesFor("avx512bw");
}

/** Whether this machine has the instructions that `/proc/cpuinfo` calls `flag`, and a C++ compiler. */
export async function compilesFor(
  flag: "fpu" | "avx2" | "avx512bw" | "avx512_vnni" | "avx512_bf16" | "amx_int8" | "amx_bf16",
): Promise<boolean> {
  const cpu = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return new RegExp(`\\b${flag}\\b`).test(cpu) && await firstThatRuns(compilers()) !== undefined;
}
