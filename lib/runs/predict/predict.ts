/**
 * Files → answers: fake, real, not sure, or cannot say.
 *
 * @module
 */
import { reasonOf } from "../../base/errors.ts";
import { createBudget } from "../../base/pool.ts";
import { containerFault } from "../../data/container.ts";
import { SURE_SIDE } from "../../faces/face.ts";
import { verdictOf } from "../../metrics/conformal.ts";
import { videoLevels } from "../../metrics/levels.ts";
import { findFfmpeg } from "../../videos/ffmpeg.ts";
import { BLURRED } from "../../videos/faces_of.ts";
import type { Answer } from "./answer.ts";
import { contentOf } from "./content.ts";
import type { FaceCutter, PictureOptions, Subject } from "./pictures.ts";
import { imageSubjects, videoSubjects } from "./pictures.ts";
import { type Input, inputsOf } from "./inputs.ts";
import type { Judge, Level } from "./judge.ts";
import { readAhead } from "./read_ahead.ts";

/** How files are answered about. */
export type PredictOptions = {
  /** How faces are found and cut out; pictures are taken as they are unless given. */
  readonly faces?: FaceCutter;
  /** Evenly spaced frames of a video; 32 unless given. */
  readonly frames?: number;
  /** Takes what is judged with its answer, before its pixels are given up. */
  readonly onJudged?: (answer: Answer, squares: readonly Uint8Array[]) => Promise<void>;
  readonly signal?: AbortSignal;
};

/** Batches of pictures that are read before their turn. */
const AHEAD = 2;
/** Pictures that are read at a time: of more the files wait in memory for their turn to be decoded. */
const IMAGES = 8;
/** Milliseconds that the next path may take before what is read is answered about. */
const PATIENCE = 20;

/**
 * Answers about files one after another, in the order given, reading ahead: an answer for a picture, for each face in it, or for a video.
 * Memory does not grow with their number. Where paths come one after another, as from standard input, no answer waits for the next path.
 *
 * @throws {Error} the signal's reason
 */
export async function* predict(
  judge: Judge,
  paths: Iterable<string> | AsyncIterable<string>,
  options: PredictOptions = {},
): AsyncGenerator<Answer> {
  const { faces, frames = 32, onJudged, signal } = options;
  const { batchSize } = judge;
  let ffmpeg: ReturnType<typeof findFfmpeg> | undefined;
  const pictures: PictureOptions = {
    ...judge.input,
    ...{ faces, frames, signal },
    keep: () => ffmpeg ??= findFfmpeg(),
  };
  const images = createBudget(IMAGES);
  const videos = createBudget(2); // each is a process of its own, and frames by the dozen
  const load = async (input: Input): Promise<Read> => {
    if (input.kind === "unread") return { input, fault: input.fault };
    const { path } = input;
    let { kind } = input;
    try {
      kind = await contentOf(path, kind);
      using _turn = await (kind === "image" ? images : videos).take(1);
      const subjects = await (kind === "image" ? imageSubjects : videoSubjects)(path, pictures);
      return { input: { path, kind }, subjects };
    } catch (error) {
      signal?.throwIfAborted();
      const damage = kind === "video" ? await containerFault(path).catch(() => undefined) : undefined;
      const reason = reasonOf(error);
      return { input, fault: damage && !reason.includes(damage) ? `${damage}; ${reason}` : reason };
    }
  };
  let group: Read[] = [];
  let squares = 0;
  const inputs = inputsOf(paths, { signal });
  // Of paths that are there, batches must not depend on how fast a disk is.
  const patience = Symbol.asyncIterator in paths ? PATIENCE : undefined;
  for await (const read of readAhead(inputs, load, { most: (AHEAD + 1) * batchSize, patience, signal })) {
    signal?.throwIfAborted();
    if (read) {
      group.push(read);
      squares += (read.subjects ?? []).reduce((sum, subject) => sum + subject.squares.length, 0);
      // Whoever looks at an answer waits for no batch that a video, or what cannot be read, has no part in.
      if (squares > 0 && squares < batchSize) continue;
    }
    yield* answers(judge, group, { ...options, onJudged });
    [group, squares] = [[], 0];
  }
  yield* answers(judge, group, { ...options, onJudged });
}

/** What was read of an input: what there is to judge in it, or why that cannot be had. */
type Read = {
  readonly input: Input;
  readonly subjects?: readonly Subject[];
  readonly fault?: string;
};

async function* answers(
  judge: Judge,
  group: readonly Read[],
  options: Pick<PredictOptions, "faces" | "onJudged" | "signal">,
): AsyncGenerator<Answer> {
  const all = group.flatMap(({ subjects = [] }) => subjects.flatMap(({ squares }) => squares));
  const scores = new Float64Array(all.length);
  let far: Float64Array | undefined;
  for (let from = 0; from < all.length; from += judge.batchSize) {
    options.signal?.throwIfAborted();
    const judged = await judge.judge(all.slice(from, from + judge.batchSize));
    scores.set(judged.scores, from);
    if (judged.distances) (far ??= new Float64Array(all.length)).set(judged.distances, from);
  }
  let next = 0;
  for (const { input, subjects, fault } of group) {
    const { path } = input;
    if (!subjects) {
      yield { path, kind: "unread", score: null, verdict: "not read", reason: fault! };
      continue;
    }
    if (subjects.length === 0) {
      const kind = input.kind === "video" ? "video" : "image";
      const reason = options.faces ? "no face" : "no frames";
      yield { path, kind, score: null, verdict: "cannot say", reason };
    }
    for (const subject of subjects) {
      const to = next + subject.squares.length;
      const answer = answerOf(judge, {
        path,
        subject,
        scores: scores.subarray(next, to),
        distances: far?.subarray(next, to),
      });
      next = to;
      await options.onJudged?.(answer, subject.squares);
      yield answer;
    }
  }
}

function answerOf(
  judge: Judge,
  judged: {
    readonly path: string;
    readonly subject: Subject;
    readonly scores: Float64Array;
    readonly distances?: Float64Array;
  },
): Answer {
  const { path, subject, scores, distances } = judged;
  const level: Level = subject.kind;
  const score = level === "video" ? videoLevels[judge.videoScore](scores) : scores[0];
  const distance = distances && distances.reduce((sum, each) => sum + each, 0) / distances.length;
  const doubt = doubtOf(judge, { subject, distance });
  const thresholds = judge.thresholds?.[level];
  const { kind, face, faces, box, notes } = subject;
  return {
    path,
    kind,
    ...{ face, faces, box },
    ...(level === "video" ? { frames: subject.squares.length } : {}),
    score,
    verdict: doubt !== undefined ? "cannot say" : thresholds ? verdictOf(score, thresholds) : "not sure",
    reason: [...(doubt === undefined ? [] : [doubt]), ...notes].join("; "),
    distance,
  };
}

/** Why a detector cannot say anything of what was judged; undefined where it can. */
function doubtOf(
  { limits }: Judge,
  { subject, distance }: { readonly subject: Subject; readonly distance?: number },
): string | undefined {
  const { kind, side, sharpness } = subject;
  if (side < SURE_SIDE) return `too small: ${Math.round(side)} pixels, of at least ${SURE_SIDE}`;
  if (sharpness < BLURRED) return `blurred: sharpness ${sharpness.toFixed(0)}, of at least ${BLURRED}`;
  const limit = limits[kind];
  if (distance === undefined || limit === null || distance <= limit) return undefined;
  return `unlike the training images: ${distance.toFixed(2)} away, of at most ${limit.toFixed(2)}`;
}
