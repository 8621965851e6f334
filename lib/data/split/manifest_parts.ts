/**
 * A manifest → samples by part: its own splits, and dealt ones where it has none; one set to train on, others to test on.
 *
 * @module
 */
import type { Sample, SampleList, TestSet } from "../sample.ts";
import { readManifest } from "../manifest.ts";
import { check, deal, type Dealt, fewVideos, inOrder, refuse, thin, withPersons } from "./deal.ts";
import type { DataRequest, DataSource, Parts, PartsOptions, ReadSet } from "./request.ts";

const splits = ["train", "val", "test"] as const;

/** A set of a manifest. */
type ListedSet = {
  readonly set: string;
  /** Those that its rows name, whatever can be read of them. */
  readonly splits: readonly (typeof splits)[number][];
  /** The readable ones. */
  readonly samples: readonly Sample[];
};

/** How the sets of a manifest are made parts. */
type ManifestOptions = PartsOptions & { readonly path: string };

/** All sets of a manifest: one is trained on, the others are tested on. */
export async function manifestParts(
  { path, set }: Extract<DataSource, { kind: "manifest" }>,
  options: PartsOptions & Pick<DataRequest, "choice" | "dealing">,
): Promise<Parts> {
  const { dealing, choice: { strict, root, videos, framesPerVideo } } = options;
  const all = await readManifest(path, {
    set,
    root,
    videos,
    signal: options.signal,
    onProgress: (done, total) =>
      options.report?.({ type: "progress", task: "Finding the manifest's files", unit: "rows", done, total }),
  });
  const thinned = { ...all, samples: thin(all.samples, framesPerVideo) };
  const list = await check(thinned, { strict, ...options });
  const names = [...new Set(all.samples.map((sample) => sample.set))];
  const sets = names.map((set): ListedSet => {
    const listed = new Set(all.samples.filter((sample) => sample.set === set).map(({ split }) => split));
    const samples = withPersons(list.samples.filter((sample) => sample.set === set));
    return { set, splits: splits.filter((split) => listed.has(split)), samples };
  });
  for (const each of sets) refuseUnread(each, { path, ...options });
  const main = trainedOn(all.samples, set);
  const own = sets.find(({ set }) => set === main)!;
  const others = sets.filter(({ set }) => set !== main);
  refuseUntrained(own, { path, ...options, others: others.length });
  const { notes, ...dealt } = await splitUp(own.samples, dealing, options);
  const tested = others.map((each) => testOf(each, { path, ...options }));
  const found = {
    warnings: [...list.warnings, ...tested.flatMap(({ unused }) => unused)],
    notes: [...(list.notes ?? []), ...notes],
  };
  return {
    train: dealt.train,
    val: dealt.val,
    tests: [
      { set: main, split: "test", kind: "within", samples: dealt.test },
      ...tested.map(({ test }) => test),
    ],
    sets: sets.map((each) => ({
      ...readSetOf(each, { list, root: path, isMain: each === own, isOnly: sets.length === 1 }),
      // What is said of the whole list is said once.
      warnings: [...(each === own ? found.warnings : []), ...fewVideos(each.samples, each.set)],
      notes: each === own ? found.notes : [],
    })),
  };
}

/** The set of a manifest that is trained on: the wanted one, else the first that has anything to train on. */
function trainedOn(samples: readonly Sample[], wanted: string): string {
  const can = samples.find(({ split = "train" }) => split === "train");
  return samples.some(({ set }) => set === wanted) ? wanted : (can ?? samples[0]).set;
}

/** Refuses a split of which no image can be read: dealt anew, it would be another experiment than the manifest's. */
function refuseUnread(listed: ListedSet, options: ManifestOptions): void {
  for (const split of listed.splits) {
    if (listed.samples.some((sample) => sample.split === split)) continue;
    refuse(
      `Cannot use the manifest ${options.path}: expected readable ${split} images of the set ${listed.set} but found none`,
      options,
    );
  }
}

/** Refuses to train on a set that has splits, and none for training. */
function refuseUntrained(
  listed: ListedSet,
  options: ManifestOptions & { readonly others: number },
): void {
  if (listed.splits.length === 0 || listed.splits.includes("train")) return;
  refuse(
    `Cannot use the manifest ${options.path}: expected train rows of the set ${listed.set} but found only ${
      listed.splits.join(" and ")
    }${options.others > 0 ? "; name the set to train on with --set" : ""}`,
    options,
  );
}

/** Samples by their own splits, the missing ones dealt. */
async function splitUp(
  samples: readonly Sample[],
  dealing: DataRequest["dealing"],
  options: PartsOptions,
): Promise<Dealt> {
  const inSplit = (split: string) => inOrder(samples.filter((sample) => sample.split === split));
  const [val, test] = [inSplit("val"), inSplit("test")];
  const dealt = await deal(samples.filter(({ split }) => split !== "val" && split !== "test"), dealing, {
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

/** The test of a set that is not trained on: its test rows, or all where it has no splits; and what it leaves unused. */
function testOf(
  { set, splits, samples }: ListedSet,
  options: ManifestOptions,
): { readonly test: TestSet; readonly unused: readonly string[] } {
  const tested = inOrder(samples.filter(({ split = "test" }) => split === "test"));
  const test: TestSet = { set, split: "test", kind: "cross", samples: tested };
  if (tested.length === 0) {
    refuse(
      `Cannot use the manifest ${options.path}: expected test rows of the set ${set}, which is only tested on, but found only ${
        splits.join(" and ")
      }; leave them out, or train on it with --set ${set}`,
      options,
    );
    return { test, unused: [] };
  }
  if (tested.length === samples.length) return { test, unused: [] };
  const others = splits.filter((split) => split !== "test").join(", ");
  const left = samples.length - tested.length;
  return {
    test,
    unused: [`${set} is only tested on: ${left} images of its other splits (${others}) are not used`],
  };
}

function readSetOf(
  { set, splits, samples }: ListedSet,
  options: {
    readonly list: SampleList;
    readonly root: string;
    readonly isMain: boolean;
    readonly isOnly: boolean;
  },
): Omit<ReadSet, "warnings"> {
  const { list, root, isMain, isOnly } = options;
  const layout = [
    "CSV manifest",
    splits.length > 0 ? `its splits (${splits.join(", ")})` : "no splits",
    ...(isOnly ? [] : [isMain ? "trained on" : "only tested on"]),
  ].join(", ");
  return { set, layout, root, samples, skipped: list.skipped.filter((file) => file.set === set) };
}
