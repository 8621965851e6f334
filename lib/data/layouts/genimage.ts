/**
 * GenImage: `<generator>/{train,val}/{ai,nature}`, also below a folder such as `imagenet_ai_0419_sdv4`. What is called `val` is what
 * its authors and others test on. Labels are by the folders' names: in alphabetical order, as tools take them, `ai` would be the real one.
 *
 * @module
 */
import { basename } from "node:path";
import { type ImageFolder, imageFolders, imagesIn, selectGenerators, skippedFiles } from "./generators.ts";
import type { Layout, ReadOptions, SetReading } from "./layout.ts";
import type { Tree } from "../scan.ts";

const generators = [
  ...["midjourney", "stable_diffusion_v_1_4", "stable_diffusion_v_1_5", "adm", "glide", "wukong", "vqdm"],
  "biggan",
];
const classes = { real: "nature", fake: "ai" };
/** The folder that the archive of a generator has within it. */
const inner = /^imagenet_ai_\d+_\w+$|^imagenet_(glide|midjourney)$/i;

/** GenImage, all of it or one generator's folder. */
export const genImage: Layout = {
  title: "GenImage",
  selects: ["methods"],
  looksLike: looksLikeGenImage,
  read: (tree, options) => Promise.resolve(readGenImage(tree, options)),
};

/** True when folders of its two classes are below one of a generator that it has, or below the folder that an archive has. */
function looksLikeGenImage(tree: Tree): boolean {
  const folders = imageFolders(tree, classes);
  const isOne = (name: string) => generators.includes(name.toLowerCase()) || inner.test(name);
  return folders.some(({ above }) => above.some(isOne)) || (folders.length > 0 && isOne(basename(tree.root)));
}

/** The generator's folder, where it is below the tree's own. */
function generatorOf({ above }: ImageFolder): string | undefined {
  const [first] = above.filter((name) => !inner.test(name));
  return first ?? above[0];
}

/** Reads it: each generator's folder is a test of its own, each image a video of its own, and `val` is the test. */
function readGenImage(tree: Tree, options: Pick<ReadOptions, "methods">): SetReading {
  const folders = imageFolders(tree, classes);
  const found = new Set<string>();
  const videos = folders.flatMap((each) => {
    const generator = generatorOf(each);
    const method = generator ?? basename(tree.root);
    found.add(method);
    const split = each.split === "val" ? "test" : each.split;
    return imagesIn(each, { tree, method, split, tests: generator === undefined ? undefined : [generator] });
  });
  return {
    layout: `GenImage, ${found.size} generator${
      found.size === 1 ? "" : "s"
    }, labels by the names ai and nature, its val taken for the test`,
    kind: "genimage",
    root: tree.root,
    videos: selectGenerators(videos, options),
    lists: [],
    missing: [],
    skipped: skippedFiles(tree, folders),
    notes: [],
    warnings: [],
    isOfImages: true,
  };
}
