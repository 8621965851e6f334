/**
 * A folder tree → the names in it, read with few open handles, held in little memory, and kept until the tree changes.
 *
 * @module
 */
import { join } from "node:path";
import { sha256 } from "../base/checksum.ts";
import { InputError, reasonOf } from "../base/errors.ts";
import { writeWhole } from "../base/files.ts";
import { settingsName, sheetName } from "./prepared.ts";
import { byName } from "./sample.ts";

/** Names joined by line feeds, `""` for none, so that a million of them are few objects: {@link joinNames} makes it, {@link namesIn} lists them. */
export type JoinedNames = string & { readonly joined: true };

/** One folder; names are in the order of people. */
export type Folder = {
  /** Relative to the root, with `/`; `""` is the root itself. */
  readonly path: string;
  /** When the folder last gained or lost a name, in milliseconds; 0 where the system does not say, or a name in it is told of: such a folder is read again each time. */
  readonly modified: number;
  /** When it was read, in milliseconds. */
  readonly read: number;
  readonly folders: JoinedNames;
  /** Those of `folders` that are links. */
  readonly links: JoinedNames;
  readonly files: JoinedNames;
};

/** What a scan found. */
export type Tree = {
  /** Absolute. */
  readonly root: string;
  readonly folders: ReadonlyMap<string, Folder>;
  /** Files in all. */
  readonly files: number;
  /** Folders that had to be read; the others were as the kept scan had them. */
  readonly read: number;
  /** Folders and names that could not be read, and why. */
  readonly unreadable: readonly Unreadable[];
  /** Why the scan could not be kept for the next time; undefined where it was, or was not to be. */
  readonly notKept?: string;
  /** The file of the kept scan, where that was damaged and everything read anew. */
  readonly damaged?: string;
};

/** A folder or name that was not read. */
export type Unreadable = {
  readonly path: string;
  readonly reason: string;
  /** True for a link to a folder of the tree: what it leads to is read, once. */
  readonly isElsewhere?: true;
};

/** A scan's progress and end. */
export type ScanOptions = {
  /** Where scans are kept; none unless given. See `dataFolder()`. */
  readonly cacheDir?: string;
  /** Files found so far. */
  readonly onProgress?: (files: number) => void;
  readonly signal?: AbortSignal;
};

/** Folders that are read at a time: the bound of open handles. */
const AT_ONCE = 16;
/** A folder that was read sooner than this after its last change may have changed again within one tick of its clock. */
const SETTLED_MS = 2000;
/** Why a link to a folder of the tree is not followed: each file would be there twice, perhaps as real and as fake. */
const READ_THERE = "a link to a folder that is read where it lies; move the folder here if it belongs here";
/** Raised with the rules of what is left out. */
const VERSION = 6;

/** What systems and programs put beside data, in lower case; names that begin with a dot are left out too. */
const notData: ReadonlySet<string> = new Set([
  "@eadir", // Synology
  "@tmp",
  "@recycle", // QNAP
  "@recently-snapshot",
  "@synoeastream",
  "@__thumb",
  "#recycle",
  "#snapshot",
  "$recycle.bin", // Windows
  "$recycle",
  "recycler",
  "system volume information",
  "thumbs.db",
  "ehthumbs.db",
  "desktop.ini",
  "__macosx",
  "__pycache__",
  "lost+found",
]);
/** Ends of the names of what is not finished. */
const unfinished = /\.(partial|part|tmp|filepart|crdownload|download)$|~$/i;

/** False for hidden files and folders, a system's own, and unfinished ones: what a walk over data passes by. */
export function isData(name: string): boolean {
  return !name.startsWith(".") && !notData.has(name.toLowerCase()) && !unfinished.test(name);
}

/** A folder to visit. */
type Place = {
  /** Relative to the root. */
  readonly path: string;
  /** Without links. */
  readonly real: string;
  /** The folders, without links, whose links the way to it took. */
  readonly left: readonly string[];
};

/** Names as one string; none of them has a line feed. */
export function joinNames(names: readonly string[]): JoinedNames {
  return names.join("\n") as JoinedNames;
}

/**
 * The names in `joined`; none where there is nothing, such as a folder that a tree does not have.
 *
 * @example
 * ```ts
 * import { namesIn, readSet } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempDir();
 * for (const video of ["real/anna", "fake/ben"]) {
 *   await Deno.mkdir(`${path}/${video}`, { recursive: true });
 *   for (const frame of [0, 1]) await Deno.writeTextFile(`${path}/${video}/${frame}.png`, "not opened here");
 * }
 * const { videos } = await readSet({ name: "faces", path });
 * assertEquals(videos.map(({ frames }) => namesIn(frames).length), [2, 2]);
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export function namesIn(joined: JoinedNames | undefined): string[] {
  return joined === undefined || joined === "" ? [] : joined.split("\n");
}

/**
 * Lists every folder and file below `root` but those that are not data (see {@link isData}) and the contact sheet of `prepare`, links followed but not in
 * circles; opens at most 16 folders at a time and no file. It is the only walker of folders with data.
 *
 * With a `cacheDir` the list is kept there. The next scan asks each folder only for its time of change, and reads the
 * ones that have another: names are trusted, contents are never part of a scan.
 *
 * @throws {InputError} when `root` is not a folder.
 */
export async function scanTree(root: string, options: ScanOptions = {}): Promise<Tree> {
  const { cacheDir, onProgress, signal } = options;
  const real = await Deno.realPath(root).catch(() => undefined);
  if (real === undefined || !(await Deno.stat(real)).isDirectory) {
    throw new InputError(
      `Cannot read ${root}: expected a folder but found ${real === undefined ? "nothing there" : "a file"}`,
    );
  }
  const keptAt = cacheDir && join(cacheDir, `scan-${sha256(real)}.json`);
  const before = keptAt ? await readKept(keptAt, real) : "none";
  const kept = typeof before === "string" ? new Map<string, Folder>() : before;
  const folders = new Map<string, Folder>();
  const unreadable: Unreadable[] = [];
  const waiting: Place[] = [{ path: "", real, left: [] }];
  let files = 0;
  let read = 0;

  const visit = async (place: Place) => {
    const here = join(real, place.path);
    try {
      const modified = (await Deno.stat(here)).mtime?.getTime() ?? 0;
      const before = kept.get(place.path);
      const same = before && modified !== 0 && before.modified === modified &&
        before.read - modified > SETTLED_MS;
      if (!same) read++;
      const folder = same ? before : await readFolder(here, { path: place.path, modified, unreadable });
      folders.set(place.path, folder);
      files += count(folder.files);
      const links = new Set(namesIn(folder.links));
      for (const name of namesIn(folder.folders)) {
        const path = below(place.path, name);
        if (!links.has(name)) {
          waiting.push({ ...place, path, real: join(place.real, name) });
          continue;
        }
        const target = await Deno.realPath(join(here, name));
        const left = [place.real, ...place.left];
        if (left.some((folder) => `${folder}/`.startsWith(`${target}/`))) {
          unreadable.push({ path, reason: "a link back to a folder that holds it", isElsewhere: true });
        } else if (isBelow(target, real)) unreadable.push({ path, reason: READ_THERE, isElsewhere: true });
        else waiting.push({ path, real: target, left });
      }
    } catch (error) {
      // The system's words name the path again, by which the same reason would be another one for each folder.
      const reason = reasonOf(error).replace(/: [a-z]+ '.*'$/, "");
      unreadable.push({ path: place.path || ".", reason });
    }
  };

  // Breadth first, a window of folders at a time.
  while (waiting.length > 0) {
    signal?.throwIfAborted();
    await Promise.all(waiting.splice(0, AT_ONCE).map(visit));
    onProgress?.(files);
  }
  // Folders end in whatever order the disk answers; what is made of them must not depend on it.
  const ordered = new Map([...folders].sort(([a], [b]) => (a < b ? -1 : 1)));
  const changed = read > 0 || kept.size !== folders.size;
  const notKept = keptAt && changed
    ? await writeWhole(keptAt, keptText(real, [...ordered.values()])).then(() => undefined, reasonOf)
    : undefined; // a read-only cache stops no run
  unreadable.sort((a, b) => (a.path < b.path ? -1 : 1));
  const damaged = before === "damaged" ? keptAt : undefined;
  return { root: real, folders: ordered, files, read, unreadable, notKept, damaged };
}

/** True when a walk from `root` comes to `path` by itself. */
function isBelow(path: string, root: string): boolean {
  return path.startsWith(`${root}/`) && path.slice(root.length + 1).split("/").every(isData);
}

/** True for a folder of masks or landmarks, which tools put beside the frames. */
export function isBesideFrames(path: string): boolean {
  return /(^|\/)(masks?|landmarks)(\/|$)/.test(path);
}

/** The path of `name` in the folder `path`, with `/`. */
export function below(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}

async function readFolder(
  here: string,
  options: {
    readonly path: string;
    readonly modified: number;
    readonly unreadable: Unreadable[];
  },
): Promise<Folder> {
  const { path, modified, unreadable } = options;
  const read = Date.now();
  const files: string[] = [];
  const folders: string[] = [];
  const links: string[] = [];
  const odd: { path: string; reason: string }[] = [];
  for await (const entry of Deno.readDir(here)) {
    const { name } = entry;
    if (!isData(name)) continue;
    const inside = below(path, name);
    if (name.includes("\n")) {
      odd.push({ path: inside.replaceAll("\n", "\\n"), reason: "a line feed in its name" });
      continue;
    }
    const info = entry.isSymlink ? await Deno.stat(join(here, name)).catch(() => undefined) : entry;
    if (info?.isDirectory) {
      folders.push(name);
      if (entry.isSymlink) links.push(name);
    } else if (info?.isFile) files.push(name);
    else odd.push({ path: inside, reason: info ? "not a file" : "a link to nothing" });
  }
  for (const each of odd) unreadable.push(each); // more, perhaps, than a call takes arguments
  const data = files.includes(settingsName) ? files.filter((name) => name !== sheetName) : files;
  return {
    path,
    modified: odd.length > 0 ? 0 : modified,
    read,
    folders: joinNames(sorted(folders)),
    links: joinNames(links),
    files: joinNames(sorted(data)),
  };
}

/** Frame numbers of equal length need no collation, which is the slow part of a large scan. */
function sorted(names: string[]): string[] {
  const plain = names.every((name) => name.length === names[0].length && /^\d+\.\w+$/.test(name));
  return plain ? names.sort() : names.sort(byName);
}

function count(joined: JoinedNames): number {
  if (joined === "") return 0;
  let lines = 1;
  for (let end = joined.indexOf("\n"); end >= 0; end = joined.indexOf("\n", end + 1)) lines++;
  return lines;
}

/** What a kept scan's file holds: a checksum of the rest in its first line. */
function keptText(root: string, folders: readonly Folder[]): string {
  const json = JSON.stringify({ version: VERSION, root, folders });
  return `${sha256(json)}\n${json}\n`;
}

/** The kept scan of `root`; `none` also where it is another version's or out of reach, which keeping the new one will tell. */
async function readKept(path: string, root: string): Promise<Map<string, Folder> | "none" | "damaged"> {
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined || text.startsWith('{"version":2,')) return "none";
  const end = text.indexOf("\n");
  const json = text.slice(end + 1, -1);
  if (text.slice(0, end) !== sha256(json)) return "damaged";
  const kept = JSON.parse(json);
  if (kept.version !== VERSION || kept.root !== root) return "none";
  return new Map(kept.folders.map((folder: Folder) => [folder.path, folder]));
}
