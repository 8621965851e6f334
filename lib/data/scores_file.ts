/**
 * A CSV file of any detector's scores → its tests.
 *
 * @module
 */
import { takeBreath } from "../base/breath.ts";
import { csvRows } from "../base/csv.ts";
import { InputError } from "../base/errors.ts";
import { sigmoid } from "../base/sigmoid.ts";
import { labelNamed } from "./layouts/vocabulary.ts";
import { type ScoreColumns, scoreColumns } from "./score_columns.ts";
import { createScoreTests, type ScoreTest, type ScoreTests } from "./score_tests.ts";

/** What a file of scores holds. */
export type ScoresFile = {
  /** In the order in which they are met. */
  readonly tests: readonly ScoreTest[];
  /** A column of paths that is empty in every row counts as none. */
  readonly columns: ScoreColumns;
  /** Columns that are known as groups by their names, and have too many to be any. */
  readonly largeColumns: readonly string[];
  /** What a reader of the numbers must know of how the file was read. */
  readonly warnings: readonly string[];
};

/** How a file of scores is read. */
export type ScoresFileOptions = {
  /** The set of rows that name none; may be empty. */
  readonly set: string;
  /** Columns to measure fairness by, in any case, beside those that are known by their names. */
  readonly groups?: readonly string[];
  /** Whether the scores are logits, of which the sigmoid makes probabilities; false unless given. */
  readonly logits?: boolean;
  /** Hears how many rows are read. */
  readonly onProgress?: (rows: number) => void;
  readonly signal?: AbortSignal;
};

/** More groups than this in one column are values, such as years or names. */
export const MOST_GROUPS = 100;

/**
 * Reads a file of scores with the columns `label`, `score`, and `path` or `video`, and those that `scoreColumns()` knows.
 *
 * Labels are 0 or `real` and 1 or `fake`. Videos are told apart by label, method and name. Persons are names separated by `|`.
 *
 * @throws {InputError} naming file, line and value: CSV that is not sound, a label or score that is none, a row of neither path nor
 * video, an image that is scored twice, a seed that left one out, a video of two groups
 */
export async function readScores(path: string, options: ScoresFileOptions): Promise<ScoresFile> {
  const { set, logits = false, groups, onProgress, signal } = options;
  const refuse = (text: string): never => {
    throw new InputError(`Cannot read the scores ${path}: ${text}`);
  };
  let columns: ScoreColumns | undefined;
  let tests: ScoreTests | undefined;
  let [rows, paths] = [0, 0];
  const [given, made] = [new Set<number>(), new Set<number>()]; // logits and their probabilities
  const word = interned();
  for await (const { line, values } of csvRows(path, { what: "the scores", lowerCase: true })) {
    columns ??= scoreColumns(Object.keys(values), { file: path, groups });
    tests ??= createScoreTests(columns.groups, refuse);
    if (++rows % 10_000 === 0) {
      await takeBreath(signal);
      onProgress?.(rows);
    }
    const valueOf = (name: string | undefined) => (name === undefined ? "" : values[name]);
    const label = labelNamed(values[columns.label]);
    if (label === undefined) {
      return refuse(
        `expected the label 0 or real, or 1 or fake in line ${line} but found "${
          values[columns.label]
        }"; correct it, or leave the row out`,
      );
    }
    const score = scoreIn(values[columns.score], { line, logits, refuse });
    if (logits) {
      given.add(score);
      made.add(sigmoid(score));
    }
    const [image, video] = [valueOf(columns.path), valueOf(columns.video)];
    if (image !== "") paths++;
    else if (video === "") {
      refuse(`expected a path or a video in line ${line} but found neither; name the image or its video`);
    }
    tests.add({
      line,
      set: word(valueOf(columns.set) || set),
      split: word(valueOf(columns.split)),
      perturbation: word(perturbationIn(valueOf(columns.perturbation))),
      seed: valueOf(columns.seed),
      label,
      score: logits ? sigmoid(score) : score,
      path: image,
      video: video === "" ? image : word(video),
      method: word(valueOf(columns.method)),
      persons: word(valueOf(columns.persons)),
      groups: columns.groups.map((name) => word(values[name])),
    });
  }
  if (columns === undefined || tests === undefined) {
    return refuse(
      "expected rows below a header with the columns label, score, and path or video but found none",
    );
  }
  const read = tests.finish();
  const large = tooManyGroups(read, columns.groups);
  const asked = groups?.map((name) => name.trim().toLowerCase());
  const refused = large.find((name) => asked?.includes(name));
  if (refused !== undefined) {
    refuse(
      `expected at most ${MOST_GROUPS} groups in the column ${refused} but found more; give a column of fewer, such as decades for years`,
    );
  }
  return {
    tests: read.map((test) => ({
      ...test,
      groups: new Map([...test.groups].filter(([name]) => !large.includes(name))),
    })),
    columns: {
      ...columns,
      path: paths > 0 ? columns.path : undefined,
      groups: columns.groups.filter((name) => !large.includes(name)),
    },
    largeColumns: large,
    warnings: [
      ...(logits
        ? ["The scores are logits: every number is of the probabilities that the sigmoid made."]
        : []),
      ...(given.size > made.size
        ? [
          `The ${given.size} different logits give ${made.size} different probabilities, as numbers near 1 are coarse: the others tie.`,
        ]
        : []),
      ...(logits && [...given].every((score) => score >= 0 && score <= 1)
        ? ["All logits are in [0, 1]: where they are probabilities already, leave --logits out."]
        : []),
    ],
  };
}

/** What was done to a row's image: `none` for the words that say that nothing was. */
function perturbationIn(word: string): string {
  return ["", "none", "clean", "original"].includes(word.toLowerCase()) ? "none" : word;
}

/** Gives one string for all that are the same, so that a million rows keep a few. */
function interned(): (text: string) => string {
  const words = new Map<string, string>();
  return (text) => {
    const known = words.get(text);
    if (known === undefined) words.set(text, text);
    return known ?? text;
  };
}

/** The finite number that a cell holds; in [0, 1] unless it is a logit. */
function scoreIn(
  text: string,
  options: { readonly line: number; readonly logits: boolean; readonly refuse: (text: string) => never },
): number {
  const { line, logits, refuse } = options;
  const score = text === "" ? NaN : Number(text);
  const found = `in line ${line} but found ${text === "" ? "none" : `"${text}"`}`;
  if (!Number.isFinite(score)) {
    const isComma = /^[+-]?\d*,\d+$/.test(text);
    refuse(
      `expected a finite number as score ${found}; ${
        isComma ? "write it with a point" : "score the image again, or leave the row out"
      }`,
    );
  }
  if (!logits && (score < 0 || score > 1)) {
    refuse(
      `expected a score in [0, 1] ${found}; divide percent by 100, or where these are logits, give --logits`,
    );
  }
  return score;
}

function tooManyGroups(tests: readonly ScoreTest[], columns: readonly string[]): string[] {
  return columns.filter((name) => {
    const values = new Set<string>();
    return tests.some(({ groups }) =>
      groups.get(name)!.some((value) => values.add(value).size > MOST_GROUPS)
    );
  });
}
