/**
 * A detector → how faces are found and cut out of what it is asked about.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { openFaces } from "../../videos/prepare_faces.ts";
import type { Judge } from "./judge.ts";
import { type FaceCutter, ruleOf } from "./pictures.ts";

/** A way to find faces that is open, if there is to be one, and what a reader must know of it. */
export type Cutter = AsyncDisposable & { readonly faces?: FaceCutter; readonly note: string };

/**
 * How faces are found: as the detector's training images were made, unless the user says that they are cut out; the caller disposes.
 *
 * @param options.cropped whether pictures are faces already
 * @throws {InputError} when the weights that find faces are others than those of the training
 */
export async function openCutter(
  { prepared }: Judge,
  { cropped }: { readonly cropped: boolean },
): Promise<Cutter> {
  const asTheyAre = (note: string): Cutter => ({ note, [Symbol.asyncDispose]: async () => {} });
  if (cropped) return asTheyAre("Pictures are taken as they are, as faces that are cut out already.");
  if (!prepared?.faces) {
    return asTheyAre(
      prepared === undefined
        ? "Pictures are taken as they are: how the training images were cut out is not known."
        : prepared.crop === "none"
        ? "Pictures are taken as they are, as the training images were: UNCROPPED."
        : `Pictures are taken as they are: the training images were cut out by ${prepared.crop} × ${prepared.margin}, which a file alone does not have.`,
    );
  }
  const { faces: settings, margin, recompress } = prepared;
  const opened = await openFaces({
    align: settings.align as FaceCutter["rule"]["align"],
    size: settings.size,
    leastScore: settings.leastScore,
    leastSide: settings.leastSide,
  });
  if (opened.settings.finderDigest !== settings.finderDigest) {
    await opened[Symbol.asyncDispose]();
    throw new InputError(
      `Cannot find faces as the detector was trained: expected the detector ${settings.finder} of its training but found ${opened.settings.finder} with other weights; cut the faces out first and give --cropped`,
    );
  }
  const geometry = settings.align === "none" ? "a square" : `aligned as ${settings.align}`;
  return {
    faces: {
      find: async (images) => (await opened.find(images)).map(({ faces }) => faces),
      rule: ruleOf(settings, margin),
      leastSide: settings.leastSide,
    },
    note:
      `Faces are found by ${settings.finder} and cut out ${geometry}, × ${margin}, as the training images were${
        recompress === undefined
          ? ""
          : `, which were compressed as H.264 with CRF ${recompress} first: what is answered about here is not`
      }.`,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
