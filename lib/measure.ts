/**
 * Measurements of this machine, from which what runs fastest on it is chosen.
 *
 * @module
 */
import { createHash } from "node:crypto";
import os from "node:os";
import { join } from "node:path";
import { initBackend } from "./backend.ts";
import { takeBreath } from "./base/breath.ts";
import { measuredFolder } from "./base/cache.ts";
import { writeWhole } from "./base/files.ts";

/** The least seconds that `body` takes in three calls, between which `signal` is heard. */
export async function bestSeconds(
  body: () => Promise<unknown>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    await takeBreath(signal);
    const began = performance.now();
    await body();
    best = Math.min(best, performance.now() - began);
  }
  return best / 1000;
}

/**
 * The answer of a measurement, taken once on this kind of machine and kept in the cache.
 *
 * @param options.about what the answer depends on beside the machine: a home folder may be shared by several kinds
 * @param options.folder where it is kept, a folder of its own in the cache unless given
 */
export async function measuredOnce<T>(
  measure: () => Promise<T>,
  options: { readonly about: readonly unknown[]; readonly folder?: string },
): Promise<T> {
  const { about, folder = measuredFolder() } = options;
  const { device } = await initBackend(); // the one that runs already
  const machine = [os.cpus()[0]?.model, navigator.hardwareConcurrency, Deno.build.arch, device];
  const key = createHash("sha256").update(JSON.stringify([machine, about])).digest("hex").slice(0, 32);
  const file = join(folder, `${key}.json`);
  const known = await Deno.readTextFile(file).then(JSON.parse, () => undefined);
  if (known !== undefined) return known;
  const answer = await measure();
  await writeWhole(file, JSON.stringify(answer));
  return answer;
}
