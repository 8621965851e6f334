/**
 * What every published detector is whose authors released weights: how its file is known by its names, and what it is here.
 *
 * @module
 */
import type { Fit } from "../../../images/fits/mod.ts";
import type { clipModels } from "../../encoders/clip.ts";
import type { StateDict } from "../../../weights/state.ts";

/** Released weights as a kind of detector of this project. */
export type Released = {
  /** What its authors call it: `UnivFD`. */
  readonly title: string;
  /** The kind of detector, by its name in the list. */
  readonly kind: string;
  /** The weights by that kind's names. */
  readonly dict: StateDict;
  /** The width of what it stands on, and its own sizes. */
  readonly sizes: Readonly<Record<string, number>> & { readonly dim: number };
  /** Settings of the kind that the weights were trained with. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The encoder that it was trained on, by its name in the list; its own weights are in the file where `hasTower`. */
  readonly clip: keyof typeof clipModels;
  readonly hasTower: boolean;
  /** Inside the encoder. */
  readonly activation: "quickgelu" | "gelu";
  /** Side of its images in pixels, and how its authors bring them to that. */
  readonly size: number;
  readonly fit: Fit;
  /** The share of fakes that training saw; undefined where it is not known. */
  readonly prior?: number;
  /** What a reader of its scores must know, in whole sentences. */
  readonly notes: readonly string[];
};

/** One such detector, as the list of them has it. */
export type ReleasedKind = {
  /** Whether a file's names are those that its authors' code gives. */
  isOne(dict: StateDict): boolean;
  /**
   * Its weights as a kind of detector of this project.
   *
   * @param options.path for messages
   * @param options.config what `config.json` beside the file says, where there is one
   * @throws {InputError} for one that cannot be run here, and why
   */
  translate(dict: StateDict, options: { readonly path: string; readonly config?: unknown }): Released;
};
