/**
 * The figures that the reference notebook printed, and when they may stand beside ours.
 *
 * Its tests are known by their class counts, which its metrics determine. They are comparable with a result on as many
 * real and fake images under the same perturbation, and never with demo data or another program's scores, which are not ours.
 *
 * @module
 */
import type { EvaluationResult } from "./report.ts";

/** One line that the reference notebook printed. */
export type ReferenceFigure = {
  readonly set: string;
  readonly real: number;
  readonly fake: number;
  readonly perturbation: string;
  readonly accuracy: number;
  readonly auc: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
};

const ffppTest = { set: "FF++ test", real: 2399, fake: 11152 } as const;

/** All figures that the reference printed, in its order, in full precision. */
export const referenceFigures: readonly ReferenceFigure[] = [
  {
    ...ffppTest,
    perturbation: "none",
    accuracy: 0.7929304110397757,
    auc: 0.5861088925143965,
    precision: 0.8285826771653543,
    recall: 0.9435975609756098,
    f1: 0.8823578735535804,
  },
  {
    set: "Celeb-DF",
    real: 2415,
    fake: 21679,
    perturbation: "none",
    accuracy: 0.8960322071885116,
    auc: 0.5602905254982902,
    precision: 0.9004260295714643,
    recall: 0.9944185617417778,
    f1: 0.9450910764779378,
  },
  {
    set: "DFDC",
    real: 20699,
    fake: 73154,
    perturbation: "none",
    accuracy: 0.7776416310613407,
    auc: 0.5343964246664671,
    precision: 0.7793927475980292,
    recall: 0.9968969571041911,
    f1: 0.8748283080318853,
  },
  {
    ...ffppTest,
    perturbation: "jpeg-100",
    accuracy: 0.7931517969153568,
    auc: 0.5930055220880531,
    precision: 0.8281581636663784,
    recall: 0.9446736011477762,
    f1: 0.8825870229966908,
  },
  {
    ...ffppTest,
    perturbation: "jpeg-90",
    accuracy: 0.7862888347723416,
    auc: 0.5875768605462701,
    precision: 0.8290816326530612,
    recall: 0.9325681492109039,
    f1: 0.8777852802160703,
  },
  {
    ...ffppTest,
    perturbation: "jpeg-75",
    accuracy: 0.7989816249723267,
    auc: 0.589965282491569,
    precision: 0.8281931464174455,
    recall: 0.9535509325681492,
    f1: 0.8864621540513504,
  },
  {
    ...ffppTest,
    perturbation: "jpeg-50",
    accuracy: 0.7990554202641872,
    auc: 0.5972607548697658,
    precision: 0.8281043207473725,
    recall: 0.9538199426111909,
    f1: 0.8865274826019919,
  },
  {
    ...ffppTest,
    perturbation: "jpeg-30",
    accuracy: 0.8017120507711608,
    auc: 0.6027977380879049,
    precision: 0.8291469010031884,
    recall: 0.9560616929698709,
    f1: 0.8880929573945275,
  },
];

/** The reference's figure that a result may be compared with, or null. */
export function referenceFor(result: EvaluationResult): ReferenceFigure | null {
  if (result.demo || result.kind === "unknown") return null;
  return referenceFigures.find((figure) =>
    figure.real === result.metrics.real && figure.fake === result.metrics.fake &&
    figure.perturbation === result.perturbation
  ) ?? null;
}
