/**
 * Where this project keeps what can be made again: one folder a user, with a room for each kind of thing.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { InputError } from "./errors.ts";

/**
 * `forgelens-bench` in the user's cache folder: `$XDG_CACHE_HOME` where that is an absolute path, else `~/.cache`.
 *
 * @throws {InputError} when neither is known.
 */
export function cacheFolder(): string {
  const xdg = Deno.env.get("XDG_CACHE_HOME") ?? "";
  if (isAbsolute(xdg)) return join(xdg, "forgelens-bench");
  const home = Deno.env.get("HOME") || Deno.env.get("USERPROFILE");
  if (!home) {
    throw new InputError(
      "Cannot find the cache folder: expected XDG_CACHE_HOME or HOME in the environment but found neither; set one",
    );
  }
  return join(home, ".cache", "forgelens-bench");
}

/** Where tokens are kept unless the configuration says otherwise. */
export function tokenFolder(): string {
  return join(cacheFolder(), "tokens");
}

/** Where lists of files and what images are known to hold are kept: `$FORGELENS_DATA_CACHE`, else in the cache folder. */
export function dataFolder(): string {
  return Deno.env.get("FORGELENS_DATA_CACHE") || join(cacheFolder(), "data");
}

/** Where CLIP's weights are downloaded to. */
export function weightsFolder(): string {
  return join(cacheFolder(), "clip");
}

/** Where measurements of this machine are kept. */
export function measuredFolder(): string {
  return join(cacheFolder(), "measured");
}
