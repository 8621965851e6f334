/**
 * Plain folders whose names say what is in them: `{real,fake}/…`, `{train,val,test}/{real,fake}/…`, and others named as
 * UniversalFakeDetect's (`0_real`, `1_fake`) and GenImage's (`nature`, `ai`), whose own sets have layouts of their own.
 *
 * @module
 */
import { extname, join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { groupImages, originOf } from "../grouping/grouping.ts";
import type { Grouping } from "../grouping/notes.ts";
import { ffppPersons } from "./ffpp_names.ts";
import {
  freeName,
  isImage,
  isVideo,
  type Layout,
  type Selection,
  type SetReading,
  stem,
  type Video,
} from "./layout.ts";
import { selectMethods } from "./select_methods.ts";
import { below, isBesideFrames, joinNames, namesIn, type Tree } from "../scan.ts";
import { type Split, splitNamed } from "./vocabulary.ts";

const realNames = ["real", "reals", "0_real", "nature", "original", "originals"];
const fakeNames = ["fake", "fakes", "1_fake", "ai", "manipulated"];

/** True for a name that says that real ones, or fakes, are in a folder. */
export function isClassName(name: string): boolean {
  return realNames.includes(name.toLowerCase()) || fakeNames.includes(name.toLowerCase());
}

/** Where a folder's files belong. */
type Place = {
  readonly label: 0 | 1;
  /** The class's folder, where the user told what it is. */
  readonly word?: string;
  readonly split?: Split;
  /** Folders between the root and the class, the split left out: the generator, or nothing. */
  readonly above: string;
  /** Path of the class's folder, the split's included where it is below. */
  readonly base: string;
};

/** Folders named real and fake, at any depth, such as `train/real`. */
export const folders: Layout = {
  title: "folders named real and fake",
  selects: ["methods", "videos", "labels"],
  looksLike: looksLikeFolders,
  read: readClassFolders,
};

/** True when some folder is named as a class and has images or videos below. */
function looksLikeFolders(tree: Tree, { labels }: Pick<Selection, "labels">): boolean {
  const classes = new Set<0 | 1>();
  for (const folder of tree.folders.values()) {
    const place = placeOf(folder.path, labels);
    if (place && namesIn(folder.files).some((name) => isImage(name) || isVideo(name))) {
      classes.add(place.label);
    }
    if (classes.size === 2) return true;
  }
  return false;
}

/**
 * Reads such folders. A video is a video file, or what {@link groupImages} takes for one; a fake's method and where a real
 * is from is the generator's folder, or the first sub-folder, unless that is the video.
 *
 * Names such as `071` and `071_054` are taken for FaceForensics++'s, whose persons then stay in one split.
 *
 * @throws {InputError} when a folder is below one of reals and one of fakes.
 */
async function readClassFolders(
  tree: Tree,
  options: Selection & { readonly signal?: AbortSignal } = {},
): Promise<SetReading> {
  const groups = new Map<string, { place: Place; files: string[] }>();
  const skipped: { path: string; reason: string }[] = [];
  for (const folder of tree.folders.values()) {
    const place = placeOf(folder.path, options.labels);
    const names = namesIn(folder.files);
    const media = names.filter((name) => isImage(name) || isVideo(name));
    if (!place) {
      if (media.length > 0) {
        skipped.push({
          path: folder.path || ".",
          reason:
            `${media.length} files in no folder of real or fake ones; --labels WORD=real or WORD=fake says what a folder has`,
        });
      }
      continue;
    }
    if (isBesideFrames(folder.path.slice(place.base.length))) continue;
    for (const name of names) {
      if (!media.includes(name)) {
        skipped.push({ path: below(folder.path, name), reason: "not an image or a video" });
      }
    }
    const key = `${place.base}\n${place.split}`;
    const group = groups.get(key) ?? { place, files: [] };
    const inside = folder.path.slice(place.base.length + (place.base === "" ? 0 : 1));
    for (const name of media) group.files.push(below(inside, name));
    groups.set(key, group);
  }
  const ordered = [...groups.values()].sort((a, b) =>
    a.place.label - b.place.label || (a.place.base < b.place.base ? -1 : 1)
  );
  const images = ordered.map(({ files }) => files.filter(isImage));
  const grouped = await groupImages(
    ordered.map(({ place: { base, label } }, i) => ({
      name: base,
      label,
      files: images[i],
      pathOf: (file) => join(tree.root, base, file),
    })),
    { by: options.videos, signal: options.signal },
  );
  const videos = ordered.flatMap(({ place, files }, i) =>
    videosIn(files, { tree, place, images: images[i], grouping: grouped[i] })
  );
  const warnings = grouped.flatMap((each) => each.warnings);
  const splits = ["train", "val", "test"].filter((name) => videos.some(({ split }) => split === name));
  const loose = videos.filter(({ split }) => split === undefined);
  if (splits.length > 0 && loose.length > 0) {
    warnings.push(
      `${loose.length} videos are in no folder of a split, such as ${loose[0].id}, beside ${
        videos.length - loose.length
      } that are (${splits.join(", ")})`,
    );
  }
  const chosen = selectMethods(withPersons(videos), options);
  return {
    layout: `folders of real and fake ones${
      splits.length > 0 ? `, splits from folders (${splits.join(", ")})` : ""
    }`,
    kind: "folders",
    root: tree.root,
    videos: chosen,
    lists: [],
    missing: [],
    skipped,
    notes: [
      ...(chosen.some(({ identities }) => identities.some((each) => each.startsWith("ffpp:")))
        ? ["names such as 071 and 071_054: their persons are taken for FaceForensics++'s"]
        : []),
      ...grouped.flatMap(({ notes }) => notes),
    ],
    warnings,
  };
}

function placeOf(path: string, labels: Selection["labels"] = {}): Place | undefined {
  const parts = path.split("/");
  const lower = parts.map((part) => part.toLowerCase());
  const known = (part: string) => (realNames.includes(part) ? 0 : fakeNames.includes(part) ? 1 : undefined);
  const labelOf = (part: string) => labels[part] ?? known(part);
  const real = lower.findIndex((part) => labelOf(part) === 0);
  const fake = lower.findIndex((part) => labelOf(part) === 1);
  if (real < 0 && fake < 0) return undefined;
  if (real >= 0 && fake >= 0) {
    throw new InputError(
      `Cannot read ${path}: expected a folder of real ones or of fakes but found one below both ${
        parts[real]
      } and ${parts[fake]}`,
    );
  }
  const depth = Math.max(real, fake);
  const isSplit = (i: number) => i >= 0 && i < parts.length && splitNamed(parts[i]) !== undefined;
  const inside = isSplit(depth + 1);
  const outside = parts.slice(0, depth).findLastIndex((part) => splitNamed(part) !== undefined);
  return {
    label: real >= 0 ? 0 : 1,
    word: lower[depth] in labels ? parts[depth] : undefined,
    split: inside ? splitNamed(parts[depth + 1]) : outside >= 0 ? splitNamed(parts[outside]) : undefined,
    above: parts.slice(0, depth).filter((_, i) => i !== outside).join("/"),
    base: parts.slice(0, depth + (inside ? 2 : 1)).join("/"),
  };
}

function videosIn(
  files: readonly string[],
  options: {
    readonly tree: Tree;
    readonly place: Place;
    readonly images: readonly string[];
    readonly grouping: Grouping;
  },
): Video[] {
  const { tree, place, images, grouping: { videos: names } } = options;
  const { label, word, split, above, base } = place;
  const kind = word ?? (label === 0 ? "real" : "fake");
  const groups = new Map<string, { first: string; frames: string[]; file?: string }>();
  const folderOf = (file: string) => file.split("/").slice(0, -1).join("/");
  images.forEach((file, i) => {
    const group = groups.get(names[i]) ?? { first: file, frames: [] };
    group.frames.push(file);
    groups.set(names[i], group);
  });
  for (const file of files.filter(isVideo)) {
    const name = below(
      folderOf(file),
      freeName(
        file.split("/").at(-1)!,
        (each) => groups.get(below(folderOf(file), each))?.file !== undefined,
      ),
    );
    const group = groups.get(name) ?? { first: file, frames: [] };
    group.file = file;
    groups.set(name, group);
  }
  const found: Video[] = [];
  for (const [name, { first, frames, file }] of groups) {
    const own = [above, kind, name].filter((part) => part !== "").join("/");
    // A name that is a file's own may mean nothing; a folder's or a video's is meant to.
    const named = file !== undefined || frames.some((frame) => folderOf(frame) === name);
    const folder = frames.length > 0 ? folderOf(frames[0]) : "";
    const within = (path: string) => (folder === "" ? path : path.slice(folder.length + 1));
    found.push({
      label,
      // A generator's folder says nothing of where its reals are from.
      method: (label === 1 && above) || (originOf(first, name) ?? kind),
      id: own,
      split,
      // a.mp4 and a.webm are one video twice.
      identities: named ? [`${tree.root}: ${isVideo(own) ? own.slice(0, -extname(own).length) : own}`] : [],
      folder: join(tree.root, base, folder),
      frames: joinNames(frames.map(within)),
      file: file && join(tree.root, base, file),
    });
  }
  return found;
}

/** Adds FaceForensics++'s persons, as far as the names of the videos tell. */
function withPersons(videos: readonly Video[]): Video[] {
  const persons = ffppPersons(videos.map(({ label, id }) => ({ label, id: stem(id) })));
  if (persons === undefined) return [...videos];
  return videos.map((video, i) => ({
    ...video,
    identities: [...new Set([...video.identities, ...persons[i]])],
  }));
}
