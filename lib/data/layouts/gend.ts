/**
 * GenD's lists: text files with an image's path a line, `config/datasets/<set>/<split>/<source>.txt`, of images at
 * `…/<set>/<source>/<video>/<frame>`; a source with `real` in its name is real.
 *
 * As `config/datasets` and `src/dataset/dataset.py` of yermandy/GenD and yermandy/deepfake-detection have them.
 *
 * @module
 */
import { basename, dirname, extname, join } from "node:path";
import { InputError, reasonOf } from "../../base/errors.ts";
import { exists, linesOf } from "../../base/files.ts";
import { byName } from "../sample.ts";
import { createPathMap, type PathMap, slashes } from "../list_paths.ts";
import { joinNames, namesIn, type Tree } from "../scan.ts";
import { targetOf } from "./celebdf.ts";
import { ffppIdentities } from "./ffpp_names.ts";
import {
  isImage,
  type Layout,
  type ReadOptions,
  type Selection,
  type SetReading,
  type Shortage,
  type Video,
  withOriginals,
} from "./layout.ts";
import { selectMethods } from "./select_methods.ts";
import { type Split, splitNamed } from "./vocabulary.ts";

/** Folders above a list's that its paths may begin in: its program runs four above. */
const ABOVE = 5;
/** Text files that are looked into for a path. */
const LOOKED_AT = 20;

/** A set by GenD's lists. */
export const gend: Layout = {
  title: "GenD's lists",
  selects: ["methods", "root", "labels"],
  looksLike: async (tree, { faults }) => (await listsIn(tree, { faults, most: 1 })).length > 0,
  read: readLists,
};

/** A list, relative to the tree, and the set and split that the folders above it name. */
type List = { readonly path: string; readonly set: string; readonly split?: Split };

async function listsIn(
  tree: Tree,
  options: { readonly faults?: string[]; readonly most?: number } = {},
): Promise<List[]> {
  const { faults, most = Infinity } = options;
  const found: List[] = [];
  let seen = 0;
  for (const { path, files } of tree.folders.values()) {
    if (path.split("/").length > 4) continue;
    for (const name of namesIn(files)) {
      if (found.length >= most || (found.length === 0 && seen >= LOOKED_AT)) return found;
      if (extname(name).toLowerCase() !== ".txt") continue;
      seen++;
      const list = path === "" ? name : `${path}/${name}`;
      const first = await firstLine(join(tree.root, list)).catch((error) => {
        faults?.push(`Cannot read ${join(tree.root, list)}: ${reasonOf(error)}`);
        return "";
      });
      if (!isImagePath(first)) continue;
      const parts = join(tree.root, path).split("/");
      const split = splitOf(parts.at(-1)!);
      const isNoSplit = split === undefined && /^(all|subset)$/i.test(parts.at(-1)!);
      found.push({ path: list, set: parts.at(split === undefined && !isNoSplit ? -1 : -2)!, split });
    }
  }
  return found;
}

async function firstLine(path: string): Promise<string> {
  for await (const line of linesOf(path)) return line.trim();
  return "";
}

/** True for `…/<source>/<video>/<frame>.png`. */
function isImagePath(line: string): boolean {
  const parts = slashes(line).split("/");
  return parts.length > 3 && isImage(parts.at(-1)!) && !/^\d\s/.test(line);
}

/** `my-train` is GenD's own share of a set without one. */
function splitOf(name: string): Split | undefined {
  return splitNamed(name.replace(/^my-/i, ""));
}

type Listed = {
  readonly list: List;
  readonly source: string;
  readonly name: string;
  /** As the list has it. */
  readonly folder: string;
  readonly frames: Set<string>;
};

/**
 * Reads it: the split is the list's folder, the source and the video are the two folders above an image. A list called `real`
 * has to have reals alone.
 *
 * @throws {InputError} for the lists of several sets, a source that only may mean real, a list whose name its paths contradict,
 * or when no image is found.
 */
async function readLists(
  tree: Tree,
  options: Pick<ReadOptions, "methods" | "root" | "labels">,
): Promise<SetReading> {
  const all = await listsIn(tree);
  const sets = [...new Set(all.map(({ set }) => set))];
  if (sets.length !== 1) {
    throw new InputError(
      `Cannot read ${tree.root}: expected the lists of one set but found ${
        sets.length === 0 ? "none" : `those of ${sets.join(", ")}; name one of these folders`
      }`,
    );
  }
  const hasSplits = all.some(({ split }) => split !== undefined);
  const lists = all.filter(({ split }) => split !== undefined || !hasSplits);
  const skipped: { path: string; reason: string }[] = all.filter((list) => !lists.includes(list)).map((
    { path },
  ) => ({
    path,
    reason: "a list of no split, beside lists that are of one",
  }));
  const listed = (await Promise.all(lists.map((list) => readList(tree, { list, skipped })))).flat();
  const labels = labelsOf(listed, { root: tree.root, labels: options.labels });
  const map = await pathMap(tree, listed[0], options.root);
  const videos: Video[] = [];
  const absent = new Map<string, { listed: number; examples: string[] }>();
  const contents = new Map<string, Promise<ReadonlySet<string> | string>>();
  for (const { list, source, name, folder, frames } of listed) {
    const count = absent.get(list.path) ?? { listed: 0, examples: [] };
    absent.set(list.path, count);
    count.listed++;
    const here = await map.find(folder);
    if (here !== undefined && !contents.has(here)) contents.set(here, namesOf(here));
    const names = here === undefined ? "not there" : await contents.get(here)!;
    const there = typeof names === "string"
      ? []
      : [...frames].filter((frame) => names.has(frame)).sort(byName);
    if (there.length === 0) {
      count.examples.push(`${source}/${name}`);
      if (here !== undefined && typeof names === "string") skipped.push({ path: here, reason: names });
      continue;
    }
    if (there.length < frames.size) {
      skipped.push({ path: here!, reason: `${frames.size - there.length} listed frames are not there` });
    }
    videos.push({
      label: labels.get(source)!,
      method: source,
      id: `${source}/${name}`,
      split: list.split,
      identities: identitiesOf(sets[0], { source, name }),
      folder: here!,
      frames: joinNames(there),
    });
  }
  if (videos.length === 0) {
    throw new InputError(
      `Cannot read ${tree.root}: expected the images that ${
        lists[0].path
      } lists but found none of ${listed.length} videos, for example ${listed[0].folder} (looked for in ${
        map.bases.join(", ")
      }); say where its paths lie here with --root OLD=NEW or --root FOLDER`,
    );
  }
  const missing: Shortage[] = [...absent].filter(([, { examples }]) => examples.length > 0).map((
    [by, { listed, examples }],
  ) => ({
    what: "videos",
    expected: listed,
    found: listed - examples.length,
    by,
    examples: examples.slice(0, 5),
  }));
  return {
    layout: `GenD's lists of ${sets[0]}, ${hasSplits ? "splits from their folders" : "no splits"}`,
    kind: "gend",
    root: tree.root,
    videos: withOriginals(selectMethods(videos, options), (fake) => originalOf(sets[0], fake)),
    lists: lists.map(({ path }) => path),
    missing,
    skipped,
    notes: [...map.mapped].map((text) => `paths mapped: ${text}`),
    warnings: map.unused === undefined ? [] : [`no path begins with the ${map.unused} that root maps`],
  };
}

async function readList(
  tree: Tree,
  { list, skipped }: { readonly list: List; readonly skipped: { path: string; reason: string }[] },
): Promise<Listed[]> {
  const videos = new Map<string, Listed>();
  for await (const text of linesOf(join(tree.root, list.path))) {
    const line = slashes(text.trim());
    if (line === "") continue;
    if (!isImagePath(line)) {
      skipped.push({
        path: list.path,
        reason: `"${line.slice(0, 80)}" is no path of an image with its source and video`,
      });
      continue;
    }
    const [source, name] = line.split("/").slice(-3);
    const folder = dirname(line);
    const video = videos.get(folder) ?? { list, source, name, folder, frames: new Set<string>() };
    video.frames.add(basename(line));
    videos.set(folder, video);
  }
  return [...videos.values()];
}

/** The label of each source. */
function labelsOf(
  listed: readonly Listed[],
  { root, labels = {} }: { readonly root: string } & Pick<Selection, "labels">,
): Map<string, 0 | 1> {
  const isReal = (name: string) => /(^|[-_ ])reals?($|[-_ ])/i.test(name);
  const found = new Map<string, 0 | 1>();
  const unknown = new Set<string>();
  for (const { source } of listed) {
    const label = labels[source.toLowerCase()] ?? (isReal(source) ? 0 : /real/i.test(source) ? undefined : 1);
    if (label === undefined) unknown.add(source);
    else found.set(source, label);
  }
  if (unknown.size > 0) {
    const [first] = unknown;
    throw new InputError(
      `Cannot read ${root}: expected sources that are called real, or have no real in their names, but found ${
        [...unknown].join(", ")
      }; say what ${unknown.size > 1 ? "each is" : "it is"}, as in --labels ${first}=fake`,
    );
  }
  const contrary = listed.find(({ list, source }) =>
    isReal(basename(list.path, extname(list.path))) && found.get(source) === 1
  );
  if (contrary !== undefined) {
    throw new InputError(
      `Cannot use ${
        join(root, contrary.list.path)
      }: expected reals in a list of that name but found ${contrary.folder}; its labels are wrong, or --labels ${contrary.source}=real is meant`,
    );
  }
  return found;
}

/** The paths of a list: from the folder, of those above it, in which the first one is. */
async function pathMap(tree: Tree, first: Listed, root: string | undefined): Promise<PathMap> {
  const list = join(tree.root, first.list.path);
  let folder = dirname(list);
  for (let i = 0; root === undefined && i < ABOVE; i++, folder = dirname(folder)) {
    if (await exists(join(folder, first.folder)).catch(() => false)) {
      return createPathMap({ list: join(folder, basename(list)) });
    }
  }
  return createPathMap({ list, root });
}

async function namesOf(folder: string): Promise<ReadonlySet<string> | string> {
  try {
    return new Set(await Array.fromAsync(Deno.readDir(folder), ({ name }) => name));
  } catch (error) {
    return reasonOf(error);
  }
}

/** Persons of FaceForensics++, recordings of Celeb-DF, or the video itself. */
function identitiesOf(
  set: string,
  { source, name }: { readonly source: string; readonly name: string },
): string[] {
  if (/^ff/i.test(set)) {
    const persons = ffppIdentities(name);
    if (persons.length > 0) return persons;
  }
  if (/^(cdf|celeb)/i.test(set)) {
    return [`celebdf:${/youtube/i.test(source) ? `YouTube-real/${name}` : targetOf(name)}`];
  }
  return [`${set}: ${source}/${name}`];
}

/** The target's video, where the source is FaceForensics++'s or Celeb-DF's own: of other methods it is not taken for known. */
function originalOf(set: string, { method, id }: Video): string | undefined {
  const name = id.slice(method.length + 1);
  if (/^ff/i.test(set)) return `real/${name.split("_")[0]}`;
  return /^(cdf|celeb)/i.test(set) && /^celeb/i.test(method) ? `Celeb-real/${targetOf(name)}` : undefined;
}
