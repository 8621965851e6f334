/**
 * Scores of a test, ours or any detector's, from a CSV file.
 *
 * @module
 */
import { csvRows } from "../../base/csv.ts";
import { InputError } from "../../base/errors.ts";

/** One scored image, or video. */
export type ScoredRow = {
  /** 0 real, 1 fake. */
  readonly label: 0 | 1;
  /** Probability of fake, in [0, 1]. */
  readonly score: number;
  /** Missing where the file has videos alone. */
  readonly path?: string;
  /** Missing where the file has no such column: each image is then one of its own, unless another file says otherwise. */
  readonly video?: string;
  /** "" where it is not known. */
  readonly method: string;
  /** The group of videos that share persons; missing where it is not known. */
  readonly persons?: string;
  /** The line of the file, from 1. */
  readonly line: number;
};

/** The scores of one test: a set and split under one perturbation. */
export type ScoredTest = {
  /** Missing where the file does not say it. */
  readonly set?: string;
  /** Missing where the file does not say it. */
  readonly split?: string;
  /** "none", or family and level: "jpeg-90". */
  readonly perturbation: string;
  /** One array for each seed or repeat, in the order in which the file has them. */
  readonly runs: readonly (readonly ScoredRow[])[];
};

const runColumns = ["run", "seed"] as const;

/**
 * The tests of a file in the form of predictions.csv, or with as much of it as a detector's scores need: `label`, `score`, and
 * `path` or `video`, in any case; `set`, `split`, `perturbation`, `method`, `persons` and `run` (or `seed`) may be there.
 *
 * @throws {InputError} naming file and line: a column that is missing, a label that is neither 0 nor 1, a score that is not in
 * [0, 1], a row that names neither image nor video, an image that comes twice in a run
 */
export async function readScores(path: string): Promise<ScoredTest[]> {
  const tests = new Map<string, { test: Omit<ScoredTest, "runs">; runs: Map<string, ScoredRow[]> }>();
  const seen = new Map<string, number>();
  for await (
    const { line, values } of csvRows(path, {
      what: "the scores",
      columns: ["label", "score"],
      lowerCase: true,
    })
  ) {
    const refuse = (text: string): never => {
      throw new InputError(`Cannot read the scores ${path}: ${text} in line ${line}`);
    };
    const { label, set, split } = values;
    if (label !== "0" && label !== "1") {
      refuse(`expected the label 0 (real) or 1 (fake) but found "${label}"`);
    }
    const score = values.score === "" ? NaN : Number(values.score);
    if (!(score >= 0 && score <= 1)) {
      refuse(`expected a score in [0, 1] but found "${values.score}"; turn logits into probabilities first`);
    }
    const row: ScoredRow = {
      label: label === "1" ? 1 : 0,
      score,
      path: values.path || undefined,
      video: values.video || undefined,
      method: values.method ?? "",
      persons: values.persons || undefined,
      line,
    };
    if (row.path === undefined && row.video === undefined) {
      refuse("expected an image's path or a video's name but found neither");
    }
    const perturbation = values.perturbation || "none";
    const key = JSON.stringify([set, split, perturbation]);
    const test = tests.get(key) ??
      { test: { set: set || undefined, split: split || undefined, perturbation }, runs: new Map() };
    tests.set(key, test);
    const run = runColumns.map((name) => values[name]).find((value) => value !== undefined) ?? "";
    if (row.path !== undefined) {
      const image = JSON.stringify([key, run, row.video, row.path]);
      const before = seen.get(image);
      if (before !== undefined) {
        refuse(`expected each image once but found ${row.path} of line ${before} again`);
      }
      seen.set(image, line);
    }
    const rows = test.runs.get(run);
    if (rows) rows.push(row);
    else test.runs.set(run, [row]);
  }
  if (tests.size === 0) {
    throw new InputError(`Cannot read the scores ${path}: expected at least one row but found none`);
  }
  return [...tests.values()].map(({ test, runs }) => ({ ...test, runs: [...runs.values()] }));
}
