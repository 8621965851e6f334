/**
 * What is said of one file, or of one face in it; as a line, and as a row.
 *
 * @module
 */
import type { Box } from "../../images/box.ts";
import type { Verdict } from "../../metrics/conformal.ts";

/** An answer about an image, a face in it, or a video. */
export type Answer = {
  readonly path: string;
  /** `unread`: neither could be had of it. */
  readonly kind: "image" | "video" | "unread";
  /** Which of the faces in a picture, from 1, by falling size; missing where faces were not looked for. */
  readonly face?: number;
  /** How many faces there are: in a picture, or persons in a video. */
  readonly faces?: number;
  /** Of the face in the picture. */
  readonly box?: Box;
  /** Frames of a video that were judged. */
  readonly frames?: number;
  /** The probability of fake that the detector gives; null where there was nothing to judge. */
  readonly score: number | null;
  /** `cannot say`: what was judged is none of what the detector learned to judge. */
  readonly verdict: Verdict | "cannot say" | "not read";
  /** Why there is no clear verdict, or what else is odd. */
  readonly reason: string;
  /** From the training images, where that is known: about 1 is usual. */
  readonly distance?: number;
};

/** The columns of the CSV file, and the keys of a line of JSON. */
export const answerColumns = [
  ...["path", "kind", "face", "faces", "x", "y", "width", "height", "frames"],
  ...["score", "verdict", "reason", "distance", "alpha", "detector"],
] as const;

/** What all answers of a call share. */
export type AnswerContext = { readonly alpha: number; readonly detector: string };

/** An answer as a row. */
export function answerRow(
  answer: Answer,
  { alpha, detector }: AnswerContext,
): Readonly<Record<typeof answerColumns[number], string | number | undefined>> {
  const { box, score, distance, ...rest } = answer;
  return {
    ...rest,
    face: rest.face,
    faces: rest.faces,
    frames: rest.frames,
    ...{ x: box?.x, y: box?.y, width: box?.width, height: box?.height },
    score: score ?? undefined,
    distance: distance === undefined ? undefined : Number(distance.toFixed(4)),
    alpha,
    detector,
  };
}

/** Columns by the names that others gave them, of files that were read. */
export const columnSets = {
  own: { about: "path, score, verdict and the rest" },
  dfdc: { about: "filename and label, as the Deepfake Detection Challenge took them: one row a file" },
} as const;

/** The name of such a set. */
export type ColumnSet = keyof typeof columnSets;

/** Which face of a picture an answer is about, where there are several; else "". */
export function whichFace({ face, faces }: Answer): string {
  return face !== undefined && faces !== undefined && faces > 1 ? `face ${face} of ${faces}` : "";
}

/** What else there is to say of an answer. */
export function notesOf({ frames, reason }: Answer): string[] {
  return [frames === undefined ? "" : `${frames} frames`, reason].filter((text) => text !== "");
}

/** An answer as a line for a person: verdict, score, file, and what else there is to say. */
export function answerLine(answer: Answer): string {
  const { path, score, verdict } = answer;
  const face = whichFace(answer);
  const which = face === "" ? "" : ` ${face}`;
  const notes = notesOf(answer);
  const about = notes.length === 0 ? "" : `  (${notes.join("; ")})`;
  return `${verdict.padEnd(10)}  ${score === null ? "  –  " : score.toFixed(3)}  ${path}${which}${about}`;
}
