/**
 * Where this project keeps what can be made again: compiled code, tokens, and what was measured.
 *
 * @module
 */
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
