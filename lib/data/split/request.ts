/**
 * What a run asks of its data, and what it gets: the parts that it trains, validates and tests on.
 *
 * @module
 */
import type { TaskOptions } from "../../base/task.ts";
import type { ImageFacts } from "../../images/facts.ts";
import type { SetReading } from "../layouts/layout.ts";
import type { VideosChoice } from "../layouts/vocabulary.ts";
import type { Sample, SampleList, TestSet } from "../sample.ts";
import type { LayoutSpec, PairSpec } from "../spec.ts";

/** A folder of reals and one of fakes. */
export type ClassFolders = { readonly real: string; readonly fake: string };

/** Where the images of a run are from. */
export type DataSource =
  /** The demo data, written to `root` where they are not there yet. */
  | { readonly kind: "demo"; readonly root: string }
  /** Folders; without `train` there are test images alone. */
  | {
    readonly kind: "folders";
    readonly set: string;
    readonly train?: ClassFolders;
    readonly val?: ClassFolders;
    readonly test?: ClassFolders;
  }
  /** A CSV file; `set` is the one that is trained on, and that rows without one are of. */
  | { readonly kind: "manifest"; readonly set: string; readonly path: string }
  /** A set as it is distributed. */
  | { readonly kind: "layout"; readonly spec: LayoutSpec };

/** Which images of folders and manifests are taken. */
export type ImageChoice = {
  /** Refuses data with a file that is no readable image. */
  readonly strict: boolean;
  /** Evenly spaced frames of each video; all unless given. */
  readonly framesPerVideo?: number;
  /** What names a video. */
  readonly videos: VideosChoice;
  /** Where the paths of a manifest lie on this machine: `NEW`, or `OLD=NEW`. */
  readonly root?: string;
};

/** How videos are dealt where data have no split. */
export type Dealing = {
  /** Share of the training videos held out for validation, in [0, 0.9]. */
  readonly valShare: number;
  /** Share held out for the test, where no test set is given. */
  readonly testShare: number;
  readonly seed: number;
  /** Whether the epoch is chosen by validation, which then needs images. */
  readonly needsVal: boolean;
  /** Keeps copies of a picture together only where that leaves enough groups. */
  readonly allowLeak: boolean;
};

/** All that a run asks of its data. */
export type DataRequest = {
  /** Without one, only `tests` are read. */
  readonly source?: DataSource;
  /** Further sets to train on; each is split by its own rules. */
  readonly also?: readonly LayoutSpec[];
  /** Further sets to test on. */
  readonly tests: readonly (LayoutSpec | PairSpec)[];
  readonly choice: ImageChoice;
  readonly dealing: Dealing;
};

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
  /** What was taken for what, and how its videos were dealt. */
  readonly notes?: readonly string[];
  /** Where the layout is one of a distributed set. */
  readonly reading?: SetReading;
};

/** How parts are read. */
export type PartsOptions = TaskOptions & {
  /** Gains what is found out about each image. */
  readonly facts: Map<string, ImageFacts>;
  /** Does not open the images. */
  readonly quick?: boolean;
  /** Hears that, with `quick`, videos were dealt that may be dealt otherwise once it is known which show the same picture. */
  readonly onBlindDeal?: () => void;
  /** Takes what would be refused, so that all there is to say can be said. */
  readonly problems?: string[];
};
