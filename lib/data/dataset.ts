/**
 * Folders of face images → samples.
 *
 * @module
 */
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import { InputError, reasonOf } from "../base/errors.ts";
import { type ImageFacts, readAllFacts } from "./facts.ts";

/** One image with its label. */
export type Sample = {
  /** Where the file is. */
  readonly path: string;
  /** 0 real, 1 fake. */
  readonly label: 0 | 1;
  /** The data set that it belongs to, for example `celeb-df`. */
  readonly set: string;
  /** `train`, `val` or `test`. */
  readonly split?: string;
  /** The video that the frame is from, unique within its set and class. */
  readonly video?: string;
  /** How the fake was made; `real` for reals. */
  readonly method?: string;
  /** Path relative to the root of its set, with `/`. */
  readonly source?: string;
  /** What must not be in two splits: the video, and the persons or the original that it shows; shared by its frames. */
  readonly identities?: readonly string[];
};

/** A file that is not used, why, and the set and split that it would have been in. */
export type SkippedFile = {
  readonly path: string;
  readonly reason: string;
  readonly set: string;
  readonly split?: string;
};

/** Samples, the files that are not among them, and what a user should know about both. */
export type SampleList = {
  readonly samples: readonly Sample[];
  readonly skipped: readonly SkippedFile[];
  readonly warnings: readonly string[];
};

/** Suffixes of the files that count as images. */
export const imageSuffixes: ReadonlySet<string> = new Set([
  ".jpg",
  ".jpeg",
  ".jpe",
  ".jfif",
  ".png",
  ".webp",
  ".tif",
  ".tiff",
  ".gif",
  ".avif",
]);

/** Orders names as people do: runs of digits by their value, so `9.png` comes before `10.png`. */
export const byName: (a: string, b: string) => number = (() => {
  const collator = new Intl.Collator("en", { numeric: true });
  return (a, b) => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
})();

/**
 * Every image under a folder of reals and a folder of fakes, sub-folders included, reals first, by name.
 *
 * The video is the leaf sub-folder (qualified by the folders above it), else the file name without its trailing frame
 * number; the method of a fake is its first sub-folder where there are at least two levels, else `fake`.
 *
 * @throws InputError when a folder is missing, empty or the same for both classes.
 */
export async function readFolders(
  folders: { readonly real: string; readonly fake: string },
  options: { readonly set: string; readonly split?: string },
): Promise<SampleList> {
  const roots = [resolve(folders.real), resolve(folders.fake)] as const;
  const real = await realFolder(folders.real, "real");
  const fake = await realFolder(folders.fake, "fake");
  if (real === fake) {
    throw new InputError(
      `Cannot read the set ${options.set}: expected different folders for real and fake but found ${folders.real} for both`,
    );
  }
  for (const [inner, outer, what] of [[real, fake, "real"], [fake, real, "fake"]]) {
    if (!relative(outer, inner).startsWith("..") && !isAbsolute(relative(outer, inner))) {
      throw new InputError(
        `Cannot read the set ${options.set}: expected separate folders for real and fake but found the ${what} one, ${inner}, inside the other`,
      );
    }
  }
  const samples: Sample[] = [];
  const skipped: SkippedFile[] = [];
  const warnings: string[] = [];
  for (const label of [0, 1] as const) {
    const { files, skipped: unusable } = await listImages(roots[label]);
    skipped.push(...unusable.map((file) => ({ ...file, set: options.set, split: options.split })));
    if (files.length === 0) {
      throw new InputError(
        `Cannot read the set ${options.set}: expected images (${[...imageSuffixes].join(" ")}) in the ${
          label ? "fake" : "real"
        } folder ${roots[label]} but found none` +
          (unusable.length > 0 ? ` (${unusable.length} other files)` : ""),
      );
    }
    const { videos, warning } = videosOf(files);
    if (warning) warnings.push(`${options.set}, ${label ? "fake" : "real"}: ${warning}`);
    const identities = new Map(
      videos.map((video) => [video, [`folder:${options.set}/${label ? "fake" : "real"}/${video}`]]),
    );
    files.forEach((file, i) => {
      const parts = file.split("/");
      samples.push({
        path: join(roots[label], file),
        label,
        set: options.set,
        split: options.split,
        video: videos[i],
        method: label === 0 ? "real" : parts.length > 2 ? parts[0] : "fake",
        source: `${label ? "fake" : "real"}/${file}`,
        // A folder's name is meant to name a video; a file's may be a bare number.
        identities: dirname(file) === videos[i] ? identities.get(videos[i]) : undefined,
      });
    });
  }
  return { samples, skipped, warnings };
}

/**
 * Decodes every sample's image once, and moves those that cannot be read to `skipped`.
 *
 * @param options.facts gains what is found out about each readable image, by path
 * @param options.cacheDir where the facts are kept, so that an unchanged file is not decoded again; see `dataFolder()`
 * @throws InputError with `strict`, naming the unusable files, before anything else is done with the others; or when a class has none left.
 */
export async function checkImages(
  list: SampleList,
  options: {
    readonly strict?: boolean;
    readonly facts?: Map<string, ImageFacts>;
    readonly cacheDir?: string;
    readonly onProgress?: (done: number, total: number) => void;
    readonly onNote?: (message: string) => void;
    readonly signal?: AbortSignal;
  } = {},
): Promise<SampleList> {
  const found = await readAllFacts(list.samples.map(({ path }) => path), options);
  const skipped = [...list.skipped];
  list.samples.forEach(({ path, set, split }, i) => {
    const { fault } = found[i];
    if (fault !== undefined) skipped.push({ path, reason: fault, set, split });
    else options.facts?.set(path, found[i]);
  });
  if (options.strict && skipped.length > 0) {
    const named = skipped.slice(0, 20).map(({ path, reason }) => `${path} (${reason})`).join("; ");
    throw new InputError(
      `Cannot use the images with --strict: expected only readable images but found ${skipped.length} other files: ${named}` +
        (skipped.length > 20 ? "; …" : ""),
    );
  }
  const samples = list.samples.filter((_, i) => found[i].fault === undefined);
  const left = new Set(samples.map(({ set, label }) => `${label} ${set}`));
  for (const { set, label } of list.samples) {
    if (!left.has(`${label} ${set}`)) {
      throw new InputError(
        `Cannot use the set ${set}: expected at least one readable ${
          label ? "fake" : "real"
        } image but found none`,
      );
    }
  }
  return { samples, skipped, warnings: list.warnings };
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

async function listImages(
  root: string,
): Promise<{ files: string[]; skipped: Pick<SkippedFile, "path" | "reason">[] }> {
  const files: string[] = [];
  const skipped: Pick<SkippedFile, "path" | "reason">[] = [];
  const visited = new Set<string>();
  const visit = async (folder: string): Promise<void> => {
    const here = await Deno.realPath(folder);
    if (visited.has(here)) return; // a link back up
    visited.add(here);
    const names: string[] = [];
    for await (const { name } of Deno.readDir(folder)) names.push(name);
    for (const name of names.sort(byName)) {
      const path = join(folder, name);
      const info = await Deno.stat(path).catch(() => undefined);
      if (info?.isDirectory) await visit(path);
      else if (!info?.isFile) skipped.push({ path, reason: info ? "not a file" : "a link to nothing" });
      else if (!imageSuffixes.has(extname(name).toLowerCase())) {
        skipped.push({ path, reason: "not an image's suffix" });
      } else if (info.size === 0) skipped.push({ path, reason: "empty file" });
      else files.push(relative(root, path).replaceAll("\\", "/"));
    }
  };
  await visit(root);
  return { files: files.sort(byName), skipped };
}

/** The video of each file of one class, and a warning where the names do not tell. */
export function videosOf(files: readonly string[]): { videos: string[]; warning?: string } {
  const stem = (file: string) => basename(file, extname(file));
  const withoutFrame = (file: string) =>
    stem(file).replace(/[-_. ]*(?:frame|img|f)?[-_. ]*\d+$/i, "") || stem(file);
  const folder = (file: string) => (file.includes("/") ? dirname(file) : "");
  const few = (videos: readonly string[]) => new Set(videos).size < Math.min(3, files.length);
  const videos = files.map((file) => folder(file) || withoutFrame(file));
  if (few(videos)) {
    const byStem = files.map((file) => join(folder(file), withoutFrame(file)).replaceAll("\\", "/"));
    if (!few(byStem)) {
      return {
        videos: byStem,
        warning:
          `the sub-folders are too few to be videos; taking file names without their frame number as videos`,
      };
    }
    videos.splice(
      0,
      videos.length,
      ...files.map((file) => join(folder(file), stem(file)).replaceAll("\\", "/")),
    );
  }
  const alone = files.length > 1 && new Set(videos).size === files.length;
  return {
    videos,
    warning: alone
      ? "every file is a video of its own by its name; frames of one video may leak between splits (use a sub-folder a video, or a manifest)"
      : undefined,
  };
}
