/**
 * Labels and scores, sorted once: what every metric and every curve is counted from.
 *
 * Everywhere in this room: label 0 is real, 1 is fake; a score is the model's probability of fake, in [0, 1] unless said
 * otherwise; a sample counts as fake when its score is at least the threshold. Nothing here knows of tensors.
 *
 * @module
 */

/** Predictions from the highest score down. A resample has the same order, and counts some more often and some never. */
export type Ranked = {
  /** 0 or 1, by rank. */
  readonly labels: Uint8Array;
  /** By rank, so falling. */
  readonly scores: Float64Array;
  /** How often each prediction counts, by rank: 1 unless it is a resample. */
  readonly counts: Uint32Array;
  /** The rank of each prediction in the order given: sums that round are taken in that order. */
  readonly ranks: Uint32Array;
  /** The distinct scores, highest first: predictions that tie are on the same side of any threshold. */
  readonly thresholds: Float64Array;
  /** By rank, 1 where the next score is another one, else 0. */
  readonly endsTie: Uint8Array;
  /** How many reals score at least each of `thresholds`; the last is all of them. */
  readonly fps: Float64Array;
  /** How many fakes do. */
  readonly tps: Float64Array;
};

/** `[[true real, false fake], [false real, true fake]]`: rows are the truth, columns the answer. */
export type Confusion = readonly [readonly [number, number], readonly [number, number]];

/**
 * Sorts predictions by score; ties stay in the order given.
 *
 * @param labels 0 or 1, and as many as there are scores: see {@link checkScores}
 * @param scores any finite numbers
 */
export function rankScores(labels: ArrayLike<number>, scores: ArrayLike<number>): Ranked {
  const n = scores.length;
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  order.sort((a, b) => scores[b] - scores[a]);
  const ranks = new Uint32Array(n);
  const sorted = new Float64Array(n);
  const labelsByRank = new Uint8Array(n);
  // A loop, as `from()` with a function takes as long as the sorting.
  for (let rank = 0; rank < n; rank++) {
    const i = order[rank];
    ranks[i] = rank;
    sorted[rank] = scores[i];
    labelsByRank[rank] = labels[i];
  }
  const endsTie = new Uint8Array(n);
  let steps = 0;
  for (let rank = 0; rank < n; rank++) steps += endsTie[rank] = Number(sorted[rank + 1] !== sorted[rank]);
  const thresholds = new Float64Array(steps);
  for (let rank = 0, step = 0; rank < n; rank++) {
    thresholds[step] = sorted[rank];
    step += endsTie[rank];
  }
  const ranked: Ranked = {
    labels: labelsByRank,
    scores: sorted,
    counts: new Uint32Array(n).fill(1),
    ranks,
    endsTie,
    thresholds,
    fps: new Float64Array(thresholds.length),
    tps: new Float64Array(thresholds.length),
  };
  recount(ranked);
  return ranked;
}

/** Brings `fps` and `tps` in line with `counts` after a change of these; a thousand resamples then need no memory of their own. */
export function recount({ labels, counts, endsTie, fps, tps }: Ranked): void {
  let all = 0;
  let tp = 0;
  let step = 0;
  // Written anew until a tie has ended, as a branch would cost more than a write.
  for (let rank = 0; rank < labels.length; rank++) {
    all += counts[rank];
    tp += counts[rank] * labels[rank];
    fps[step] = all - tp;
    tps[step] = tp;
    step += endsTie[rank];
  }
}

/** How many predictions there are of each class. */
export function classCounts({ fps, tps }: Ranked): { readonly real: number; readonly fake: number } {
  return { real: fps[fps.length - 1], fake: tps[tps.length - 1] };
}

/** How many predictions of each class are called real and fake at a threshold. */
export function confusionAt(ranked: Ranked, threshold: number): Confusion {
  const { thresholds, fps, tps } = ranked;
  // The scores fall, so those that are called fake come first.
  let [called, end] = [0, thresholds.length];
  while (called < end) {
    const middle = (called + end) >> 1;
    if (thresholds[middle] >= threshold) called = middle + 1;
    else end = middle;
  }
  const { real, fake } = classCounts(ranked);
  const [fp, tp] = called === 0 ? [0, 0] : [fps[called - 1], tps[called - 1]];
  return [[real - fp, fp], [fake - tp, tp]];
}

/** A share of counts; 0 when there is nothing to have a share of, as scikit-learn's `zero_division=0`. */
export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/**
 * Refuses what cannot be ranked.
 *
 * @param purpose what cannot be done, for the message: "draw the ROC curve"
 * @throws {Error} when the lengths differ, there is no sample, a label is neither 0 nor 1, or a score is not finite
 */
export function checkScores(labels: ArrayLike<number>, scores: ArrayLike<number>, purpose: string): void {
  if (labels.length !== scores.length) {
    throw new Error(
      `Cannot ${purpose}: expected as many scores as labels but found ${scores.length} scores and ${labels.length} labels`,
    );
  }
  if (labels.length === 0) throw new Error(`Cannot ${purpose}: expected at least one sample but found none`);
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== 0 && labels[i] !== 1) {
      throw new Error(
        `Cannot ${purpose}: expected label 0 (real) or 1 (fake) but found ${labels[i]} at index ${i}`,
      );
    }
    if (!Number.isFinite(scores[i])) {
      throw new Error(
        `Cannot ${purpose}: expected a finite score but found ${
          scores[i]
        } at index ${i}; the model's output is broken`,
      );
    }
  }
}

/**
 * Refuses what are no labels and probabilities.
 *
 * @param purpose what cannot be done, for the message: "evaluate the scores"
 * @throws {Error} as {@link checkScores}, and when a score is outside [0, 1]
 */
export function checkProbabilities(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  purpose: string,
): void {
  checkScores(labels, scores, purpose);
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] < 0 || scores[i] > 1) {
      throw new Error(
        `Cannot ${purpose}: expected probabilities in [0, 1] but found ${
          scores[i]
        } at index ${i}; turn logits into probabilities first`,
      );
    }
  }
}
