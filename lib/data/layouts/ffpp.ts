/**
 * FaceForensics++ and, in the same tree, DeepFakeDetection (DFD), as their authors distribute them and as frames are
 * extracted beside the videos.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { maskFinder } from "./ffpp_masks.ts";
import { dfdIdentities, dfdScene, ffppIdentities } from "./ffpp_names.ts";
import { readSplits, type Splits } from "./ffpp_splits.ts";
import {
  findVideos,
  type FoundVideo,
  type Layout,
  type Selection,
  type SetReading,
  type Shortage,
  type Video,
  withOriginals,
} from "./layout.ts";
import { below, namesIn, type Tree } from "../scan.ts";
import { compressionNamed, type Split } from "./vocabulary.ts";

/** One method at one compression. */
type Source = {
  readonly method: string;
  readonly label: 0 | 1;
  readonly folder: string;
  /** The method's folder, in which those of its compressions and its masks are. */
  readonly above: string;
  readonly compression?: string;
};

/** The four methods of the paper, and of most published figures. */
const paperMethods = ["Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"];
/** All that the tree may hold. */
export const fakeMethods = [...paperMethods, "FaceShifter", "DeepFakeDetection"];
/** Folders of reals, in a tree as distributed and in one without `original_sequences`. */
export const realMethods = ["youtube", "actors"];
const flatReals = ["original", "youtube", "real"];

/** Videos as published: 1,000 originals and as many by each method (Rössler et al. 2019); DFD has 363 and 3,068. */
const officialVideos = { ffpp: 1000, actors: 363, DeepFakeDetection: 3068 } as const;

/** FaceForensics++. */
export const ffpp: Layout = {
  title: "FaceForensics++",
  selects: ["compression", "methods"],
  looksLike: (tree, { name }) => looksLikeFaceForensics(tree) && !isDfd(tree, name),
  read: (tree, options) => readFaceForensics(tree, options),
};

/** DeepFakeDetection, in the tree of FaceForensics++ or in one of its own. */
export const dfd: Layout = {
  title: "DFD",
  selects: ["compression", "methods"],
  looksLike: (tree, { name }) => looksLikeFaceForensics(tree) && isDfd(tree, name),
  read: (tree, options) => readFaceForensics(tree, { ...options, dfd: true }),
};

function isDfd(tree: Tree, name: string): boolean {
  return /^(dfd|deep-?fake-?detection)/i.test(name) || holdsOnlyDfd(tree);
}

/** True when a tree looks like FaceForensics++: its two folders, or methods' folders beside one of originals. */
function looksLikeFaceForensics(tree: Tree): boolean {
  const top = namesIn(tree.folders.get("")?.folders);
  return top.includes("original_sequences") || top.includes("manipulated_sequences") ||
    (top.some((name) => fakeMethods.includes(name)) && top.some((name) => flatReals.includes(name)));
}

/** True when such a tree holds DFD alone. */
function holdsOnlyDfd(tree: Tree): boolean {
  const methods = new Set(sources(tree).map(({ method }) => method));
  return (methods.has("DeepFakeDetection") || methods.has("actors")) &&
    ![...methods].some((method) => method !== "DeepFakeDetection" && method !== "actors");
}

/**
 * Reads FaceForensics++, or with `dfd` DeepFakeDetection: one compression, splits from the pairs in `train.json`,
 * `val.json` and `test.json`, whose two videos and two fakes of each method stay in one split.
 *
 * A fake is named `<target>_<source>`; both are its identities. DFD has no official split, and none by actors: its 28 are swapped
 * with one another, so that no split keeps its fakes and has every actor on one side.
 *
 * @throws {InputError} when a selected compression or method is not there, or a split file is malformed.
 */
async function readFaceForensics(
  tree: Tree,
  options: Selection & { readonly dfd?: boolean },
): Promise<SetReading> {
  const all = sources(tree).filter(({ method }) =>
    (method === "DeepFakeDetection" || method === "actors") === (options.dfd ?? false)
  );
  const chosen = selectMethods(selectCompression(all, { root: tree.root, ...options }), options);
  const splits = options.dfd ? undefined : await readSplits(tree);
  const found: Video[] = [];
  const missing: Shortage[] = [];
  const skipped: { path: string; reason: string }[] = [];
  for (const source of chosen) {
    const there = findVideos(tree, source.folder);
    const masksOf = maskFinder(tree, source);
    for (const each of there.values()) {
      const identities = options.dfd ? dfdIdentities(each.name) : ffppIdentities(each.name);
      if (identities.length !== (source.label === 0 || options.dfd ? 1 : 2)) {
        const form = source.label === 0 ? "<target>" : "<target>_<source>";
        skipped.push({ path: join(source.folder, each.name), reason: `not named ${form}` });
        continue;
      }
      const parts = splits?.splitsOf.get(each.name) ?? [];
      if (splits && parts.length === 0) {
        skipped.push({ path: join(source.folder, each.name), reason: "in none of the split files" });
        continue;
      }
      // In two split files is in two splits: the leak check names it.
      for (const split of splits ? parts : [undefined]) {
        found.push(videoOf(each, { tree, source, split, identities, masks: masksOf(each) }));
      }
    }
    missing.push(...shortages(source, { found: there, splits, dfd: options.dfd }));
  }
  const reals = chosen.filter(({ label }) => label === 0);
  // Of the compression that was chosen, as all of them are.
  const videos = withOriginals(found, ({ method, id }) => {
    const name = id.slice(method.length + 1);
    const original = options.dfd ? dfdScene(name) : name.split("_")[0];
    return original && reals.length > 0 ? `${reals[0].method}/${original}` : undefined;
  });
  if (reals.length === 0) missing.push(noFolder(options.dfd ? "actors" : "youtube", options));
  const compression = chosen.find((source) => source.compression !== undefined)?.compression;
  return {
    layout: [
      options.dfd ? "DeepFakeDetection (DFD)" : "FaceForensics++",
      compression ?? "compression not named",
      splits ? `splits from ${splits.from}` : "no split files",
    ].join(", "),
    kind: options.dfd ? "dfd" : "ffpp",
    compression: compression ?? options.compression,
    isOfficialSplit: options.dfd ? undefined : splits !== undefined && splits.missing.length === 0,
    root: tree.root,
    videos,
    lists: splits?.files ?? [],
    missing: [...absentMethods(chosen, options), ...missing, ...(splits?.missing ?? [])],
    skipped,
    notes: notesOf(all, chosen, options),
    warnings: [
      ...unnamedCompression(chosen, options),
      ...(splits || options.dfd ? [] : [
        "no train.json, val.json and test.json: videos are dealt by identity, which is not the official split; copy them from dataset/splits of the FaceForensics repository into the set's folder",
      ]),
    ],
  };
}

function sources(tree: Tree): Source[] {
  const found: Source[] = [];
  const add = (method: string, label: 0 | 1, folder: string) => {
    const inside = namesIn(tree.folders.get(folder)?.folders);
    const levels = inside.filter((name) => compressionNamed(name) !== undefined);
    for (const name of levels) {
      found.push({
        method,
        label,
        folder: below(folder, name),
        above: folder,
        compression: compressionNamed(name),
      });
    }
    if (levels.length === 0 && tree.folders.has(folder)) {
      found.push({ method, label, folder, above: folder });
    }
  };
  for (const method of realMethods) add(method, 0, `original_sequences/${method}`);
  for (const method of methodFolders(tree, "manipulated_sequences")) {
    add(method, 1, `manipulated_sequences/${method}`);
  }
  if (found.length === 0) {
    for (const method of flatReals) add(method, 0, method);
    for (const method of fakeMethods) add(method, 1, method);
  }
  return found;
}

/** Every folder of fakes, those that are not among the known methods too. */
function methodFolders(tree: Tree, base: string): string[] {
  const there = namesIn(tree.folders.get(base)?.folders).filter((name) => name !== "masks");
  return [
    ...fakeMethods.filter((name) => there.includes(name)),
    ...there.filter((name) => !fakeMethods.includes(name)),
  ];
}

function selectCompression(all: readonly Source[], options: Selection & { readonly root: string }): Source[] {
  const levels = [...new Set(all.flatMap(({ compression }) => compression ?? []))];
  const { compression, root } = options;
  if (compression !== undefined && levels.length > 0 && !levels.includes(compression)) {
    throw new InputError(
      `Cannot read ${root}: expected the compression ${compression} but found ${levels.join(", ")}`,
    );
  }
  if (compression === undefined && levels.length > 1) {
    throw new InputError(
      `Cannot read ${root}: expected one compression to be chosen but found ${
        levels.join(", ")
      }; say which, as in NAME=FOLDER,${levels.includes("c23") ? "c23" : levels[0]}`,
    );
  }
  const level = compression ?? levels[0];
  return all.filter((source) => source.compression === undefined || source.compression === level);
}

/** A warning of folders that are taken for one compression, though they name none. */
function unnamedCompression(chosen: readonly Source[], options: Selection): string[] {
  const named = options.compression ??
    chosen.find(({ compression }) => compression !== undefined)?.compression;
  const unnamed = chosen.filter(({ compression }) => compression === undefined);
  if (named === undefined || unnamed.length === 0) return [];
  return [
    `${
      unnamed.map(({ folder }) => folder).join(", ")
    }: no folder names a compression; all is taken for ${named}`,
  ];
}

function selectMethods(all: readonly Source[], options: Selection & { readonly dfd?: boolean }): Source[] {
  if (options.methods === undefined) return [...all];
  if (options.dfd) {
    const other = options.methods.find((name) => !/^(dfd|deepfakedetection)$/i.test(name));
    if (other === undefined) return [...all];
    throw new InputError(
      `Cannot select the method ${other}: expected DeepFakeDetection, DFD's only one, but found another name`,
    );
  }
  const names = new Map(all.map(({ method }) => [method.toLowerCase(), method]));
  for (const wanted of options.methods) {
    const fakes = all.filter(({ label }) => label === 1).map(({ method }) => method);
    if (!fakes.includes(names.get(wanted.toLowerCase()) ?? "")) {
      throw new InputError(
        `Cannot select the method ${wanted}: expected one of ${
          [...new Set(fakes)].join(", ") || "none there"
        } but found another name` +
          (/^(dfd|deepfakedetection)$/i.test(wanted)
            ? "; DFD is a set of its own: NAME=FOLDER,layout=dfd"
            : ""),
      );
    }
  }
  const wanted = new Set(options.methods.map((name) => name.toLowerCase()));
  return all.filter(({ label, method }) => label === 0 || wanted.has(method.toLowerCase()));
}

function videoOf(
  found: FoundVideo,
  options: {
    readonly tree: Tree;
    readonly source: Source;
    readonly split?: Split;
    readonly identities: readonly string[];
    readonly masks?: string;
  },
): Video {
  const { tree, source: { label, method }, split, identities, masks } = options;
  const id = `${method}/${found.name}`;
  return {
    label,
    method,
    id,
    split,
    identities,
    folder: join(tree.root, found.folder),
    frames: found.frames,
    file: found.file && join(tree.root, found.file),
    masks,
  };
}

/** What the split files name, or else the official count, against what a folder holds. */
function shortages(
  { method, label, compression }: Source,
  options: {
    readonly found: ReadonlyMap<string, FoundVideo>;
    readonly splits?: Splits;
    readonly dfd?: boolean;
  },
): Shortage[] {
  const { found, splits, dfd } = options;
  const what = compression ? `${method} ${compression}` : method;
  const official = dfd ? officialVideos[label === 0 ? "actors" : "DeepFakeDetection"] : officialVideos.ffpp;
  const listed = splits
    ? [...splits.splitsOf.keys()].filter((name) => ffppIdentities(name).length === (label === 0 ? 1 : 2))
    : [];
  const absent = listed.filter((name) => !found.has(name));
  if (absent.length === 0 && found.size >= official) return [];
  return [
    ...(found.size < official
      ? [{ what: `${what} videos`, expected: official, found: found.size, by: "official", examples: [] }]
      : []),
    ...(absent.length > 0
      ? [{
        what: `${what} videos`,
        expected: listed.length,
        found: listed.length - absent.length,
        by: "the split files",
        examples: absent.slice(0, 5),
      }]
      : []),
  ];
}

function absentMethods(
  chosen: readonly Source[],
  options: Selection & { readonly dfd?: boolean },
): Shortage[] {
  const wanted = options.dfd ? ["DeepFakeDetection"] : options.methods ?? paperMethods;
  const there = new Set(chosen.map(({ method }) => method.toLowerCase()));
  return wanted.filter((method) => !there.has(method.toLowerCase())).map((method) =>
    noFolder(method, options)
  );
}

function noFolder(method: string, options: Selection & { readonly dfd?: boolean }): Shortage {
  const expected = options.dfd
    ? officialVideos[method === "actors" ? "actors" : "DeepFakeDetection"]
    : officialVideos.ffpp;
  const what = [method, options.compression, "videos (no folder)"].filter((part) => part).join(" ");
  return { what, expected, found: 0, by: "official", examples: [] };
}

function notesOf(
  all: readonly Source[],
  chosen: readonly Source[],
  options: Selection & { readonly dfd?: boolean },
): string[] {
  const names = (sources: readonly Source[]) => [...new Set(sources.map(({ method }) => method))];
  const left = names(all).filter((method) => !names(chosen).includes(method));
  const notes = left.length > 0 ? [`not selected: ${left.join(", ")}`] : [];
  if (options.dfd) {
    notes.push(
      "no official split: where videos are dealt a scene stays together, but not an actor, as they are swapped with one another; for a test of new faces train on another set",
    );
  }
  if (
    !options.dfd && options.methods === undefined && chosen.some(({ method }) => method === "FaceShifter")
  ) {
    notes.push(
      `FaceShifter is among the fakes, which most published figures leave out; for theirs add --methods ${
        paperMethods.join(",")
      }`,
    );
  }
  return notes;
}
