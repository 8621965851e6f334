/**
 * What is compared, as it lies on disk: a folder with a report and its scores, or a file of scores.
 *
 * @module
 */
import { basename, dirname, extname, join, resolve } from "node:path";
import { InputError, reasonOf } from "../../base/errors.ts";
import { decodeText, exists, nothingAt } from "../../base/files.ts";
import { type LayoutSpec, parseSpec } from "../../data/spec.ts";
import type { ComparedInput } from "../../report/comparison.ts";
import { publishedSetOf, type TrainingSet } from "../../report/published.ts";
import type { ScoreReport } from "../../report/report.ts";
import { parseMetricsJson } from "../../report/schema.ts";
import { readScores, type ScoredTest } from "./scores.ts";

/** An input with its scores, and what its report says. */
export type Input = ComparedInput & {
  /** The file of its scores. */
  readonly file: string;
  readonly tests: readonly ScoredTest[];
  /** Missing for a file of scores alone. */
  readonly report?: ScoreReport;
};

/**
 * Reads what is compared.
 *
 * @param paths folders with `predictions.csv` and `metrics.json`, or CSV files
 * @throws {InputError} when nothing is there, a folder has no such files, or they cannot be read
 */
export async function readInputs(paths: readonly string[]): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const path of paths) inputs.push(await readInput(path));
  return inputs.map((input, i) => ({ ...input, name: nameAmong(inputs, i) }));
}

async function readInput(path: string): Promise<Input> {
  const info = await Deno.stat(path).catch((error) => {
    throw new InputError(
      `Cannot compare ${path}: expected a run's folder or a CSV file of scores but found ${
        error instanceof Deno.errors.NotFound ? nothingAt(path) : reasonOf(error)
      }`,
    );
  });
  // The scores of a run are the run's, whichever way they are named.
  const isOfRun = !info.isDirectory && basename(path) === "predictions.csv" &&
    await exists(join(dirname(path), "metrics.json"));
  const folder = info.isDirectory ? path : isOfRun ? dirname(path) : undefined;
  if (folder === undefined) {
    return { name: basename(path, extname(path)), path, file: path, tests: await readScores(path) };
  }
  const file = join(folder, "predictions.csv");
  for (const name of ["metrics.json", "predictions.csv"]) {
    if (await exists(join(folder, name))) continue;
    throw new InputError(
      `Cannot compare ${folder}: expected the results of a finished test but found no ${name} in it; evaluate writes it`,
    );
  }
  const report = await readReport(join(folder, "metrics.json"));
  const tests = await readScores(file);
  return {
    name: report.name,
    path: folder,
    file,
    detector: report.encoder === undefined ? report.head : `${report.head}, ${report.encoder}`,
    trainedOn: trainedOn(report, tests),
    tests,
    report,
  };
}

async function readReport(path: string): Promise<ScoreReport> {
  try {
    return parseMetricsJson(decodeText(await Deno.readFile(path)), { path });
  } catch (error) {
    throw new InputError((error as Error).message, { cause: error });
  }
}

/** The name of an input; with its folder, or its number, where another has the same one. */
function nameAmong(inputs: readonly Input[], i: number): string {
  const { name, path } = inputs[i];
  const folderOf = (path: string) => basename(dirname(resolve(path)));
  const alike = inputs.filter((other) => other.name === name);
  if (alike.length === 1) return name;
  const own = (
    path: string,
  ) => (basename(path) === name ? folderOf(path) : `${folderOf(path)}/${basename(path)}`);
  const there = alike.filter((other) => own(other.path) === own(path));
  return there.length === 1 ? `${name} (${own(path)})` : `${name} (${i + 1})`;
}

/** The spec of a set by its name in a report's configuration; undefined where that has none. */
export function specOf({ config }: ScoreReport, name: string): LayoutSpec | undefined {
  const { data, set, test } = config;
  const texts = [
    ...(typeof data === "string" ? [{ text: data, flag: "--data" }] : []),
    ...(Array.isArray(test) ? test.map((text) => ({ text: `${text}`, flag: "--test" })) : []),
  ];
  for (const { text, flag } of texts) {
    const spec = parseSpec(text, { flag, name: typeof set === "string" ? set : undefined });
    if (spec.kind === "layout" && spec.name === name) return spec;
  }
  return undefined;
}

/** A set's compression, as its spec or the whole configuration says it. */
export function compressionOf({ config }: ScoreReport, spec: LayoutSpec | undefined): string | undefined {
  if (spec?.compression !== undefined) return spec.compression;
  return spec && typeof config.compression === "string" ? config.compression : undefined;
}

/** The methods and origins of a set's videos, by its scores. */
export function methodsOf(tests: readonly ScoredTest[], name: string): string[] {
  return [
    ...new Set(
      tests.filter(({ set }) => set === name).flatMap(({ runs }) => runs[0].map(({ method }) => method)),
    ),
  ];
}

/** What a run was trained on, as far as its report says; undefined for another program's scores. */
function trainedOn(report: ScoreReport, tests: readonly ScoredTest[]): TrainingSet | undefined {
  if (report.backend === undefined) return undefined; // not a run of ours
  if (report.demo) return { set: "demo" };
  const name = report.results.find(({ kind }) => kind === "within")?.set ?? report.config.set;
  if (typeof name !== "string") return undefined;
  const spec = specOf(report, name);
  const known = publishedSetOf({ name, layout: spec?.layout, methods: methodsOf(tests, name) });
  const methods = spec?.methods ?? (Array.isArray(report.config.methods) ? report.config.methods : []);
  if (known === undefined || known.by === "name") {
    return { set: known ? `${name}, known by its name alone` : name };
  }
  return {
    set: methods.length > 0 ? `${known.set}, ${methods.join(" and ")} only` : known.set,
    compression: compressionOf(report, spec),
  };
}
