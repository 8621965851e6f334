/**
 * Data sets as they are distributed → videos with labels, methods, splits and identities. Nothing is written; which layout
 * a folder has is told by its look, and said.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import { InputError, reasonOf } from "../../base/errors.ts";
import { nothingAt, readJson } from "../../base/files.ts";
import { readSettings } from "../../videos/crop.ts";
import { looksLikeCelebDf, readCelebDf } from "./celebdf.ts";
import { isDeepfakeBench, readDeepfakeBench } from "./deepfakebench.ts";
import { looksLikeDfdc, readDfdc } from "./dfdc.ts";
import { holdsOnlyDfd, looksLikeFaceForensics, readFaceForensics } from "./ffpp.ts";
import { looksLikeFolders, readClassFolders } from "./folders.ts";
import type { SetReading } from "./layout.ts";
import { type LayoutName, layoutNames, type SetSource } from "../spec.ts";
import { namesIn, type ScanOptions, scanTree, type Tree } from "../scan.ts";

/**
 * Reads a set, in whatever known layout it is. A folder that holds nothing but one set's folder is read as that set.
 *
 * @throws InputError when nothing is there, the layout is not known, or what the set says contradicts itself.
 */
export async function readSet(source: SetSource, options: ScanOptions = {}): Promise<SetReading> {
  const info = await Deno.stat(source.path).catch((error) => {
    const found = error instanceof Deno.errors.NotFound ? nothingAt(source.path) : reasonOf(error);
    throw new InputError(
      `Cannot read the set ${source.name}: expected a folder or a list at ${source.path} but found ${found}`,
    );
  });
  if (info.isFile) {
    if (extname(source.path).toLowerCase() !== ".json") {
      throw new InputError(
        `Cannot read the set ${source.name}: expected a folder or DeepfakeBench's .json but found the file ${source.path}; a CSV file goes to --manifest`,
      );
    }
    if (source.layout !== undefined && source.layout !== "deepfakebench") {
      throw new InputError(
        `Cannot read the set ${source.name}: expected a folder for layout=${source.layout} but found the file ${source.path}`,
      );
    }
    return checked(await readDeepfakeBench(source.path, source), source);
  }
  const tree = await scanTree(source.path, options);
  const reading = await readTree(tree, { source, signal: options.signal });
  const unreadable = tree.unreadable.map(({ path, reason }) => ({ path, reason }));
  return checked({
    ...reading,
    skipped: [...reading.skipped, ...unreadable],
    unreadable,
    notes: [ // those of the caches are of this machine, not of the data
      ...reading.notes,
      ...unusedOptions(reading, source),
      ...(tree.notKept ? [`the list of files could not be kept for the next time: ${tree.notKept}`] : []),
      ...(tree.damaged
        ? [`the kept list of files was damaged, so all was listed anew: ${tree.damaged}`]
        : []),
    ],
  }, source);
}

/** A tree, the layout that it has, and whether that was said or is by its look. */
type Place = { readonly tree: Tree; readonly layout: LayoutName; readonly said: boolean };

async function readTree(
  top: Tree,
  { source, signal }: { readonly source: SetSource; readonly signal?: AbortSignal },
): Promise<SetReading> {
  const faults: string[] = [];
  const { tree, layout, said } = await findSet(top, { source, faults }) ??
    refuseTree(top, { source, faults });
  if (source.methods && (layout === "dfdc" || layout.startsWith("celeb-df"))) {
    throw new InputError(
      `Cannot select methods of the set ${source.name}: expected FaceForensics++, a DeepfakeBench list or folders but found ${layout}, whose fakes have one`,
    );
  }
  switch (layout) {
    case "ffpp":
      return await readFaceForensics(tree, source);
    case "dfd":
      return await readFaceForensics(tree, { ...source, dfd: true });
    case "celeb-df-v1":
    case "celeb-df-v2":
      return await readCelebDf(tree, {
        version: said ? (layout === "celeb-df-v1" ? "v1" : "v2") : undefined,
      });
    case "dfdc":
      return await readDfdc(tree);
    case "deepfakebench":
      return await readDeepfakeBench(await onlyList(tree, source), source);
    case "folders":
      return await readClassFolders(tree, { ...source, signal });
  }
}

/** The one set in a tree: the tree itself, or what two folders below it at most hold. @throws InputError for several. */
async function findSet(
  tree: Tree,
  options: { readonly source: SetSource; readonly faults: string[]; readonly depth?: number },
): Promise<Place | undefined> {
  const { source, faults, depth = 0 } = options;
  const told = source.layout ?? (await readSettings(tree.root))?.layout;
  if (told !== undefined && !layoutNames.includes(told)) {
    throw new InputError(
      `Cannot read the set ${source.name}: expected a layout (${
        layoutNames.join(", ")
      }) in the prepare.json of ${tree.root} but found ${JSON.stringify(told)}`,
    );
  }
  const layout = told ?? await layoutOf(tree, { source, faults });
  if (layout) return { tree, layout, said: told !== undefined };
  const inside = depth < 2 ? namesIn(tree.folders.get("")?.folders ?? "") : [];
  const sets: Place[] = [];
  for (const name of inside) {
    const below = subtree(tree, name);
    const layout = await layoutOf(below, { source, faults });
    if (layout) sets.push({ tree: below, layout, said: false });
  }
  if (sets.length > 1) {
    throw new InputError(
      `Cannot read the set ${source.name}: expected one data set but found ${sets.length} in ${tree.root}: ${
        sets.map(({ tree }) => basename(tree.root)).join(", ")
      }; name one of these folders`,
    );
  }
  const [name] = sets.length === 1 ? [basename(sets[0].tree.root)] : inside.length === 1 ? inside : [];
  return name === undefined
    ? undefined
    : await findSet(subtree(tree, name), { source, faults, depth: depth + 1 });
}

function refuseTree(
  tree: Tree,
  options: { readonly source: SetSource; readonly faults: readonly string[] },
): never {
  const { source, faults } = options;
  const inside = namesIn(tree.folders.get("")?.folders ?? "");
  const closed = tree.unreadable.slice(0, 3).map(({ path, reason }) =>
    `${path === "." ? "it" : path} cannot be read: ${reason}`
  );
  const hints = [...new Set(faults)].slice(0, 3);
  const names = [...inside.map((name) => `${name}/`), ...namesIn(tree.folders.get("")?.files ?? "")];
  throw new InputError(
    `Cannot read the set ${source.name}: expected FaceForensics++, DFD, Celeb-DF, DFDC, DeepfakeBench's JSON or folders named real and fake in ${tree.root} but found ${
      names.slice(0, 8).join(", ") || "nothing"
    }${names.length > 8 ? ", …" : ""}${[...closed, ...hints].map((hint) => `; ${hint}`).join("")}`,
  );
}

/** Options that select nothing in a set of this layout; said, as one flag may be meant for another set. */
function unusedOptions({ kind }: SetReading, { compression, root }: SetSource): string[] {
  const notes: string[] = [];
  if (compression !== undefined && kind !== "ffpp" && kind !== "dfd" && kind !== "deepfakebench") {
    notes.push(`${compression} selects nothing here: this layout has no compressions`);
  }
  if (root !== undefined && kind !== "deepfakebench") {
    notes.push(`root ${root} maps nothing here: this layout has no list of paths`);
  }
  return notes;
}

/**
 * The layout that a tree has by its look; undefined when it has none of them.
 *
 * @param options.faults gains why a file that could be a layout's cannot be read
 */
async function layoutOf(
  tree: Tree,
  options: { readonly source: SetSource; readonly faults: string[] },
): Promise<LayoutName | undefined> {
  const { source, faults } = options;
  if (looksLikeFaceForensics(tree)) {
    return /^(dfd|deep-?fake-?detection)/i.test(source.name) || holdsOnlyDfd(tree) ? "dfd" : "ffpp";
  }
  if (looksLikeCelebDf(tree)) return "celeb-df-v2";
  if (await looksLikeDfdc(tree, faults)) return "dfdc";
  if ((await lists(tree, faults)).length > 0) return "deepfakebench";
  return looksLikeFolders(tree) ? "folders" : undefined;
}

async function lists(tree: Tree, faults: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of namesIn(tree.folders.get("")?.files ?? "")) {
    if (extname(name).toLowerCase() !== ".json") continue;
    const path = join(tree.root, name);
    try {
      if (isDeepfakeBench(await readJson(path))) found.push(path);
    } catch (error) {
      faults.push((error as Error).message); // it may be some other program's file
    }
  }
  return found;
}

async function onlyList(tree: Tree, source: SetSource): Promise<string> {
  const faults: string[] = [];
  const found = await lists(tree, faults);
  if (found.length !== 1) {
    throw new InputError(
      `Cannot read the set ${source.name}: expected one list of DeepfakeBench's in ${tree.root} but found ${
        found.map((path) => basename(path)).join(", ") || "none"
      }; ${faults.length > 0 ? faults.slice(0, 3).join("; ") : "name the file"}`,
    );
  }
  return found[0];
}

/** The part of a tree below one of its folders, as a tree of its own. */
function subtree(tree: Tree, name: string): Tree {
  const folders = new Map(
    [...tree.folders].filter(([path]) => path === name || path.startsWith(`${name}/`)).map(
      ([path, folder]) => {
        const own = path.slice(name.length + 1);
        return [own, { ...folder, path: own }];
      },
    ),
  );
  return { ...tree, root: join(tree.root, name), folders, unreadable: [] };
}

function checked(reading: SetReading, source: SetSource): SetReading {
  if (reading.videos.length === 0) {
    const why = reading.skipped.slice(0, 3).map(({ path, reason }) => `${path}: ${reason}`).join("; ");
    throw new InputError(
      `Cannot read the set ${source.name}: expected videos or frames in ${reading.root} (${reading.layout}) but found none${
        why && ` (${why})`
      }`,
    );
  }
  return reading;
}
