/**
 * The images of a run and their split, `data.jsonl` in its folder: written when training begins, and from then on what the
 * run is resumed and evaluated with, whatever its folders hold by then.
 *
 * A line of JSON for the whole, a line for each image, and a line with the checksum of those above it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { isDemo, type RunConfig } from "../config/config.ts";
import { dataFolder } from "../../base/cache.ts";
import { InputError } from "../../base/errors.ts";
import { exists, linesOf, writeAtomically } from "../../base/files.ts";
import type { Sample, TestSet } from "../../data/sample.ts";
import { readAllFacts } from "../../images/facts.ts";
import { type Experiment, loadExperiment } from "../experiment.ts";
import type { TaskOptions } from "../../base/task.ts";
import { readCheckpoint } from "./folder.ts";

/** Its name in a run's folder. */
export const dataFile = "data.jsonl";
const VERSION = 1;
/** What a line of an image holds, in its order. */
const columns = [
  "part",
  "label",
  "set",
  "split",
  "video",
  "method",
  "source",
  "path",
  "identities",
  "digest",
] as const;

type Head = {
  readonly version: number;
  readonly columns: readonly string[];
  readonly digest: string;
  readonly data: Experiment["data"];
  readonly warnings: readonly string[];
  /** The parts in the order of their lines. */
  readonly parts: readonly (Partial<Omit<TestSet, "samples">> & {
    readonly part: "train" | "val" | "test";
    readonly samples: number;
  })[];
};

/**
 * Writes a run's images; where that was done when it began, looks whether they are these.
 *
 * @throws {InputError} when they are others
 */
export async function writeRunData(folder: string, experiment: Experiment): Promise<void> {
  const file = join(folder, dataFile);
  if (await exists(file)) {
    if ((await readHead(file)).digest !== experiment.digest) throw otherImages(folder);
    return;
  }
  const { train, val, tests, digest, data, warnings, digests } = experiment;
  const head: Head = {
    version: VERSION,
    columns,
    digest,
    data,
    warnings,
    parts: [
      { part: "train", samples: train.length },
      { part: "val", samples: val.length },
      ...tests.map(({ set, split, kind, samples }) => ({
        part: "test" as const,
        set,
        split,
        kind,
        samples: samples.length,
      })),
    ],
  };
  const hash = createHash("sha256");
  const encoder = new TextEncoder();
  await writeAtomically(file, async (append) => {
    let lines = [JSON.stringify(head)];
    const flush = async () => {
      const bytes = encoder.encode(`${lines.join("\n")}\n`);
      hash.update(bytes);
      await append(bytes);
      lines = [];
    };
    for (const [i, samples] of [train, val, ...tests.map((test) => test.samples)].entries()) {
      const { part } = head.parts[i];
      for (const { label, set, split, video, method, source, path, identities } of samples) {
        const digest = digests.get(path);
        // What is undefined is null in JSON.
        lines.push(
          JSON.stringify([part, label, set, split, video, method, source, path, identities, digest]),
        );
        if (lines.length >= 2000) await flush();
      }
    }
    if (lines.length > 0) await flush();
    await append(encoder.encode(`${JSON.stringify({ sha256: hash.digest("hex") })}\n`));
  });
}

/**
 * The data of a run as they were when it was trained: its own split, never one that is dealt anew. The files that are wanted
 * are checked: that they are there, and have the same bytes.
 *
 * A run that has no such file, because it is older, is read from its folders, and taken where that gives the same images in
 * the same parts; the demo data, which are never dealt, are read so too.
 *
 * @param options.tests only the test sets are wanted: what was trained on may be gone
 * @param options.validation with `tests`, the validation images are wanted too
 * @param options.training only the training images are wanted
 * @param options.root where files have moved: `OLD=NEW` replaces the beginning of their paths
 * @throws {InputError} when files are gone or changed, when `data.jsonl` is damaged, or when an older run's folders have changed
 */
export async function loadRunData(
  config: RunConfig,
  options: TaskOptions & {
    readonly folder: string;
    readonly tests?: boolean;
    readonly validation?: boolean;
    readonly training?: boolean;
    readonly root?: string;
  },
): Promise<Experiment> {
  const { folder, tests = false, root } = options;
  const file = join(folder, dataFile);
  const { experiment, digest } = await exists(file)
    ? await readRunData(file, { root: root ?? config.root })
    : { experiment: undefined, digest: (await readCheckpoint(folder))?.state.digest };
  if (experiment && !isDemo(config)) {
    await checkFiles(experiment, { ...options, folder, tests });
    const message = `Data: the images and the split that ${folder} was trained with`;
    options.report?.({ type: "note", message });
    for (const message of experiment.warnings) options.report?.({ type: "warning", message });
    return experiment;
  }
  const { report, signal, cacheDir } = options;
  const read = await loadExperiment(config, { report, signal, cacheDir });
  // Stopped before its first checkpoint, a run has nothing to lose.
  if (read.digest === digest || (digest === undefined && !tests)) return read;
  if (digest !== undefined) throw otherImages(folder);
  throw new InputError(
    `Cannot tell which images ${folder} was trained on: expected ${dataFile} in it but found none; ${nameOthers}`,
  );
}

/** The images of a run and their split as its folder has them, their files not looked at; undefined where it has none. */
export async function keptRunData(folder: string): Promise<Experiment | undefined> {
  const file = join(folder, dataFile);
  return await exists(file) ? (await readRunData(file, {})).experiment : undefined;
}

const nameOthers = "name the sets to test on with --test, or --test-real and --test-fake";

/** What is said when a run's images are not those that are there. */
export function otherImages(folder: string): InputError {
  return new InputError(
    `Cannot use the data of ${folder}: expected the images that it was trained on, in the same splits, but found others; put them back and train --resume or evaluate again, train a new run, or ${nameOthers}`,
  );
}

const damaged = (file: string, found: string) =>
  new InputError(
    `Cannot read ${file}: expected the images of a run but found ${found}; remove it to read them from their folders again, which is done where they are as they were`,
  );

async function readHead(file: string): Promise<Head> {
  for await (const line of linesOf(file)) {
    const head: Head = valueOf(line, file);
    if (head?.version !== VERSION) throw damaged(file, `version ${head?.version}`);
    return head;
  }
  throw damaged(file, "an empty file");
}

/**
 * Reads what {@link writeRunData} wrote.
 *
 * @throws {InputError} naming the file when it is not whole, or another.
 */
async function readRunData(
  file: string,
  options: { readonly root?: string },
): Promise<{ experiment: Experiment; digest: string }> {
  const head = await readHead(file);
  const hash = createHash("sha256");
  const encoder = new TextEncoder();
  const moved = pathMap(options.root);
  const samples: Sample[] = [];
  const digests = new Map<string, string>();
  const kept = new Map<string, string>(); // few names for many images
  const once = <T extends string | null>(text: T) => {
    if (text === null) return undefined;
    if (!kept.has(text)) kept.set(text, text);
    return kept.get(text)!;
  };
  let block: string[] = []; // a call a line would be most of the time
  const hashBlock = () => {
    if (block.length > 0) hash.update(encoder.encode(`${block.join("\n")}\n`));
    block = [];
  };
  let lines = 0;
  let last: { readonly folder: string; readonly identities: string; readonly sample: Sample } | undefined;
  let sum: string | undefined;
  for await (const line of linesOf(file)) {
    if (sum !== undefined) throw damaged(file, "lines after its checksum");
    if (lines > 0 && line.startsWith("{")) {
      sum = valueOf(line, file).sha256 ?? "";
      continue;
    }
    block.push(line);
    if (block.length >= 2000) hashBlock();
    if (lines++ === 0) continue;
    const [, label, set, split, video, method, source, there, identities, digest] = valueOf(line, file);
    const path = moved(there);
    const folder = dirname(path);
    const same = JSON.stringify(identities);
    const before = last?.folder === folder ? last : undefined;
    const sample: Sample = {
      // The engine then keeps the folder once for all its frames, which matters for a million of them.
      path: `${before?.folder ?? folder}/${basename(path)}`,
      label,
      set: once(set)!,
      split: once(split),
      video: video === before?.sample.video ? before?.sample.video : video ?? undefined,
      method: once(method),
      source: source ?? undefined,
      identities: before?.identities === same ? before.sample.identities : identities ?? undefined,
    };
    last = { folder: before?.folder ?? folder, identities: same, sample };
    samples.push(sample);
    if (digest !== null) digests.set(sample.path, digest);
  }
  hashBlock();
  if (sum === undefined) throw damaged(file, "a file that is cut short");
  if (sum !== hash.digest("hex")) throw damaged(file, "content of another checksum: it was changed");
  let from = 0;
  const parts = head.parts.map((part) => ({ ...part, samples: samples.slice(from, from += part.samples) }));
  const [train, val, ...tests] = parts;
  return {
    digest: head.digest,
    experiment: {
      demo: false,
      train: train.samples,
      val: val.samples,
      tests: tests.map(({ set, split, kind, samples }) => ({
        set: set!,
        split: split!,
        kind: kind!,
        samples,
      })),
      skipped: [],
      warnings: head.warnings,
      data: head.data,
      digest: head.digest,
      digests,
    },
  };
}

// deno-lint-ignore no-explicit-any -- its checksum says that it is what was written
function valueOf(line: string, file: string): any {
  try {
    return JSON.parse(line);
  } catch {
    throw damaged(file, "a line that is not JSON");
  }
}

/** `OLD=NEW` as a function of paths; the root of a list or manifest, a folder alone, says nothing of the run's files. */
function pathMap(root = ""): (path: string) => string {
  const separator = root.indexOf("=");
  if (separator < 0) return (path) => path;
  const [from, to] = [
    root.slice(0, separator).replace(/\/+$/, ""),
    root.slice(separator + 1).replace(/\/+$/, ""),
  ];
  return (path) => (path.startsWith(`${from}/`) ? `${to}${path.slice(from.length)}` : path);
}

async function checkFiles(
  experiment: Experiment,
  options: TaskOptions & {
    readonly folder: string;
    readonly tests: boolean;
    readonly validation?: boolean;
    readonly training?: boolean;
  },
): Promise<void> {
  const { folder, tests, training = false, report, signal, cacheDir = dataFolder() } = options;
  const { validation = !tests && !training } = options;
  const { train, val, digests } = experiment;
  const wanted = [
    ...(tests ? [] : [train]),
    ...(validation ? [val] : []),
    ...(training ? [] : experiment.tests.map(({ samples }) => samples)),
  ].flat();
  const paths = [...new Set(wanted.map(({ path }) => path))];
  const facts = await readAllFacts(paths, {
    cacheDir,
    signal,
    onProgress: (done, total) =>
      report?.({ type: "progress", task: "Checking the images", unit: "images", done, total }),
  });
  const gone: string[] = [];
  const changed: string[] = [];
  for (const [i, path] of paths.entries()) {
    const { fault, digest } = facts[i];
    if (fault !== undefined && !(await exists(path))) gone.push(path);
    else if (fault !== undefined || digest !== (digests.get(path) ?? digest)) changed.push(path);
  }
  if (gone.length + changed.length === 0) return;
  const found = ([["gone", gone], ["changed", changed]] as const).filter(([, some]) => some.length > 0).map((
    [what, some],
  ) => `${some.length} ${what} (${some.slice(0, 3).join("; ")}${some.length > 3 ? "; …" : ""})`);
  throw new InputError(
    `Cannot use the data of ${folder}: expected its ${paths.length} files as they were but found ${
      found.join(" and ")
    }; put them back${gone.length > 0 ? ", or where they have moved, say --root OLD=NEW" : ""}` +
      (tests ? ", or name other sets to test on with --test" : ""),
  );
}
