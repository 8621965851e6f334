/**
 * What reading every kind of data needs: checking the images, dealing splits, refusing.
 *
 * @module
 */
import { isDemo, type RunConfig } from "../config.ts";
import { checkImages, type Sample, type SampleList } from "../data/dataset.ts";
import type { ImageFacts } from "../data/facts.ts";
import type { SetReading } from "../data/layout_videos.ts";
import { splitByVideo } from "../data/sampling.ts";
import { dataFolder } from "../base/cache.ts";
import { InputError } from "../base/errors.ts";
import type { TaskOptions, TestSet } from "./experiment.ts";

/** The parts of a run. */
export type Parts = {
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  readonly tests: readonly TestSet[];
  readonly sets: readonly ReadSet[];
};

/** One set that was read, for the summary. */
export type ReadSet = {
  readonly set: string;
  /** What it was taken for. */
  readonly layout: string;
  /** Its folder, or the one of its reals. */
  readonly root: string;
  readonly samples: readonly Sample[];
  readonly skipped: SampleList["skipped"];
  readonly warnings: readonly string[];
  /** Where the layout is one of a distributed set. */
  readonly reading?: SetReading;
};

/** How parts are read. */
export type PartsOptions = TaskOptions & {
  /** Gains what is found out about each image. */
  readonly facts: Map<string, ImageFacts>;
  /** Reads nothing but the test sets that folders are named for. */
  readonly tests?: boolean;
  /** Does not open the images. */
  readonly quick?: boolean;
  /** Takes what would be refused, so that all there is to say can be said. */
  readonly problems?: string[];
};

/** Opens every image once, with what is known from before; those that cannot be read are skipped. */
export async function check(
  list: SampleList,
  options: PartsOptions & { readonly config: RunConfig },
): Promise<SampleList> {
  const { config, facts, signal, report, quick, problems } = options;
  if (quick || list.samples.length === 0) return list;
  try {
    return await checkImages(list, {
      strict: config.strict,
      facts,
      // The demo data are checked by their own digest.
      cacheDir: isDemo(config) ? undefined : options.cacheDir ?? dataFolder(),
      signal,
      onProgress: (done: number, total: number) =>
        report?.({ type: "progress", task: "Checking the images", unit: "images", done, total }),
      onNote: (message: string) => report?.({ type: "note", message }),
    });
  } catch (error) {
    if (!problems || !(error instanceof InputError)) throw error;
    problems.push(error.message);
    return list;
  }
}

/** Holds out validation and test videos where they are not given. */
export function deal(
  samples: readonly Sample[],
  config: RunConfig,
  options: PartsOptions & { readonly hasVal: boolean; readonly hasTest: boolean },
): Record<"train" | "val" | "test", Sample[]> {
  const val = options.hasVal ? 0 : config.valShare;
  const test = options.hasTest ? 0 : config.testShare;
  try {
    if (!options.hasVal && val === 0 && config.select === "best") {
      throw new InputError(
        "Cannot choose the best epoch: expected validation images but found --val-share 0; give them, or --select last",
      );
    }
    if (!options.hasTest && test === 0) {
      throw new InputError(
        "Cannot test the detector: expected test images but found --test-share 0; give --test-real and --test-fake",
      );
    }
    if (val + test >= 1) {
      throw new InputError(
        `Cannot hold out images: expected --val-share and --test-share below 1 together but found ${
          val + test
        }`,
      );
    }
    const shares = { train: 1 - val - test, val, test };
    const parts = splitByVideo(samples, { shares, seed: config.seed });
    const named = (split: string) => parts[split].map((sample) => inSplit(sample, split));
    return { train: named("train"), val: named("val"), test: named("test") };
  } catch (error) {
    if (!options.problems || !(error instanceof InputError)) throw error;
    options.problems.push(error.message);
    return { train: [...samples], val: [], test: [] };
  }
}

/** The sample itself where it is in the split already: a million copies are a lot. */
export function inSplit(sample: Sample, split: string | undefined): Sample {
  return sample.split === split ? sample : { ...sample, split };
}

/** Throws, or where all is to be said adds to the problems. */
export function refuse(message: string, { problems }: PartsOptions): void {
  if (!problems) throw new InputError(message);
  problems.push(message);
}

/** Reals first, as they were within each class. */
export function inOrder(samples: readonly Sample[]): Sample[] {
  return [...samples].sort((a, b) => a.label - b.label);
}
