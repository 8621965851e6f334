/**
 * WildDeepfake: face sequences in `real_train`, `real_test`, `fake_train` and `fake_test`, in each a folder for each archive that is
 * unpacked there, which holds the sequences of one video.
 *
 * The four folders and the archives are in the README of deepfakeinthewild/deepfake-in-the-wild; what is in an archive was not
 * seen: the nearest folder of images is taken for a sequence.
 *
 * @module
 */
import { join } from "node:path";
import type { Layout, SetReading, Shortage, Video } from "./layout.ts";
import { namesIn, type Tree } from "../scan.ts";
import { videosBelow } from "./videos_below.ts";
import { type Split, splitNamed } from "./vocabulary.ts";

/** `real_train`; the README writes a space. */
const part = /^(real|fake)[ _-](train|test)$/i;
/** Face sequences as published (Zi et al. 2020), of both classes. */
const official = 7314;

/** WildDeepfake. */
export const wildDeepfake: Layout = {
  title: "WildDeepfake",
  selects: [],
  looksLike: (tree) => new Set(parts(tree).map(({ label }) => label)).size === 2,
  read: (tree) => Promise.resolve(readWildDeepfake(tree)),
};

function parts(tree: Tree): { readonly folder: string; readonly label: 0 | 1; readonly split: Split }[] {
  return namesIn(tree.folders.get("")?.folders).flatMap((folder) => {
    const [, word, split] = part.exec(folder) ?? [];
    return word === undefined ? [] : [{
      folder,
      label: word.toLowerCase() === "real" ? 0 as const : 1 as const,
      split: splitNamed(split)!,
    }];
  });
}

/** Reads it: the split is the folder's, and the sequences of one archive stay together. */
function readWildDeepfake(tree: Tree): SetReading {
  const videos: Video[] = [];
  const missing: Shortage[] = [];
  const there = parts(tree);
  for (const { folder, label, split } of there) {
    const found = videosBelow(tree, folder);
    for (const each of found.values()) {
      videos.push({
        label,
        method: label === 0 ? "real" : "fake",
        id: `${folder}/${each.name}`,
        split,
        identities: [`wilddeepfake:${folder}/${each.name.split("/")[0]}`],
        folder: join(tree.root, each.folder),
        frames: each.frames,
        file: each.file && join(tree.root, each.file),
      });
    }
  }
  for (const name of ["real_train", "real_test", "fake_train", "fake_test"]) {
    if (there.some(({ folder }) => folder.toLowerCase().replace(/[ -]/, "_") === name)) continue;
    missing.push({ what: `${name} (no folder)`, expected: 1, found: 0, by: "official", examples: [] });
  }
  if (videos.length < official) {
    missing.push({
      what: "face sequences",
      expected: official,
      found: videos.length,
      by: "official",
      examples: [],
    });
  }
  return {
    layout: "WildDeepfake, splits from folders",
    kind: "wilddeepfake",
    isOfficialSplit: there.length === 4,
    root: tree.root,
    videos,
    lists: [],
    missing,
    skipped: namesIn(tree.folders.get("")?.folders).filter((name) => !part.test(name)).map((path) => ({
      path,
      reason: "none of real_train, real_test, fake_train and fake_test",
    })),
    notes: [],
    warnings: [],
  };
}
