/**
 * A linear probe: the logit of fake as a linear function of one frozen vector an image, fitted by logistic regression.
 *
 * What any other detector has to beat. Shapes: B batch, n training images, D the vector's width (of all blocks' class tokens L·D).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { stateOf, variablesOf } from "../../backend/tensors.ts";
import { checkState, type StateDict } from "../../weights/state.ts";
import { linear } from "../layers.ts";
import { type DetectorKind, fakeProbability, type Scorer } from "./detector.ts";
import type { Matrix } from "../cholesky.ts";
import { fitLogistic, type LogisticFit } from "./logistic.ts";
import { tapSetting, tapTrunk } from "./tap.ts";

/** What `--logistic-c` is chosen from. */
export const logisticCs = [0.01, 0.1, 1, 10, 100, 1000, 10_000] as const;

const settings = z.strictObject({
  tap: tapSetting,
  logisticC: z.number().positive().optional().describe(
    `C of a linear probe, a logistic regression as scikit-learn's: how much the images weigh against its L2 penalty; unless given, that of ${
      logisticCs.join(", ")
    } with the best validation AUC, or 1 without validation images`,
  ),
  standardise: z.boolean().default(true).describe(
    "bring each of a linear probe's features to mean 0 and deviation 1 over the training images first, as scikit-learn's StandardScaler",
  ),
});

/** The linear probe as one of the list of detectors. */
export const linearProbe = {
  about: "a logistic regression on the class token: what any gain is measured against",
  settings,
  fixed: ["tap"],
  trunk: tapTrunk,
  fit: ({ logisticC = 1, standardise }, { features, labels, weights }) => {
    const matrix: Matrix = { data: features, shape: [labels.length, features.length / labels.length] };
    const D = matrix.shape[1];
    const fit = standardise
      ? fitStandardised(matrix, labels, { C: logisticC, weights })
      : fitLogistic(matrix, labels, { C: logisticC, weights });
    return bindProbe(
      new Map([
        ["head.weight", { dtype: "float32", shape: [1, D], data: Float32Array.from(fit.coef) }],
        ["head.bias", { dtype: "float32", shape: [1], data: Float32Array.of(fit.intercept) }],
      ]),
    );
  },
  bind: bindProbe,
} as const satisfies DetectorKind<z.output<typeof settings>>;

/** A fit to standardised features, as a function of the features as they are. */
function fitStandardised(
  { data, shape: [n, D] }: Matrix,
  labels: Uint8Array,
  options: Parameters<typeof fitLogistic>[2],
): LogisticFit {
  const mean = new Float64Array(D);
  const variance = new Float64Array(D);
  data.forEach((value, i) => mean[i % D] += value / n);
  data.forEach((value, i) => variance[i % D] += (value - mean[i % D]) ** 2 / n);
  // A feature that moves by float32's rounding alone is constant.
  const scale = variance.map((value, j) =>
    Math.sqrt(value) <= 1e-6 * Math.abs(mean[j]) ? Infinity : Math.sqrt(value)
  );
  const standardised = Float64Array.from(data, (value, i) => (value - mean[i % D]) / scale[i % D]);
  const { coef, intercept } = fitLogistic({ data: standardised, shape: [n, D] }, labels, options);
  const own = coef.map((value, j) => value / scale[j]);
  return { coef: own, intercept: own.reduce((sum, value, j) => sum - value * mean[j], intercept) };
}

/** A probe from its weights `head.weight` [1, D] and `head.bias` [1]; those of older versions are [2, D] and [2], real and fake. */
function bindProbe(dict: StateDict): Scorer {
  const [outputs, dim] = dict.get("head.weight")?.shape ?? [];
  const rows = outputs === 2 ? 2 : 1;
  const shapes = new Map([["head.weight", [rows, dim ?? 0]], ["head.bias", [rows]]]);
  checkState(dict, shapes, { what: "a linear probe" });
  const weights = variablesOf(dict, shapes);
  const params = {
    weight: weights.get("head.weight") as tf.Tensor as tf.Tensor2D,
    bias: weights.get("head.bias") as tf.Tensor as tf.Tensor1D,
  };
  const logits = (features: tf.Tensor) =>
    tf.tidy(() => linear(params, tf.reshape(features, [-1, dim]) as tf.Tensor2D));
  return {
    kind: "linear-probe",
    sizes: { dim },
    logits,
    scores: (features) => fakeProbability(() => ({ logits: logits(features) })),
    state: () => stateOf(weights),
    close: () => weights.forEach((weight) => weight.dispose()),
  };
}
