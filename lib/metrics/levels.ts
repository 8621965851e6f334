/**
 * Frame level → video level: the scores of a video's frames become its score.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { exactSum } from "./exact_sum.ts";
import { checkScores } from "./ranking.ts";

/** How the score of a video is made of its frames'. */
export const videoLevels = {
  /** Of the exact sum, so that the order of frames is nothing: the same scores tie with those of another video. */
  mean: (scores: Float64Array): number => {
    let [least, most] = [Infinity, -Infinity];
    for (const score of scores) {
      least = Math.min(least, score);
      most = Math.max(most, score);
    }
    // The quotient rounds too, and may not push a video of equal scores from their value.
    return Math.min(Math.max(exactSum(scores) / scores.length, least), most);
  },
  /** Of an even number the mean of the two in the middle, as `numpy.median`. */
  median: (scores: Float64Array): number => {
    const sorted = scores.slice().sort();
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  },
  max: (scores: Float64Array): number => scores.reduce((most, score) => Math.max(most, score), -Infinity),
} as const;

/** `mean`, `median` or `max`. */
export type VideoLevel = keyof typeof videoLevels;

/** The names of the ways. */
export const videoLevelNames = Object.keys(videoLevels) as [VideoLevel, ...VideoLevel[]];

/** One scored frame. */
export type FrameScore = {
  /**
   * Its video, by a name that no other video of its class has: `Deepfakes/000_003`, not `000_003`, where several methods made one
   * of the same originals. A single image is a video of its own: its path.
   */
  readonly video: string;
  /** 0 real, 1 fake. */
  readonly label: number;
  /** Any finite number; higher is more likely fake. */
  readonly score: number;
};

/** One score a video, in the order in which the videos first appear. */
export type VideoScores = {
  /** 0 real, 1 fake. */
  readonly labels: readonly number[];
  readonly scores: readonly number[];
  /** The videos' names. */
  readonly videos: readonly string[];
  /** The index of each video's first row. */
  readonly firstRows: readonly number[];
  /** The index of each row's video: what `groups` of {@link bootstrapIntervals} takes at frame level. */
  readonly videoOf: Uint32Array;
};

/**
 * The scores of videos from those of their frames: rows of the same label and video are one.
 *
 * @param options.how `mean`, which the field reports, `median` or `max`
 * @throws {InputError} when `how` is another word, or a row names no video
 * @throws {Error} when there is no row, a label is neither 0 nor 1, or a score is not finite
 *
 * @example
 * ```ts
 * import { videoScores } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const frames = [["anna", 0, 0.25], ["anna", 0, 0.75], ["ben", 1, 1]] as const;
 * const rows = frames.map(([video, label, score]) => ({ video, label, score }));
 * const { videos, labels, scores } = videoScores(rows, { how: "mean" });
 * assertEquals([videos, labels, scores], [["anna", "ben"], [0, 1], [0.5, 1]]);
 * ```
 */
export function videoScores(
  rows: readonly FrameScore[],
  { how }: { readonly how: VideoLevel },
): VideoScores {
  if (!Object.hasOwn(videoLevels, how)) {
    throw new InputError(
      `Cannot score the videos: expected one of ${
        Object.keys(videoLevels).join(", ")
      } as 'how' but found ${how}`,
    );
  }
  const frames = Float64Array.from(rows, ({ score }) => score);
  checkScores(rows.map(({ label }) => label), frames, "score the videos");
  const { firstRows, videoOf } = numberVideos(rows);
  return {
    labels: firstRows.map((row) => rows[row].label),
    scores: Array.from(scoreVideos({ firstRows, videoOf }, frames, { how })),
    videos: firstRows.map((row) => rows[row].video),
    firstRows,
    videoOf,
  };
}

/** Which rows are one video's. */
export type VideoRows = Pick<VideoScores, "firstRows" | "videoOf">;

/**
 * Numbers videos in the order in which they first appear: rows of the same label, method and video are one.
 *
 * @throws {InputError} when a row names no video
 */
export function numberVideos(
  rows: readonly (Pick<FrameScore, "label" | "video"> & { readonly method?: string })[],
): VideoRows {
  const firstRows: number[] = [];
  const videoOf = new Uint32Array(rows.length);
  // By label, then method: a name joined of all three would be a text more for each of a million images.
  const numbers = [new Map<string, Map<string, number>>(), new Map<string, Map<string, number>>()];
  for (const [row, { video, label, method = "" }] of rows.entries()) {
    if (!video) {
      throw new InputError(
        `Cannot score the videos: expected the name of a video but found none at index ${row}; a single image is a video of its own, with its path as name`,
      );
    }
    let ofMethod = numbers[label].get(method);
    if (ofMethod === undefined) numbers[label].set(method, ofMethod = new Map());
    let number = ofMethod.get(video);
    if (number === undefined) {
      number = firstRows.push(row) - 1;
      ofMethod.set(video, number);
    }
    videoOf[row] = number;
  }
  return { firstRows, videoOf };
}

/**
 * The scores of numbered videos from those of their rows, which must be finite.
 *
 * @param options.how a name of {@link videoLevels}
 */
export function scoreVideos(
  { firstRows, videoOf }: VideoRows,
  scores: ArrayLike<number>,
  { how }: { readonly how: VideoLevel },
): Float64Array {
  const ends = new Uint32Array(firstRows.length);
  for (const video of videoOf) ends[video]++;
  for (let video = 1; video < ends.length; video++) ends[video] += ends[video - 1];
  const startOf = (video: number) => (video === 0 ? 0 : ends[video - 1]);
  const next = Uint32Array.from(ends, (_, video) => startOf(video));
  const byVideo = new Float64Array(videoOf.length);
  for (let row = 0; row < videoOf.length; row++) byVideo[next[videoOf[row]]++] = scores[row];
  return Float64Array.from(ends, (end, video) => videoLevels[how](byVideo.subarray(startOf(video), end)));
}

/**
 * What the rows of each video have in common, such as its method: one value a video.
 *
 * @param values one a row
 * @param options.name what they are, for the message: "method"
 * @throws {InputError} when there are fewer or more values than rows, or two rows of a video differ: it may be two videos of one name
 *
 * @example
 * ```ts
 * import { valuesByVideo, videoScores } from "@forgelens/bench/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = ["anna", "anna", "ben"].map((video) => ({ video, label: 1, score: 0.5 }));
 * const videos = videoScores(rows, { how: "mean" });
 * assertEquals(valuesByVideo(videos, ["swap", "swap", "blend"], { name: "method" }), ["swap", "blend"]);
 * ```
 */
export function valuesByVideo<Value extends string | number | undefined>(
  { videos, firstRows, videoOf }: Pick<VideoScores, "videos" | "firstRows" | "videoOf">,
  values: readonly Value[],
  { name }: { readonly name: string },
): Value[] {
  if (values.length !== videoOf.length) {
    throw new InputError(
      `Cannot tell the ${name} of the videos: expected one a row but found ${values.length} and ${videoOf.length} rows`,
    );
  }
  const shared = firstRows.map((row) => values[row]);
  for (const [row, video] of videoOf.entries()) {
    if (values[row] === shared[video]) continue;
    const [one, other] = [JSON.stringify(shared[video]), JSON.stringify(values[row])];
    throw new InputError(
      `Cannot tell the ${name} of video ${
        videos[video]
      }: expected ${one} in all of its rows but found ${other} at index ${row}; give videos that share a name names of their own`,
    );
  }
  return shared;
}
