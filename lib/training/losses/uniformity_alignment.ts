/**
 * Cross-entropy, with embeddings that lie close within a label and far apart as a whole.
 *
 * Alignment and uniformity are those of Wang and Isola 2020 ("Understanding contrastive representation learning through alignment
 * and uniformity on the hypersphere"), alignment within labels and uniformity with a least value, as GenD (arXiv 2508.06248) trains by
 * them. Shapes: B batch, E embedding width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { matMul } from "../../backend/tensors.ts";
import { InputError } from "../../base/errors.ts";
import { type Labels, logLikelihood, type Loss, type LossKind, type LossSettings } from "./loss.ts";

/** Cross-entropy with alignment and uniformity as one of the list of losses. */
export const uniformityAlignmentKind = {
  about: "cross-entropy, and embeddings that are close within a label and spread as a whole",
  settings: ["alignment", "uniformity", "labelSmoothing"],
  create: uniformityAlignment,
} as const satisfies LossKind;

/** In exp(−t·distance²): the paper's. */
const TEMPERATURE = 2;

/** What the mean closeness counts at least, so that its logarithm has an end. */
const LEAST_CLOSENESS = 1e-6;

/** A vector's length counts at least this when it is divided by it, as in `torch.nn.functional.normalize()`. */
const LEAST_LENGTH = 1e-12;

/**
 * A loss of logits [B, 2] and embeddings [B, E]: cross-entropy + `alignment` · the mean squared distance of two images with the same
 * label + `uniformity` · the logarithm of the mean of exp(−2 · squared distance) over two images, at least 1e-6.
 *
 * Distances are of the L2-normalised embeddings, and each two images count once. A batch without two images of one label has no
 * alignment, and a batch of one image no uniformity: they count 0 there.
 *
 * @throws {InputError} from the loss, for logits of another shape and for an output without embeddings
 */
export function uniformityAlignment(
  { alignment, uniformity, labelSmoothing: smoothing = 0 }:
    & Pick<LossSettings, "alignment" | "uniformity">
    & Partial<LossSettings>,
): Loss {
  return ({ logits, embedding }, labels) => {
    if (!embedding) {
      throw new InputError(
        "Cannot take the loss: expected a detector that has an embedding but found one without; take cross-entropy",
      );
    }
    return tf.tidy(() => {
      const losses: tf.Tensor[] = [tf.neg(tf.mean(logLikelihood({ logits }, labels, { smoothing })))];
      const distances = squaredDistances(embedding); // [B, B]
      const [same, all] = [pairs(labels, { same: true }), pairs(labels, { same: false })];
      if (same.count > 0) losses.push(tf.mul(alignment, meanOf(distances, same)));
      if (all.count > 0) {
        const closeness = meanOf(tf.exp(tf.mul(distances, -TEMPERATURE)), all);
        losses.push(tf.mul(uniformity, tf.log(tf.maximum(closeness, LEAST_CLOSENESS))));
      }
      return tf.addN(losses) as tf.Scalar;
    });
  };
}

/** Squared distances of L2-normalised rows [B, E], [B, B]. */
function squaredDistances(embedding: tf.Tensor2D): tf.Tensor {
  const squared = tf.sum(tf.square(embedding), 1, true);
  const unit = tf.mul(embedding, tf.rsqrt(tf.maximum(squared, LEAST_LENGTH ** 2))); // [B, E]
  return tf.sub(2, tf.mul(2, matMul(unit, unit, { transposeB: true }))); // [B, B]
}

type Pairs = { readonly mask: tf.Tensor2D; readonly count: number };

/** Each two images once, or those with the same label, as a mask [B, B]. */
function pairs(labels: Labels, { same }: { readonly same: boolean }): Pairs {
  const B = labels.length;
  const mask = new Float32Array(B * B);
  for (let i = 0; i < B; i++) {
    for (let j = i + 1; j < B; j++) mask[i * B + j] = Number(!same || labels[i] === labels[j]);
  }
  return { mask: tf.tensor2d(mask, [B, B]), count: mask.reduce((sum, value) => sum + value, 0) };
}

function meanOf(values: tf.Tensor, { mask, count }: Pairs): tf.Tensor {
  return tf.div(tf.sum(tf.mul(values, mask)), count);
}
