/**
 * Celeb-DF++, which others call Celeb-DF-v3: the reals of Celeb-DF v2, and below `Celeb-synthesis` a folder a method in one of
 * three scenarios; in its list of test videos **1 means real**.
 *
 * The folders, and how many videos of each method are tested, are in the README of OUC-VAS/Celeb-DF-PP. Its list was not seen;
 * that lines are `0 Celeb-synthesis/FaceSwap/BlendFace/id1_id0_0007.mp4` is by programs that read it.
 *
 * @module
 */
import { join } from "node:path";
import { folderNames, folderOf, listFile, readList, targetOf } from "./celebdf.ts";
import {
  findVideos,
  type Layout,
  type SetReading,
  type Shortage,
  stem,
  type Video,
  withOriginals,
} from "./layout.ts";
import { selectMethods } from "./select_methods.ts";
import { below, namesIn, type Tree } from "../scan.ts";

/** Scenarios with their methods, as the README has them, and how many videos of each method are tested. */
const scenarios: Readonly<Record<string, { readonly tested: number; readonly methods: readonly string[] }>> =
  {
    FaceSwap: {
      tested: 200,
      methods: [
        ...["Celeb-DF", "BlendFace", "GHOST", "HifiFace", "InSwapper", "MobileFaceSwap", "SimSwap"],
        "UniFace",
      ],
    },
    FaceReenact: {
      tested: 200,
      methods: ["DaGAN", "FSRT", "HyperReenact", "LIA", "LivePortrait", "MCNET", "TPSMM"],
    },
    TalkingFace: {
      tested: 300,
      methods: ["AniTalker", "EchoMimic", "EDTalk", "FLOAT", "IP_LAP", "Real3DPortrait", "SadTalker"],
    },
  };
/** Real videos as published: those of Celeb-DF v2; 178 of them are tested. */
const officialReals = { "Celeb-real": 590, "YouTube-real": 300, tested: 178 } as const;

/** Celeb-DF++. */
export const celebDfPp: Layout = {
  title: "Celeb-DF++",
  selects: ["methods"],
  looksLike: (tree) => scenarioFolders(tree).length > 0,
  read: readCelebDfPp,
};

/** The scenarios that a tree has, with their folders. */
function scenarioFolders(tree: Tree): { readonly scenario: string; readonly folder: string }[] {
  const fakes = folderOf(tree, "Celeb-synthesis");
  if (fakes === undefined) return [];
  return namesIn(tree.folders.get(fakes)?.folders).flatMap((name) => {
    const scenario = Object.keys(scenarios).find((each) => each.toLowerCase() === name.toLowerCase());
    return scenario === undefined ? [] : [{ scenario, folder: below(fakes, name) }];
  });
}

/**
 * Reads Celeb-DF++: the listed videos are the test split, all others are for training; a fake's method is its folder.
 *
 * Of a face swap the first person is the target, as in Celeb-DF; whose frames the others are made of is not taken for known. A
 * fake stays with the real video of the first person and the number in its name.
 *
 * @throws {InputError} for a list whose labels contradict its folders, or a method that is not there.
 */
async function readCelebDfPp(
  tree: Tree,
  options: { readonly methods?: readonly string[] },
): Promise<SetReading> {
  const list = await readList(tree);
  const inList = new Set(list?.map((id) => id.toLowerCase()));
  const listed = new Set(inList);
  const missing: Shortage[] = [];
  const videos: Video[] = [];
  const add = (
    folder: string,
    place: { readonly label: 0 | 1; readonly method: string; readonly id: string },
  ) => {
    const found = findVideos(tree, folder);
    for (const each of found.values()) {
      // A second file of one stem is the same video again, and goes where the first one goes.
      const key = below(place.id, stem(each.name)).toLowerCase();
      listed.delete(key);
      videos.push({
        label: place.label,
        method: place.method,
        id: below(place.id, each.name),
        split: list === undefined ? undefined : inList.has(key) ? "test" : "train",
        identities: [`celebdf:${recordingOf(place.method, stem(each.name))}`],
        folder: join(tree.root, each.folder),
        frames: each.frames,
        file: each.file && join(tree.root, each.file),
      });
    }
    return found.size;
  };
  for (const method of ["Celeb-real", "YouTube-real"] as const) {
    const folder = folderOf(tree, method);
    const found = folder === undefined ? 0 : add(folder, { label: 0, method, id: method });
    const what = `${method} videos${folder === undefined ? " (no folder)" : ""}`;
    const expected = officialReals[method];
    if (found < expected) missing.push({ what, expected, found, by: "official", examples: [] });
  }
  const there = scenarioFolders(tree);
  const methods: string[] = [];
  for (const { scenario, folder } of there) {
    for (const name of namesIn(tree.folders.get(folder)?.folders)) {
      const known = scenarios[scenario].methods.find((each) => each.toLowerCase() === name.toLowerCase());
      const method = known ?? name;
      methods.push(method);
      add(below(folder, name), { label: 1, method, id: `Celeb-synthesis/${scenario}/${method}` });
    }
  }
  missing.push(...absentMethods(methods), ...listShortages(list, [...listed]));
  return {
    layout: `Celeb-DF++, ${methods.length} method${methods.length === 1 ? "" : "s"}, ${
      list ? "test split from List_of_testing_videos.txt, 1 is real" : "no List_of_testing_videos.txt"
    }`,
    kind: "celeb-df-pp",
    isOfficialSplit: list !== undefined && listShortages(list, []).length === 0,
    root: tree.root,
    videos: withOriginals(
      selectMethods(videos, options),
      ({ id }) =>
        id.startsWith("Celeb-synthesis/FaceSwap/")
          ? `Celeb-real/${targetOf(stem(id.split("/").at(-1)!))}`
          : undefined,
    ),
    lists: listFile(tree),
    missing,
    skipped: unread(tree),
    notes: [],
    warnings: list
      ? []
      : ["no List_of_testing_videos.txt: the official test videos cannot be told from the others"],
  };
}

/** `id1_0007`, whose video `id1_id0_0007` and others of that beginning were made from; the name itself where it tells of none. */
function recordingOf(method: string, name: string): string {
  if (method === "YouTube-real") return `${method}/${name}`;
  const parts = /^(id\d+)(?:_id\d+)?_(\d+)/.exec(name);
  return parts ? `${parts[1]}_${parts[2]}` : name;
}

function absentMethods(there: readonly string[]): Shortage[] {
  const all = Object.values(scenarios).flatMap(({ methods }) => methods);
  const examples = all.filter((method) => !there.includes(method));
  const found = all.length - examples.length;
  return examples.length === 0
    ? []
    : [{ what: "methods", expected: all.length, found, by: "official", examples }];
}

/** What the list lacks against the README's counts, and what of the list is not there. */
function listShortages(list: readonly string[] | undefined, absent: readonly string[]): Shortage[] {
  if (list === undefined) return [];
  const lines = [...new Set(list)];
  const count = (start: string) =>
    lines.filter((id) => id.toLowerCase().startsWith(start.toLowerCase())).length;
  const counts = [
    {
      what: "listed real test videos",
      expected: officialReals.tested,
      found: count("Celeb-real/") + count("YouTube-real/"),
    },
    ...Object.entries(scenarios).map(([scenario, { tested, methods }]) => ({
      what: `listed ${scenario} test videos`,
      expected: tested * methods.length,
      found: count(`${folderNames[2]}/${scenario}/`),
    })),
  ];
  return [
    ...counts.filter(({ expected, found }) => found < expected).map((each) => ({
      ...each,
      by: "official",
      examples: [],
    })),
    ...(absent.length === 0 ? [] : [{
      what: "test videos",
      expected: lines.length,
      found: lines.length - absent.length,
      by: "List_of_testing_videos.txt",
      examples: absent.slice(0, 5),
    }]),
  ];
}

/** Folders beside the scenarios, of which nothing is taken. */
function unread(tree: Tree): SetReading["skipped"] {
  const fakes = folderOf(tree, "Celeb-synthesis")!;
  const read = new Set(scenarioFolders(tree).map(({ folder }) => folder));
  const folders = namesIn(tree.folders.get(fakes)?.folders).map((name) => below(fakes, name));
  const loose = findVideos({ ...tree, folders: new Map([[fakes, tree.folders.get(fakes)!]]) }, fakes).size;
  return [
    ...folders.filter((folder) => !read.has(folder)).map((path) => ({
      path,
      reason: `none of the scenarios ${Object.keys(scenarios).join(", ")}`,
    })),
    ...(loose > 0 ? [{ path: fakes, reason: `${loose} videos in no folder of a method` }] : []),
  ];
}
