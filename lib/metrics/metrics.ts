/**
 * Labels and scores → numbers and curves, as scikit-learn defines them.
 *
 * Everywhere: label 0 is real, 1 is fake; a score is the model's probability of fake, in [0, 1] unless said
 * otherwise; a sample counts as fake when its score is at least the threshold. Nothing here knows of tensors.
 *
 * @module
 */

/** The metrics of one set of predictions; a metric that is undefined for the data is null. */
export type Metrics = {
  /** Number of samples, of real ones and of fake ones. */
  readonly n: number;
  readonly real: number;
  readonly fake: number;
  /** Scores of at least this count as fake. */
  readonly threshold: number;
  readonly accuracy: number;
  /** Accuracy of always answering the larger class: what accuracy has to beat. */
  readonly majorityAccuracy: number;
  /** Of the samples called fake, the share that is; 0 when none is called fake. */
  readonly precision: number;
  /** Of the fakes, the share called fake; 0 when there are none. */
  readonly recall: number;
  /** Harmonic mean of precision and recall; 0 when both are. */
  readonly f1: number;
  /** Area under the ROC curve; null with one class only, like the three after it. */
  readonly auc: number | null;
  /** Average precision: the step-wise area under the precision-recall curve. */
  readonly ap: number | null;
  /** Equal error rate: where the ROC curve, drawn with straight lines, has as many misses as false alarms. */
  readonly eer: number | null;
  /** Mean of the recall of real and the recall of fake. */
  readonly balancedAccuracy: number | null;
  /** Matthews correlation coefficient, in [-1, 1]; 0 when a row or column of the confusion matrix is empty. */
  readonly mcc: number;
  /** Mean squared difference of score and label, in [0, 1]. */
  readonly brier: number;
  /** Mean negative log-likelihood, in nats. */
  readonly logLoss: number;
  /** `[[true real, false fake], [false real, true fake]]`: rows are the truth, columns the answer. */
  readonly confusion: readonly [readonly [number, number], readonly [number, number]];
};

/** A ROC curve from (0, 0), at threshold infinity, to (1, 1). */
export type RocCurve = { readonly fpr: number[]; readonly tpr: number[]; readonly thresholds: number[] };

/** A precision-recall curve by rising threshold; precision and recall end with (1, 0), which has no threshold. */
export type PrCurve = {
  readonly precision: number[];
  readonly recall: number[];
  readonly thresholds: number[];
};

/**
 * Measures scores in [0, 1] against labels, with scikit-learn's definitions.
 *
 * @param options.threshold from which score on a sample counts as fake; 0.5 unless given
 * @throws when the lengths differ, there is no sample, a label is neither 0 nor 1, or a score is NaN or outside [0, 1]
 */
export function evaluateScores(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { threshold = 0.5 }: { threshold?: number } = {},
): Metrics {
  checkProbabilities(labels, scores, "evaluate the scores");
  if (Number.isNaN(threshold)) {
    throw new Error("Cannot evaluate the scores: expected a threshold but found NaN");
  }
  const n = labels.length;
  const confusion: [[number, number], [number, number]] = [[0, 0], [0, 0]];
  let squares = 0;
  let nats = 0;
  for (let i = 0; i < n; i++) {
    const label = labels[i] as 0 | 1;
    const score = scores[i];
    confusion[label][score >= threshold ? 1 : 0]++;
    squares += (score - label) ** 2;
    // scikit-learn clips the probability of the true class to [ε, 1 - ε], ε being float64's.
    const likelihood = label === 1 ? score : 1 - score;
    nats -= Math.log(Math.min(Math.max(likelihood, Number.EPSILON), 1 - Number.EPSILON));
  }
  const [[tn, fp], [fn, tp]] = confusion;
  const real = tn + fp;
  const fake = fn + tp;
  const bothClasses = real > 0 && fake > 0;
  const steps = bothClasses ? countByThreshold(labels, scores) : null;
  const mccScale = Math.sqrt(tp + fp) * Math.sqrt(fake) * Math.sqrt(real) * Math.sqrt(tn + fn);
  return {
    n,
    real,
    fake,
    threshold,
    accuracy: (tp + tn) / n,
    majorityAccuracy: Math.max(real, fake) / n,
    precision: ratio(tp, tp + fp),
    recall: ratio(tp, fake),
    f1: ratio(2 * tp, 2 * tp + fp + fn),
    auc: steps && rocArea(steps),
    ap: steps && averagePrecision(steps),
    eer: steps && equalErrorRate(steps),
    balancedAccuracy: bothClasses ? (tn / real + tp / fake) / 2 : null,
    mcc: ratio(tp * tn - fp * fn, mccScale),
    brier: squares / n,
    logLoss: nats / n,
    confusion,
  };
}

/**
 * The ROC curve with one point per distinct score, as scikit-learn's `roc_curve(…, drop_intermediate=False)`.
 *
 * Scores may be any finite numbers, logits too.
 *
 * @param options.dropIntermediate leave out the points that lie on a straight line between others (scikit-learn's
 *   own default); false unless given
 * @throws when the input is malformed (see {@link evaluateScores}) or holds one class only
 */
export function rocCurve(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { dropIntermediate = false }: { dropIntermediate?: boolean } = {},
): RocCurve {
  checkInput(labels, scores, "draw the ROC curve");
  const { fps, tps, thresholds } = countByThreshold(labels, scores);
  const real = fps[fps.length - 1];
  const fake = tps[tps.length - 1];
  if (real === 0 || fake === 0) {
    throw new Error(
      `Cannot draw the ROC curve: expected real and fake samples but found ${real} real and ${fake} fake`,
    );
  }
  const curve: RocCurve = { fpr: [0], tpr: [0], thresholds: [Infinity] };
  for (let i = 0; i < fps.length; i++) {
    if (dropIntermediate && i > 0 && i < fps.length - 1 && isStraight(fps, i) && isStraight(tps, i)) continue;
    curve.fpr.push(fps[i] / real);
    curve.tpr.push(tps[i] / fake);
    curve.thresholds.push(thresholds[i]);
  }
  return curve;
}

/**
 * The precision-recall curve with one point per distinct score, as scikit-learn's `precision_recall_curve`.
 *
 * Scores may be any finite numbers, logits too.
 *
 * @throws when the input is malformed (see {@link evaluateScores}) or holds no fake
 */
export function prCurve(labels: ArrayLike<number>, scores: ArrayLike<number>): PrCurve {
  checkInput(labels, scores, "draw the precision-recall curve");
  const { fps, tps, thresholds } = countByThreshold(labels, scores);
  const fake = tps[tps.length - 1];
  if (fake === 0) {
    throw new Error("Cannot draw the precision-recall curve: expected fake samples but found only real ones");
  }
  const curve: PrCurve = { precision: [], recall: [], thresholds: [] };
  for (let i = fps.length - 1; i >= 0; i--) {
    curve.precision.push(tps[i] / (tps[i] + fps[i]));
    curve.recall.push(tps[i] / fake);
    curve.thresholds.push(thresholds[i]);
  }
  curve.precision.push(1);
  curve.recall.push(0);
  return curve;
}

/**
 * Expected calibration error: the mean, over samples, of how far their bin's mean score is from its share of fakes.
 *
 * The bins are of equal width over the probability of fake, closed below and open above (the last one closed). In
 * [0, 1]; 0 is calibrated. As torchmetrics' `BinaryCalibrationError(norm="l1")`, save that a score of exactly 1
 * belongs to the last bin here.
 *
 * @param options.bins 15 unless given
 * @throws when the input is malformed (see {@link evaluateScores}) or `bins` is not a positive integer
 */
export function calibrationError(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { bins = 15 }: { bins?: number } = {},
): number {
  checkProbabilities(labels, scores, "measure the calibration");
  if (!Number.isInteger(bins) || bins < 1) {
    throw new Error(`Cannot measure the calibration: expected a positive number of bins but found ${bins}`);
  }
  // The sum over a bin of (score - label) is its size times (mean score - share of fakes).
  const surplus = new Float64Array(bins);
  for (let i = 0; i < labels.length; i++) {
    surplus[Math.min(Math.floor(scores[i] * bins), bins - 1)] += scores[i] - labels[i];
  }
  return surplus.reduce((sum, value) => sum + Math.abs(value), 0) / labels.length;
}

/**
 * Puts the prior back: what scores learnt where a share `from` was fake become where a share `to` is.
 *
 * Bayes' rule: the odds of fake are the likelihood ratio times the prior odds, so they are multiplied by
 * `to/(1-to) ÷ from/(1-from)` (Elkan 2001, theorem 2; Saerens et al. 2002, equation 2.4). The order of the scores, and
 * with it AUC, AP and EER, stays; Brier score, log loss and calibration error change. `from` is 0.5 after training on
 * balanced batches; `to` is the share of fakes where the detector is used.
 *
 * @returns scores in [0, 1], in the order given
 * @throws when a prior is not strictly between 0 and 1, or a score is NaN or outside [0, 1]
 */
export function shiftPrior(
  scores: ArrayLike<number>,
  { from = 0.5, to }: { from?: number; to: number },
): Float64Array {
  for (const [name, prior] of [["from", from], ["to", to]] as const) {
    if (!(prior > 0 && prior < 1)) {
      throw new Error(
        `Cannot shift the prior: expected '${name}' strictly between 0 and 1 but found ${prior}`,
      );
    }
  }
  const fakeWeight = to / from;
  const realWeight = (1 - to) / (1 - from);
  return Float64Array.from(scores, (score, i) => {
    if (!(score >= 0 && score <= 1)) {
      throw new Error(`Cannot shift the prior: expected a score in [0, 1] but found ${score} at index ${i}`);
    }
    const fake = score * fakeWeight;
    return fake / (fake + (1 - score) * realWeight);
  });
}

/** How well scores serve as probabilities. */
export type Calibration = { readonly brier: number; readonly logLoss: number; readonly ece: number };

/**
 * Brier score, log loss and expected calibration error, as the scores are and with the prior of the data put back.
 *
 * The prior put back is the data's own share of fakes, which a deployed detector would have to know or guess.
 *
 * @param options.from the share of fakes in training; 0.5 (balanced) unless given
 * @returns `shifted` is null with one class only, where there is no prior to put back
 * @throws when the input is malformed (see {@link evaluateScores})
 */
export function compareCalibration(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { from = 0.5 }: { from?: number } = {},
): { readonly prior: number; readonly raw: Calibration; readonly shifted: Calibration | null } {
  const measure = (probabilities: ArrayLike<number>): Calibration => {
    const { brier, logLoss } = evaluateScores(labels, probabilities);
    return { brier, logLoss, ece: calibrationError(labels, probabilities) };
  };
  const raw = measure(scores);
  const prior = Array.from(labels).reduce((sum, label) => sum + label, 0) / labels.length;
  const shifted = prior > 0 && prior < 1 ? measure(shiftPrior(scores, { from, to: prior })) : null;
  return { prior, raw, shifted };
}

/** Throws, naming what cannot be done, unless labels are 0 or 1 and scores are finite, as many, and at least one. */
function checkInput(labels: ArrayLike<number>, scores: ArrayLike<number>, purpose: string): void {
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

/** {@link checkInput}, and throws unless every score is in [0, 1]. */
export function checkProbabilities(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  purpose: string,
): void {
  checkInput(labels, scores, purpose);
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

/** Indices of the scores, highest first. */
export function orderByScore(scores: ArrayLike<number>): Uint32Array {
  return Uint32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b] - scores[a]);
}

/** How many reals (fps) and fakes (tps) score at least each distinct score, highest first. */
type Steps = { readonly fps: number[]; readonly tps: number[]; readonly thresholds: number[] };

function countByThreshold(labels: ArrayLike<number>, scores: ArrayLike<number>): Steps {
  const order = orderByScore(scores);
  const steps: Steps = { fps: [], tps: [], thresholds: [] };
  let fp = 0;
  let tp = 0;
  for (let i = 0; i < order.length; i++) {
    if (labels[order[i]] === 1) tp++;
    else fp++;
    const score = scores[order[i]];
    if (i + 1 < order.length && scores[order[i + 1]] === score) continue;
    steps.fps.push(fp);
    steps.tps.push(tp);
    steps.thresholds.push(score);
  }
  return steps;
}

function rocArea({ fps, tps }: Steps): number {
  let doubled = 0;
  for (let i = 0; i < fps.length; i++) {
    const [fp, tp] = i > 0 ? [fps[i - 1], tps[i - 1]] : [0, 0];
    doubled += (fps[i] - fp) * (tps[i] + tp);
  }
  return doubled / (2 * fps[fps.length - 1] * tps[tps.length - 1]);
}

function averagePrecision({ fps, tps }: Steps): number {
  let sum = 0;
  for (let i = 0; i < fps.length; i++) {
    sum += (tps[i] - (i > 0 ? tps[i - 1] : 0)) * (tps[i] / (tps[i] + fps[i]));
  }
  return sum / tps[tps.length - 1];
}

function equalErrorRate({ fps, tps }: Steps): number {
  const real = fps[fps.length - 1];
  const fake = tps[tps.length - 1];
  // False alarms minus misses rises at every step, from -1 to 1, so it crosses 0 within exactly one.
  let fpr = 0;
  let surplus = -1;
  for (let i = 0; i < fps.length; i++) {
    const nextFpr = fps[i] / real;
    const nextSurplus = nextFpr - (1 - tps[i] / fake);
    if (nextSurplus >= 0) return fpr + (nextFpr - fpr) * (-surplus / (nextSurplus - surplus));
    fpr = nextFpr;
    surplus = nextSurplus;
  }
  return fpr;
}

function isStraight(counts: number[], i: number): boolean {
  return counts[i + 1] - counts[i] === counts[i] - counts[i - 1];
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
