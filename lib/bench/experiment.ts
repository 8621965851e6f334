/**
 * Configuration → the samples that a run trains, validates and tests on.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { isDemo, type RunConfig, testSets } from "../config.ts";
import {
  checkImages,
  readFolders,
  readManifest,
  type Sample,
  type SampleList,
  type SkippedFile,
} from "../data/dataset.ts";
import { demoSets, writeDemoData } from "../data/demo.ts";
import { splitByVideo } from "../data/sampling.ts";
import { InputError } from "../errors.ts";
import type { RunEvent } from "./events.ts";
import type { DataSummary } from "./report.ts";

/** One data set to test on. */
export type TestSet = {
  readonly set: string;
  readonly split: string;
  /** `within`: the set that is trained on; `cross`: another one. */
  readonly kind: "within" | "cross";
  /** Reals first, by name. */
  readonly samples: readonly Sample[];
};

/** Everything that a run works on. */
export type Experiment = {
  readonly demo: boolean;
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  readonly tests: readonly TestSet[];
  readonly skipped: readonly SkippedFile[];
  readonly warnings: readonly string[];
  readonly data: readonly DataSummary[];
  /** Changes when any sample, its label or its place changes. */
  readonly digest: string;
};

/** How a long task tells where it is, and how it is stopped. */
export type TaskOptions = { readonly report?: (event: RunEvent) => void; readonly signal?: AbortSignal };

/**
 * Reads all that `config` names: the demo data when it names none, else folders or a manifest; holds out validation and
 * test videos where no folder gives them.
 *
 * @param options.tests reads nothing but the test sets that folders are named for
 * @throws InputError when a folder is missing, empty, has no readable image of a class, or cannot be split by video.
 */
export async function loadExperiment(
  config: RunConfig,
  options: TaskOptions & { readonly tests?: boolean } = {},
): Promise<Experiment> {
  const parts = options.tests
    ? await namedParts(config, options)
    : isDemo(config)
    ? await demoParts(config, options)
    : config.manifest !== undefined
    ? await manifestParts(config, options)
    : await folderParts(config, options);
  const tests: TestSet[] = [...parts.tests];
  const lists: SampleList[] = [...parts.lists];
  for (const { name, real, fake } of testSets(config)) {
    const list = await readChecked({ real, fake }, { set: name, split: "test", config, ...options });
    lists.push(list);
    tests.push({ set: name, split: "test", kind: "cross", samples: list.samples });
  }
  const skipped = lists.flatMap((list) => list.skipped);
  const warnings = lists.flatMap((list) => list.warnings);
  if (parts.val.length > 0 && new Set(parts.val.map(({ label }) => label)).size < 2) {
    throw new InputError(
      "Cannot choose the best epoch: expected real and fake validation images but found one class",
    );
  }
  const named: [string, string, readonly Sample[]][] = [
    [config.set, "train", parts.train],
    [config.set, "val", parts.val],
    ...tests.map(({ set, split, samples }): [string, string, readonly Sample[]] => [set, split, samples]),
  ];
  const data = named.filter(([, , samples]) => samples.length > 0).map(([set, split, samples]) =>
    summary(samples, { set, split, skipped })
  );
  return {
    demo: isDemo(config) && !options.tests,
    train: parts.train,
    val: parts.val,
    tests,
    skipped,
    warnings,
    data,
    digest: digestOf(named),
  };
}

type Parts = {
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  readonly tests: readonly TestSet[];
  readonly lists: readonly SampleList[];
};

async function demoParts(config: RunConfig, options: TaskOptions): Promise<Parts> {
  await writeDemoData({
    root: config.demoRoot,
    signal: options.signal,
    onProgress: (done, total) =>
      options.report?.({ type: "progress", task: "Writing the demo data", unit: "images", done, total }),
  });
  const read = (set: string, split: string) => {
    const folder = join(config.demoRoot, set, split);
    return readChecked({ real: join(folder, "real"), fake: join(folder, "fake") }, {
      set,
      split,
      config,
      ...options,
    });
  };
  const [within, ...others] = demoSets;
  const train = await read(within, "train");
  const val = await read(within, "val");
  const test = await read(within, "test");
  const shifts: SampleList[] = [];
  for (const set of others) shifts.push(await read(set, "test"));
  return {
    train: train.samples,
    val: config.valShare > 0 ? val.samples : [],
    tests: [
      { set: within, split: "test", kind: "within", samples: test.samples },
      ...others.map((set, i): TestSet => ({ set, split: "test", kind: "cross", samples: shifts[i].samples })),
    ],
    lists: [train, val, test, ...shifts],
  };
}

/** Only the test folders that are named; the further sets of `test` are read for every kind of run. */
async function namedParts(config: RunConfig, options: TaskOptions): Promise<Parts> {
  if (config.testReal === undefined) return { train: [], val: [], tests: [], lists: [] };
  const folders = { real: config.testReal, fake: config.testFake! };
  const list = await readChecked(folders, { set: config.set, split: "test", config, ...options });
  return {
    train: [],
    val: [],
    tests: [{ set: config.set, split: "test", kind: "within", samples: list.samples }],
    lists: [list],
  };
}

async function folderParts(config: RunConfig, options: TaskOptions): Promise<Parts> {
  const read = (real: string, fake: string, split?: string) =>
    readChecked({ real, fake }, { set: config.set, split, config, ...options });
  const lists = [await read(config.real!, config.fake!)];
  const hasVal = config.valReal !== undefined;
  const hasTest = config.testReal !== undefined;
  if (hasVal) lists.push(await read(config.valReal!, config.valFake!, "val"));
  if (hasTest) lists.push(await read(config.testReal!, config.testFake!, "test"));
  const dealt = deal(lists[0].samples, config, { hasVal, hasTest });
  const val = hasVal ? lists[1].samples : dealt.val;
  const test = hasTest ? lists[lists.length - 1].samples : dealt.test;
  return {
    train: dealt.train,
    val,
    tests: [{ set: config.set, split: "test", kind: "within", samples: test }],
    lists,
  };
}

async function manifestParts(config: RunConfig, options: TaskOptions): Promise<Parts> {
  const list = await checkImages(
    await readManifest(config.manifest!, { set: config.set }),
    checkOptions(config, options),
  );
  const sets = [...new Set(list.samples.map(({ set }) => set))];
  const main = sets.includes(config.set) ? config.set : sets[0];
  const own = list.samples.filter(({ set }) => set === main);
  const at = (split: string) => inOrder(own.filter((sample) => sample.split === split));
  const hasVal = at("val").length > 0;
  const hasTest = at("test").length > 0;
  const dealt = deal(own.filter(({ split }) => split !== "val" && split !== "test"), config, {
    hasVal,
    hasTest,
  });
  const tests: TestSet[] = [
    { set: main, split: "test", kind: "within", samples: hasTest ? at("test") : dealt.test },
    ...sets.filter((set) => set !== main).map((set): TestSet => ({
      set,
      split: "test",
      kind: "cross",
      samples: inOrder(
        list.samples.filter((sample) => sample.set === set && (sample.split ?? "test") === "test"),
      ),
    })),
  ];
  return { train: dealt.train, val: hasVal ? at("val") : dealt.val, tests, lists: [list] };
}

/** Holds out validation and test videos where they are not given. */
function deal(
  samples: readonly Sample[],
  config: RunConfig,
  given: { readonly hasVal: boolean; readonly hasTest: boolean },
): Record<"train" | "val" | "test", Sample[]> {
  const val = given.hasVal ? 0 : config.valShare;
  const test = given.hasTest ? 0 : config.testShare;
  if (!given.hasTest && test === 0) {
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
  const parts = splitByVideo(samples, { shares: { train: 1 - val - test, val, test }, seed: config.seed });
  const named = (split: string) => parts[split].map((sample) => ({ ...sample, split }));
  return { train: named("train"), val: named("val"), test: named("test") };
}

async function readChecked(
  folders: { readonly real: string; readonly fake: string },
  options: TaskOptions & { readonly set: string; readonly split?: string; readonly config: RunConfig },
): Promise<SampleList> {
  return await checkImages(await readFolders(folders, options), checkOptions(options.config, options));
}

function checkOptions(config: RunConfig, options: TaskOptions) {
  return {
    strict: config.strict,
    signal: options.signal,
    onProgress: (done: number, total: number) =>
      options.report?.({ type: "progress", task: "Checking the images", unit: "images", done, total }),
  };
}

function inOrder(samples: readonly Sample[]): Sample[] {
  return [...samples].sort((a, b) => a.label - b.label);
}

function summary(
  samples: readonly Sample[],
  options: { readonly set: string; readonly split: string; readonly skipped: readonly SkippedFile[] },
): DataSummary {
  const { set, split, skipped } = options;
  const fake = samples.filter(({ label }) => label === 1).length;
  return {
    set,
    split,
    real: samples.length - fake,
    fake,
    videos: new Set(samples.map(({ label, video, path }) => `${label} ${video ?? path}`)).size,
    // A file that is skipped before the split is dealt counts where most of its folder goes.
    skipped: skipped.filter((file) => file.set === set && (file.split ?? "train") === split).length,
  };
}

function digestOf(parts: readonly [string, string, readonly Sample[]][]): string {
  const hash = createHash("sha256");
  for (const [set, split, samples] of parts) {
    for (const { label, source, path } of samples) {
      hash.update(`${set}\t${split}\t${label}\t${source ?? path}\n`);
    }
  }
  return hash.digest("hex");
}
