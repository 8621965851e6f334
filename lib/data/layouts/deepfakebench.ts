/**
 * DeepfakeBench's lists: `{set: {label: {split: {[compression:] {video: {label, frames}}}}}}`, with frames by the paths of
 * the machine that they were made on.
 *
 * @module
 */
import { basename, dirname, extname, join } from "node:path";
import { InputError, reasonOf } from "../../base/errors.ts";
import { readJson } from "../../base/files.ts";
import { byName } from "../sample.ts";
import { isDeepfakeBench, type Listed, readListed } from "./deepfakebench_list.ts";
import { methods, namingOf } from "./deepfakebench_names.ts";
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
import { joinNames, namesIn, type Tree } from "../scan.ts";
import { createPathMap, slashes } from "../list_paths.ts";

/** A list of DeepfakeBench's: the file, or a folder that holds one. */
export const deepfakebench: Layout = {
  title: "DeepfakeBench's JSON",
  selects: ["compression", "methods", "root", "labels"],
  looksLike: async (tree, { faults }) => (await lists(tree, faults)).length > 0,
  read: async (tree, options) => readDeepfakeBench(await onlyList(tree, options), options),
  readFile: readDeepfakeBench,
};

/**
 * Reads a list of DeepfakeBench's. Its paths may have `\`, and the root of another machine; frames are put in the order of
 * their numbers; only those that are there count.
 *
 * Where the list names a video in two splits, as DeepfakeBench's Celeb-DF and DFD do, it is in both, which the leak check
 * refuses for training.
 *
 * @throws {InputError} for another form, an unknown label, labels that contradict each other or the folders, several
 * compressions and none chosen, or when no frame is found.
 */
async function readDeepfakeBench(path: string, options: Selection = {}): Promise<SetReading> {
  const all = await readListed(path, options);
  const chosen = select(all, { path, ...options });
  const map = createPathMap({ list: path, root: options.root });
  const contents = new Map<string, Promise<Set<string> | string>>();
  const found: Video[] = [];
  const originals = new Map<string, string | undefined>();
  const absent = new Map<string, { expected: number; examples: string[] }>();
  const skipped: { path: string; reason: string }[] = [];
  for (const each of chosen) {
    const label = each.isFake ? 1 : 0;
    const method = methods[each.labelName] ?? each.labelName;
    const folder = each.frames.length > 0 ? await map.find(dirname(slashes(each.frames[0]))) : undefined;
    const shortage = absent.get(each.labelName) ?? { expected: 0, examples: [] };
    absent.set(each.labelName, shortage);
    shortage.expected++;
    if (folder === undefined) {
      shortage.examples.push(each.name);
      continue;
    }
    if (!contents.has(folder)) contents.set(folder, listNames(folder));
    const names = await contents.get(folder)!;
    if (typeof names === "string") {
      skipped.push({ path: folder, reason: names });
      shortage.examples.push(each.name);
      continue;
    }
    const listed = [...new Set(each.frames.map((frame) => basename(slashes(frame))))].filter(isImage).sort(
      byName,
    );
    const there = listed.filter((name) => names.has(name));
    if (there.length < listed.length) {
      skipped.push({ path: folder, reason: `${listed.length - there.length} listed frames are not there` });
    }
    const naming = namingOf(each.labelName);
    const identities = naming?.identities(basename(each.name)) ?? [];
    const id = `${method}/${each.name}`;
    originals.set(id, naming?.original(basename(each.name)));
    found.push({
      label,
      method,
      id,
      split: each.split,
      identities: [...identities, ...(identities.length > 0 ? [] : [`${basename(path)}:${id}`])],
      folder,
      frames: joinNames(there),
      masks: each.masks.length > 0 ? await map.find(dirname(slashes(each.masks[0]))) : undefined,
    });
  }
  const realIds = new Map(found.filter(({ label }) => label === 0).map(({ id }) => [basename(id), id]));
  const videos = withOriginals(found, ({ id }) => {
    const original = originals.get(id);
    return original === undefined ? undefined : realIds.get(original);
  });
  const missing: Shortage[] = [...absent].filter(([, { examples }]) => examples.length > 0).map((
    [name, { expected, examples }],
  ) => ({
    what: `${name} videos`,
    expected,
    found: expected - examples.length,
    by: basename(path),
    examples: examples.slice(0, 5),
  }));
  if (videos.length === 0) {
    throw new InputError(
      `Cannot read ${path}: expected the frames that it lists but found none of ${chosen.length} videos, for example ${
        chosen[0].frames[0] ?? chosen[0].name
      } (looked for in ${
        map.bases.join(", ")
      }); say where its paths lie here with --root OLD=NEW or --root FOLDER`,
    );
  }
  const compression = chosen[0].compression;
  return {
    layout: `DeepfakeBench list${compression ? `, ${compression}` : ""}, its splits`,
    kind: "deepfakebench",
    compression,
    root: dirname(path),
    videos,
    lists: [basename(path)],
    missing,
    skipped,
    notes: [...map.mapped].map((text) => `paths mapped: ${text}`),
    warnings: map.unused === undefined
      ? []
      : [`no path of ${basename(path)} begins with the ${map.unused} that root maps`],
  };
}

function select(all: readonly Listed[], options: Selection & { readonly path: string }): Listed[] {
  const { path, compression } = options;
  const there: string[] = [...new Set(all.flatMap((each) => each.compression ?? []))];
  if (there.length > 1 && compression === undefined) {
    throw new InputError(
      `Cannot read ${path}: expected one compression to be chosen but found ${
        there.join(", ")
      }; say which, as in NAME=FILE,${there.includes("c23") ? "c23" : there[0]}`,
    );
  }
  if (compression !== undefined && there.length > 0 && !there.includes(compression)) {
    throw new InputError(
      `Cannot read ${path}: expected the compression ${compression} but found ${there.join(", ")}`,
    );
  }
  const fakes = [
    ...new Set(all.filter(({ isFake }) => isFake).map((each) => each.labelName)),
  ];
  const names = (labelName: string) =>
    [labelName, methods[labelName] ?? labelName].map((name) => name.toLowerCase());
  for (const wanted of options.methods ?? []) {
    if (!fakes.some((name) => names(name).includes(wanted.toLowerCase()))) {
      throw new InputError(
        `Cannot select the method ${wanted}: expected one of ${fakes.join(", ")} but found another name`,
      );
    }
  }
  const wanted = options.methods?.map((name) => name.toLowerCase());
  const chosen = all.filter((each) =>
    (each.compression === undefined || compression === undefined || each.compression === compression) &&
    (!wanted || !each.isFake ||
      names(each.labelName).some((name) => wanted.includes(name)))
  );
  if (chosen.length === 0) throw new InputError(`Cannot read ${path}: expected videos but found none listed`);
  return chosen;
}

/** The names in a folder, or why they cannot be read. */
async function listNames(folder: string): Promise<Set<string> | string> {
  try {
    const names = new Set<string>();
    for await (const { name } of Deno.readDir(folder)) names.add(name);
    return names;
  } catch (error) {
    return reasonOf(error);
  }
}

async function lists(tree: Tree, faults: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of namesIn(tree.folders.get("")?.files)) {
    if (extname(file).toLowerCase() !== ".json") continue;
    const path = join(tree.root, file);
    try {
      if (isDeepfakeBench(await readJson(path))) found.push(path);
    } catch (error) {
      faults.push((error as Error).message); // it may be some other program's file
    }
  }
  return found;
}

async function onlyList(tree: Tree, { name }: Pick<ReadOptions, "name">): Promise<string> {
  const faults: string[] = [];
  const found = await lists(tree, faults);
  if (found.length !== 1) {
    throw new InputError(
      `Cannot read the set ${name}: expected one list of DeepfakeBench's in ${tree.root} but found ${
        found.map((path) => basename(path)).join(", ") || "none"
      }; ${faults.length > 0 ? faults.slice(0, 3).join("; ") : "name the file"}`,
    );
  }
  return found[0];
}
