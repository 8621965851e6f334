/**
 * What is compared, as it lies on disk: a folder with a report and its scores, or a file of scores.
 *
 * @module
 */
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileSha256 } from "../../base/checksum.ts";
import { InputError, reasonOf } from "../../base/errors.ts";
import { decodeText, exists, nothingAt } from "../../base/files.ts";
import type { ScoreTest } from "../../data/score_tests.ts";
import { readScores } from "../../data/scores_file.ts";
import type { ComparedInput } from "../../report/comparison.ts";
import type { ScoreReport } from "../../report/report.ts";
import { parseMetricsJson } from "../../report/schema.ts";
import { trainedOn } from "./set_facts.ts";

/** An input with its scores, and what its report says. */
export type Input = ComparedInput & {
  /** The file of its scores. */
  readonly file: string;
  /** Their sets and splits are "" where the file does not say them. */
  readonly tests: readonly ScoreTest[];
  /** Whether the file's rows name images. */
  readonly hasPaths: boolean;
  /** How the file was read. */
  readonly warnings: readonly string[];
  /** Missing for a file of scores alone. */
  readonly report?: ScoreReport;
};

/** A detector's scores of one test. */
export type ScoredBy = {
  /** The detector's name. */
  readonly name: string;
  /** The file of its scores, for messages. */
  readonly file: string;
  readonly test: ScoreTest;
  /** Whether its rows name images; else each is a frame of its video. */
  readonly hasPaths: boolean;
};

/** How inputs are read. */
type InputOptions = {
  /** Files whose scores are logits. */
  readonly logits?: readonly string[];
  readonly signal?: AbortSignal;
};

/**
 * Reads what is compared.
 *
 * @param paths folders with `metrics.json` and, beside it or where that says, the scores; or CSV files
 * @throws {InputError} when nothing is there, a folder has no such files, they cannot be read, or have changed since the report
 */
export async function readInputs(paths: readonly string[], options: InputOptions = {}): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const path of paths) inputs.push(await readInput(path, options));
  for (const each of options.logits ?? []) {
    if (inputs.some(({ path, file }) => path === each && file === each)) continue;
    throw new InputError(
      `Cannot compare: expected --logits to name a CSV file of those that are compared but found ${each}`,
    );
  }
  return inputs.map((input, i) => ({ ...input, name: nameAmong(inputs, i) }));
}

async function readInput(path: string, { logits = [], signal }: InputOptions): Promise<Input> {
  const info = await Deno.stat(path).catch((error) => {
    throw new InputError(
      `Cannot compare ${path}: expected a run's folder or a CSV file of scores but found ${
        error instanceof Deno.errors.NotFound ? nothingAt(path) : reasonOf(error)
      }`,
    );
  });
  // The scores of a run are the run's, whichever way they are named.
  const isOfRun = !info.isDirectory && basename(path) === predictionsName &&
    await exists(join(dirname(path), metricsName));
  const folder = info.isDirectory ? path : isOfRun ? dirname(path) : undefined;
  if (folder === undefined) {
    const read = await scoresIn(path, { logits: logits.includes(path), signal });
    return { name: basename(path, extname(path)), path, ...read };
  }
  if (!(await exists(join(folder, metricsName)))) throw noResults(folder, metricsName);
  const report = await readReport(join(folder, metricsName));
  const file = await scoresFileOf(report, folder);
  const read = await scoresIn(file, { logits: report.config.logits === true, signal });
  return {
    name: report.name,
    path: folder,
    detector: detectorOf(report),
    trainedOn: trainedOn(report, read.tests),
    report,
    ...read,
  };
}

async function scoresIn(
  file: string,
  options: { readonly logits: boolean; readonly signal?: AbortSignal },
): Promise<Pick<Input, "file" | "tests" | "hasPaths" | "warnings">> {
  const { tests, columns, warnings } = await readScores(file, { set: "", ...options });
  return { file, tests, hasPaths: columns.path !== undefined, warnings };
}

const metricsName = "metrics.json";
const predictionsName = "predictions.csv";

/** The scores that a report is of: those beside it, or for a report of another program's the user's file, as it was. */
async function scoresFileOf({ config }: ScoreReport, folder: string): Promise<string> {
  const beside = join(folder, predictionsName);
  if (await exists(beside)) return beside;
  const { scores, scoresSha256 } = config;
  if (typeof scores !== "string") throw noResults(folder, predictionsName);
  // Both may have moved together.
  const places = [...new Set([scores, join(dirname(resolve(folder)), basename(scores))])];
  const found: string[] = [];
  for (const place of places) if (await exists(place)) found.push(place);
  for (const place of found) if (await fileSha256(place) === scoresSha256) return place;
  throw new InputError(
    `Cannot compare ${folder}: expected the scores that its report is of but found ${
      found.length > 0 ? `that ${found[0]} has changed since` : `nothing at ${scores}`
    }; score the file again, or compare the CSV file itself`,
  );
}

function noResults(folder: string, name: string): InputError {
  return new InputError(
    `Cannot compare ${folder}: expected the results of a finished test but found no ${name} in it; evaluate writes it`,
  );
}

/** The detector in words; undefined where a report of another program's scores does not name it. */
function detectorOf({ head, encoder, backend, config }: ScoreReport): string | undefined {
  if (backend === undefined && config.detector === undefined) return undefined;
  return encoder === undefined ? head : `${head}, ${encoder}`;
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
