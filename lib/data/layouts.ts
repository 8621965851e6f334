/**
 * Data sets as they are distributed → videos with labels, methods, splits and identities. Nothing is written; which layout
 * a folder has is told by its look, and said.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import { InputError } from "../base/errors.ts";
import { readSettings } from "./crop.ts";
import { looksLikeCelebDf, readCelebDf } from "./layout_celebdf.ts";
import { isDeepfakeBench, readDeepfakeBench } from "./layout_deepfakebench.ts";
import { looksLikeDfdc, readDfdc } from "./layout_dfdc.ts";
import { holdsOnlyDfd, looksLikeFaceForensics, readFaceForensics } from "./layout_ffpp.ts";
import { looksLikeFolders, readClassFolders } from "./layout_folders.ts";
import type { SetReading } from "./layout_videos.ts";
import type { LayoutName, SetSource } from "./spec.ts";
import { namesIn, type ScanOptions, scanTree, type Tree } from "./scan.ts";

/**
 * Reads a set, in whatever known layout it is. A folder that holds nothing but one set's folder is read as that set.
 *
 * @throws InputError when nothing is there, the layout is not known, or what the set says contradicts itself.
 */
export async function readSet(source: SetSource, options: ScanOptions = {}): Promise<SetReading> {
  const info = await Deno.stat(source.path).catch(() => undefined);
  if (!info) {
    throw new InputError(
      `Cannot read the set ${source.name}: expected a folder or a list at ${source.path} but found nothing there`,
    );
  }
  if (info.isFile) {
    if (extname(source.path).toLowerCase() !== ".json") {
      throw new InputError(
        `Cannot read the set ${source.name}: expected a folder or DeepfakeBench's .json but found the file ${source.path}; a CSV file goes to --manifest`,
      );
    }
    return checked(await readDeepfakeBench(source.path, source), source);
  }
  const tree = await scanTree(source.path, options);
  const reading = await readTree(tree, { source, depth: 0 });
  const unreadable = tree.unreadable.map(({ path, reason }) => ({ path, reason }));
  return checked({
    ...reading,
    skipped: [...reading.skipped, ...unreadable],
    warnings: [
      ...reading.warnings,
      ...(tree.notKept ? [`the list of files could not be kept for the next time: ${tree.notKept}`] : []),
      ...(tree.damaged
        ? [`the kept list of files was damaged, so all was listed anew: ${tree.damaged}`]
        : []),
    ],
  }, source);
}

async function readTree(
  tree: Tree,
  options: { readonly source: SetSource; readonly depth: number },
): Promise<SetReading> {
  const { source, depth } = options;
  const layout = source.layout ?? (await readSettings(tree.root))?.layout ?? await layoutOf(tree, source);
  if (source.methods && (layout === "dfdc" || layout?.startsWith("celeb-df"))) {
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
      return await readCelebDf(tree, { version: source.layout && (layout === "celeb-df-v1" ? "v1" : "v2") });
    case "dfdc":
      return await readDfdc(tree);
    case "deepfakebench":
      return await readDeepfakeBench(await onlyList(tree, source), source);
    case "folders":
      return readClassFolders(tree, source);
  }
  const inside = namesIn(tree.folders.get("")?.folders ?? "");
  const sets: Tree[] = [];
  for (const name of depth < 2 ? inside : []) {
    const below = subtree(tree, name);
    if (await layoutOf(below, source)) sets.push(below);
  }
  if (sets.length === 1) return await readTree(sets[0], { source, depth: depth + 1 });
  if (inside.length === 1 && depth < 2) {
    return await readTree(subtree(tree, inside[0]), { source, depth: depth + 1 });
  }
  const names = [...inside.map((name) => `${name}/`), ...namesIn(tree.folders.get("")?.files ?? "")];
  throw new InputError(
    sets.length > 1
      ? `Cannot read the set ${source.name}: expected one data set but found ${sets.length} in ${tree.root}: ${
        sets.map(({ root }) => basename(root)).join(", ")
      }; name one of these folders`
      : `Cannot read the set ${source.name}: expected FaceForensics++, DFD, Celeb-DF, DFDC, DeepfakeBench's JSON or folders named real and fake in ${tree.root} but found ${
        names.slice(0, 8).join(", ") || "nothing"
      }${names.length > 8 ? ", …" : ""}`,
  );
}

/** The layout that a tree has by its look; undefined when it has none of them. */
async function layoutOf(tree: Tree, source: Pick<SetSource, "name">): Promise<LayoutName | undefined> {
  if (looksLikeFaceForensics(tree)) {
    return /^(dfd|deep-?fake-?detection)/i.test(source.name) || holdsOnlyDfd(tree) ? "dfd" : "ffpp";
  }
  if (looksLikeCelebDf(tree)) return "celeb-df-v2";
  if (await looksLikeDfdc(tree)) return "dfdc";
  if ((await lists(tree)).length > 0) return "deepfakebench";
  return looksLikeFolders(tree) ? "folders" : undefined;
}

async function lists(tree: Tree): Promise<string[]> {
  const found: string[] = [];
  for (const name of namesIn(tree.folders.get("")?.files ?? "")) {
    if (extname(name).toLowerCase() !== ".json") continue;
    const path = join(tree.root, name);
    const value = await Deno.readTextFile(path).then(JSON.parse).catch((error) => {
      if (error instanceof SyntaxError) return undefined; // some other program's file
      throw error;
    });
    if (isDeepfakeBench(value)) found.push(path);
  }
  return found;
}

async function onlyList(tree: Tree, source: SetSource): Promise<string> {
  const found = await lists(tree);
  if (found.length !== 1) {
    throw new InputError(
      `Cannot read the set ${source.name}: expected one list of DeepfakeBench's in ${tree.root} but found ${
        found.map((path) => basename(path)).join(", ") || "none"
      }; name the file`,
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
