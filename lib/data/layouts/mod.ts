/**
 * Data sets as they are distributed → videos with labels, methods, splits and identities. Nothing is written; which layout
 * a folder has is told by its look, and said.
 *
 * @module
 */
import { basename, extname, join } from "node:path";
import { InputError, reasonOf } from "../../base/errors.ts";
import { nothingAt } from "../../base/files.ts";
import { readSettings, refuseUnfinished } from "../prepared.ts";
import { namesIn, type ScanOptions, scanTree, type Tree } from "../scan.ts";
import { celebDfV1, celebDfV2 } from "./celebdf.ts";
import { celebDfPp } from "./celebdf_pp.ts";
import { dfdcp } from "./dfdcp.ts";
import { deepfakebench } from "./deepfakebench.ts";
import { df40 } from "./df40.ts";
import { dfdc } from "./dfdc.ts";
import { fakeAvCeleb } from "./fakeavceleb.ts";
import { ffiw } from "./ffiw.ts";
import { dfd, ffpp } from "./ffpp.ts";
import { folders, isClassName } from "./folders.ts";
import { gend } from "./gend.ts";
import { genImage } from "./genimage.ts";
import { imageFolder } from "./image_folder.ts";
import type { Layout, Selection, SetReading } from "./layout.ts";
import { parquet, unpackHint } from "./parquet.ts";
import { wildDeepfake } from "./wilddeepfake.ts";
import { universalFakeDetect } from "./universal_fake_detect.ts";

/**
 * The layouts, by the names that `layout=` takes, in the order in which a folder's look is held against them.
 *
 * @example
 * ```ts
 * import { layouts } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(layouts.ffpp.title, "FaceForensics++");
 * ```
 */
export const layouts = {
  ffpp,
  dfd,
  "celeb-df-pp": celebDfPp,
  "celeb-df-v1": celebDfV1,
  "celeb-df-v2": celebDfV2,
  dfdc,
  dfdcp,
  df40,
  wilddeepfake: wildDeepfake,
  ffiw,
  fakeavceleb: fakeAvCeleb,
  deepfakebench,
  "universal-fake-detect": universalFakeDetect,
  genimage: genImage,
  gend,
  "image-folder": imageFolder,
  parquet,
  folders,
} as const satisfies Readonly<Record<string, Layout>>;

/** The name of a layout. */
export type LayoutName = keyof typeof layouts;

/** The names of the layouts. */
export const layoutNames = Object.keys(layouts) as LayoutName[];

/** What the layouts are called, for messages: `FaceForensics++, … or folders named real and fake`. */
export const layoutTitles: string = [...new Set(layoutNames.map((name) => layouts[name].title))]
  .join(", ").replace(/, ([^,]*)$/, " or $1");

/** A set on disk and what of it is wanted. */
export type SetSource = Selection & {
  /** The set's name in tables and files. */
  readonly name: string;
  /** Its folder, or DeepfakeBench's JSON file. */
  readonly path: string;
  /** Instead of what the look says. */
  readonly layout?: LayoutName;
};

/**
 * Reads a set, in whatever known layout it is. A folder that holds nothing but one set's folder is read as that set.
 *
 * @throws {InputError} when nothing is there, the layout is not known, or what the set says contradicts itself.
 *
 * @example
 * ```ts
 * import { readSet } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempDir();
 * for (const video of ["Celeb-real/id0_0000", "Celeb-synthesis/id0_id1_0000", "YouTube-real/00000"]) {
 *   await Deno.mkdir(`${path}/${video.split("/")[0]}`);
 *   await Deno.writeTextFile(`${path}/${video}.mp4`, "not opened here");
 * }
 * const { kind, videos } = await readSet({ name: "celebdf", path });
 * assertEquals([kind, videos.length], ["celeb-df-v2", 3]);
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function readSet(source: SetSource, options: ScanOptions = {}): Promise<SetReading> {
  const info = await Deno.stat(source.path).catch((error) => {
    const found = error instanceof Deno.errors.NotFound ? nothingAt(source.path) : reasonOf(error);
    throw new InputError(
      `Cannot read the set ${source.name}: expected a folder or a list at ${source.path} but found ${found}`,
    );
  });
  if (info.isFile) {
    if (extname(source.path).toLowerCase() !== ".json") {
      throw new InputError(
        `Cannot read the set ${source.name}: expected a folder or DeepfakeBench's .json but found the file ${source.path}; ${
          extname(source.path).toLowerCase() === ".parquet"
            ? unpackHint(source)
            : "a CSV file goes to --manifest"
        }`,
      );
    }
    const layout = source.layout ?? layoutNames.find((name) => layouts[name].readFile)!;
    const { readFile } = layouts[layout];
    if (!readFile) {
      throw new InputError(
        `Cannot read the set ${source.name}: expected a folder for layout=${layout} but found the file ${source.path}`,
      );
    }
    return checked(await readFile(source.path, source), source);
  }
  const tree = await scanTree(source.path, options);
  const reading = await readTree(tree, { source, signal: options.signal });
  const unreadable = tree.unreadable.map(({ path, reason }) => ({ path, reason }));
  return checked({
    ...reading,
    skipped: [...reading.skipped, ...unreadable],
    unreadable,
    notes: [ // those of the caches are of this machine, not of the data
      ...reading.notes,
      ...unusedOptions(reading, source),
      ...(tree.notKept ? [`the list of files could not be kept for the next time: ${tree.notKept}`] : []),
      ...(tree.damaged
        ? [`the kept list of files was damaged, so all was listed anew: ${tree.damaged}`]
        : []),
    ],
  }, source);
}

/** A tree, the layout that it has, and whether that was said or is by its look. */
type Place = { readonly tree: Tree; readonly layout: LayoutName; readonly isSaid: boolean };

async function readTree(
  top: Tree,
  { source, signal }: { readonly source: SetSource; readonly signal?: AbortSignal },
): Promise<SetReading> {
  const faults: string[] = [];
  const { tree, layout, isSaid } = await findSet(top, { source, faults }) ??
    refuseTree(top, { source, faults });
  await refuseUnfinished(tree.root, source.name);
  const { selects, read } = layouts[layout];
  if (source.methods && !selects.includes("methods")) {
    throw new InputError(
      `Cannot select methods of the set ${source.name}: expected FaceForensics++, a DeepfakeBench list or folders but found ${layout}, whose fakes have one`,
    );
  }
  return await read(tree, { ...source, isSaid, signal });
}

/**
 * The one set in a tree: the tree itself, or what two folders below it at most hold.
 *
 * @throws {InputError} for several.
 */
async function findSet(
  tree: Tree,
  options: { readonly source: SetSource; readonly faults: string[]; readonly depth?: number },
): Promise<Place | undefined> {
  const { source, faults, depth = 0 } = options;
  const said = source.layout ?? (await readSettings(tree.root))?.layout;
  const named = layoutNames.find((name) => name === said);
  if (said !== undefined && named === undefined) {
    throw new InputError(
      `Cannot read the set ${source.name}: expected a layout (${
        layoutNames.join(", ")
      }) in the prepare.json of ${tree.root} but found ${JSON.stringify(said)}`,
    );
  }
  const layout = named ?? await layoutOf(tree, { source, faults });
  if (layout) return { tree, layout, isSaid: named !== undefined };
  const inside = depth < 2 ? namesIn(tree.folders.get("")?.folders) : [];
  const sets: Place[] = [];
  for (const name of inside) {
    const below = subtree(tree, name);
    const layout = await layoutOf(below, { source, faults });
    if (layout) sets.push({ tree: below, layout, isSaid: false });
  }
  if (sets.length > 1) {
    throw new InputError(
      `Cannot read the set ${source.name}: expected one data set but found ${sets.length} in ${tree.root}: ${
        sets.map(({ tree }) => basename(tree.root)).join(", ")
      }; name one of these folders`,
    );
  }
  const [name] = sets.length === 1 ? [basename(sets[0].tree.root)] : inside.length === 1 ? inside : [];
  return name === undefined
    ? undefined
    : await findSet(subtree(tree, name), { source, faults, depth: depth + 1 });
}

function refuseTree(
  tree: Tree,
  options: { readonly source: SetSource; readonly faults: readonly string[] },
): never {
  const { source, faults } = options;
  const inside = namesIn(tree.folders.get("")?.folders);
  const closed = tree.unreadable.slice(0, 3).map(({ path, reason }) =>
    `${path === "." ? "it" : path} cannot be read: ${reason}`
  );
  const hints = [...new Set(faults)].slice(0, 3);
  const names = [...inside.map((name) => `${name}/`), ...namesIn(tree.folders.get("")?.files)];
  throw new InputError(
    `Cannot read the set ${source.name}: expected ${layoutTitles} in ${tree.root} but found ${
      names.slice(0, 8).join(", ") || "nothing"
    }${names.length > 8 ? ", …" : ""}${
      [...closed, ...hints, ...(inside.length > 0 ? [folderHint(inside, source)] : [])]
        .map((hint) => `; ${hint}`).join("")
    }`,
  );
}

/** How folders of other names than real and fake are told of. */
function folderHint(inside: readonly string[], { labels = {} }: SetSource): string {
  const word = inside.find((name) => !isClassName(name) && !(name.toLowerCase() in labels)) ?? inside[0];
  return `where folders have other names than real and fake, say what they hold, as in --labels ${word}=fake`;
}

/** Options that select nothing in a set of this layout; said, as one flag may be meant for another set. */
function unusedOptions({ kind }: SetReading, { compression, root, labels }: SetSource): string[] {
  const notes: string[] = [];
  const { selects } = layouts[kind as LayoutName];
  if (compression !== undefined && !selects.includes("compression")) {
    notes.push(`${compression} selects nothing here: this layout has no compressions`);
  }
  if (root !== undefined && !selects.includes("root")) {
    notes.push(`root ${root} maps nothing here: this layout has no list of paths`);
  }
  if (labels !== undefined && !selects.includes("labels")) {
    notes.push(`labels of ${Object.keys(labels).join(", ")} say nothing here: this layout has its own`);
  }
  return notes;
}

/**
 * The layout that a tree has by its look; undefined when it has none of them.
 *
 * @param options.faults gains why a file that could be a layout's cannot be read
 */
async function layoutOf(
  tree: Tree,
  options: { readonly source: SetSource; readonly faults: string[] },
): Promise<LayoutName | undefined> {
  const { source: { name, labels }, faults } = options;
  for (const layout of layoutNames) {
    if (await layouts[layout].looksLike(tree, { name, labels, faults })) return layout;
  }
  return undefined;
}

/** The part of a tree below one of its folders, as a tree of its own. */
function subtree(tree: Tree, name: string): Tree {
  const folders = new Map(
    [...tree.folders].filter(([path]) => path === name || path.startsWith(`${name}/`)).map(
      ([path, folder]) => {
        const own = path.slice(name.length + 1);
        return [own, { ...folder, path: own }];
      },
    ),
  );
  return { ...tree, root: join(tree.root, name), folders, unreadable: [] };
}

function checked(reading: SetReading, source: SetSource): SetReading {
  if (reading.videos.length === 0) {
    const why = reading.skipped.slice(0, 3).map(({ path, reason }) => `${path}: ${reason}`).join("; ");
    throw new InputError(
      `Cannot read the set ${source.name}: expected videos or frames in ${reading.root} (${reading.layout}) but found none${
        why && ` (${why})`
      }`,
    );
  }
  return reading;
}
