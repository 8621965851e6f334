/**
 * The project's C++ as libraries of this process: compiled on first use, called through Deno's FFI.
 *
 * @module
 */
import type { HeadSource, NativeSource } from "./build_native.ts";

const opened = new Map<NativeSource, Promise<unknown>>();

/**
 * Opens `lib/backend/native/<name>.cc` with the functions that `symbols` declares, once a process; never closed, as a call may be under way in
 * another thread.
 *
 * @throws {Error} with what was expected of the machine or the compiler, and what was found
 */
export function openNative<S extends Deno.ForeignLibraryInterface>(
  name: NativeSource,
  symbols: S,
): Promise<Deno.StaticForeignLibraryInterface<S>> {
  if (!opened.has(name)) opened.set(name, open(name, symbols));
  return opened.get(name) as Promise<Deno.StaticForeignLibraryInterface<S>>;
}

async function open<S extends Deno.ForeignLibraryInterface>(
  name: NativeSource,
  symbols: S,
): Promise<Deno.StaticForeignLibraryInterface<S>> {
  const { os, arch } = Deno.build;
  if (os !== "linux" || arch !== "x86_64") {
    throw new Error(`expected Linux on an x86-64 CPU but found ${os} on ${arch}`);
  }
  const { buildNative } = await import("./build_native.ts");
  return Deno.dlopen(await buildNative(name), symbols).symbols;
}

const yesOrNo = { parameters: [], result: "i32" } as const;
const cpuSymbols = {
  cpu_runs_int8_vnni: yesOrNo,
  cpu_runs_head_float32_avx2: yesOrNo,
  cpu_runs_head_float32_avx512: yesOrNo,
  cpu_runs_head_step: yesOrNo,
  cpu_runs_head_amx: yesOrNo,
} as const;

/**
 * Whether this CPU has the instructions of a source that takes seconds to compile, asked before it is; true where that cannot be asked,
 * as the library then says.
 */
export async function mayRun(name: "int8_vnni" | HeadSource): Promise<boolean> {
  const cpu = await openNative("cpu", cpuSymbols).catch(() => undefined);
  return cpu?.[`cpu_runs_${name}`]() !== 0;
}

/** Columns of the tiles in `lib/backend/native`: widths must be multiples of it. */
export const TILE = 32;

const underWay = new Set<unknown>();

/** Waits for a call in another thread, until when nothing in `held`, which it points into, is collected. */
export async function whileHeld<T>(held: unknown, call: Promise<T>): Promise<T> {
  underWay.add(held);
  try {
    return await call;
  } finally {
    underWay.delete(held);
  }
}
