/**
 * FFIW10K (Face Forensics in the Wild): real videos in `source`, fakes in `target` and the fakes' masks in `target_mask`, each with
 * a folder a split; of several faces in a frame some are fake.
 *
 * The folders are in the README of tfzhou/FFIW; that videos may lie in `videos/` below a split, and that `val` is what others test
 * on, is by programs that read it. Which real video a fake was made of was not seen.
 *
 * @module
 */
import { join } from "node:path";
import { type Layout, type SetReading, type Shortage, stem, type Video } from "./layout.ts";
import { below, namesIn, type Tree } from "../scan.ts";
import { videosBelow } from "./videos_below.ts";
import { splitNamed } from "./vocabulary.ts";

/** Fakes as published, in all splits (Zhou et al. 2021), and as many reals. */
const official = 10_000;

/** FFIW10K. */
export const ffiw: Layout = {
  title: "FFIW10K",
  selects: [],
  looksLike: (tree) => splitsIn(tree, "source").length > 0 && splitsIn(tree, "target").length > 0,
  read: (tree) => Promise.resolve(readFfiw(tree)),
};

function splitsIn(tree: Tree, folder: string): string[] {
  return namesIn(tree.folders.get(folder)?.folders).filter((name) => splitNamed(name) !== undefined);
}

/** Reads it: the split is the folder's; a fake's masks are those of its name. */
function readFfiw(tree: Tree): SetReading {
  const videos: Video[] = [];
  const missing: Shortage[] = [];
  for (const [folder, label] of [["source", 0], ["target", 1]] as const) {
    const before = videos.length;
    for (const name of splitsIn(tree, folder)) {
      const masks = label === 1 ? masksIn(tree, `target_mask/${name}`) : undefined;
      for (const each of videosBelow(tree, `${folder}/${name}`).values()) {
        videos.push({
          label,
          method: folder,
          id: `${folder}/${name}/${each.name}`,
          split: splitNamed(name),
          // Two videos of a name may be of one scene.
          identities: [`ffiw:${name}/${each.name}`],
          folder: join(tree.root, each.folder),
          frames: each.frames,
          file: each.file && join(tree.root, each.file),
          masks: masks?.get(each.name),
        });
      }
    }
    const found = videos.length - before;
    if (found < official) {
      missing.push({ what: `${folder} videos`, expected: official, found, by: "official", examples: [] });
    }
  }
  return {
    layout: "FFIW10K, splits from folders",
    kind: "ffiw",
    root: tree.root,
    videos,
    lists: [],
    missing,
    skipped: [],
    notes: [],
    warnings: videos.some(({ split }) => split === "test")
      ? []
      : ["no folder test: what is handed out has train and val, and others test on val; for that give ,val"],
  };
}

/** The masks of a split by the names of their videos: files, or folders of images. */
function masksIn(tree: Tree, base: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of [base, below(base, "videos")]) {
    const { files, folders } = tree.folders.get(path) ?? {};
    for (const name of namesIn(files)) found.set(stem(name), join(tree.root, path, name));
    for (const name of namesIn(folders)) {
      if (tree.folders.get(below(path, name))?.files) found.set(name, join(tree.root, path, name));
    }
  }
  return found;
}
