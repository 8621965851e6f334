/**
 * FakeAVCeleb: `RealVideo-RealAudio`, `FakeVideo-RealAudio`, `FakeVideo-FakeAudio` and `RealVideo-FakeAudio`, in each the videos by
 * origin, gender and person: `FakeVideo-FakeAudio/African/men/id00076/00109_id00152_wavtolip.mp4`.
 *
 * The four folders are in its paper (Khalid et al. 2021); the folders below are by programs that read it. Its `meta_data.csv` was
 * not seen and is not read. It has no official split.
 *
 * @module
 */
import { basename, join } from "node:path";
import type { Layout, SetReading, Shortage, Video } from "./layout.ts";
import { namesIn, type Tree } from "../scan.ts";
import { selectMethods } from "./select_methods.ts";
import { videosBelow } from "./videos_below.ts";

/** The class of a folder's frames; those of real videos with another voice are neither a test of faces nor its reals. */
const classes = { "RealVideo-RealAudio": 0, "FakeVideo-RealAudio": 1, "FakeVideo-FakeAudio": 1 } as const;
const voiceOnly = "RealVideo-FakeAudio";
/** Videos as published: 500 reals, 19,500 fakes with those of voices alone. */
const officialReals = 500;

/** FakeAVCeleb. */
export const fakeAvCeleb: Layout = {
  title: "FakeAVCeleb",
  selects: ["methods"],
  looksLike: (tree) => {
    const folders = namesIn(tree.folders.get("")?.folders);
    return folders.includes("RealVideo-RealAudio") && folders.some((name) => name.startsWith("FakeVideo-"));
  },
  read: (tree, options) => Promise.resolve(readFakeAvCeleb(tree, options)),
};

/**
 * Reads the videos whose frames are real and those whose frames are fake; a person and whom a fake's name tells of stay in one
 * split where videos are dealt.
 */
function readFakeAvCeleb(tree: Tree, options: { readonly methods?: readonly string[] }): SetReading {
  const videos: Video[] = [];
  const missing: Shortage[] = [];
  for (const [folder, label] of Object.entries(classes)) {
    const found = videosBelow(tree, folder);
    for (const each of found.values()) {
      const persons = [...new Set(each.name.match(/id\d{5}/g) ?? [])];
      videos.push({
        label,
        method: label === 0 ? "real" : methodOf(folder, basename(each.name)),
        id: `${folder}/${each.name}`,
        identities: persons.length > 0
          ? persons.map((person) => `fakeavceleb:${person}`)
          : [`fakeavceleb:${folder}/${each.name}`],
        folder: join(tree.root, each.folder),
        frames: each.frames,
        file: each.file && join(tree.root, each.file),
      });
    }
    if (found.size === 0 || (label === 0 && found.size < officialReals)) {
      const expected = label === 0 ? officialReals : 1;
      missing.push({ what: `${folder} videos`, expected, found: found.size, by: "official", examples: [] });
    }
  }
  const voices = videosBelow(tree, voiceOnly).size;
  return {
    layout: "FakeAVCeleb, no official split",
    kind: "fakeavceleb",
    root: tree.root,
    videos: selectMethods(videos, options),
    lists: [],
    missing,
    skipped: voices === 0 ? [] : [{
      path: voiceOnly,
      reason: `real faces with another voice, which frames do not show: ${voices}`,
    }],
    notes: [],
    warnings: [],
  };
}

/** How a fake was made, by the end of its name: `wavtolip`, `faceswap`; its folder where that tells nothing. */
function methodOf(folder: string, name: string): string {
  const end = /_([a-z]+(?:_[a-z]+)*)$/i.exec(name)?.[1];
  return end === undefined ? folder : `${end}${folder.endsWith("FakeAudio") ? " with a voice" : ""}`;
}
