/**
 * Videos at any depth below a folder.
 *
 * @module
 */
import { type FoundVideo, isImage, isVideo, stem } from "./layout.ts";
import { below, isBesideFrames, joinNames, namesIn, type Tree } from "../scan.ts";

/** Folders between others that name nothing. */
const holders = ["frames", "faces", "crops", "images", "videos"];

/**
 * The videos below a folder, by their path in it without `frames/`, `videos/` and the like: every video file, and every folder
 * of images. Masks and landmarks are left out.
 */
export function videosBelow(tree: Tree, base: string): Map<string, FoundVideo> {
  const found = new Map<string, FoundVideo>();
  for (const { path, files } of tree.folders.values()) {
    if (path !== base && !path.startsWith(`${base}/`)) continue;
    const inside = path.slice(base.length);
    if (isBesideFrames(inside)) continue;
    const folder = inside.split("/").filter((part) => part !== "" && !holders.includes(part.toLowerCase()))
      .join("/");
    const names = namesIn(files);
    const images = names.filter(isImage);
    if (images.length > 0) {
      found.set(folder, { ...found.get(folder), name: folder, folder: path, frames: joinNames(images) });
    }
    for (const file of names.filter(isVideo)) {
      const name = below(folder, stem(file));
      const before = found.get(name) ?? { name, folder: "", frames: joinNames([]) };
      found.set(name, { ...before, file: below(path, file) });
    }
  }
  return found;
}
