/**
 * Configuration → samples by part: the demo data, folders, a manifest, or sets as they are distributed.
 *
 * @module
 */
import { join } from "node:path";
import { dataSet, isDemo, type RunConfig, testSets } from "../config.ts";
import {
  byName,
  checkImages,
  readFolders,
  readManifest,
  type Sample,
  type SampleList,
} from "../data/dataset.ts";
import { demoSets, writeDemoData } from "../data/demo.ts";
import type { ImageFacts } from "../data/facts.ts";
import { ffppIdentities } from "../data/layout_ffpp.ts";
import { evenly, samplesOf, type SetReading } from "../data/layout_videos.ts";
import { readSet } from "../data/layouts.ts";
import { mp4Fault } from "../data/mp4.ts";
import { splitByVideo } from "../data/sampling.ts";
import { scanCache } from "../data/scan.ts";
import type { LayoutSpec } from "../data/spec.ts";
import { InputError, reasonOf } from "../errors.ts";
import type { TaskOptions, TestSet } from "./experiment.ts";

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

/** The parts of a run. */
export type Parts = {
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  readonly tests: readonly TestSet[];
  readonly sets: readonly ReadSet[];
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

/**
 * Reads all that `config` names and deals validation and test videos where no folder or split gives them.
 *
 * @throws InputError for what cannot be used, unless there are `problems` to add it to
 */
export async function readParts(config: RunConfig, options: PartsOptions): Promise<Parts> {
  const main = options.tests
    ? await namedParts(config, options)
    : isDemo(config)
    ? await demoParts(config, options)
    : config.data !== undefined
    ? await dataParts(config, options)
    : config.manifest !== undefined
    ? await manifestParts(config, options)
    : await folderParts(config, options);
  const tests = [...main.tests];
  const sets = [...main.sets];
  for (const spec of testSets(config)) {
    const read = spec.kind === "pair"
      ? await readPair(spec, { set: spec.name, split: "test", config, ...options })
      : await readLayout(spec, { config, ...options, methods: spec.methods, test: true });
    const samples = inOrder(read.samples.map((sample) => ({ ...sample, split: "test" })));
    if (spec.kind === "layout") needBothClasses(samples, { what: `${spec.name} test`, ...options });
    sets.push(read);
    tests.push({ set: spec.name, split: "test", kind: "cross", samples });
  }
  return { train: main.train, val: main.val, tests, sets };
}

async function demoParts(config: RunConfig, options: PartsOptions): Promise<Parts> {
  await writeDemoData({
    root: config.demoRoot,
    signal: options.signal,
    onProgress: (done, total) =>
      options.report?.({ type: "progress", task: "Writing the demo data", unit: "images", done, total }),
  });
  const read = (set: string, split: string) => {
    const folder = join(config.demoRoot, set, split);
    const folders = { real: join(folder, "real"), fake: join(folder, "fake") };
    return readPair(folders, { set, split, config, ...options });
  };
  const [within, ...others] = demoSets;
  const train = await read(within, "train");
  const val = await read(within, "val");
  const test = await read(within, "test");
  const shifts: ReadSet[] = [];
  for (const set of others) shifts.push(await read(set, "test"));
  return {
    train: train.samples,
    val: config.valShare > 0 ? val.samples : [],
    tests: [
      { set: within, split: "test", kind: "within", samples: test.samples },
      ...others.map((set, i): TestSet => ({ set, split: "test", kind: "cross", samples: shifts[i].samples })),
    ],
    sets: [train, val, test, ...shifts],
  };
}

/** Only the test folders that are named; the further sets of `test` are read for every kind of run. */
async function namedParts(config: RunConfig, options: PartsOptions): Promise<Parts> {
  if (config.testReal === undefined) return { train: [], val: [], tests: [], sets: [] };
  const folders = { real: config.testReal, fake: config.testFake! };
  const read = await readPair(folders, { set: config.set, split: "test", config, ...options });
  return {
    train: [],
    val: [],
    tests: [{ set: config.set, split: "test", kind: "within", samples: read.samples }],
    sets: [read],
  };
}

async function folderParts(config: RunConfig, options: PartsOptions): Promise<Parts> {
  const read = (real: string, fake: string, split?: string) =>
    readPair({ real, fake }, { set: config.set, split, config, ...options });
  const sets = [await read(config.real!, config.fake!)];
  const hasVal = config.valReal !== undefined;
  const hasTest = config.testReal !== undefined;
  if (hasVal) sets.push(await read(config.valReal!, config.valFake!, "val"));
  if (hasTest) sets.push(await read(config.testReal!, config.testFake!, "test"));
  const dealt = deal(sets[0].samples, config, { hasVal, hasTest, ...options });
  const val = hasVal ? sets[1].samples : dealt.val;
  const test = hasTest ? sets[sets.length - 1].samples : dealt.test;
  return {
    train: dealt.train,
    val,
    tests: [{ set: config.set, split: "test", kind: "within", samples: test }],
    sets,
  };
}

async function manifestParts(config: RunConfig, options: PartsOptions): Promise<Parts> {
  const list = await check(await readManifest(config.manifest!, { set: config.set, root: config.root }), {
    config,
    ...options,
  });
  const samples = withPersons(list.samples);
  const sets = [...new Set(samples.map(({ set }) => set))];
  const main = sets.includes(config.set) ? config.set : sets[0];
  const own = samples.filter(({ set }) => set === main);
  const split = splitUp(own, config, options);
  const others = sets.filter((set) => set !== main).map((set): TestSet => ({
    set,
    split: "test",
    kind: "cross",
    samples: inOrder(samples.filter((sample) => sample.set === set && (sample.split ?? "test") === "test")),
  }));
  return {
    train: split.train,
    val: split.val,
    tests: [{ set: main, split: "test", kind: "within", samples: split.test }, ...others],
    sets: sets.map((set, i) => ({
      set,
      layout: "CSV manifest",
      root: config.manifest!,
      samples: samples.filter((sample) => sample.set === set),
      skipped: list.skipped.filter((file) => file.set === set),
      warnings: i === 0 ? list.warnings : [],
    })),
  };
}

/** A distributed set: its own splits, and validation and test dealt where it has none. */
async function dataParts(config: RunConfig, options: PartsOptions): Promise<Parts> {
  const spec = dataSet(config)!;
  const global = config.methods.flatMap((text) => text.split(",")).filter((name) => name !== "");
  const methods = spec.methods ?? (global.length > 0 ? global : undefined);
  const read = await readLayout(spec, { config, ...options, methods });
  // A part of the set, or all of it as if it had no splits, is dealt anew.
  const samples = spec.split === undefined
    ? read.samples
    : read.samples.map((sample) => ({ ...sample, split: undefined }));
  const parts = splitUp(samples, config, options);
  for (const part of ["train", "val", "test"] as const) {
    needBothClasses(parts[part], { what: `${spec.name} ${part}`, ...options });
  }
  return {
    train: parts.train,
    val: parts.val,
    tests: [{ set: spec.name, split: "test", kind: "within", samples: parts.test }],
    sets: [read],
  };
}

/** Samples by their own splits, the missing ones dealt. */
function splitUp(
  samples: readonly Sample[],
  config: RunConfig,
  options: PartsOptions,
): Record<"train" | "val" | "test", Sample[]> {
  const at = (split: string) => inOrder(samples.filter((sample) => sample.split === split));
  const [val, test] = [at("val"), at("test")];
  const dealt = deal(samples.filter(({ split }) => split !== "val" && split !== "test"), config, {
    hasVal: val.length > 0,
    hasTest: test.length > 0,
    ...options,
  });
  return {
    train: dealt.train,
    val: val.length > 0 ? val : dealt.val,
    test: test.length > 0 ? test : dealt.test,
  };
}

/** The videos of the split that is wanted: what the spec says; for a test the test split, or all of a set without splits. */
function selectSplit(
  reading: SetReading,
  options: PartsOptions & { readonly spec: LayoutSpec; readonly test?: boolean },
): SetReading {
  const { spec, test } = options;
  const splits = new Set(reading.videos.map(({ split }) => split ?? "none"));
  const wanted = spec.split ?? (!test ? "all" : splits.has("test") || !splits.has("none") ? "test" : "none");
  const videos = reading.videos.filter(({ split }) => wanted === "all" || (split ?? "none") === wanted);
  if (videos.length === 0) {
    refuse(
      `Cannot use the set ${spec.name}: expected a ${wanted} split but found ${
        [...splits].join(", ")
      }; say which, as in ${spec.name}=FOLDER,${splits.has("train") ? "train" : "all"}`,
      options,
    );
  }
  const left = reading.videos.length - videos.length;
  return {
    ...reading,
    videos,
    notes: left === 0 ? reading.notes : [...reading.notes, `${left} videos of other splits are not used`],
  };
}

function needBothClasses(
  samples: readonly Sample[],
  options: PartsOptions & { readonly what: string },
): void {
  if (samples.length === 0) return;
  const labels = new Set(samples.map(({ label }) => label));
  if (labels.size === 2) return;
  refuse(
    `Cannot use ${options.what}: expected real and fake images but found only ${
      labels.has(0) ? "real" : "fake"
    } ones`,
    options,
  );
}

async function readLayout(
  spec: LayoutSpec,
  options: PartsOptions & {
    readonly config: RunConfig;
    readonly methods?: readonly string[];
    /** Whether the set is only tested on. */
    readonly test?: boolean;
  },
): Promise<ReadSet> {
  const { config, report, signal } = options;
  const all = await readSet({
    ...spec,
    methods: options.methods,
    compression: spec.compression ?? config.compression,
    root: spec.root ?? config.root,
  }, {
    cacheDir: scanCache(),
    signal,
    onProgress: (done) =>
      report?.({ type: "progress", task: `Listing ${spec.name}`, unit: "files", done, total: 0 }),
  });
  const reading = selectSplit(all, { spec, ...options });
  const framesPerVideo = spec.framesPerVideo ?? config.framesPerVideo;
  const samples = samplesOf(reading, { set: spec.name, framesPerVideo });
  const warnings = reading.warnings.map((text) => `${spec.name}: ${text}`);
  if (samples.length === 0) {
    const most = framesPerVideo ? ` --frames ${framesPerVideo}` : "";
    const message =
      `expected frames but found ${reading.videos.length} videos without; extract them with deno task prepare --data ${spec.name}=${spec.path} --into FOLDER${most}`;
    if (!options.problems) throw new InputError(`Cannot use the set ${spec.name}: ${message}`);
    warnings.push(`${spec.name}: before training, ${message}`);
  }
  const faults = options.problems && !options.quick ? await videoFaults(reading, options) : [];
  const list = await check({
    samples,
    skipped: [...reading.skipped, ...faults].map((file) => ({ ...file, set: spec.name })),
    warnings,
  }, options);
  return { set: spec.name, layout: reading.layout, root: reading.root, reading, ...list };
}

/** Video files that are not whole, where their frames are yet to be made. */
async function videoFaults(
  reading: SetReading,
  { report, signal }: PartsOptions,
): Promise<{ path: string; reason: string }[]> {
  const files = [
    ...new Set(reading.videos.flatMap(({ file, frames }) => (frames === "" && file ? file : []))),
  ];
  const faults: { path: string; reason: string }[] = [];
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < files.length) {
      signal?.throwIfAborted();
      const path = files[next++];
      const reason = await mp4Fault(path).catch(reasonOf);
      if (reason !== undefined) faults.push({ path, reason });
      report?.({
        type: "progress",
        task: "Checking the videos",
        unit: "videos",
        done: ++done,
        total: files.length,
      });
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return faults.sort((a, b) => byName(a.path, b.path));
}

async function readPair(
  folders: { readonly real: string; readonly fake: string },
  options: PartsOptions & { readonly set: string; readonly split?: string; readonly config: RunConfig },
): Promise<ReadSet> {
  const { set, split, config } = options;
  const list = await readFolders(folders, { set, split });
  const thinned = { ...list, samples: thin(list.samples, config.framesPerVideo) };
  const { samples, skipped, warnings } = await check(thinned, options);
  return {
    set,
    layout: "a folder of reals, a folder of fakes",
    root: folders.real,
    samples: withPersons(samples),
    skipped,
    warnings,
  };
}

/** Evenly spaced frames of each video, by the order of their numbers. */
function thin(samples: readonly Sample[], framesPerVideo?: number): readonly Sample[] {
  if (framesPerVideo === undefined) return samples;
  const videos = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = `${sample.label} ${sample.set} ${sample.split} ${sample.video ?? sample.path}`;
    const frames = videos.get(key);
    if (frames) frames.push(sample);
    else videos.set(key, [sample]);
  }
  return [...videos.values()].flatMap((frames) =>
    evenly(frames.sort((a, b) => byName(a.path, b.path)), framesPerVideo)
  );
}

/** Adds FaceForensics++'s persons where every video is named as its are: `071` and `071_054`. */
function withPersons(samples: readonly Sample[]): readonly Sample[] {
  const known = new Map<string, readonly string[]>();
  for (const { label, video = "", identities = [] } of samples) {
    const key = `${label} ${video}`;
    if (known.has(key)) continue;
    const persons = ffppIdentities(video.split("/").at(-1)!);
    if (persons.length !== (label === 0 ? 1 : 2)) return samples;
    known.set(key, [...identities, ...persons]);
  }
  return samples.map((sample) => ({
    ...sample,
    identities: known.get(`${sample.label} ${sample.video ?? ""}`),
  }));
}

async function check(
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
      cacheDir: isDemo(config) ? undefined : scanCache(),
      signal,
      onProgress: (done: number, total: number) =>
        report?.({ type: "progress", task: "Checking the images", unit: "images", done, total }),
    });
  } catch (error) {
    if (!problems || !(error instanceof InputError)) throw error;
    problems.push(error.message);
    return list;
  }
}

/** Holds out validation and test videos where they are not given. */
function deal(
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
    const named = (split: string) => parts[split].map((sample) => ({ ...sample, split }));
    return { train: named("train"), val: named("val"), test: named("test") };
  } catch (error) {
    if (!options.problems || !(error instanceof InputError)) throw error;
    options.problems.push(error.message);
    return { train: [...samples], val: [], test: [] };
  }
}

function refuse(message: string, { problems }: PartsOptions): void {
  if (!problems) throw new InputError(message);
  problems.push(message);
}

/** Reals first, as they were within each class. */
function inOrder(samples: readonly Sample[]): Sample[] {
  return [...samples].sort((a, b) => a.label - b.label);
}
