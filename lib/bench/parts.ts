/**
 * Configuration → samples by part: the demo data, folders, a manifest, or sets as they are distributed.
 *
 * @module
 */
import { join } from "node:path";
import { checkSelections, isDemo, type RunConfig, testSets } from "../config.ts";
import { byName, type Sample } from "../data/dataset.ts";
import { dataFolder } from "../base/cache.ts";
import { InputError } from "../base/errors.ts";
import { demoSets, writeDemoData } from "../data/demo.ts";
import { readFolders } from "../data/folders.ts";
import { ffppPersons } from "../data/layout_ffpp.ts";
import { evenly } from "../data/layout_videos.ts";
import { readManifest } from "../data/manifest.ts";
import {
  check,
  deal,
  type Dealt,
  fewVideos,
  inOrder,
  inSplit,
  type Parts,
  type PartsOptions,
  type ReadSet,
  refuse,
} from "./deal.ts";
import type { TestSet } from "./experiment.ts";
import { dataParts, needBothClasses, readLayout } from "./set_parts.ts";

/**
 * Reads all that `config` names and deals validation and test videos where no folder or split gives them.
 *
 * @throws InputError for what cannot be used, unless there are `problems` to add it to
 */
export async function readParts(config: RunConfig, options: PartsOptions): Promise<Parts> {
  if (!options.tests) checkSelections(config);
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
    if (sets.some(({ set }) => set === spec.name)) {
      throw new InputError(
        `Cannot use --test ${spec.name}: expected a name of its own but found that of a set of ${
          config.manifest ?? "the demo data"
        }, beside which its results could not be told; name it otherwise`,
      );
    }
    const read = spec.kind === "pair"
      ? await readPair(spec, { set: spec.name, split: "test", config, ...options })
      : await readLayout(spec, { config, ...options, methods: spec.methods, test: true });
    const samples = inOrder(read.samples.map((sample) => inSplit(sample, "test")));
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
    onNote: (message) => options.report?.({ type: "note", message }),
    onProgress: (done, total) =>
      options.report?.({ type: "progress", task: "Writing the demo data", unit: "images", done, total }),
  });
  const read = (set: string, split: string) => {
    const folder = join(config.demoRoot, set, split);
    const folders = { real: join(folder, "real"), fake: join(folder, "fake") };
    return readPair(folders, { set, split, config, demo: true, ...options });
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
  const { notes, ...dealt } = await deal(sets[0].samples, config, { hasVal, hasTest, ...options });
  sets[0] = { ...sets[0], notes: [...(sets[0].notes ?? []), ...notes] };
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
  const all = await readManifest(config.manifest!, {
    set: config.set,
    root: config.root,
    videos: config.videos,
    signal: options.signal,
    onProgress: (done, total) =>
      options.report?.({ type: "progress", task: "Finding the manifest's files", unit: "rows", done, total }),
  });
  const thinned = { ...all, samples: thin(all.samples, config.framesPerVideo) };
  const list = await check(thinned, { config, ...options });
  const sets = [...new Set(all.samples.map(({ set }) => set))];
  const samples = sets.flatMap((set) => withPersons(list.samples.filter((sample) => sample.set === set)));
  const main = trainedOn(all.samples, config);
  const splitsOf = (set: string) =>
    (["train", "val", "test"] as const).filter((split) =>
      all.samples.some((sample) => sample.set === set && sample.split === split)
    );
  for (const set of sets) {
    for (const split of splitsOf(set)) {
      const part = samples.filter((sample) => sample.set === set && sample.split === split);
      if (part.length > 0) continue;
      // Dealt anew, it would be another experiment than the manifest's.
      refuse(
        `Cannot use the manifest ${config.manifest}: expected readable ${split} images of the set ${set} but found none`,
        options,
      );
    }
  }
  const own = samples.filter(({ set }) => set === main);
  const has = splitsOf(main);
  if (has.length > 0 && !has.includes("train")) {
    refuse(
      `Cannot use the manifest ${config.manifest}: expected train rows of the set ${main} but found only ${
        has.join(" and ")
      }${sets.length > 1 ? "; name the set to train on with --set" : ""}`,
      options,
    );
  }
  const { notes, ...split } = await splitUp(own, config, options);
  const warnings = [...list.warnings];
  const others = sets.filter((set) => set !== main).map((set): TestSet => {
    const rows = samples.filter((sample) => sample.set === set);
    const tested = inOrder(rows.filter((sample) => (sample.split ?? "test") === "test"));
    if (tested.length === 0) {
      refuse(
        `Cannot use the manifest ${config.manifest}: expected test rows of the set ${set}, which is only tested on, but found only ${
          splitsOf(set).join(" and ")
        }; leave them out, or train on it with --set ${set}`,
        options,
      );
    } else if (tested.length < rows.length) {
      warnings.push(
        `${set} is only tested on: ${rows.length - tested.length} images of its other splits (${
          splitsOf(set).filter((split) => split !== "test").join(", ")
        }) are not used`,
      );
    }
    return { set, split: "test", kind: "cross", samples: tested };
  });
  return {
    train: split.train,
    val: split.val,
    tests: [{ set: main, split: "test", kind: "within", samples: split.test }, ...others],
    sets: sets.map((set) => ({
      set,
      layout: [
        "CSV manifest",
        splitsOf(set).length > 0 ? `its splits (${splitsOf(set).join(", ")})` : "no splits",
        ...(sets.length > 1 ? [set === main ? "trained on" : "only tested on"] : []),
      ].join(", "),
      root: config.manifest!,
      samples: samples.filter((sample) => sample.set === set),
      skipped: list.skipped.filter((file) => file.set === set),
      warnings: [
        ...(set === main ? warnings : []),
        ...fewVideos(samples.filter((sample) => sample.set === set), set),
      ],
      notes: set === main ? [...(list.notes ?? []), ...notes] : [],
    })),
  };
}

/** The set of a manifest that is trained on: the configuration's, else the first that has anything to train on. */
function trainedOn(samples: readonly Sample[], config: RunConfig): string {
  const can = samples.find(({ split = "train" }) => split === "train");
  return samples.some(({ set }) => set === config.set) ? config.set : (can ?? samples[0]).set;
}

/** Samples by their own splits, the missing ones dealt. */
async function splitUp(
  samples: readonly Sample[],
  config: RunConfig,
  options: PartsOptions,
): Promise<Dealt> {
  const at = (split: string) => inOrder(samples.filter((sample) => sample.split === split));
  const [val, test] = [at("val"), at("test")];
  const dealt = await deal(samples.filter(({ split }) => split !== "val" && split !== "test"), config, {
    hasVal: val.length > 0,
    hasTest: test.length > 0,
    ...options,
  });
  return {
    train: dealt.train,
    val: val.length > 0 ? val : dealt.val,
    test: test.length > 0 ? test : dealt.test,
    notes: dealt.notes,
  };
}

async function readPair(
  folders: { readonly real: string; readonly fake: string },
  options: PartsOptions & {
    readonly set: string;
    readonly split?: string;
    readonly config: RunConfig;
    readonly demo?: boolean;
  },
): Promise<ReadSet> {
  const { set, split, config, signal, report } = options;
  const list = await readFolders(folders, {
    set,
    split,
    signal,
    // The demo data are made with a folder a video, by their own digest: nothing is to be guessed or kept.
    videos: options.demo ? "folder" : config.videos,
    cacheDir: options.demo ? undefined : options.cacheDir ?? dataFolder(),
    onProgress: (done) =>
      report?.({ type: "progress", task: `Listing ${set}`, unit: "files", done, total: 0 }),
  });
  const thinned = { ...list, samples: thin(list.samples, config.framesPerVideo) };
  const { samples, skipped, warnings, notes } = await check(thinned, options);
  return {
    set,
    layout: "a folder of reals, a folder of fakes",
    root: folders.real,
    samples: withPersons(samples),
    skipped,
    warnings: [...warnings, ...fewVideos(samples, set)],
    notes,
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

/** Adds FaceForensics++'s persons, as far as the names of a set's videos tell: `071` and `071_054`. */
function withPersons(samples: readonly Sample[]): readonly Sample[] {
  const videos = new Map<string, Sample>();
  for (const sample of samples) {
    const key = `${sample.label} ${sample.video}`;
    if (sample.video !== undefined && !videos.has(key)) videos.set(key, sample);
  }
  const persons = ffppPersons([...videos.values()].map(({ label, video }) => ({ label, id: video! })));
  if (persons === undefined) return samples;
  const known = new Map<string, readonly string[]>();
  for (const [i, [key, { identities = [] }]] of [...videos].entries()) {
    if (persons[i].length > 0) known.set(key, [...identities, ...persons[i]]);
  }
  return samples.map((sample) => ({
    ...sample,
    identities: known.get(`${sample.label} ${sample.video}`) ?? sample.identities,
  }));
}
