/**
 * DF40: a folder a method, in each the fakes made of FaceForensics++ (`ff`) and of Celeb-DF (`cdf`), in `DF40` for the test and in
 * `DF40_train` for training; the reals of the two are handed out apart, and lie beside these folders. Nine methods have reals of
 * their own, in `real` beside `fake`.
 *
 * The folders are in the README of YZY-stack/DF40; that frames are in `<method>/<domain>/frames/<video>`, in training also in
 * `<method>/frames/<video>`, and of generated faces in `<method>/<domain>/<video>`, is by its issues and by programs that read it.
 * The images were not seen.
 *
 * @module
 */
import { basename, join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { targetOf } from "./celebdf.ts";
import { ffppIdentities } from "./ffpp_names.ts";
import { readSplits } from "./ffpp_splits.ts";
import {
  findVideos,
  type FoundVideo,
  isImage,
  isVideo,
  type Layout,
  type ReadOptions,
  type SetReading,
  type Shortage,
  stem,
  type Video,
} from "./layout.ts";
import { selectMethods } from "./select_methods.ts";
import { below, type Folder, isBesideFrames, joinNames, namesIn, type Tree } from "../scan.ts";
import { type Split, splitNamed } from "./vocabulary.ts";

/** Its methods' folders by the README and by its lists, which differ in some. */
const methods: readonly (readonly string[])[] = [
  ...["fsgan", "faceswap", "simswap", "inswap", "blendface", "uniface", "mobileswap", "e4s", "facedancer"],
  ...["deepfacelab", "fomm", "facevid2vid", "wav2lip", "MRAA", "one_shot_free", "pirender", "tpsm", "lia"],
  ...["danet", "sadtalker", "mcnet", "hyperreenact", "heygen", "VQGAN", "StyleGAN2", "StyleGAN3"],
  ...["StyleGANXL", "sd2.1", "ddim", "RDDM", "PixArt", "DiT", "SiT", "MidJourney"],
  "whichfaceisreal|whichisreal",
  ...["stargan", "starganv2", "styleclip", "e4e", "CollabDiff"],
].map((names) => names.split("|"));
const known = new Map(methods.flatMap((names) => names.map((name) => [name.toLowerCase(), names[0]])));
/** The sets that fakes are made of, whose reals are kept once for all methods. */
const domains = ["ff", "cdf"] as const;
type Domain = typeof domains[number];
/** Where the reals of a domain are looked for. */
const realPlaces: Readonly<Record<Domain, RegExp>> = {
  ff: /(^|\/)original_sequences\/youtube(\/c23)?$/i,
  cdf: /(^|\/)(Celeb-real|YouTube-real)$/i,
};
/** Folders between a method's and its videos' that name nothing. */
const holders = ["frames", "faces", "crops", "images", "videos", "inversions"];

/** DF40: its test, its training data, or both. */
export const df40: Layout = {
  title: "DF40",
  selects: ["methods"],
  looksLike: (tree) => places(tree).length > 0,
  read: readDf40,
};

/** A method's folder. */
type Place = { readonly folder: string; readonly method: string; readonly split?: Split };

/**
 * The folders of methods in a tree, or in its `DF40` and `DF40_train`. In a folder of another name a domain has to be in several
 * of them: others have a folder called `simswap` or `stargan` too.
 */
function places(tree: Tree): Place[] {
  const inside = namesIn(tree.folders.get("")?.folders);
  const parts = inside.filter((name) => splitOf(name) !== undefined);
  const found = ["", ...parts].flatMap((part) =>
    namesIn(tree.folders.get(part)?.folders).flatMap((name): Place[] => {
      const method = known.get(name.toLowerCase());
      const split = splitOf(part === "" ? basename(tree.root) : part);
      return method === undefined ? [] : [{ folder: below(part, name), method, split }];
    })
  );
  const hasDomain = ({ folder }: Place) =>
    namesIn(tree.folders.get(folder)?.folders).some((name) => isDomain(name.toLowerCase()));
  return found.some(({ split }) => split !== undefined) || found.filter(hasDomain).length > 1 ? found : [];
}

function isDomain(name: string): name is Domain {
  return (domains as readonly string[]).includes(name);
}

/** `DF40` is the test, `DF40_train` is not. */
function splitOf(name: string): Split | undefined {
  const parts = /^df40[-_ ]?([a-z]*)$/i.exec(name);
  return parts ? (parts[1] === "" ? "test" : splitNamed(parts[1])) : undefined;
}

/**
 * Reads it: each method's fakes of each domain are a test of their own, named as in DF40's lists (`simswap_ff`), beside the
 * domain's reals. Real videos of FaceForensics++ are in the split that its split files say, or that of the fakes with their
 * person; those of Celeb-DF are tested.
 *
 * @throws {InputError} for a method that is not there, or fakes without any real of their domain.
 */
async function readDf40(tree: Tree, options: Pick<ReadOptions, "methods">): Promise<SetReading> {
  const there = places(tree);
  const skipped: { path: string; reason: string }[] = [];
  const own = there.flatMap((place) => videosOf(tree, place, skipped));
  const chosen = selectMethods(own.map(({ video }) => video), options);
  const kept = new Set(chosen);
  const fakes = own.filter(({ video }) => video.label === 1 && kept.has(video));
  const testsOf = (domain?: Domain) => [
    ...new Set(fakes.filter((each) => each.domain === domain).flatMap(({ video }) => video.tests ?? [])),
  ];
  // The reals beside a method's fakes are of no use without them.
  const tests = new Set(testsOf());
  const reals: Video[] = own.flatMap(({ video }) =>
    video.label === 0 && video.tests?.some((test) => tests.has(test)) ? [video] : []
  );
  for (const domain of domains) {
    const names = testsOf(domain);
    if (names.length === 0) continue;
    const found = domain === "ff"
      ? await youtubeReals(tree, { fakes: fakes.map(({ video }) => video), skipped })
      : celebReals(tree);
    if (found.length === 0) refuseWithoutReals(tree, { domain, names });
    reals.push(...found.map((video) => ({ ...video, tests: names })));
  }
  const methodsThere = new Set(there.map(({ method }) => method));
  const absent = methods.map(([name]) => name).filter((name) => !methodsThere.has(name));
  const missing: Shortage[] = absent.length === 0 ? [] : [{
    what: "methods",
    expected: methods.length,
    found: methods.length - absent.length,
    by: "official",
    examples: absent.slice(0, 5),
  }];
  const loose = there.filter(({ split }) => split === undefined);
  return {
    layout: `DF40, ${methodsThere.size} methods, ${
      [...new Set(there.map(({ split }) => split ?? "no split"))].join(" and ")
    }`,
    kind: "df40",
    root: tree.root,
    videos: [...reals, ...fakes.map(({ video }) => video)],
    lists: splitFiles(tree),
    missing,
    skipped,
    notes: [],
    warnings: loose.length === 0
      ? []
      : [`no folder called DF40 or DF40_train: whether ${basename(tree.root)} is the test is not known`],
  };
}

/** A fake, or a real of a method's own, with the set that it is made of. */
type Found = { readonly video: Video; readonly domain?: Domain };

/** The videos of a method: below a domain or a class, the nearest folder of images is a video; loose images are one each. */
function videosOf(tree: Tree, place: Place, skipped: { path: string; reason: string }[]): Found[] {
  const { folder: base, method, split } = place;
  const inside = [...tree.folders.values()].filter(({ path }) =>
    path === base || path.startsWith(`${base}/`)
  );
  const found = new Map<string, Found>();
  for (const folder of inside) {
    if (isBesideFrames(folder.path.slice(base.length))) continue;
    const parts = folder.path.slice(base.length + 1).split("/").filter((part) => part !== "");
    const lower = parts.map((part) => part.toLowerCase());
    const domain = isDomain(lower[0] ?? "") ? lower[0] as Domain : undefined;
    const word = domain === undefined && (lower[0] === "fake" || lower[0] === "real") ? lower[0] : undefined;
    const label = word === "real" ? 0 : 1;
    // Training data have no folder of a domain: all are made of FaceForensics++.
    const madeOf = domain ?? (word === undefined ? "ff" : undefined);
    const rest = parts.slice(domain ?? word ? 1 : 0).filter((part) => !holders.includes(part.toLowerCase()));
    const names = namesIn(folder.files);
    const add = (name: string, media: Pick<Video, "frames" | "file">) => {
      const id = [split, method, domain ?? word, name].filter((part) => part !== undefined).join("/");
      const before = found.get(id)?.video;
      const video: Video = {
        label,
        method: label === 0 ? `${method}, real` : method,
        id,
        split,
        identities: identitiesOf(name, madeOf) ?? [`df40:${id}`],
        folder: before?.frames ? before.folder : join(tree.root, folder.path),
        frames: before?.frames || media.frames,
        file: before?.file ?? media.file,
        tests: [madeOf === undefined ? method : `${method}_${madeOf}`],
      };
      found.set(id, { video, domain: madeOf });
    };
    const images = names.filter(isImage);
    // In a folder that names nothing each image is for itself, as of generators.
    if (rest.length > 0 && images.length > 0) add(rest.join("/"), { frames: joinNames(images) });
    else for (const name of images) add(stem(name), { frames: joinNames([name]) });
    for (const name of names.filter(isVideo)) {
      add(below(rest.join("/"), stem(name)), {
        frames: joinNames([]),
        file: join(tree.root, folder.path, name),
      });
    }
    if (isEmpty(folder)) skipped.push({ path: folder.path, reason: "an empty folder" });
  }
  return [...found.values()];
}

function isEmpty({ files, folders }: Folder): boolean {
  return files === "" && folders === "";
}

/** The persons of FaceForensics++ or the recording of Celeb-DF that a video's name tells of; undefined where it tells of none. */
function identitiesOf(name: string, domain: Domain | undefined): string[] | undefined {
  const last = basename(name);
  const persons = domain === "ff" ? ffppIdentities(last) : [];
  if (persons.length > 0) return persons;
  if (domain !== "cdf") return undefined;
  if (/(^|\/)youtube-real\//i.test(name)) return [`celebdf:YouTube-real/${last}`];
  return /^id\d+_/.test(last) ? [`celebdf:${targetOf(last)}`] : undefined;
}

/** FaceForensics++'s reals, in the splits that have fakes. */
async function youtubeReals(
  tree: Tree,
  options: { readonly fakes: readonly Video[]; readonly skipped: { path: string; reason: string }[] },
): Promise<Video[]> {
  const splitsOf = await splitsOfPersons(tree, options.fakes);
  const used = new Set(options.fakes.map(({ split }) => split));
  return realFolders(tree, "ff").flatMap((folder) =>
    [...findVideos(tree, folder).values()].flatMap((each) => {
      const splits = [...splitsOf.get(each.name) ?? []].filter((split) => used.has(split));
      if (splits.length === 0) {
        options.skipped.push({ path: each.file ?? each.folder, reason: "in no split that has fakes" });
      }
      // In two splits is said twice: the leak check names it.
      return splits.map((split) => ({
        ...realOf(tree, { found: each, method: "youtube" }),
        split,
        identities: [`ffpp:${each.name}`],
      }));
    })
  );
}

/** FaceForensics++'s split of each real, by its split files; without them that of the fakes with its person. */
async function splitsOfPersons(
  tree: Tree,
  fakes: readonly Video[],
): Promise<ReadonlyMap<string, ReadonlySet<Split | undefined>>> {
  const splits = new Map<string, Set<Split | undefined>>();
  const add = (name: string, split: Split | undefined) =>
    splits.set(name, (splits.get(name) ?? new Set()).add(split));
  const official = await readSplits(splitTree(tree));
  for (const [name, parts] of official?.splitsOf ?? []) for (const split of parts) add(name, split);
  if (official === undefined) {
    for (const { split, identities } of fakes) {
      for (const each of identities) if (each.startsWith("ffpp:")) add(each.slice("ffpp:".length), split);
    }
  }
  return splits;
}

/** The tree of FaceForensics++ in the set's, whose split files are meant. */
function splitTree(tree: Tree): Tree {
  const inner = folderOfReals(tree);
  const folders = new Map(
    [...tree.folders].flatMap(([path, folder]) =>
      path === inner || path.startsWith(inner === "" ? "" : `${inner}/`)
        ? [[inner === "" ? path : path.slice(inner.length + 1), folder] as const]
        : []
    ),
  );
  return { ...tree, root: join(tree.root, inner), folders };
}

function folderOfReals(tree: Tree): string {
  const [first = ""] = realFolders(tree, "ff");
  return first.replace(/\/?original_sequences\/.*$/i, "");
}

function splitFiles(tree: Tree): string[] {
  const inner = folderOfReals(tree);
  return ["", "splits", "dataset/splits", "dataset"].flatMap((name) => {
    const folder = [inner, name].filter((part) => part !== "").join("/");
    return ["train.json", "val.json", "test.json"]
      .filter((file) => namesIn(tree.folders.get(folder)?.files).includes(file))
      .map((file) => below(folder, file));
  });
}

/** All are tested: DF40 trains on fakes of FaceForensics++ alone. */
function celebReals(tree: Tree): Video[] {
  return realFolders(tree, "cdf").flatMap((folder) =>
    [...findVideos(tree, folder).values()].map((each) => {
      const isYouTube = /youtube-real$/i.test(folder);
      return {
        ...realOf(tree, { found: each, method: isYouTube ? "YouTube-real" : "Celeb-real" }),
        split: "test" as const,
        identities: [`celebdf:${isYouTube ? "YouTube-real/" : ""}${each.name}`],
      };
    })
  );
}

/** The folders of a domain's reals, the methods' own left out: some fakes are kept by the names of their originals' folders. */
function realFolders(tree: Tree, domain: Domain): string[] {
  const all = [...tree.folders.keys()].filter((path) =>
    realPlaces[domain].test(path) && !path.split("/").some((part) => known.has(part.toLowerCase()))
  );
  // `youtube/c23`, where there is one, and not `youtube` too.
  return all.filter((path) => !all.some((other) => other.startsWith(`${path}/`)));
}

function realOf(
  tree: Tree,
  { found, method }: { readonly found: FoundVideo; readonly method: string },
): Omit<Video, "split" | "identities"> {
  return {
    label: 0,
    method,
    id: `${method}/${found.name}`,
    folder: join(tree.root, found.folder),
    frames: found.frames,
    file: found.file && join(tree.root, found.file),
  };
}

function refuseWithoutReals(
  tree: Tree,
  { domain, names }: { readonly domain: Domain; readonly names: readonly string[] },
): never {
  const where = domain === "ff"
    ? "FaceForensics++/original_sequences/youtube/c23/frames"
    : "Celeb-DF-v2/Celeb-real/frames and Celeb-DF-v2/YouTube-real/frames";
  throw new InputError(
    `Cannot read the fakes of ${names.slice(0, 3).join(", ")}${
      names.length > 3 ? ", …" : ""
    } in ${tree.root}: expected the reals that they are made of in ${where} but found none; DF40 hands them out apart: put them beside it, and give the folder that holds both`,
  );
}
