/**
 * What a run is made of when it is submitted to a cluster: which command does each part, in how many tasks, and after which others.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { detectorKind, detectorTitle } from "../../model/detectors/mod.ts";
import { perturbationsOf } from "../config/perturbations.ts";
import type { RunConfig } from "../config/config.ts";
import { folderName } from "../folder/folder.ts";
import { seedsOf } from "../folder/seeds.ts";
import { allLadders } from "../robustness.ts";

/** What a part does. */
export type PartKind = "prepare" | "encode" | "seeds" | "train" | "evaluate" | "robustness";

/** One part: a job, or an array of them. */
export type Part = {
  readonly kind: PartKind;
  /** What it is called in tables and names of files: `encode`, `robustness-jpeg`. */
  readonly name: string;
  /** The command and its flags, as `cluster/slurm/task.sh` takes them. */
  readonly command: readonly string[];
  /** Tasks of its array; undefined for a job of its own. */
  readonly tasks?: number;
  /** The names of the parts that have to end well before it begins. */
  readonly after: readonly string[];
};

/** What is submitted beside encoding and training. */
export type PartOptions = {
  /** The file with the run's whole configuration. */
  readonly configFile: string;
  /** Tasks of preparing and of encoding. */
  readonly shards: number;
  /** Flags of `prepare`, a text for each call. */
  readonly prepare?: readonly string[];
  /** False leaves encoding to the training. */
  readonly encode?: boolean;
  /** Further sets that are tested in tasks of their own: `NAME=FOLDER`. */
  readonly evaluate?: readonly string[];
  /** Families of perturbations, a task and a report each; `all` is every one in a task, with one report. */
  readonly robustness?: readonly string[];
};

/**
 * The parts of a run in the order in which they are submitted.
 *
 * Of a run with several seeds each is a task; the training after them takes all, and writes the report with their mean.
 *
 * @throws {InputError} for flags that cannot be read
 */
export function partsOf(config: RunConfig & { readonly run: string }, options: PartOptions): Part[] {
  const { configFile, shards, evaluate = [], robustness = [] } = options;
  const own = ["--config", configFile];
  const named = [...own, "--run", config.run, "--out", config.out];
  const folder = join(config.out, config.run);
  const calls = options.prepare ?? [];
  const prepare = calls.map((flags, i): Part => ({
    kind: "prepare",
    name: calls.length === 1 ? "prepare" : `prepare-${i + 1}`,
    command: ["prepare", ...wordsOf(flags)],
    tasks: shards,
    after: [],
  }));
  const prepared = prepare.map(({ name }) => name);
  const encode: Part[] = options.encode === false || encodeHindrance(config) !== undefined
    ? []
    : [{ kind: "encode", name: "encode", command: ["encode", ...own], tasks: shards, after: prepared }];
  const encoded = encode.length > 0 ? ["encode"] : prepared;
  const count = seedsOf(config);
  const seeds: Part[] = count === 1 ? [] : [{
    kind: "seeds",
    name: "seeds",
    command: ["train", ...named, "--only-seed", "task"],
    tasks: count,
    after: encoded,
  }];
  const train: Part = {
    kind: "train",
    name: "train",
    command: ["train", ...named],
    after: count === 1 ? encoded : ["seeds"],
  };
  const where = [ // weights say their precision themselves
    ...["--backend", config.backend],
    ...(config.cacheFolder === undefined ? [] : ["--cache-folder", config.cacheFolder]),
    ...["--cache-limit", `${config.cacheLimit}`],
  ];
  const tests = evaluate.map((spec): Part => {
    const name = `evaluate-${folderName(spec.split("=")[0])}`;
    return {
      kind: "evaluate",
      name,
      command: ["evaluate", folder, "--test", spec, "--out", join(folder, name), ...where],
      after: ["train"],
    };
  });
  const perturbed = robustness.flatMap((family): Part[] => {
    const name = family === "all" ? "robustness" : `robustness-${folderName(family)}`;
    const part = (flags: readonly string[]) => ({
      kind: "robustness" as const,
      name,
      command: ["robustness", folder, ...flags, "--out", join(folder, name), ...where],
      after: ["train"],
    });
    if (family !== "all") return [part(["--perturb", family])];
    // Each family's scores are kept in one folder, and the report reads them there.
    const families = {
      ...part(["--only-family", "task"]),
      name: "robustness-families",
      tasks: allLadders.length,
    };
    return [families, { ...part([]), after: [families.name] }];
  });
  for (const family of robustness) {
    if (family !== "all") perturbationsOf({ jpegQualities: [], perturb: [family] }); // refuses an unknown one
  }
  const parts = [...prepare, ...encode, ...seeds, train, ...tests, ...perturbed];
  const twice = parts.find(({ name }, i) => parts.findIndex((other) => other.name === name) !== i);
  if (twice === undefined) return parts;
  throw new InputError(`Cannot submit the run: expected each part once but found ${twice.name} twice`);
}

/** Why a run's images are not encoded ahead of it; undefined where they are, as far as its configuration says. */
export function encodeHindrance(config: RunConfig): string | undefined {
  if (!config.cache) return "--no-cache keeps no features";
  if (detectorKind(config.detector).base !== undefined && config.stageOne !== "none") {
    return `the ${detectorTitle(config.detector)} stands on a tower that its first stage trains`;
  }
  return undefined;
}

/**
 * The words of a line, as a shell has them: spaces between, and quotes of either kind around those with spaces.
 *
 * @throws {InputError} for a quote that does not end
 */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (const sign of line) {
    if (quote !== undefined) {
      if (sign === quote) quote = undefined;
      else word += sign;
    } else if (sign === '"' || sign === "'") {
      quote = sign;
      word ??= "";
    } else if (/\s/.test(sign)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + sign;
  }
  if (quote !== undefined) {
    throw new InputError(`Cannot read ${line}: expected a ${quote} at its end but found none`);
  }
  return word === undefined ? words : [...words, word];
}
