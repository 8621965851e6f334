/**
 * The project's C++ as libraries of this process: compiled on first use, called through Deno's FFI.
 *
 * @module
 */
import type { NativeSource } from "./build_native.ts";

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

/**
 * Whether the CPU has the instructions that Linux calls `flag`, so that nothing is compiled in vain; true too where Linux does not say it.
 */
export async function mayHave(flag: string): Promise<boolean> {
  const cpu = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return cpu === "" || new RegExp(`\\b${flag}\\b`).test(cpu);
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
