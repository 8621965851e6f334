/**
 * One test as several detectors scored it → the videos that all of them have, with each one's scores.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import type { ScoredItem } from "../../data/score_tests.ts";
import { numberVideos, scoreVideos, type VideoLevel } from "../../metrics/levels.ts";
import { personsOf } from "../../report/measure.ts";
import { refuseContradictions } from "./contradictions.ts";
import type { ScoredBy } from "./inputs.ts";

/** The videos that all detectors have scored, in the first one's order. */
export type Matched = {
  /** `image` where every image is a video of its own. */
  readonly level: "video" | "image";
  /** 0 real, 1 fake. */
  readonly labels: readonly number[];
  /** By detector, by seed: one score a video. */
  readonly scores: readonly (readonly Float64Array[])[];
  /** By detector: how many of its videos another has not. */
  readonly leftOut: readonly number[];
  /** The group of videos that share persons, by video; missing where no detector's file says that any do. */
  readonly persons?: readonly string[];
  /** By detector: the frames of each video, where all have as many. */
  readonly frames: readonly (number | undefined)[];
  /** By detector: how many frames the videos have together. */
  readonly images: readonly number[];
};

/** A detector's videos. */
type Videos = {
  /** By label, method and name → index. */
  readonly index: ReadonlyMap<string, number>;
  readonly labels: readonly number[];
  readonly scores: readonly Float64Array[];
  readonly persons?: readonly string[];
  readonly hasFrames: boolean;
  readonly frames?: number;
  /** The frames of each. */
  readonly counts: Uint32Array;
};

/**
 * Matches the videos of detectors by label, method and name; where a file names no videos, its images belong to those that the
 * others' rows of the same path name, and where one names no methods, they are left out of the match.
 *
 * @param options.how how a video's score is made of its frames'; `mean` unless given
 * @throws {InputError} when two files call one video or image real and fake, methods are needed to tell videos apart, or the files
 * have no video in common
 */
export function matchVideos(
  all: readonly ScoredBy[],
  { how = "mean" }: { readonly how?: VideoLevel } = {},
): Matched {
  const named = withVideos(all);
  refuseContradictions(named, { kinds: named.some(namesVideos) ? ["image", "video"] : ["image"] });
  // A file may tell the methods of fakes and not the origins of reals.
  const toldIn = [0, 1].map((label) =>
    named.every(({ test }) => test.items.some((item) => item.label === label && item.method !== ""))
  );
  const found = named.map((each) => videosOf(each, { toldIn, how }));
  const [first, ...others] = found;
  const shared = [...first.index.keys()].filter((key) => others.every(({ index }) => index.has(key)));
  if (shared.length === 0) throw nothingShared(named);
  const rows = found.map(({ index }) => Uint32Array.from(shared, (key) => index.get(key)!));
  const withPersons = found.findIndex(({ persons }) => persons !== undefined);
  return {
    level: found.some(({ hasFrames }) => hasFrames) ? "video" : "image",
    labels: Array.from(rows[0], (row) => first.labels[row]),
    scores: found.map(({ scores }, i) =>
      scores.map((ofSeed) => Float64Array.from(rows[i], (row) => ofSeed[row]))
    ),
    leftOut: found.map(({ index }) => index.size - shared.length),
    persons: withPersons < 0
      ? undefined
      : Array.from(rows[withPersons], (row) => found[withPersons].persons![row]),
    frames: found.map(({ frames }) => frames),
    images: found.map(({ counts }, i) => rows[i].reduce((sum, row) => sum + counts[row], 0)),
  };
}

/** Whether a file says of any image which video it is of. */
function namesVideos({ test, hasPaths }: ScoredBy): boolean {
  return !hasPaths || test.items.some(({ path, video }) => path !== video);
}

/** Items of files that name no videos with the videos that other files' rows of the same path name. */
function withVideos(all: readonly ScoredBy[]): readonly ScoredBy[] {
  const naming = all.filter(namesVideos);
  if (naming.length === all.length || !naming.some(({ hasPaths }) => hasPaths)) return all;
  const byPath = new Map<string, ScoredItem>();
  for (const { test } of naming.filter(({ hasPaths }) => hasPaths)) {
    for (const item of test.items) byPath.set(item.path, item);
  }
  return all.map((each) => {
    if (naming.includes(each)) return each;
    const items = each.test.items.map((item) => {
      const other = byPath.get(item.path);
      return other ? { ...item, video: other.video, method: item.method || other.method } : item;
    });
    return { ...each, test: { ...each.test, items } };
  });
}

function videosOf(
  { file, test, hasPaths }: ScoredBy,
  { toldIn, how }: { readonly toldIn: readonly boolean[]; readonly how: VideoLevel },
): Videos {
  const { items, scores } = test;
  const methodOf = ({ label, method }: ScoredItem) => (toldIn[label] ? method : "");
  const videos = numberVideos(
    items.map((item) => item.method === methodOf(item) ? item : { ...item, method: methodOf(item) }),
  );
  const { firstRows, videoOf } = videos;
  refuseMerged({ file, test }, videos);
  const firsts = firstRows.map((row) => items[row]);
  const counts = new Uint32Array(firsts.length);
  for (const video of videoOf) counts[video]++;
  const persons = items.some(({ identities }) => identities !== undefined) ? personsOf(items) : [undefined];
  return {
    index: new Map(firsts.map((item, i) => [`${item.label}\0${methodOf(item)}\0${item.video}`, i])),
    labels: firsts.map(({ label }) => label),
    scores: scores.map((ofSeed) => scoreVideos(videos, ofSeed, { how })),
    persons: persons[0] === undefined ? undefined : firstRows.map((row) => persons[row]!),
    hasFrames: items.length > firsts.length || !hasPaths,
    counts,
    frames: counts.every((count) => count === counts[0]) ? counts[0] : undefined,
  };
}

/** Refuses videos of several methods that would be one without them. */
function refuseMerged(
  { file, test: { items, lines } }: Pick<ScoredBy, "file" | "test">,
  { firstRows, videoOf }: ReturnType<typeof numberVideos>,
): void {
  for (const [row, { method, video }] of items.entries()) {
    const first = items[firstRows[videoOf[row]]];
    if (method === first.method) continue;
    throw new InputError(
      `Cannot match the videos of ${file}: expected their methods in every file, as two of them have a video ${video} (${first.method} and ${method}, line ${
        lines[row]
      }), but found a file without`,
    );
  }
}

function nothingShared(all: readonly ScoredBy[]): InputError {
  const examples = all.map(({ file, test }) => `${test.items[0].video} in ${file}`).join(", ");
  return new InputError(
    `Cannot compare ${
      all.map(({ name }) => name).join(" and ")
    }: expected videos that all have scored but found none (${examples}); name videos, or paths, alike`,
  );
}
