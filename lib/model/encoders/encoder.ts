/**
 * What every image encoder is: a frozen tower bound to its weights, and the same opened in a precision.
 *
 * Shapes: B batch, S image size, N tokens (class token first), D width, E embedding width.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import type { Rounds } from "../../backend/measure.ts";
import type { TaskOptions } from "../../base/task.ts";
import type { Fit } from "../../images/fits/mod.ts";
import type { StateDict } from "../../weights/state.ts";
import type { Tap, Trunk } from "../features/trunk.ts";
import type { Clip } from "./clip.ts";

/** What matrix products are computed in. */
export type Precision = "bfloat16" | "float32";

/** The same for an encoder, which is not trained: `int8` on CPUs with AVX2. */
export type EncoderPrecision = Precision | "int8";

/** Three numbers, one for each of red, green and blue. */
export type Rgb = readonly [number, number, number];

/** What changes a tower's numbers beside its weights. */
export type TowerSettings = {
  /** What the MLPs use. */
  readonly activation: "quickgelu" | "gelu";
  /** What attention runs across: the tokens of an image, or as the reference's mistake the images of a batch. */
  readonly attendAcross: "tokens" | "batch";
};

/** A tower made fast; free it with `dispose()`, the tower that it was made of stays. */
export type CompiledTower = {
  readonly precision: EncoderPrecision;
  /** What a reader must know of how it computes. */
  readonly note?: string;
  /** Pixels [B, S, S, 3] → tokens [B, N, D]; the caller owns them. */
  tokens(pixels: tf.Tensor4D): Promise<tf.Tensor3D>;
  /** The class token after every block, each through the last layer norm: pixels [B, S, S, 3] → [B, L, D]; the caller owns them. */
  clsTokens(pixels: tf.Tensor4D): Promise<tf.Tensor3D>;
  /** What enters a block, counted from 0: pixels [B, S, S, 3] → [B, N, D]; the caller owns it. */
  entering(pixels: tf.Tensor4D, block: number): Promise<tf.Tensor3D>;
  dispose(): void;
};

/** A frozen tower on the tensor backend; free it with `close()`. */
export type Tower = {
  /** For a reader: `CLIP ViT-B-16`. */
  readonly name: string;
  /** The name in the list of encoders that opens it again. */
  readonly kind: string;
  /** The file of its weights, if they are from one. */
  readonly file?: string;
  /** What a reader must know before believing a number. */
  readonly warning?: string;
  /** Whether it is the built-in one, whose numbers are to differ little between machines. */
  readonly isBuiltIn?: boolean;
  /** Side of its images in pixels, and by what their channels in [0, 1] are normalised. */
  readonly input: { readonly size: number; readonly mean: Rgb; readonly std: Rgb };
  readonly sizes: {
    /** D */
    readonly width: number;
    readonly layers: number;
    readonly heads: number;
    /** Side of a patch in pixels. */
    readonly patchSize: number;
    /** N */
    readonly tokens: number;
    /** Tokens before those of the patches: the class token, and registers where there are some. */
    readonly prefix: number;
    /** E; 0 without a projection. */
    readonly embedDim: number;
  };
  readonly settings: TowerSettings;
  /** Its parameters, where it is a CLIP: for detectors whose training changes some of them. The tower keeps them. */
  readonly clip?: Clip;
  /** SHA-256 of its weights and their layout, however it is run. */
  readonly digest: string;
  /** The same for what it computes: its settings, the precision and the code's version too. */
  digestIn(precision: EncoderPrecision): string;
  /** RGB bytes → pixels as it wants them, [B, S, S, 3]; the caller disposes them. */
  pixels(images: readonly Uint8Array[]): tf.Tensor4D;
  /** Pixels → tokens [B, N, D], op by op in float32; the caller disposes them. */
  tokens(pixels: tf.Tensor4D): tf.Tensor3D;
  /**
   * Class tokens [B, D] → their projections [B, E].
   *
   * @throws {Error} without a projection
   */
  embedding(clsToken: tf.Tensor2D): tf.Tensor2D;
  /**
   * Makes it fast.
   *
   * @throws {Error} where it, or this machine, has no such precision
   */
  compile(precision: EncoderPrecision): Promise<CompiledTower>;
  close(): void;
};

/** A tower in the precision that was chosen for it; `close()` frees the tower too. */
export type Encoder = Tower & {
  readonly input: Tower["input"] & {
    /** How images are brought to its size. */
    readonly fit: Fit;
  };
  readonly precision: EncoderPrecision;
  readonly choice: PrecisionUsed;
  /** What detectors stand on. */
  trunk(tap: Tap): Trunk;
};

/** How an encoder's precision was come to. */
export type PrecisionUsed = {
  /** What a detector is trained in. */
  readonly head: Precision;
  /** Why, where a measurement chose. */
  readonly reason?: string;
  /** What a measurement has against the precision that was asked for. */
  readonly doubt?: string;
  /** What each round of that measurement took, by precision. */
  readonly seconds?: Rounds;
  /** What was computed in another precision than it was asked to keep, and why. */
  readonly instead?: string;
};

/** How a tower's weights are had. */
export type BindOptions = Pick<TaskOptions, "report" | "signal"> & {
  readonly settings: TowerSettings;
  /** A file of weights; else where this kind of tower has its own. */
  readonly file?: string;
  /** Whether the user named this kind, so that a file of another is none; else the file decides. */
  readonly isNamed?: boolean;
  /** Seeded random weights, for plumbing and timing. */
  readonly random?: boolean;
  /** Refuses weights of which this throws. */
  readonly check?: (dict: StateDict) => void;
};

/** A kind of encoder, as the list of encoders has it. */
export type EncoderKind = {
  /** For the help and the README. */
  readonly about: string;
  /**
   * Binds the tower to its weights.
   *
   * @throws {InputError} when they cannot be had, with the file to fetch and where to put it
   */
  bind(options: BindOptions): Promise<Tower>;
};
