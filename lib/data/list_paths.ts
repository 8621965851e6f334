/**
 * The paths of a list that was written on another machine → paths on this one.
 *
 * @module
 */
import { dirname, isAbsolute, join, resolve } from "node:path";

/** A path of a list as this machine has it; undefined when nothing is found there. */
export type PathMap = {
  find(path: string): Promise<string | undefined>;
  /** Where a path is looked for first, absolute. */
  first(path: string): string;
  /** The folders that a path's end is looked for below, absolute. */
  readonly bases: readonly string[];
  /** What was mapped to what, for the user to see: `D:/data → /data`. */
  readonly mapped: ReadonlySet<string>;
  /** The `OLD` of `OLD=NEW` as long as no path began with it. */
  readonly unused: string | undefined;
};

/**
 * Finds the paths of a list: `\` reads as `/`; with `root` `OLD=NEW` a path's beginning is replaced, with `NEW` its end is
 * looked for below that folder. Else the path itself is tried, beside the list where it is relative, then its end below the
 * list's folder and the two above. A beginning that was found once is taken for all that share it. What cannot be looked at,
 * for want of permission or because its name is too long, is not found.
 */
export function createPathMap(options: { readonly list: string; readonly root?: string }): PathMap {
  const { list, root } = options;
  const [from, to] = root?.includes("=")
    ? [slashes(root.slice(0, root.indexOf("="))), resolve(root.slice(root.indexOf("=") + 1))]
    : [undefined, root === undefined ? undefined : resolve(root)];
  const beside = dirname(resolve(list));
  const bases = to !== undefined && from === undefined
    ? [to]
    : [...new Set([beside, dirname(beside), dirname(dirname(beside))])];
  /** Beginnings that were found: what they are here. The longest list of them is as long as there are roots. */
  const known: { readonly before: string; readonly here: string }[] = [];
  const mapped = new Set<string>();
  let unused = from;

  const isUnder = (plain: string) =>
    from !== undefined && (plain === from || plain.startsWith(from.endsWith("/") ? from : `${from}/`));
  const first = (path: string) => {
    const plain = slashes(path);
    if (isUnder(plain)) return join(to!, plain.slice(from!.length));
    if (isAbsolute(plain) && bases[0] !== to) return resolve(plain);
    return bases[0] === to ? join(to, plain) : resolve(beside, plain);
  };
  const find = async (path: string): Promise<string | undefined> => {
    const plain = slashes(path);
    const there = first(path);
    if (isUnder(plain)) {
      unused = undefined;
      mapped.add(`${from} → ${to}`);
      return await isThere(there) ? there : undefined;
    }
    if (bases[0] !== to && await isThere(there)) return there;
    for (const { before, here } of known) {
      if (!plain.startsWith(before)) continue;
      const there = join(here, plain.slice(before.length));
      if (await isThere(there)) return there;
    }
    const parts = plain.replace(/^[A-Za-z]:/, "").split("/").filter((part) => part !== "" && part !== ".");
    for (const base of bases) {
      for (let skip = 0; skip < parts.length; skip++) {
        // One name alone is found in too many places to be meant.
        if (skip > 0 && parts.length - skip < 2) break;
        const end = parts.slice(skip).join("/");
        const there = join(base, end);
        if (!(await isThere(there))) continue;
        const before = plain.slice(0, plain.length - end.length);
        known.push({ before, here: base });
        if (before !== "" && before !== "./") mapped.add(`${before} → ${base}`);
        return there;
      }
    }
    return undefined;
  };
  return {
    find,
    first,
    bases,
    mapped,
    get unused() {
      return unused;
    },
  };
}

/** A path with `/` for `\`. */
export function slashes(path: string): string {
  return path.replaceAll("\\", "/");
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
