/**
 * What a run asks → samples by part: the demo data, folders, a manifest, or sets as they are distributed.
 *
 * @module
 */
import { join } from "node:path";
import { dataFolder } from "../../base/cache.ts";
import { InputError } from "../../base/errors.ts";
import type { TaskOptions } from "../../base/task.ts";
import { demoSets, writeDemoData } from "../demo/demo.ts";
import { readFolders } from "../folders.ts";
import type { TestSet } from "../sample.ts";
import { check, deal, fewVideos, inOrder, inSplit, thin, withPersons } from "./deal.ts";
import { manifestParts } from "./manifest_parts.ts";
import type { ClassFolders, DataRequest, DataSource, Parts, PartsOptions, ReadSet } from "./request.ts";
import { dataParts, needBothClasses, readTests } from "./set_parts.ts";

/** How a source is read: as the request says. */
type SourceOptions = PartsOptions & Pick<DataRequest, "choice" | "dealing">;

/**
 * Reads all that a run asks for and deals validation and test videos where no folder or split gives them.
 *
 * @throws {InputError} for what cannot be used, unless there are `problems` to add it to
 */
export async function readParts(request: DataRequest, options: PartsOptions): Promise<Parts> {
  const { source, choice } = request;
  const main = await sourceParts(source, { ...options, ...request });
  const train = [main.train];
  const val = [main.val];
  const tests = [...main.tests];
  const sets = [...main.sets];
  const refuseTaken = (name: string, flag: string) => {
    if (!sets.some(({ set }) => set === name)) return;
    throw new InputError(
      `Cannot use ${flag} ${name}: expected a name of its own but found that of a set of ${
        source?.kind === "manifest" ? source.path : "the demo data"
      }, beside which its results could not be told; name it otherwise`,
    );
  };
  for (const spec of request.also ?? []) {
    refuseTaken(spec.name, "--also");
    const further = await dataParts(spec, { ...options, ...request });
    train.push(further.train);
    val.push(further.val);
    tests.push(...further.tests);
    sets.push(...further.sets);
  }
  for (const spec of request.tests) {
    refuseTaken(spec.name, "--test");
    const reads = spec.kind === "pair"
      ? [await readPair(spec, { set: spec.name, split: "test", choice, ...options })]
      : await readTests(spec, { choice, ...options });
    for (const read of reads) {
      const samples = inOrder(read.samples.map((sample) => inSplit(sample, "test")));
      if (spec.kind === "layout") needBothClasses(samples, { what: `${read.set} test`, ...options });
      // Whatever split of its set it is from: here it is in the test.
      sets.push({ ...read, skipped: read.skipped.map((file) => ({ ...file, split: "test" })) });
      tests.push({ set: read.set, split: "test", kind: "cross", samples });
    }
  }
  return { train: train.flat(), val: val.flat(), tests, sets };
}

async function sourceParts(source: DataSource | undefined, options: SourceOptions): Promise<Parts> {
  switch (source?.kind) {
    case undefined:
      return { train: [], val: [], tests: [], sets: [] };
    case "demo":
      return await demoParts(source, options);
    case "layout":
      return await dataParts(source.spec, options);
    case "manifest":
      return await manifestParts(source, options);
    case "folders":
      return await folderParts(source, options);
  }
}

/** Writes the demo data where they are not there yet, telling how far that is. */
export async function drawDemo(
  root: string,
  { report, signal }: Pick<TaskOptions, "report" | "signal">,
): Promise<void> {
  await writeDemoData({
    root,
    signal,
    onNote: (message) => report?.({ type: "note", message }),
    onProgress: (done, total) =>
      report?.({ type: "progress", task: "Writing the demo data", unit: "images", done, total }),
  });
}

async function demoParts({ root }: { readonly root: string }, options: SourceOptions): Promise<Parts> {
  await drawDemo(root, options);
  const read = (set: string, split: string) => {
    const folder = join(root, set, split);
    const folders = { real: join(folder, "real"), fake: join(folder, "fake") };
    return readPair(folders, { set, split, isDemo: true, ...options });
  };
  const [within, ...others] = demoSets;
  const train = await read(within, "train");
  const val = await read(within, "val");
  const test = await read(within, "test");
  const shifts: ReadSet[] = [];
  for (const set of others) shifts.push(await read(set, "test"));
  return {
    train: train.samples,
    val: options.dealing.valShare > 0 ? val.samples : [],
    tests: [
      { set: within, split: "test", kind: "within", samples: test.samples },
      ...others.map((set, i): TestSet => ({ set, split: "test", kind: "cross", samples: shifts[i].samples })),
    ],
    sets: [train, val, test, ...shifts],
  };
}

async function folderParts(
  source: Extract<DataSource, { kind: "folders" }>,
  options: SourceOptions,
): Promise<Parts> {
  const { set } = source;
  const read = (folders: ClassFolders, split?: string) => readPair(folders, { set, split, ...options });
  const all = source.train && await read(source.train);
  const given = {
    val: source.val && await read(source.val, "val"),
    test: source.test && await read(source.test, "test"),
  };
  const dealt = all &&
    await deal(all.samples, options.dealing, { hasVal: !!given.val, hasTest: !!given.test, ...options });
  const test = given.test?.samples ?? dealt?.test ?? [];
  return {
    train: dealt?.train ?? [],
    val: given.val?.samples ?? dealt?.val ?? [],
    tests: [{ set, split: "test", kind: "within", samples: test }],
    sets: [
      ...(all ? [{ ...all, notes: [...all.notes ?? [], ...dealt!.notes] }] : []),
      ...Object.values(given).filter((each) => each !== undefined),
    ],
  };
}

async function readPair(
  folders: { readonly real: string; readonly fake: string },
  options: PartsOptions & {
    readonly set: string;
    readonly split?: string;
    readonly choice: DataRequest["choice"];
    readonly isDemo?: boolean;
  },
): Promise<ReadSet> {
  const { set, split, choice: { strict, videos, framesPerVideo }, isDemo, signal, report } = options;
  const list = await readFolders(folders, {
    set,
    split,
    signal,
    // The demo data are made with a folder a video, and listed in no time: nothing is to be guessed, and no list to be kept.
    videos: isDemo ? "folder" : videos,
    cacheDir: isDemo ? undefined : options.cacheDir ?? dataFolder(),
    onProgress: (done) =>
      report?.({ type: "progress", task: `Listing ${set}`, unit: "files", done, total: 0 }),
  });
  const thinned = { ...list, samples: thin(list.samples, framesPerVideo) };
  const { samples, skipped, warnings, notes } = await check(thinned, { strict, ...options });
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
