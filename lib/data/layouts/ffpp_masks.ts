/**
 * The masks of FaceForensics++'s and DeepFakeDetection's fakes.
 *
 * @module
 */
import { join } from "node:path";
import { type FoundVideo, isImage, stem } from "./layout.ts";
import { below, namesIn, type Tree } from "../scan.ts";

/**
 * Where a fake's masks are: for a video file those that are handed out beside the compressions, or their frames; for frames
 * alone those beside them, as DeepfakeBench cuts them out with the face.
 *
 * @param source.folder where the method's videos are at their compression
 * @param source.above the method's folder
 */
export function maskFinder(
  tree: Tree,
  source: { readonly label: 0 | 1; readonly folder: string; readonly above: string },
): (found: FoundVideo) => string | undefined {
  const { label, folder, above } = source;
  const holders = ["masks", "masks/images", "masks/frames"].map((name) => below(above, name));
  const files = below(above, "masks/videos");
  const fileOf = new Map(namesIn(tree.folders.get(files)?.files).map((name) => [stem(name), name]));
  const hasImages = (path: string) => namesIn(tree.folders.get(path)?.files).some(isImage);
  return ({ name, file }) => {
    if (label === 0) return undefined;
    const mask = fileOf.get(name);
    if (file !== undefined && mask !== undefined) return join(tree.root, files, mask);
    const inside = (file === undefined ? [below(folder, "masks")] : holders).map((path) => below(path, name));
    const images = inside.find(hasImages);
    return images && join(tree.root, images);
  };
}
