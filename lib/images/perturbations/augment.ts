/**
 * Augmentation: perturbations of training images, drawn anew for each epoch.
 *
 * @module
 */
import { createRandom, seedFrom } from "../../base/random.ts";
import type { Perturbation } from "./perturbation.ts";

/** What training images are put through. */
export type Augmentation = {
  /** One of these is drawn for an image, each as likely as the others. */
  readonly perturbations: readonly Perturbation[];
  /** How likely an image is perturbed at all, in [0, 1]. */
  readonly share: number;
};

/**
 * What is done to the image at a place of an epoch's order; undefined for nothing. A function of the seed, the epoch and the place,
 * so that a run that goes on draws what it would have drawn.
 *
 * @param options.place counted from 0, the epoch's images before those that are loaded among them
 */
export function drawAugmentation(
  { perturbations, share }: Augmentation,
  options: { readonly seed: number; readonly epoch: number; readonly place: number },
): Perturbation | undefined {
  if (perturbations.length === 0) return undefined;
  const { seed, epoch, place } = options;
  const random = createRandom(seedFrom(seed, "augment", epoch), place);
  return random.uniform() < share ? perturbations[random.integer(perturbations.length)] : undefined;
}
