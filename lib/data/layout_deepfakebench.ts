/**
 * DeepfakeBench's lists: `{set: {label: {split: {[compression:] {video: {label, frames}}}}}}`, with frames by the paths of
 * the machine that they were made on.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import { InputError, reasonOf } from "../base/errors.ts";
import { byName } from "./dataset.ts";
import { ffppIdentities } from "./layout_ffpp.ts";
import { isImage, type Selection, type SetReading, type Shortage, type Video } from "./layout_videos.ts";
import { createPathMap, slashes } from "./list_paths.ts";

type Listed = {
  readonly labelName: string;
  readonly split: "train" | "val" | "test";
  readonly compression?: string;
  readonly name: string;
  readonly label: string;
  readonly frames: readonly string[];
};

const methods: Readonly<Record<string, string>> = {
  "FF-DF": "Deepfakes",
  "FF-F2F": "Face2Face",
  "FF-FS": "FaceSwap",
  "FF-NT": "NeuralTextures",
  "FF-FH": "FaceShifter",
  "FF-SH": "FaceShifter",
  "DFD_fake": "DeepFakeDetection",
};
const levels = ["raw", "c0", "c23", "c40"];
/** Folders that say what is in them; a list that says the opposite is refused. */
const realFolders = /\/(original_sequences|Celeb-real|YouTube-real)\//i;
const fakeFolders = /\/(manipulated_sequences|Celeb-synthesis)\//i;

/** True for JSON of DeepfakeBench's form. */
export function isDeepfakeBench(value: unknown): boolean {
  const inside = (each: unknown) => (each && typeof each === "object" ? Object.values(each) : []);
  const splits = inside(value).flatMap(inside);
  return splits.length > 0 &&
    splits.every((each) =>
      each && typeof each === "object" && ["train", "val", "test"].some((key) => key in each)
    );
}

/**
 * Reads a list of DeepfakeBench's. Its paths may have `\`, and the root of another machine; frames are put in the order of
 * their numbers; only those that are there count.
 *
 * Where the list names a video in two splits, as DeepfakeBench's Celeb-DF and DFD do, it is in both, which the leak check
 * refuses for training.
 *
 * @throws InputError for another form, an unknown label, labels that contradict each other or the folders, several
 * compressions and none chosen, or when no frame is found.
 */
export async function readDeepfakeBench(path: string, options: Selection = {}): Promise<SetReading> {
  const all = listVideos(await readList(path), path);
  const chosen = select(all, { path, ...options });
  const map = createPathMap({ list: path, root: options.root });
  const contents = new Map<string, Promise<Set<string>>>();
  const videos: Video[] = [];
  const absent = new Map<string, { expected: number; examples: string[] }>();
  const skipped: { path: string; reason: string }[] = [];
  for (const each of chosen) {
    const label = labelOf(each.labelName, path);
    const method = methods[each.labelName] ?? each.labelName;
    const folder = each.frames.length > 0 ? await map.find(dirname(slashes(each.frames[0]))) : undefined;
    const of = absent.get(each.labelName) ?? { expected: 0, examples: [] };
    absent.set(each.labelName, of);
    of.expected++;
    if (folder === undefined) {
      of.examples.push(each.name);
      continue;
    }
    if (!contents.has(folder)) contents.set(folder, listNames(folder));
    const names = await contents.get(folder)!;
    const listed = [...new Set(each.frames.map((frame) => basename(slashes(frame))))].filter(isImage).sort(
      byName,
    );
    const there = listed.filter((name) => names.has(name));
    if (there.length < listed.length) {
      skipped.push({ path: folder, reason: `${listed.length - there.length} listed frames are not there` });
    }
    const identities = each.labelName.startsWith("FF-") ? ffppIdentities(each.name) : [];
    const id = `${method}/${each.name}`;
    videos.push({
      label,
      method,
      id,
      split: each.split,
      identities: [...identities, ...(identities.length > 0 ? [] : [`${basename(path)}:${id}`])],
      folder,
      frames: there.join("\n"),
    });
  }
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
      }; say where its paths lie here with --root OLD=NEW or --root FOLDER`,
    );
  }
  const compression = chosen[0].compression;
  return {
    layout: `DeepfakeBench list${compression ? `, ${compression}` : ""}, its splits`,
    kind: "deepfakebench",
    root: dirname(path),
    videos,
    lists: [basename(path)],
    missing,
    skipped,
    notes: [...map.mapped].map((text) => `paths mapped: ${text}`),
    warnings: [],
  };
}

async function readList(path: string): Promise<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw new InputError(
      `Cannot read ${path}: expected a list of DeepfakeBench's but found ${reasonOf(error)}`,
    );
  }
  if (!isDeepfakeBench(value)) {
    throw new InputError(
      `Cannot read ${path}: expected {set: {label: {train|val|test: …}}}, as DeepfakeBench writes it, but found another form`,
    );
  }
  return value;
}

function listVideos(value: unknown, path: string): Listed[] {
  const all: Listed[] = [];
  const entries = (each: unknown) =>
    Object.entries((each && typeof each === "object" ? each : {}) as Record<string, unknown>);
  const isVideo = (each: unknown) =>
    each !== null && typeof each === "object" && Array.isArray((each as { frames?: unknown }).frames);
  for (const [, labels] of entries(value)) {
    for (const [labelName, splits] of entries(labels)) {
      for (const [split, inside] of entries(splits)) {
        if (split !== "train" && split !== "val" && split !== "test") {
          throw new InputError(
            `Cannot read ${path}: expected the splits train, val and test under ${labelName} but found ${split}`,
          );
        }
        const direct = entries(inside).some(([, each]) => isVideo(each));
        const groups = direct || entries(inside).every(([name]) => !levels.includes(name))
          ? [[undefined, inside] as const]
          : entries(inside);
        for (const [compression, videos] of groups) {
          for (const [name, each] of entries(videos)) {
            if (!isVideo(each)) continue; // DFDC's val holds one video's own keys, by a slip of DeepfakeBench
            const { label, frames } = each as { label?: unknown; frames: unknown[] };
            all.push({
              labelName,
              split,
              compression,
              name,
              label: typeof label === "string" ? label : labelName,
              frames: frames.filter((frame) => typeof frame === "string"),
            });
          }
        }
      }
    }
  }
  checkLabels(all, path);
  return all;
}

/** Refuses a list whose labels contradict one another, or the folders that the frames are in. */
function checkLabels(all: readonly Listed[], path: string): void {
  const contrary = all.filter(({ labelName, label, frames }) => {
    const fake = labelOf(labelName, path) === 1;
    const frame = slashes(frames[0] ?? "");
    return labelOf(label, path) !== (fake ? 1 : 0) || (fake ? realFolders : fakeFolders).test(frame);
  });
  if (contrary.length === 0) return;
  const { labelName, label, name, frames } = contrary[0];
  throw new InputError(
    `Cannot use ${path}: expected labels that agree with each other and with the folders of the frames but found ${contrary.length} of ${all.length} videos that do not, such as ${name} under ${labelName} with the label ${label} and the frame ${
      frames[0] ?? "none"
    }${contrary.length === all.length ? "; its labels are inverted" : ""}`,
  );
}

function labelOf(name: string, path: string): 0 | 1 {
  if (/real$/i.test(name)) return 0;
  if (name in methods || /fake[a-z]?$/i.test(name)) return 1;
  throw new InputError(
    `Cannot read ${path}: expected labels such as FF-real, FF-DF, CelebDFv2_fake or DFDC_Real but found ${name}`,
  );
}

function select(all: readonly Listed[], options: Selection & { readonly path: string }): Listed[] {
  const { path, compression } = options;
  const there = [...new Set(all.flatMap((each) => each.compression ?? []))];
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
    ...new Set(all.filter((each) => labelOf(each.labelName, path) === 1).map((each) => each.labelName)),
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
    (!wanted || labelOf(each.labelName, path) === 0 ||
      names(each.labelName).some((name) => wanted.includes(name)))
  );
  if (chosen.length === 0) throw new InputError(`Cannot read ${path}: expected videos but found none listed`);
  return chosen;
}

async function listNames(folder: string): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const { name } of Deno.readDir(folder)) names.add(name);
  return names;
}
