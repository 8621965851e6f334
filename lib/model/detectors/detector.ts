/**
 * What every detector is: something on a frozen trunk that says how likely an image is fake.
 *
 * Shapes: B batch, E embedding width; features are [B, ...shape] of the detector's trunk.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import type { z } from "zod";
import { sigmoid } from "../../base/sigmoid.ts";
import { checkState, type StateDict } from "../../weights/state.ts";
import type { Blocks, BlocksOptions } from "../blocks.ts";
import type { Encoder, TowerSettings } from "../encoders/encoder.ts";
import type { Clip } from "../encoders/clip.ts";
import type { Tap, Trunk } from "../features/trunk.ts";

/** Anything that gives features a score, trained by gradients or not; free it with `close()`. */
export type Scorer = {
  /** Its kind, as the list of detectors names it. */
  readonly kind: string;
  /** The width of what it stands on, D or E, and its own sizes, as its file states them. */
  readonly sizes: Readonly<Record<string, number>> & { readonly dim: number };
  /** What it stands on where that is its own: the tower that its training changed. Else its kind's, of the run's encoder. */
  readonly trunk?: Trunk;
  /** The probability of fake of each image, in [0, 1]: features [B, ...shape] → [B]. */
  scores(features: tf.Tensor): Promise<Float64Array>;
  /**
   * The logits that its scores are of, [B, 2] or [B, 1], which gradients pass through; the caller disposes them. Undefined where scores
   * are of no logits, as those of neighbours are; a {@link Detector} has `forward()` instead.
   */
  readonly logits?: (features: tf.Tensor) => tf.Tensor2D;
  /** What it is made of, by PyTorch's keys: copies, ready to be saved. */
  state(): StateDict;
  close(): void;
};

/** What a detector says of features. */
export type Output = {
  /** [B, 2]: real and fake, to be put through a softmax; or [B, 1]: fake, through a sigmoid. */
  readonly logits: tf.Tensor2D;
  /** [B, E], where a loss wants it. */
  readonly embedding?: tf.Tensor2D;
};

/** The probability of fake [B] that a detector's output says. */
export async function fakeProbability(output: () => Output): Promise<Float64Array> {
  const logits = tf.tidy(() => output().logits); // [B, C]
  const values = await logits.data<"float32">();
  logits.dispose();
  return probabilityOf(values, logits.shape[1] as 1 | 2);
}

/**
 * The probability of fake [B] that logits [B, C] say: by a softmax of two, real and fake, or a sigmoid of one.
 *
 * In double precision: in single, it is 1 for every difference of 17 and more, and `tf.softmax()` gives a row other last digits
 * beside other rows.
 */
export function probabilityOf(logits: Float32Array, classes: 1 | 2): Float64Array {
  return Float64Array.from(
    { length: logits.length / classes },
    (_, i) => sigmoid(classes === 1 ? logits[i] : logits[2 * i + 1] - logits[2 * i]),
  );
}

/** A scorer that gradients can train. */
export type Detector = Scorer & {
  /** What is trained, by state-dict key. */
  readonly weights: ReadonlyMap<string, tf.Variable>;
  /** The tower that its steps go through, for engines that run its blocks in their own way. */
  readonly tower?: TrainedTower;
  /**
   * Features [B, ...shape] → logits; the caller disposes them.
   *
   * @param pass.training turns dropout on, whose masks are a function of `seed`, 0 unless given
   */
  forward(features: tf.Tensor, pass: { readonly training: boolean; readonly seed?: number }): Output;
};

/**
 * Gives a detector the weights that its training had come to.
 *
 * @param dict of what is trained, by state-dict key
 * @throws {InputError} naming every missing, unexpected and misshaped key
 */
export function restoreWeights({ kind, weights }: Detector, dict: StateDict): void {
  const shapes = new Map([...weights].map(([key, { shape }]) => [key, shape]));
  checkState(dict, shapes, { what: `the weights of a ${kind.replaceAll("-", " ")} in training` });
  for (const [key, variable] of weights) {
    const value = tf.tensor(dict.get(key)!.data as Float32Array, variable.shape, "float32");
    variable.assign(value);
    value.dispose();
  }
}

/** A tower within a detector, its trained parameters `tf.Variable`s. */
export type TrainedTower = Required<BlocksOptions> & {
  readonly clip: Clip;
  /** Runs blocks by these from now on, which stay the caller's; without, op by op again. */
  use(blocks?: Blocks): void;
};

/** Whether gradients reach a scorer's features, so that they can be asked what drove a score. */
export function isDetector(scorer: Scorer): scorer is Detector {
  return "forward" in scorer;
}

/** The logits of a scorer as a function of features that gradients pass through; undefined where its scores are of no logits. */
export function logitsOf(scorer: Scorer): Scorer["logits"] {
  return isDetector(scorer)
    ? (features) => scorer.forward(features, { training: false }).logits
    : scorer.logits;
}

/** The logit difference logit(fake) − logit(real) of logits [B, 2] or [B, 1], [B]. */
export function fakeLogit(logits: tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => {
    if (logits.shape[1] === 1) return tf.squeeze(logits, [1]); // [B]
    return tf.squeeze(tf.sub(tf.slice(logits, [0, 1], [-1, 1]), tf.slice(logits, [0, 0], [-1, 1])), [1]); // [B]
  });
}

/** A kind of detector, as the list of detectors has it; S are its settings, each of which is also a flag. */
export type DetectorKind<S> = {
  /** For the help and the README. */
  readonly about: string;
  /** The schema of its settings, whose descriptions are the help of their flags. */
  readonly settings: z.ZodObject;
  /** Those of its settings that its weights were trained with and no test may change. */
  readonly fixed: readonly (keyof S & string)[];
  /** What it is trained on. */
  trunk(encoder: Encoder, settings: S): Trunk;
  /** What it changes of a run's defaults, by key: for example its loss. */
  readonly defaults?: Readonly<Record<string, unknown>>;
} & (Stepped<S> | Fitted<S>);

/** A kind that learns step by step, by gradients. */
export type Stepped<S> = {
  /** An untrained one on features of `encoder`'s that have that shape; each weight is a function of `seed` and its key. */
  create(
    settings: S,
    options: {
      readonly encoder: Encoder;
      readonly shape: readonly number[];
      readonly seed: number;
      /** The weights of its {@link Stepped.base}, whose tower the encoder is then. */
      readonly base?: StateDict;
    },
  ): Detector;
  /**
   * One from its weights; sizes that they tell are read from them.
   *
   * @throws {InputError} naming every missing, unexpected and misshaped key
   */
  bind(dict: StateDict, settings: S & TowerActivation): Detector;
  /** For a kind that stands on the tower of another kind's finished training: that kind, by its name in the list. */
  readonly base?: string;
  /** For a kind whose training changes the tower, and whose weights hold it. */
  readonly tuned?: Tuned<S>;
  fit?: undefined;
};

/** What no file of a tower's weights says. */
export type TowerActivation = Pick<TowerSettings, "activation">;

/** How a tower that training changed is tested: as an encoder of its own, whose features are kept, and what stands on it. */
export type Tuned<S> = {
  /**
   * The tower of a detector's weights; free it with `dispose()`.
   *
   * @throws {InputError} naming every missing, unexpected and misshaped key
   */
  tower(dict: StateDict, settings: S & TowerActivation): Clip;
  /** Where on it the rest stands. */
  tap(settings: S): Tap;
  /** The rest. */
  bind(dict: StateDict, settings: S): Scorer;
};

/** A kind that is fitted to all training features at once. */
export type Fitted<S> = {
  /** @throws {InputError} for features or labels that say nothing, such as those of one class */
  fit(
    settings: S,
    training: {
      /** [n, ...shape] */
      readonly features: Float32Array;
      readonly shape: readonly number[];
      readonly labels: Uint8Array;
      /** How much each image counts; alike unless given. */
      readonly weights?: Float64Array;
    },
  ): Scorer;
  /** @throws {InputError} naming every missing, unexpected and misshaped key */
  bind(dict: StateDict, settings: S): Scorer;
  create?: undefined;
  readonly base?: undefined;
  readonly tuned?: undefined;
};
