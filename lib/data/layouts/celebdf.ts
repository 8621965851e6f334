/**
 * Celeb-DF v1 and v2 as their authors distribute them; in their list of test videos **1 means real**.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { InputError, reasonOf } from "../../base/errors.ts";
import { decodeText } from "../../base/files.ts";
import {
  findVideos,
  type Layout,
  type SetReading,
  type Shortage,
  stem,
  type Video,
  withOriginals,
} from "./layout.ts";
import { namesIn, type Tree } from "../scan.ts";

/** Its folders; any case will do. */
export const folderNames = ["Celeb-real", "YouTube-real", "Celeb-synthesis"] as const;
const listName = "List_of_testing_videos.txt";

/** Videos as published: https://github.com/yuezunli/celeb-deepfakeforensics; v2's list has 178 real and 340 fake. */
const official = {
  v1: { "Celeb-real": 158, "YouTube-real": 250, "Celeb-synthesis": 795, list: undefined },
  v2: { "Celeb-real": 590, "YouTube-real": 300, "Celeb-synthesis": 5639, list: 518 },
} as const;

/** Celeb-DF v2, and what looks like either version: its folder's name says which. */
export const celebDfV2: Layout = {
  title: "Celeb-DF",
  selects: [],
  looksLike: looksLikeCelebDf,
  read: (tree, { isSaid }) => readCelebDf(tree, { version: isSaid ? "v2" : undefined }),
};

/** Celeb-DF v1, where it is said to be that. */
export const celebDfV1: Layout = {
  ...celebDfV2,
  looksLike: () => false,
  read: (tree) => readCelebDf(tree, { version: "v1" }),
};

/** True when a tree has a folder of Celeb-DF's, in whatever case: `Youtube-real` is also seen. */
function looksLikeCelebDf(tree: Tree): boolean {
  return folderNames.some((name) => folderOf(tree, name) !== undefined);
}

/**
 * Reads Celeb-DF: the listed videos are the test split, all others are for training. The folder says what is real, and
 * the list has to agree.
 *
 * @param options.version v2 unless given or named by the folder, or by a folder above whose name has Celeb in it
 * @throws {InputError} when the list calls a folder of reals fake or the other way round, as one with inverted labels does.
 */
async function readCelebDf(
  tree: Tree,
  options: { readonly version?: "v1" | "v2" } = {},
): Promise<SetReading> {
  const named = versionOf(tree.root);
  const version = options.version ?? named ?? "v2";
  const list = await readList(tree);
  const videos: Video[] = [];
  const missing: Shortage[] = [];
  const inList: ReadonlySet<string> = new Set(list);
  const listed = new Set(list);
  for (const method of folderNames) {
    const folder = folderOf(tree, method);
    const found = folder === undefined ? undefined : findVideos(tree, folder);
    const expected = official[version][method];
    if (!found || found.size < expected) {
      const what = found ? `${method} videos` : `${method} videos (no folder)`;
      missing.push({ what, expected, found: found?.size ?? 0, by: "official", examples: [] });
    }
    for (const each of found?.values() ?? []) {
      const id = `${method}/${each.name}`;
      // A second file of one stem is the same video again, and goes where the first one goes.
      const listedId = `${method}/${stem(each.name)}`;
      const isTest = inList.has(listedId);
      listed.delete(listedId);
      videos.push({
        label: method === "Celeb-synthesis" ? 1 : 0,
        method,
        id,
        split: list === undefined ? undefined : isTest ? "test" : "train",
        identities: [
          `celebdf:${method === "YouTube-real" ? `${method}/${stem(each.name)}` : targetOf(stem(each.name))}`,
        ],
        folder: join(tree.root, each.folder),
        frames: each.frames,
        file: each.file && join(tree.root, each.file),
      });
    }
  }
  if (list !== undefined) missing.push(...listShortages(list, { absent: [...listed], version }));
  return {
    layout: `Celeb-DF ${version}${options.version ?? named ? "" : " (v1 with layout=celeb-df-v1)"}, ${
      list ? `test split from ${listName}, 1 is real` : `no ${listName}`
    }`,
    kind: `celeb-df-${version}`,
    isOfficialSplit: version === "v2" ? inList.size === official.v2.list : undefined,
    root: tree.root,
    videos: withOriginals(
      videos,
      ({ method, id }) => `Celeb-real/${targetOf(stem(id.slice(method.length + 1)))}`,
    ),
    lists: listFile(tree),
    missing,
    skipped: [],
    notes: [],
    warnings: list ? [] : [`no ${listName}: the official test videos cannot be told from the others`],
  };
}

/** The version in the nearest name, from the set's own upwards, that is Celeb-DF's; else in the set's own. */
function versionOf(root: string): "v1" | "v2" | undefined {
  const inName = (name: string) => {
    const found = new Set(
      [...name.matchAll(/(?:^|[^a-z0-9]|df)v[-_ ]?([12])(?!\d)/gi)].map((match) => match[1]),
    );
    return found.size !== 1 ? undefined : found.has("1") ? "v1" : "v2";
  };
  for (let path = root; path !== dirname(path); path = dirname(path)) {
    const version = /celeb/i.test(basename(path)) ? inName(basename(path)) : undefined;
    if (version) return version;
  }
  return inName(basename(root));
}

/** The folder of a tree that has a name, in whatever case. */
export function folderOf(tree: Tree, name: string): string | undefined {
  return namesIn(tree.folders.get("")?.folders).find((each) => each.toLowerCase() === name.toLowerCase());
}

/** `id1_0007`, the real video that `id1_id0_0007` was made from: the two stay in one split where videos are dealt. */
export function targetOf(name: string): string {
  const parts = /^(id\d+)_id\d+_(\d+)$/.exec(name);
  return parts ? `${parts[1]}_${parts[2]}` : name;
}

/** The list of test videos, where there is one. */
export function listFile(tree: Tree): string[] {
  return namesIn(tree.folders.get("")?.files).filter((name) => name.toLowerCase() === listName.toLowerCase());
}

/**
 * The listed videos, as `Celeb-real/id0_0001`, or `Celeb-synthesis/FaceSwap/SimSwap/id0_id1_0000`; undefined without a list.
 *
 * @throws {InputError} for lines of another form, or labels that contradict their folders.
 */
export async function readList(tree: Tree): Promise<string[] | undefined> {
  const [name] = listFile(tree);
  if (name === undefined) return undefined;
  const path = join(tree.root, name);
  const ids: string[] = [];
  const contrary: string[] = [];
  const text = await Deno.readFile(path).then(decodeText).catch((error) => {
    throw new InputError(`Cannot read ${path}: expected Celeb-DF's list but found ${reasonOf(error)}`);
  });
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const parts = /^\s*([01])[\s,]+(.+?)\s*$/.exec(line)?.slice(1);
    const names = (parts?.[1] ?? "").replaceAll("\\", "/").split("/").filter((part) =>
      part !== "." && part !== "videos" && part !== "frames"
    );
    const methodOf = (name: string) => folderNames.find((each) => each.toLowerCase() === name.toLowerCase());
    const from = names.findIndex((name) => methodOf(name) !== undefined);
    const [method, file] = [methodOf(names[from] ?? ""), names.slice(from + 1).join("/")];
    if (!parts || !method || file === "") {
      throw new InputError(
        `Cannot read ${path}: expected lines such as "1 YouTube-real/00170.mp4" but found "${line}" in line ${
          i + 1
        }`,
      );
    }
    if ((parts[0] === "1") !== (method !== "Celeb-synthesis")) contrary.push(`${parts[0]} ${method}/${file}`);
    ids.push(`${method}/${file.slice(0, -basename(file).length)}${stem(file)}`);
  }
  if (contrary.length > 0) {
    throw new InputError(
      `Cannot use ${path}: expected 1 for real and 0 for fake, as Celeb-DF's list has it, but found ${contrary.length} of ${ids.length} lines the other way round (${
        contrary.slice(0, 3).join("; ")
      }); ${contrary.length === ids.length ? "its labels are inverted" : "they contradict their folders"}`,
    );
  }
  return ids;
}

function listShortages(
  list: readonly string[],
  options: { readonly absent: readonly string[]; readonly version: "v1" | "v2" },
): Shortage[] {
  const { absent, version } = options;
  const expected = official[version].list;
  const lines = new Set(list).size;
  return [
    ...(expected !== undefined && lines < expected
      ? [{ what: "listed test videos", expected, found: lines, by: "official", examples: [] }]
      : []),
    ...(absent.length > 0
      ? [{
        what: "test videos",
        expected: lines,
        found: lines - absent.length,
        by: listName,
        examples: absent.slice(0, 5),
      }]
      : []),
  ];
}
