/**
 * What every loss is: a function of what a detector says and of the labels.
 *
 * Shapes: B batch.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import type { Output } from "../../model/detectors/detector.ts";

/** One for each image: 0 real, 1 fake. */
export type Labels = ArrayLike<number>;

/** The mean over a batch of what is to be made small, a scalar that the caller disposes. */
export type Loss = (output: Output, labels: Labels) => tf.Scalar;
