/**
 * One test as several detectors scored it → the videos that all of them have, with each one's scores.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { valuesByVideo, videoScores } from "../../metrics/levels.ts";
import type { ScoredRow, ScoredTest } from "./scores.ts";

/** A detector's scores of the test. */
export type ScoredBy = {
  /** The detector's name. */
  readonly name: string;
  /** The file of its scores, for messages. */
  readonly file: string;
  readonly test: ScoredTest;
};

/** The videos that all detectors have scored, in the first one's order. */
export type Matched = {
  /** `image` where every image is a video of its own. */
  readonly level: "video" | "image";
  /** 0 real, 1 fake. */
  readonly labels: readonly number[];
  /** By detector, by seed: one score a video, the mean of its frames'. */
  readonly scores: readonly (readonly Float64Array[])[];
  /** By detector: how many of its videos another has not. */
  readonly leftOut: readonly number[];
  /** The group of videos that share persons, by video; missing where no detector's file says it. */
  readonly persons?: readonly string[];
  /** By detector: the frames of each video, where all have as many. */
  readonly frames: readonly (number | undefined)[];
};

/** A detector's videos. */
type Videos = {
  /** By label, method and name → index. */
  readonly index: ReadonlyMap<string, number>;
  readonly labels: readonly number[];
  readonly scores: readonly Float64Array[];
  readonly persons?: readonly (string | undefined)[];
  readonly hasFrames: boolean;
  readonly frames?: number;
};

/**
 * Matches the videos of detectors by label, method and name; where a file names no videos, its images belong to those that the
 * others' rows of the same path name, and where one names no methods, they are left out of the match.
 *
 * @throws {InputError} when two files call one video or image real and fake, a file's seeds have other videos than its first,
 * methods are needed to tell videos apart, or the files have no video in common
 */
export function matchVideos(all: readonly ScoredBy[]): Matched {
  const named = withVideos(all);
  refuseContradictions(named);
  // A file may tell the methods of fakes and not the origins of reals.
  const toldIn = [0, 1].map((label) =>
    named.every(({ test }) => test.runs[0].some((row) => row.label === label && row.method !== ""))
  );
  const found = named.map((each) => videosOf(each, { toldIn }));
  const [first, ...others] = found;
  const shared = [...first.index.keys()].filter((key) => others.every(({ index }) => index.has(key)));
  if (shared.length === 0) throw nothingShared(named);
  const rows = found.map(({ index }) => shared.map((key) => index.get(key)!));
  const withPersons = found.findIndex(({ persons }) => persons !== undefined);
  return {
    level: found.some(({ hasFrames }) => hasFrames) ? "video" : "image",
    labels: rows[0].map((row) => first.labels[row]),
    scores: found.map(({ scores }, i) =>
      scores.map((ofRun) => Float64Array.from(rows[i], (row) => ofRun[row]))
    ),
    leftOut: found.map(({ index }) => index.size - shared.length),
    // A video of which it is not known is a group of its own.
    persons: withPersons < 0 ? undefined : shared.map((key, i) => {
      const known = found[withPersons].persons![rows[withPersons][i]];
      return known === undefined ? `video ${key}` : `persons ${known}`;
    }),
    frames: found.map(({ frames }) => frames),
  };
}

/** The name of a row's video: its own, or its image's path. */
function nameOf({ video, path }: ScoredRow): string {
  return video ?? path!;
}

/** Rows of files that name no videos with the videos that other files' rows of the same path name. */
function withVideos(all: readonly ScoredBy[]): readonly ScoredBy[] {
  const namesVideos = ({ test }: ScoredBy) => test.runs[0].some(({ video }) => video !== undefined);
  const byPath = new Map<string, ScoredRow>();
  for (const { test } of all.filter(namesVideos)) {
    for (const row of test.runs[0]) if (row.path !== undefined) byPath.set(row.path, row);
  }
  if (byPath.size === 0) return all;
  return all.map((each) => {
    if (namesVideos(each)) return each;
    const runs = each.test.runs.map((rows) =>
      rows.map((row) => {
        const other = byPath.get(row.path!);
        return other ? { ...row, video: other.video, method: row.method || other.method } : row;
      })
    );
    return { ...each, test: { ...each.test, runs } };
  });
}

/**
 * Refuses files of which one calls a video or an image real and another fake.
 *
 * A class may have a video of the name that one of the other class has, so long as one file has both.
 */
function refuseContradictions(all: readonly ScoredBy[]): void {
  const kinds = {
    image: ({ path }: ScoredRow) => path,
    video: (row: ScoredRow) => nameOf(row),
  };
  for (const [kind, nameBy] of Object.entries(kinds)) {
    const before = new Map<string, { row: ScoredRow; file: string; labels: Set<number> }>();
    for (const { file, test } of all) {
      const own = new Map<string, { row: ScoredRow; file: string; labels: Set<number> }>();
      for (const row of test.runs[0]) {
        const name = nameBy(row);
        if (name === undefined) continue;
        const known = own.get(name) ?? { row, file, labels: new Set() };
        known.labels.add(row.label);
        own.set(name, known);
      }
      for (const [name, known] of own) {
        const other = before.get(name);
        if (!other) before.set(name, known);
        else if ([...known.labels].every((label) => !other.labels.has(label))) {
          throw new InputError(
            `Cannot compare the ${kind} ${name}: expected one label but found ${
              [other, known].map(({ row, file }) => `${row.label} in line ${row.line} of ${file}`).join(
                " and ",
              )
            }; correct the one that is wrong, or give ${kind}s names of their own`,
          );
        }
      }
    }
  }
}

function videosOf(
  { file, test }: ScoredBy,
  { toldIn }: { readonly toldIn: readonly boolean[] },
): Videos {
  const keyOf = (row: ScoredRow) =>
    JSON.stringify([row.label, toldIn[row.label] ? row.method : "", nameOf(row)]);
  const byRun = test.runs.map((rows) =>
    videoScores(rows.map((row) => ({ ...row, video: keyOf(row) })), { how: "mean" })
  );
  const [first] = byRun;
  const [rows] = test.runs;
  refuseMerged({ file, rows, keyOf });
  const index = new Map(first.videos.map((key, i) => [key, i]));
  const scores = byRun.map(({ videos, scores }, run) => {
    const sorted = new Float64Array(index.size).fill(NaN);
    for (const [i, key] of videos.entries()) {
      const place = index.get(key);
      if (place !== undefined) sorted[place] = scores[i];
    }
    if (videos.length === index.size && !sorted.some(Number.isNaN)) return sorted;
    throw new InputError(
      `Cannot compare ${file}: expected the same videos in each seed but found others in seed ${
        run + 1
      } than in the first`,
    );
  });
  const counts = new Uint32Array(index.size);
  for (const video of first.videoOf) counts[video]++;
  return {
    index,
    labels: first.labels,
    scores,
    persons: rows.some(({ persons }) => persons !== undefined)
      ? valuesByVideo(first, rows.map(({ persons }) => persons), { name: "group of persons" })
      : undefined,
    hasFrames: rows.length > index.size || rows.some(({ path }) => path === undefined),
    frames: counts.every((count) => count === counts[0]) ? counts[0] : undefined,
  };
}

/** Refuses videos of several methods that would be one without them. */
function refuseMerged(
  { file, rows, keyOf }: {
    readonly file: string;
    readonly rows: readonly ScoredRow[];
    readonly keyOf: (row: ScoredRow) => string;
  },
): void {
  const methods = new Map<string, string>();
  for (const row of rows) {
    const key = keyOf(row);
    const method = methods.get(key) ?? row.method;
    methods.set(key, method);
    if (method === row.method) continue;
    throw new InputError(
      `Cannot match the videos of ${file}: expected their methods in every file, as two of them have a video ${
        nameOf(row)
      } (${method} and ${row.method}, line ${row.line}), but found a file without`,
    );
  }
}

function nothingShared(all: readonly ScoredBy[]): InputError {
  const examples = all.map(({ file, test }) => `${nameOf(test.runs[0][0])} in ${file}`).join(", ");
  return new InputError(
    `Cannot compare ${
      all.map(({ name }) => name).join(" and ")
    }: expected videos that all have scored but found none (${examples}); name videos, or paths, alike`,
  );
}
