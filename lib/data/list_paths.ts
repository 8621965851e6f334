/**
 * The paths of a list that was written on another machine → paths on this one.
 *
 * @module
 */
import { dirname, isAbsolute, join } from "node:path";
import { exists } from "../base/files.ts";

/** A path of a list as this machine has it; undefined when nothing is found there. */
export type PathMap = {
  find(path: string): Promise<string | undefined>;
  /** What was mapped to what, for the user to see: `D:/data → /data`. */
  readonly mapped: ReadonlySet<string>;
};

/**
 * Finds the paths of a list: `\` reads as `/`; with `root` `OLD=NEW` a path's beginning is replaced, with `NEW` its end is
 * looked for below that folder. Else the path itself is tried, then its end below the list's folder and the two above.
 * A beginning that was found once is taken for all that share it.
 */
export function createPathMap(options: { readonly list: string; readonly root?: string }): PathMap {
  const { list, root } = options;
  const [from, to] = root?.includes("=")
    ? [slashes(root.slice(0, root.indexOf("="))), root.slice(root.indexOf("=") + 1)]
    : [undefined, root];
  const beside = dirname(list);
  const bases = to !== undefined && from === undefined
    ? [to]
    : [beside, dirname(beside), dirname(dirname(beside))];
  /** Beginnings that were found: what they are here. The longest list of them is as long as there are roots. */
  const known: { readonly before: string; readonly here: string }[] = [];
  const mapped = new Set<string>();

  const find = async (path: string): Promise<string | undefined> => {
    const plain = slashes(path);
    if (from !== undefined && plain.startsWith(from)) {
      const there = join(to!, plain.slice(from.length));
      mapped.add(`${from} → ${to}`);
      return await exists(there) ? there : undefined;
    }
    for (const { before, here } of known) {
      if (!plain.startsWith(before)) continue;
      const there = join(here, plain.slice(before.length));
      if (await exists(there)) return there;
    }
    if (isAbsolute(plain) && to === undefined && await exists(plain)) return plain;
    const parts = plain.replace(/^[A-Za-z]:/, "").split("/").filter((part) => part !== "" && part !== ".");
    for (const base of bases) {
      for (let skip = 0; skip < parts.length; skip++) {
        // One name alone is found in too many places to be meant.
        if (skip > 0 && parts.length - skip < 2) break;
        const end = parts.slice(skip).join("/");
        const there = join(base, end);
        if (!(await exists(there))) continue;
        const before = plain.slice(0, plain.length - end.length);
        known.push({ before, here: base });
        if (before !== "" && before !== "./") mapped.add(`${before} → ${base}`);
        return there;
      }
    }
    return undefined;
  };
  return { find, mapped };
}

/** A path with `/` for `\`. */
export function slashes(path: string): string {
  return path.replaceAll("\\", "/");
}
