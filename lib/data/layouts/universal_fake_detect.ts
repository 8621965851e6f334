/**
 * UniversalFakeDetect's images, and CNNDetection's, which are most of them: `<generator>/[class]/{0_real,1_fake}`. The reals of the
 * diffusion models are kept once for several of them, or merged into each, as ForgeLens has them.
 *
 * @module
 */
import { basename } from "node:path";
import { InputError } from "../../base/errors.ts";
import { type ImageFolder, imageFolders, imagesIn, selectGenerators, skippedFiles } from "./generators.ts";
import type { Layout, ReadOptions, SetReading, Shortage } from "./layout.ts";
import type { Tree } from "../scan.ts";

/** The 19 sets in the order of the authors' tables, each with the folder of its reals where that is another (dataset_paths.py). */
const generators: Readonly<Record<string, string | undefined>> = {
  progan: undefined,
  cyclegan: undefined,
  biggan: undefined,
  stylegan: undefined,
  gaugan: undefined,
  stargan: undefined,
  deepfake: undefined,
  seeingdark: undefined,
  san: undefined,
  crn: undefined,
  imle: undefined,
  guided: "imagenet",
  ldm_200: "laion",
  ldm_200_cfg: "laion",
  ldm_100: "laion",
  glide_100_27: "laion",
  glide_50_27: "laion",
  glide_100_10: "laion",
  dalle: "laion",
};
const names = Object.keys(generators);
/** Folders of reals alone. */
const holders = ["imagenet", "laion"];
const classes = { real: "0_real", fake: "1_fake" };

/** UniversalFakeDetect's test sets, and the ProGAN images that its detectors are trained on. */
export const universalFakeDetect: Layout = {
  title: "UniversalFakeDetect",
  selects: ["methods"],
  looksLike: looksLikeSets,
  read: (tree, options) => Promise.resolve(readSets(tree, options)),
};

function isKnown(name: string): boolean {
  return names.includes(name.toLowerCase()) || holders.includes(name.toLowerCase());
}

/** True when most of the folders with such classes are of generators that it has. */
function looksLikeSets(tree: Tree): boolean {
  const found = new Set(imageFolders(tree, classes).map((each) => generatorOf(tree, each)));
  return [...found].filter(isKnown).length > found.size / 2;
}

/** The folder of a generator: the first of a known name, the tree's own, or the first. */
function generatorOf(tree: Tree, { above }: ImageFolder): string {
  const own = basename(tree.root);
  return above.find(isKnown) ?? (isKnown(own) || above.length === 0 ? own : above[0]);
}

/**
 * Reads it: each generator is a test of its own, each image a video of its own.
 *
 * @throws {InputError} for a generator whose reals are nowhere
 */
function readSets(tree: Tree, options: Pick<ReadOptions, "methods">): SetReading {
  const folders = imageFolders(tree, classes);
  const known = folders.map((each) => ({ each, generator: generatorOf(tree, each) }))
    .sort((a, b) => rank(a.generator) - rank(b.generator));
  const fakes = [
    ...new Set(known.filter(({ each }) => each.label === 1).map(({ generator }) => generator)),
  ];
  const hasReals = new Set(known.filter(({ each }) => each.label === 0).map(({ generator }) => generator));
  const folderOf = (name: string) => [...hasReals].find((each) => each.toLowerCase() === name);
  const realsOf = new Map(fakes.map((generator) => {
    const elsewhere = generators[generator.toLowerCase()];
    const found = hasReals.has(generator) ? generator : elsewhere && folderOf(elsewhere);
    if (found !== undefined) return [generator, found];
    throw new InputError(
      `Cannot read the images of ${generator} in ${tree.root}: expected its reals in ${generator}/0_real${
        elsewhere === undefined ? "" : ` or ${elsewhere}/0_real`
      } but found neither; put them there`,
    );
  }));
  const testsOf = (generator: string, label: 0 | 1) =>
    label === 1 ? [generator] : fakes.filter((each) => realsOf.get(each) === generator);
  // Beside training images in a folder of their own, the others are tests.
  const rest = folders.some(({ split }) => split !== undefined) ? "test" : undefined;
  const videos = known.flatMap(({ each, generator }) => {
    const tests = testsOf(generator, each.label);
    return imagesIn(each, { tree, method: generator, split: each.split ?? rest, tests });
  });
  const shared = [...hasReals].filter((each) => testsOf(each, 0).length > 1);
  const unused = [...hasReals].filter((each) => testsOf(each, 0).length === 0);
  const isTrained = videos.every(({ split }) => split === "train");
  return {
    layout: `UniversalFakeDetect, ${fakes.length} generator${fakes.length === 1 ? "" : "s"}`,
    kind: "universal-fake-detect",
    root: tree.root,
    videos: selectGenerators(videos, options),
    lists: [],
    missing: isTrained ? [] : absent(fakes),
    skipped: skippedFiles(tree, folders),
    notes: [
      ...shared.map((each) => `the images of ${each} are the reals of ${testsOf(each, 0).join(", ")}`),
      ...unused.map((each) => `the images of ${each} are the reals of no generator that is here`),
    ],
    warnings: [],
    isOfImages: true,
  };
}

function rank(generator: string): number {
  const place = names.indexOf(generator.toLowerCase());
  return place < 0 ? names.length : place;
}

function absent(fakes: readonly string[]): Shortage[] {
  const there = new Set(fakes.map((name) => name.toLowerCase()));
  const examples = names.filter((name) => !there.has(name));
  const found = names.length - examples.length;
  return examples.length === 0
    ? []
    : [{ what: "generators", expected: names.length, found, by: "official", examples }];
}
