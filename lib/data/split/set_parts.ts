/**
 * Sets as they are distributed → samples by part.
 *
 * @module
 */
import { byName, type Sample } from "../sample.ts";
import { samplesOf, type SetReading, type Video } from "../layouts/layout.ts";
import { readSet } from "../layouts/mod.ts";
import { containerFault } from "../container.ts";
import type { LayoutSpec } from "../spec.ts";
import { pathInSpec } from "../spec_path.ts";
import { dataFolder } from "../../base/cache.ts";
import { InputError, reasonOf } from "../../base/errors.ts";
import { inParallel } from "../../base/pool.ts";
import { shellWord } from "../../base/printable.ts";
import { check, deal, fewVideos, putInSplit, refuse } from "./deal.ts";
import type { DataRequest, Parts, PartsOptions, ReadSet } from "./request.ts";

/** A distributed set: its own splits, and validation and test dealt where it has none. */
export async function dataParts(
  spec: LayoutSpec,
  options: PartsOptions & Pick<DataRequest, "choice" | "dealing">,
): Promise<Parts> {
  const read = await dealSet(await readLayout(spec, options), { spec, ...options });
  const inSplit = (split: string) => read.samples.filter((sample) => sample.split === split);
  const parts = { train: inSplit("train"), val: inSplit("val"), test: inSplit("test") };
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

/** The videos of the split that is wanted: what the spec says; for a test the test split, or all of a set without splits. */
function selectSplit(
  reading: SetReading,
  options: PartsOptions & { readonly spec: LayoutSpec; readonly isTest: boolean },
): SetReading {
  const { spec, isTest } = options;
  const splits = new Set(reading.videos.map(({ split }) => split ?? "none"));
  const wanted = spec.split ??
    (!isTest ? "all" : splits.has("test") || !splits.has("none") ? "test" : "none");
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
    isOfficialSplit: reading.isOfficialSplit && (isTest ? wanted === "test" : spec.split === undefined),
    notes: left === 0 ? reading.notes : [...reading.notes, `${left} videos of other splits are not used`],
  };
}

/**
 * Refuses samples of one class only; none at all are fine, as of a set that has no frames yet.
 *
 * @throws {InputError} unless the options collect problems.
 */
export function needBothClasses(
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

type LayoutOptions = PartsOptions & Pick<DataRequest, "choice">;

/** Lists a set on disk that is trained on, of its videos those of the wanted split, and picks the frames. */
async function readLayout(
  spec: LayoutSpec,
  options: LayoutOptions,
): Promise<ReadSet & { readonly reading: SetReading }> {
  const reading = await listSet(spec, { ...options, isTest: false });
  const read = await pickFrames(reading, { spec, ...options });
  if (spec.split === undefined) needReadable(read, { ...options, framesPerVideo: spec.framesPerVideo });
  return read;
}

/** The same for a set that is only tested on: several, named `set/generator`, where each of its generators is a test of its own. */
export async function readTests(spec: LayoutSpec, options: LayoutOptions): Promise<ReadSet[]> {
  const reading = await listSet(spec, { ...options, isTest: true });
  const names = new Set<string>();
  for (const { label, tests = [] } of reading.videos) {
    if (label === 1) { for (const test of tests) names.add(test); }
  }
  if (names.size === 0) return [await pickFrames(reading, { spec, ...options })];
  const sets: ReadSet[] = [];
  for (const test of names) {
    const videos = reading.videos.filter(({ tests }) => tests?.includes(test));
    // What is to be said of the whole is said once.
    const own = sets.length === 0
      ? { ...reading, videos }
      : { ...reading, videos, missing: [], skipped: [], unreadable: [], notes: [], warnings: [] };
    sets.push(await pickFrames(own, { spec: { ...spec, name: `${spec.name}/${test}` }, ...options }));
  }
  return sets;
}

/** Lists a set on disk: of its videos those of the wanted split. */
async function listSet(
  spec: LayoutSpec,
  options: PartsOptions & {
    /** Whether the set is only tested on. */
    readonly isTest: boolean;
  },
): Promise<SetReading> {
  const { report, signal } = options;
  const all = await readSet(spec, {
    cacheDir: options.cacheDir ?? dataFolder(),
    signal,
    onProgress: (done) =>
      report?.({ type: "progress", task: `Listing ${spec.name}`, unit: "files", done, total: 0 }),
  });
  return selectSplit(all, { spec, ...options });
}

/** The frames of a set's videos that are wanted and can be read, as samples. */
async function pickFrames(
  reading: SetReading,
  options: LayoutOptions & { readonly spec: LayoutSpec },
): Promise<ReadSet & { readonly reading: SetReading }> {
  const { spec, choice: { strict } } = options;
  const { framesPerVideo } = spec;
  const samples = samplesOf(reading, { set: spec.name, framesPerVideo });
  const warnings = [
    ...reading.warnings.map((text) => `${spec.name}: ${text}`),
    ...fewVideos(reading.videos.map(({ label, id }) => ({ label, video: id })), spec.name),
  ];
  if (samples.length === 0) {
    const most = framesPerVideo ? ` --frames ${framesPerVideo}` : "";
    const compression = spec.compression ? `,${spec.compression}` : "";
    const data = shellWord(`${spec.name}=${pathInSpec(spec.path)}${compression}`);
    const message =
      `expected frames but found ${reading.videos.length} videos without; extract them with deno task prepare --data ${data} --into FOLDER --faces${most}`;
    if (!options.problems) throw new InputError(`Cannot use the set ${spec.name}: ${message}`);
    warnings.push(`${spec.name}: before training, ${message}`);
  }
  const faults = options.problems && !options.quick ? await videoFaults(reading, options) : [];
  const list = await check({
    samples,
    skipped: [...reading.skipped, ...faults].map((file) => ({ ...file, set: spec.name })),
    warnings,
  }, { strict, ...options });
  return { set: spec.name, layout: reading.layout, root: reading.root, reading, ...list };
}

/** Refuses a split of the set's own of which no image can be read: it would be tested on nothing, or dealt anew. */
function needReadable(
  read: ReadSet & { readonly reading: SetReading },
  options: PartsOptions & { readonly framesPerVideo?: number },
): void {
  for (const part of ["train", "val", "test"] as const) {
    if (read.samples.some(({ split }) => split === part)) continue;
    const videos = read.reading.videos.filter(({ split }) => split === part);
    const count = samplesOf({ ...read.reading, videos }, { ...options, set: read.set }).length;
    if (count === 0) continue;
    const { path, reason } = read.skipped.find(({ split }) => split === part) ?? {};
    refuse(
      `Cannot use the set ${read.set}: expected readable ${part} images but found none of ${count}, such as ${path} (${reason})`,
      options,
    );
  }
}

/**
 * A set whose videos and samples, which are put into it where they are, have a split each: their own, or where the set has no validation or test videos dealt ones;
 * dealt anew too when the spec asks for a part of the set, or for all of it whatever its splits. Videos without frames are
 * left as they are, unless none has any yet.
 */
async function dealSet(
  read: ReadSet & { readonly reading: SetReading },
  options: PartsOptions & Pick<DataRequest, "dealing"> & { readonly spec: LayoutSpec },
): Promise<ReadSet> {
  const { spec, dealing } = options;
  const own = ({ split }: Pick<Video, "split">) => (spec.split === undefined ? split : undefined);
  const videos = read.reading.videos.map((video) => ({ ...video, split: own(video) }));
  const framed = videos.filter(({ frames }) => frames !== "");
  if (framed.length === 0) return { ...read, reading: { ...read.reading, videos } };
  const has = (split: string) => framed.some((video) => video.split === split);
  const isHeldOut = (split?: string) => split === "val" || split === "test";
  // One sample stands for all frames of its video: with a million frames, the dealing is of some thousand videos.
  // A video of which no frame can be read would be dealt a place that stays empty.
  const readable = new Set<string>();
  for (const { label, video } of read.samples) readable.add(`${label} ${video}`);
  const open = framed.filter(({ split, label, id }) => !isHeldOut(split) && readable.has(`${label} ${id}`));
  const items = new Map(open.map(({ label, id }, i) => [`${label} ${id}`, i]));
  const isCompared = !options.quick && !(has("val") && has("test"));
  const images = (isCompared ? read.samples : []).flatMap(({ label, video, path }) => {
    const item = items.get(`${label} ${video}`);
    return item === undefined ? [] : [{ path, item }];
  });
  const dealt = await deal(
    open.map(({ label, id, identities }) => ({
      path: id,
      source: id,
      video: id,
      label,
      set: spec.name,
      identities,
    })),
    dealing,
    { hasVal: has("val"), hasTest: has("test"), ...options, images },
  );
  const splits = new Map<string, "train" | "val" | "test">();
  for (const split of ["train", "val", "test"] as const) {
    for (const { label, path } of dealt[split]) splits.set(`${label} ${path}`, split);
  }
  for (const sample of read.samples) {
    if (spec.split === undefined && isHeldOut(sample.split)) continue;
    putInSplit(sample, splits.get(`${sample.label} ${sample.video}`));
  }
  const given = (["train", "val"] as const).filter(has);
  const warnings = has("test") || given.length === 0 ? [] : [
    `${spec.name}: no frames of a test split of its own beside ${
      given.join(" and ")
    }: test videos were dealt from its others, which is not the set's own test`,
  ];
  return {
    ...read,
    notes: dealt.notes,
    warnings: [...read.warnings, ...warnings],
    reading: {
      ...read.reading,
      isOfficialSplit: read.reading.isOfficialSplit && has("test"),
      videos: videos.map((video) =>
        isHeldOut(video.split) || video.frames === ""
          ? video
          : { ...video, split: splits.get(`${video.label} ${video.id}`) }
      ),
    },
  };
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
  let done = 0;
  await inParallel(files, async (path) => {
    const reason = await containerFault(path).catch(reasonOf);
    if (reason !== undefined) faults.push({ path, reason });
    const task = "Checking the videos";
    report?.({ type: "progress", task, unit: "videos", done: ++done, total: files.length });
  }, { workers: 8, signal });
  return faults.sort((a, b) => byName(a.path, b.path));
}
