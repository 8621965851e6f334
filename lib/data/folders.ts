/**
 * A folder of real and a folder of fake images → samples; and videos for samples that a list names none for.
 *
 * @module
 */
import { basename, isAbsolute, join, relative, resolve } from "node:path";
import { InputError, reasonOf } from "../base/errors.ts";
import { byName, imageSuffixes, type Sample, type SampleList, type SkippedFile } from "./sample.ts";
import { commonBase, groupImages, originOf } from "./grouping/grouping.ts";
import { isClassName } from "./layouts/folders.ts";
import { isImage } from "./layouts/layout.ts";
import type { VideosChoice } from "./layouts/vocabulary.ts";
import { refuseUnfinished } from "./prepared.ts";
import { createSharedNames } from "./shared_names.ts";
import { isBesideFrames, namesIn, type ScanOptions, scanTree } from "./scan.ts";

/** How folders are read. */
export type FolderOptions = ScanOptions & {
  readonly set: string;
  readonly split?: string;
  /** What names a video; `auto` unless given. */
  readonly videos?: VideosChoice;
};

/**
 * Every image under a folder of reals and a folder of fakes, sub-folders included, reals first, by name.
 *
 * Which images are one video is told by {@link groupImages}; a fake's method and where a real is from by their first
 * sub-folder, unless that is the video.
 *
 * @throws {InputError} when a folder is missing, empty or the same for both classes.
 *
 * @example
 * ```ts
 * import { readFolders } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * for (const video of ["real/anna", "fake/swap/anna_ben"]) {
 *   await Deno.mkdir(`${root}/${video}`, { recursive: true });
 *   for (const frame of [0, 1]) await Deno.writeTextFile(`${root}/${video}/${frame}.png`, "not opened here");
 * }
 * const { samples } = await readFolders({ real: `${root}/real`, fake: `${root}/fake` }, { set: "faces" });
 * assertEquals(samples.map(({ method }) => method), ["real", "real", "swap", "swap"]);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function readFolders(
  folders: { readonly real: string; readonly fake: string },
  options: FolderOptions,
): Promise<SampleList> {
  const { set, split } = options;
  const roots = [resolve(folders.real), resolve(folders.fake)] as const;
  await refuseSame(folders, set);
  for (const root of roots) await refuseUnfinished(root, set);
  const skipped: SkippedFile[] = [];
  const listed: string[][] = [];
  const notes: string[] = [];
  const warnings: string[] = [];
  for (const label of [0, 1] as const) {
    const { files, unusable, unread, notKept } = await listImages(roots[label], options);
    for (const file of unusable) skipped.push({ ...file, set, split }); // more than a call takes arguments
    if (files.length === 0) {
      throw new InputError(
        `Cannot read the set ${set}: expected images (${[...imageSuffixes].join(" ")}) in the ${
          names[label]
        } folder ${roots[label]} but found none` +
          (unusable.length > 0
            ? ` (${unusable.length} other files), such as ${unusable[0].path}: ${unusable[0].reason}`
            : ""),
      );
    }
    listed.push(files);
    if (unread > 0) {
      notes.push(`${names[label]}: ${unread} images in folders of masks or landmarks are not read`);
    }
    if (notKept) warnings.push(`${set}: the list of files could not be kept for the next time: ${notKept}`);
  }
  const grouped = await groupImages(
    listed.map((files, label) => ({
      name: names[label],
      label: label === 0 ? 0 : 1,
      files,
      pathOf: (file) => `${roots[label]}/${file}`,
    })),
    { by: options.videos, signal: options.signal },
  );
  const samples: Sample[] = [];
  const shared = createSharedNames();
  for (const [i, files] of listed.entries()) {
    const label = i === 0 ? 0 : 1;
    const [root, className] = [roots[label], names[label]];
    /** What the files of one folder, and of one video in it, have in common. */
    let folder = { inside: "", path: `${root}/`, source: `${className}/` };
    let common: Pick<Sample, "video" | "method" | "identities"> = {};
    const identities = new Map<string, readonly string[]>();
    for (const [j, file] of files.entries()) {
      const begin = file.lastIndexOf("/") + 1;
      const isSameFolder = begin === folder.inside.length && file.startsWith(folder.inside);
      if (!isSameFolder) {
        const inside = file.slice(0, begin);
        folder = { inside, path: `${root}/${inside}`, source: `${className}/${inside}` };
      }
      const video = grouped[i].videos[j];
      if (!isSameFolder || video !== common.video) {
        // A folder's name is meant to name a video; a file's may be a bare number.
        const named = file.startsWith(`${video}/`);
        if (named && !identities.has(video)) identities.set(video, [`folder:${set}/${className}/${video}`]);
        common = {
          video,
          method: originOf(file, video) ?? className,
          identities: named ? identities.get(video) : undefined,
        };
      }
      const name = shared(file.slice(begin));
      samples.push({
        path: folder.path + name,
        label,
        set,
        split,
        video,
        method: common.method,
        source: folder.source + name,
        identities: common.identities,
      });
    }
  }
  return {
    samples,
    skipped,
    warnings: [
      ...warnings,
      ...grouped.flatMap((each) => each.warnings.map((text) => `${set}, ${text}`)),
    ],
    notes: [...notes, ...grouped.flatMap((each) => each.notes)],
  };
}

/** A video for each sample that has none, told as for folders, within each set and class. */
export async function nameVideos(
  list: SampleList,
  options: { readonly videos?: VideosChoice; readonly signal?: AbortSignal } = {},
): Promise<SampleList> {
  const groups = new Map<string, { name: string; samples: Sample[] }>();
  // Reals first, as in folders: the rows of a list may be in any order.
  const open = list.samples.filter(({ video }) => video === undefined).sort((a, b) => a.label - b.label);
  for (const sample of open) {
    const name = names[sample.label];
    const key = `${sample.set}\n${sample.label}`;
    const group = groups.get(key) ??
      { name: sample.set === list.samples[0].set ? name : `${sample.set} ${name}`, samples: [] };
    group.samples.push(sample);
    groups.set(key, group);
  }
  const bases = [...groups.values()].map(({ samples }) => baseOf(samples.map(({ path }) => path)));
  const grouped = await groupImages(
    [...groups.values()].map(({ name, samples }, i) => ({
      name,
      label: samples[0].label,
      files: samples.map(({ path }) => path.slice(bases[i].length)),
      pathOf: (file) => bases[i] + file,
    })),
    { by: options.videos, signal: options.signal },
  );
  const found = new Map<Sample, Pick<Sample, "video" | "identities">>();
  [...groups.values()].forEach(({ samples }, i) => {
    const known = new Map<string, Pick<Sample, "video" | "identities">>();
    samples.forEach((sample, j) => {
      const video = grouped[i].videos[j];
      const named = sample.path.startsWith(`${bases[i]}${video}/`);
      const identities = named ? [`folder:${sample.set}/${names[sample.label]}/${video}`] : undefined;
      if (!known.has(video)) known.set(video, { video, identities });
      found.set(sample, known.get(video)!);
    });
  });
  const samples = list.samples.map((sample) => {
    const named = found.get(sample);
    if (!named) return sample;
    const { video, identities = [] } = named;
    // Those that the list named stay beside the folder's.
    return {
      ...sample,
      video,
      identities: sample.identities ? [...identities, ...sample.identities] : named.identities,
    };
  });
  return {
    ...list,
    samples,
    warnings: [
      ...list.warnings,
      ...grouped.flatMap(({ warnings }) => warnings),
    ],
    notes: [...(list.notes ?? []), ...grouped.flatMap(({ notes }) => notes)],
  };
}

const names = ["real", "fake"] as const;

/** The folder above a class's files: what they share, but not the one folder that they may all lie in, unless it is the class's. */
function baseOf(files: readonly string[]): string {
  const base = commonBase(files);
  const name = basename(base);
  return files.some((file) => file.lastIndexOf("/") >= base.length) || isClassName(name)
    ? base
    : base.slice(0, base.length - name.length - 1);
}

/** The images below a folder by name, as paths from it, and what else is there. */
async function listImages(root: string, options: ScanOptions) {
  const tree = await scanTree(root, options);
  const files: string[] = [];
  const unusable: { path: string; reason: string }[] = [];
  let unread = 0;
  for (const folder of tree.folders.values()) {
    const beside = isBesideFrames(folder.path);
    for (const name of namesIn(folder.files)) {
      // One text at once: it would be kept in its parts too, as sorting asks for it whole.
      const file = folder.path === "" ? name : [folder.path, name].join("/");
      if (beside) unread++;
      else if (isImage(name)) files.push(file);
      else unusable.push({ path: join(root, file), reason: "not an image's suffix" });
    }
  }
  for (const { path, reason } of tree.unreadable) unusable.push({ path: join(root, path), reason });
  return { files: files.sort(byName), unusable, unread, notKept: tree.notKept };
}

/** @throws {InputError} when the folders are not two, or one is inside the other. */
async function refuseSame(
  folders: { readonly real: string; readonly fake: string },
  set: string,
): Promise<void> {
  const real = await realFolder(folders.real, "real");
  const fake = await realFolder(folders.fake, "fake");
  if (real === fake) {
    throw new InputError(
      `Cannot read the set ${set}: expected different folders for real and fake but found ${folders.real} for both`,
    );
  }
  for (const [inner, outer, what] of [[real, fake, "real"], [fake, real, "fake"]]) {
    if (!relative(outer, inner).startsWith("..") && !isAbsolute(relative(outer, inner))) {
      throw new InputError(
        `Cannot read the set ${set}: expected separate folders for real and fake but found the ${what} one, ${inner}, inside the other`,
      );
    }
  }
}

async function realFolder(path: string, what: string): Promise<string> {
  const info = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new InputError(
      `Cannot read the ${what} folder ${path}: expected a folder but found ${reasonOf(error)}`,
    );
  });
  if (!info?.isDirectory) {
    throw new InputError(
      `Cannot read the ${what} folder ${path}: expected a folder of images but found ${
        info ? "a file" : "nothing there"
      }`,
    );
  }
  return await Deno.realPath(path);
}
