/**
 * Prefixes that training scripts put before every name of a state dict.
 *
 * @module
 */
import type { StateDict } from "./state.ts";

/** DataParallel's, torch.compile's, and what a module is mostly called in the one that wraps it. */
const PREFIXES = ["module.", "_orig_mod.", "model.", "net."];

/** The dict without the known prefixes that all of its names have, one after the other; itself where they have none. */
export function withoutPrefix(dict: StateDict): StateDict {
  const names = [...dict.keys()];
  if (names.length === 0) return dict;
  let prefix = "";
  for (let next: string | undefined = ""; next !== undefined;) {
    prefix += next;
    next = PREFIXES.find((each) => names.every((name) => name.startsWith(each, prefix.length)));
  }
  return prefix === "" ? dict : new Map([...dict].map(([name, value]) => [name.slice(prefix.length), value]));
}
