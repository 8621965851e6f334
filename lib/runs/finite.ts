/**
 * Losses and weights that are no numbers: what stops a training, with where to look.
 *
 * @module
 */
import type { Sample } from "../data/sample.ts";
import type { StateDict } from "../weights/state.ts";

/** The batch after which something was found. */
export type BatchPlace = {
  /** From 1. */
  readonly epoch: number;
  /** Within the epoch, from 1. */
  readonly step: number;
  readonly samples: readonly Pick<Sample, "path">[];
};

const MOST_NAMED = 4;

/**
 * Refuses a loss that is no number.
 *
 * @throws {Error} with the files of its batch and what to try
 */
export function checkLoss(loss: number, place: BatchPlace): void {
  if (!Number.isFinite(loss)) throw new Error(inWords("a finite loss", `${loss}`, place));
}

/**
 * Refuses weights with an entry that is no number, so that no checkpoint has them.
 *
 * @param options.keys those that are trained
 * @throws {Error} with the files of the last batch and what to try
 */
export function checkWeights(
  weights: StateDict,
  { keys, place }: { readonly keys: Iterable<string>; readonly place: BatchPlace },
): void {
  for (const key of keys) {
    const bad = (weights.get(key)?.data as Float32Array | undefined)?.find((each) => !Number.isFinite(each));
    if (bad !== undefined) throw new Error(inWords("finite weights", `${bad} in ${key}`, place));
  }
}

function inWords(expected: string, found: string, { epoch, step, samples }: BatchPlace): string {
  const paths = samples.map(({ path }) => path);
  const more = paths.length - MOST_NAMED;
  const named = `${paths.slice(0, MOST_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  const [files, look] = paths.length > 0 ? [`, on ${named}`, ", and look at these files"] : ["", ""];
  return `Cannot go on training: expected ${expected} but found ${found} in epoch ${epoch}, step ${step}${files}; try a lower --learning-rate or --clip-gradients 1${look}`;
}
