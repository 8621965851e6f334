/**
 * The published detectors whose authors' own files can be run.
 *
 * @module
 */
import type { StateDict } from "../../../weights/state.ts";
import { withoutPrefix } from "../../../weights/prefix.ts";
import { forgeLens } from "./forgelens.ts";
import { genD } from "./gend.ts";
import type { ReleasedKind } from "./released.ts";
import { univFd } from "./univfd.ts";

const released: readonly ReleasedKind[] = [univFd, genD, forgeLens];

/** A published detector whose authors' code gives a file these names, and its weights; undefined where it is none of them. */
export function releasedIn(
  dict: StateDict,
): { readonly kind: ReleasedKind; readonly dict: StateDict } | undefined {
  // Of a module that wraps the whole, as in trainers' files.
  for (const named of [dict, withoutPrefix(dict)]) {
    const kind = released.find(({ isOne }) => isOne(named));
    if (kind) return { kind, dict: named };
  }
  return undefined;
}
