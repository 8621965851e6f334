/**
 * What sets of generated images have in common: a folder a generator, images that are no videos, and a test for each generator.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { isImage, type SetReading, type Video } from "./layout.ts";
import { below, type Folder, joinNames, namesIn, type Tree } from "../scan.ts";
import { type Split, splitNamed } from "./vocabulary.ts";

/** A folder of real or generated images. */
export type ImageFolder = {
  readonly folder: Folder;
  readonly label: 0 | 1;
  /** The names above the class's folder, that of the split left out. */
  readonly above: readonly string[];
  readonly split?: Split;
};

/**
 * The folders of images below such as have one of these names, in lower case, for a class; a split is a folder above, or the
 * tree's own or the one that it is in, as in `train/progan`.
 */
export function imageFolders(
  tree: Tree,
  classes: { readonly real: string; readonly fake: string },
): ImageFolder[] {
  const outside = tree.root.split("/").slice(-2).map(splitNamed).find((split) => split !== undefined);
  return [...tree.folders.values()].flatMap((folder): ImageFolder[] => {
    if (!namesIn(folder.files).some(isImage)) return [];
    const parts = folder.path.split("/");
    const depth = parts.findIndex((part) => [classes.real, classes.fake].includes(part.toLowerCase()));
    if (depth < 0) return [];
    const before = parts.slice(0, depth);
    return [{
      folder,
      label: parts[depth].toLowerCase() === classes.fake ? 1 : 0,
      above: before.filter((part) => splitNamed(part) === undefined),
      split: before.map(splitNamed).findLast((split) => split !== undefined) ?? outside,
    }];
  });
}

/**
 * The images of a folder, each of which stands for itself.
 *
 * @param options.tests the generators whose tests they are of; none where the set is one test
 */
export function imagesIn(
  { folder, label }: ImageFolder,
  options: {
    readonly tree: Tree;
    readonly method: string;
    readonly split?: Split;
    readonly tests?: readonly string[];
  },
): Video[] {
  const { tree, method, split, tests } = options;
  const path = join(tree.root, folder.path);
  return namesIn(folder.files).filter(isImage).map((name) => ({
    label,
    method,
    id: below(folder.path, name),
    split,
    identities: [],
    folder: path,
    frames: joinNames([name]),
    tests,
  }));
}

/** What a reading says of the files that are none of its images. */
export function skippedFiles(
  tree: Tree,
  folders: readonly ImageFolder[],
): SetReading["skipped"] {
  const used = new Set(folders.map(({ folder }) => folder.path));
  return [...tree.folders.values()].flatMap(({ path, files }) => {
    const names = namesIn(files);
    if (!used.has(path)) {
      const images = names.filter(isImage).length;
      return images === 0 ? [] : [{
        path: path || ".",
        reason: `${images} images in no folder of real or generated ones`,
      }];
    }
    return names.filter((name) => !isImage(name)).map((name) => ({
      path: below(path, name),
      reason: "not an image",
    }));
  });
}

/**
 * The images of the generators that are wanted, with the reals of their tests; all without `methods`.
 *
 * @throws {InputError} for a generator that is not there
 */
export function selectGenerators(
  videos: readonly Video[],
  { methods }: { readonly methods?: readonly string[] },
): Video[] {
  if (methods === undefined) return [...videos];
  const there = [...new Set(videos.filter(({ label }) => label === 1).map(({ method }) => method))];
  const wanted = methods.map((name) => {
    const found = there.find((each) => each.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return found;
    throw new InputError(
      `Cannot select the method ${name}: expected one of ${there.join(", ")} but found another name`,
    );
  });
  return videos.filter(({ label, method, tests = [method] }) =>
    label === 1 ? wanted.includes(method) : tests.some((test) => wanted.includes(test))
  );
}
