/**
 * Configuration → the samples that a run trains, validates and tests on.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isDemo, type RunConfig } from "./config/config.ts";
import { cropOf, type PrepareSettings, readSettings } from "../data/prepared.ts";
import type { TaskOptions } from "../base/task.ts";
import type { SetReading } from "../data/layouts/layout.ts";
import type { Sample, SkippedFile, TestSet } from "../data/sample.ts";
import type { ImageFacts } from "../images/facts.ts";
import { findLeaks, judgeLeaks, type Part } from "../data/audit/leaks.ts";
import { takeBreath } from "../base/breath.ts";
import { collectAfter } from "../base/collect.ts";
import { InputError } from "../base/errors.ts";
import { LEAST_GROUPS, tooFewGroups } from "../metrics/intervals/bootstrap.ts";
import {
  countSamples,
  countUnframed,
  groupSkipped,
  type Inspection,
  mergeCounts,
  type SetSummary,
} from "../data/audit/inspect.ts";
import type { Parts } from "../data/split/request.ts";
import { readParts } from "../data/split/parts.ts";
import { inspectionTables } from "../report/inspection.ts";
import type { DataSummary } from "../report/report.ts";
import { requestOf } from "./config/data_request.ts";
import { drawingOf } from "./config/sets.ts";
import { setShares } from "../data/epoch.ts";
import { auditShortcuts, shortcutWarning } from "../data/audit/shortcuts.ts";
import { tableText } from "../report/table.ts";

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
  /** First 64 bits of each file's SHA-256, as hex, by path. */
  readonly digests: ReadonlyMap<string, string>;
};

/**
 * Reads all that `config` names: the demo data when it names none, else a distributed set, folders or a manifest; holds out
 * validation and test videos where no folder or split gives them; tells `report` what is there, missing, skipped and leaking,
 * and its warnings.
 *
 * @param options.tests reads nothing but the test sets that folders are named for
 * @param options.demo says that these are the demo's own, in which there is nothing to find
 * @throws {InputError} when a folder is missing, empty, has no readable image of a class, or cannot be split by video; or
 * when something is in two splits.
 *
 * @example
 * ```ts
 * import { loadExperiment, resolveConfig } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const root = await Deno.makeTempDir();
 * for (const video of ["real/a", "real/b", "real/c", "fake/d", "fake/e", "fake/f"]) {
 *   await Deno.mkdir(`${root}/${video}`, { recursive: true });
 *   const noise = crypto.getRandomValues(new Uint8Array(32 * 32 * 3));
 *   await sharp(noise, { raw: { width: 32, height: 32, channels: 3 } }).toFile(`${root}/${video}/0.png`);
 * }
 * const config = resolveConfig({ real: `${root}/real`, fake: `${root}/fake` });
 * const { train, val, tests: [test] } = await loadExperiment(config);
 * assertEquals([train, val, test.samples].map(({ length }) => length), [2, 2, 2]);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function loadExperiment(
  config: RunConfig,
  options: TaskOptions & { readonly tests?: boolean; readonly demo?: boolean } = {},
): Promise<Experiment> {
  const facts = new Map<string, ImageFacts>();
  const parts = await readParts(requestOf(config, options), { ...options, facts });
  const { demo = isDemo(config) && !options.tests } = options;
  const named = namedParts(config, parts);
  const inspection = await inspect(config, { ...options, parts, facts, demo });
  if (!demo) {
    for (const table of inspectionTables(inspection)) {
      options.report?.({ type: "note", message: `\n${tableText(table)}` });
    }
  }
  const leaks = judgeLeaks(inspection.leaks, { allow: config.allowLeak });
  const { weights } = drawingOf(config);
  for (const { role, set, samples } of named) {
    if (role !== "train" || samples.length === 0 || new Set(samples.map(({ label }) => label)).size === 2) {
      continue;
    }
    throw new InputError(
      `Cannot train: expected real and fake training images${
        weights ? ` of ${set}` : ""
      } but found one class; is the set's split column as meant?`,
    );
  }
  if (weights && parts.train.length > 0) setShares(parts.train, weights); // refuses too small ones before anything is trained
  if (parts.val.length > 0 && new Set(parts.val.map(({ label }) => label)).size < 2) {
    throw new InputError(
      "Cannot choose the best epoch: expected real and fake validation images but found one class",
    );
  }
  // A file that is skipped before its split is known counts where most of its set goes.
  const most = (set: string) => (parts.train.some((sample) => sample.set === set) ? "train" : "test");
  const skipped = parts.sets.flatMap((set) => set.skipped)
    .map((file) => (file.split === undefined ? { ...file, split: most(file.set) } : file));
  const warnings = [...inspection.warnings, ...leaks, ...fewInParts(named, config)];
  for (const message of warnings) options.report?.({ type: "warning", message });
  const prepared = new Map<string, PrepareSettings | undefined>();
  for (const { set, root } of demo ? [] : parts.sets) prepared.set(set, await readSettings(root));
  const digests = new Map<string, string>();
  for (const [path, { digest }] of facts) digests.set(path, digest);
  facts.clear(); // this function holds them until it ends
  await collectAfter(digests.size);
  return {
    demo,
    train: parts.train,
    val: parts.val,
    tests: parts.tests,
    skipped,
    warnings,
    data: named.filter(({ samples }) => samples.length > 0).map(({ set, split, samples }) =>
      summary(samples, {
        ...{ set, split, skipped, prepared: prepared.get(set) },
        reading: parts.sets.find((read) => read.set === set)?.reading,
      })
    ),
    digest: digestOf(named.map(({ set, split, samples }) => [set, split, samples])),
    digests,
  };
}

/**
 * Reads what `config` names as {@link loadExperiment} does, and says what is there even where it could not be used.
 *
 * @param options.quick does not open the images: no unreadable files, duplicates and shortcuts are found
 * @throws {InputError} when a set cannot be read at all
 *
 * @example
 * ```ts
 * import { inspectData, resolveConfig } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * for (const video of ["real/anna", "real/ben", "real/cleo", "fake/dora", "fake/emil", "fake/finn"]) {
 *   await Deno.mkdir(`${root}/${video}`, { recursive: true });
 *   await Deno.writeTextFile(`${root}/${video}/0.png`, "not opened here");
 * }
 * const config = resolveConfig({ real: `${root}/real`, fake: `${root}/fake` });
 * const { counts } = await inspectData(config, { quick: true });
 * assertEquals(counts.map(({ split }) => split), ["train", "train", "val", "val", "test", "test"]);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function inspectData(
  config: RunConfig,
  options: TaskOptions & { readonly quick?: boolean; readonly tests?: boolean } = {},
): Promise<Inspection> {
  const facts = new Map<string, ImageFacts>();
  const problems: string[] = [];
  const parts = await readParts(requestOf(config, options), { ...options, facts, problems });
  const found = await inspect(config, { ...options, parts, facts, demo: isDemo(config) && !options.tests });
  let leaks: string[] = [];
  try {
    leaks = judgeLeaks(found.leaks, { allow: config.allowLeak });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problems.push(error.message);
  }
  const few = fewInParts(namedParts(config, parts), config);
  return { ...found, warnings: [...found.warnings, ...leaks, ...few], problems };
}

/** Every part with what it is called; the training sets' first. */
function namedParts(config: RunConfig, parts: Parts): (Part & { set: string; split: string })[] {
  const within = parts.tests.filter(({ kind }) => kind === "within").map(({ set }) => set);
  const own = within.length > 0 ? within : [config.set];
  return [
    ...own.flatMap((set) =>
      (["train", "val"] as const).map((split) => ({
        ...{ role: split, set, split, name: `${set} ${split}` },
        samples: parts[split].filter((sample) => sample.set === set),
      }))
    ),
    ...parts.tests.map(({ set, split, samples }) => ({
      role: "test" as const,
      set,
      split,
      name: `${set} ${split}`,
      samples,
    })),
  ];
}

/** Tests with too few videos for an interval, and a validation set with too few to choose an epoch by. */
function fewInParts(named: readonly Part[], config: RunConfig): string[] {
  return named.filter(({ role, samples }) => role !== "train" && samples.length > 0).flatMap(
    ({ role, name, samples }) => {
      const videos = (label: number) =>
        new Set(samples.filter((sample) => sample.label === label).map(({ video, path }) => video ?? path))
          .size;
      const groups = { real: videos(0), fake: videos(1) };
      if (role === "test") return tooFewGroups(name, groups) ?? [];
      return config.select === "best" && Math.min(groups.real, groups.fake) < LEAST_GROUPS
        ? `${name}: the best epoch is chosen by ${groups.real} real and ${groups.fake} fake videos, too few to tell epochs apart (fewer than ${LEAST_GROUPS} of a class): its validation AUC is mostly chance`
        : [];
    },
  );
}

/** Videos whose frames are yet to be made, as parts: the check of identities can be made of them already. */
function unframedParts(named: readonly Part[], { sets }: Parts): Part[] {
  const trained = new Set(named.filter(({ role }) => role === "train").map(({ name }) => name));
  return sets.flatMap(({ set, reading }) =>
    (["train", "val", "test"] as const).map((role): Part => ({
      role,
      name: `${set} ${role}`,
      samples: (reading?.videos ?? []).filter(({ frames, split }) => frames === "" && split === role).map((
        { label, id, identities, file = "" },
      ) => ({ path: file, label, set, video: id, identities })),
    })).filter(({ role, samples }) => samples.length > 0 && (role === "test" || trained.has(`${set} train`)))
  );
}

async function inspect(
  config: RunConfig,
  options: Pick<TaskOptions, "report" | "signal"> & {
    readonly parts: Parts;
    readonly facts: ReadonlyMap<string, ImageFacts>;
    readonly demo: boolean;
  },
): Promise<Inspection> {
  const { parts, facts, demo } = options;
  const named = namedParts(config, parts);
  const warnings = [...new Set(parts.sets.flatMap((set) => set.warnings))];
  const sets: SetSummary[] = [];
  for (const { set, layout, root, samples, skipped, reading, notes = [] } of parts.sets) {
    const crop = demo
      ? { text: "–", uncropped: false }
      : reading?.isOfImages
      ? { text: "whole images, as they are meant", uncropped: false }
      : await cropOf(root, { samples, facts });
    if (crop.uncropped) {
      warnings.push(
        `${set}: UNCROPPED (crop: ${crop.text}): whole frames, not faces; published figures are for crops, which deno task prepare makes`,
      );
    }
    sets.push({
      set,
      layout,
      root,
      crop: crop.text,
      missing: reading?.missing ?? [],
      skipped: groupSkipped(skipped),
      notes: [...reading?.notes ?? [], ...notes],
    });
  }
  const counts = mergeCounts([
    ...named.flatMap(({ set, split, samples }) => countSamples(samples, { set, split })),
    ...parts.sets.flatMap(({ set, reading }) => (reading ? countUnframed(reading, set) : [])),
  ]);
  // The demo data are made without duplicates, and their shortcuts say nothing.
  const leaks = demo ? [] : await findLeaks([...named, ...unframedParts(named, parts)], facts, {
    signal: options.signal,
    onProgress: (done, total) =>
      options.report?.({ type: "progress", task: "Looking for leaks", unit: "passes", done, total }),
  });
  const audited = demo || facts.size === 0 ? [] : named.filter(({ samples }) => samples.length > 0);
  const shortcuts: { name: string; shortcuts: ReturnType<typeof auditShortcuts> }[] = [];
  for (const { name, samples } of audited) {
    await takeBreath(options.signal);
    shortcuts.push({ name, shortcuts: auditShortcuts(samples, facts) });
  }
  for (const { name, shortcuts: found } of shortcuts) {
    const text = shortcutWarning(name, found);
    if (text) warnings.push(text);
  }
  return { sets, counts, leaks, shortcuts, warnings, problems: [] };
}

function summary(
  samples: readonly Sample[],
  options: {
    readonly set: string;
    readonly split: string;
    readonly skipped: readonly SkippedFile[];
    readonly prepared?: PrepareSettings;
    /** Of a set as it is distributed. */
    readonly reading?: SetReading;
  },
): DataSummary {
  const { set, split, skipped, prepared, reading } = options;
  const fake = samples.filter(({ label }) => label === 1).length;
  return {
    set,
    split,
    real: samples.length - fake,
    fake,
    videos: new Set(samples.map(({ label, video, path }) => `${label} ${video ?? path}`)).size,
    skipped: skipped.filter((file) => file.set === set && file.split === split).length,
    ...(reading && { layout: reading.kind }),
    // Left out where they are not known: a run's record, which is JSON, has no undefined.
    ...(reading?.compression !== undefined && { compression: reading.compression }),
    ...(split === "test" && reading?.isOfficialSplit !== undefined && {
      officialSplit: reading.isOfficialSplit,
    }),
    ...(prepared && { prepared }),
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
