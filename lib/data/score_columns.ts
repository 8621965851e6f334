/**
 * Which columns of a file of scores say what.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { someOf } from "../base/printable.ts";

/** The names of a file's columns, by what they say; in lower case. */
export type ScoreColumns = {
  readonly label: string;
  readonly score: string;
  /** The image; without it rows are told apart by their order within the video. */
  readonly path?: string;
  /** The video of an image; without it each path is a video of its own. */
  readonly video?: string;
  readonly set?: string;
  readonly split?: string;
  readonly method?: string;
  readonly perturbation?: string;
  readonly seed?: string;
  readonly persons?: string;
  /** What fairness is measured by: those that were asked for, then those that are known by their names. */
  readonly groups: readonly string[];
  /** The others. */
  readonly unused: readonly string[];
};

/** The names that each column may have, the first that a file has counts; `run` is what our own predictions.csv calls a seed. */
const names = {
  label: ["label", "target"],
  score: ["score"],
  path: ["path", "image path"],
  video: ["video"],
  set: ["set"],
  split: ["split"],
  method: ["method"],
  perturbation: ["perturbation"],
  seed: ["seed", "run"],
  persons: ["persons"],
} as const;

/**
 * The columns of AI-Face's lists, first and second version, that say who is shown; its other names, `Image Path` and `Target`, stand
 * above (github.com/Purdue-M2/AI-Face-FairnessBench, README, Dataset Preparation and Description).
 */
const demographics = [
  ...["gender", "age", "skin tone", "race"],
  ...["ground truth gender", "ground truth age", "ground truth race", "intersection"],
];

/**
 * What the columns of a file are.
 *
 * Groups are `group`, columns that begin with `group_`, and the demographic columns of AI-Face by name.
 *
 * @param header in lower case
 * @param options.file named in messages
 * @param options.groups further columns to measure fairness by, in any case
 * @throws {InputError} when there is no label, no score, or neither path nor video, or none of the name of a group
 */
export function scoreColumns(
  header: readonly string[],
  options: { readonly file: string; readonly groups?: readonly string[] },
): ScoreColumns {
  const { file, groups: asked = [] } = options;
  const found = Object.fromEntries(
    Object.entries(names).map(([what, spellings]) => [what, spellings.find((name) => header.includes(name))]),
  ) as { readonly [What in keyof typeof names]?: string };
  const { label, score } = found;
  if (label === undefined || score === undefined || (found.path ?? found.video) === undefined) {
    throw new InputError(
      `Cannot read the scores ${file}: expected a header with the columns label, score, and path or video but found only ${
        someOf(header, { most: 8, longest: 40 })
      }; name them so in line 1`,
    );
  }
  const wanted = asked.map((name) => name.trim().toLowerCase());
  const missing = wanted.find((name) => !header.includes(name) || name === label || name === score);
  if (missing !== undefined) {
    throw new InputError(
      `Cannot read the scores ${file}: expected a column of groups named ${missing} but found ${
        missing === label || missing === score
          ? `that it is the ${missing}`
          : `only ${someOf(header, { most: 12, longest: 40 })}`
      }; name another --group`,
    );
  }
  const used = new Set(Object.values(found));
  const others = header.filter((name) => name !== "" && !used.has(name) && !wanted.includes(name));
  const isGroup = (name: string) =>
    name === "group" || name.startsWith("group_") || demographics.includes(name);
  return {
    ...found,
    label,
    score,
    groups: [...new Set(wanted), ...others.filter(isGroup)],
    unused: others.filter((name) => !isGroup(name)),
  };
}
