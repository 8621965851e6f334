/**
 * Configuration → samples by part: the demo data, folders, a manifest, or sets as they are distributed.
 *
 * @module
 */
import { join } from "node:path";
import { checkSelections, isDemo, type RunConfig, testSets } from "../../runs/config.ts";
import { dataFolder } from "../../base/cache.ts";
import { InputError } from "../../base/errors.ts";
import { demoSets, writeDemoData } from "../demo/demo.ts";
import { readFolders } from "../folders.ts";
import {
  check,
  deal,
  fewVideos,
  inOrder,
  inSplit,
  type Parts,
  type PartsOptions,
  type ReadSet,
  thin,
  withPersons,
} from "./deal.ts";
import type { TestSet } from "../../runs/experiment.ts";
import { manifestParts } from "./manifest_parts.ts";
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
    // Whatever split of its set it is from: here it is in the test.
    sets.push({ ...read, skipped: read.skipped.map((file) => ({ ...file, split: "test" })) });
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
