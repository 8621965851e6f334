/**
 * Samples: images with their labels, and the check of all of them.
 *
 * @module
 */
import { collectAfter } from "../base/collect.ts";
import { InputError } from "../base/errors.ts";
import { type ImageFacts, readAllFacts } from "../images/facts.ts";

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
  /** How a fake was made, or where a real one is from: its first sub-folder where that says so, else `fake` or `real`. */
  readonly method?: string;
  /** Path relative to the root of its set, with `/`. */
  readonly source?: string;
  /** What must not be in two splits: the video, and the persons or the original that it shows; shared by its frames. */
  readonly identities?: readonly string[];
};

/** One data set to test on. */
export type TestSet = {
  readonly set: string;
  readonly split: string;
  /** `within`: the set that is trained on; `cross`: another one. */
  readonly kind: "within" | "cross";
  /** Reals first, by name. */
  readonly samples: readonly Sample[];
};

/** A file that is not used, why, and the set and split that it would have been in. */
export type SkippedFile = {
  readonly path: string;
  readonly reason: string;
  readonly set: string;
  readonly split?: string;
};

/** The names of the sets that samples are of, in their order. */
export function setNames(samples: readonly Sample[]): string[] {
  const names = new Set<string>();
  for (const { set } of samples) names.add(set);
  return [...names];
}

/** Samples, the files that are not among them, and what a user should know about both. */
export type SampleList = {
  readonly samples: readonly Sample[];
  readonly skipped: readonly SkippedFile[];
  readonly warnings: readonly string[];
  /** What was taken for what. */
  readonly notes?: readonly string[];
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
 * Decodes every sample's image once, and moves those that cannot be read to `skipped`.
 *
 * @param options.facts gains what is found out about each readable image, by path
 * @param options.cacheDir where the facts are kept, so that an unchanged file is not decoded again; see `dataFolder()`
 * @throws {InputError} with `strict`, naming the unusable files, before anything else is done with the others; or when a class has none left.
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
  await collectAfter(found.length);
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
  return { ...list, samples, skipped };
}
