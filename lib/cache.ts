/**
 * Where this project keeps what can be made again: compiled code, tokens, and what was measured.
 *
 * @module
 */
import { createHash } from "node:crypto";
import os from "node:os";
import { join } from "node:path";

/** `forgelens-bench` in the user's cache folder: `$XDG_CACHE_HOME`, or `~/.cache`. @throws when neither is known. */
export function cacheFolder(): string {
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  if (xdg) return join(xdg, "forgelens-bench");
  const home = Deno.env.get("HOME");
  if (!home) {
    throw new Error(
      "Cannot find the cache folder: expected XDG_CACHE_HOME or HOME in the environment but found neither",
    );
  }
  return join(home, ".cache", "forgelens-bench");
}

/** Where tokens are kept unless the configuration says otherwise. */
export function tokenFolder(): string {
  return join(cacheFolder(), "tokens");
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
  const { about, folder = join(cacheFolder(), "measured") } = options;
  const machine = [os.cpus()[0]?.model, navigator.hardwareConcurrency, Deno.build.arch];
  const key = createHash("sha256").update(JSON.stringify([machine, about])).digest("hex").slice(0, 32);
  const file = join(folder, `${key}.json`);
  const known = await Deno.readTextFile(file).then(JSON.parse, () => undefined);
  if (known !== undefined) return known;
  const answer = await measure();
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(file, JSON.stringify(answer));
  return answer;
}
