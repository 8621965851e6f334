/**
 * What a run's flags name → what its images go through, in tests and in training.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import type { Augmentation } from "../../images/perturbations/augment.ts";
import {
  ladderNames,
  parsePerturbations,
  perturbationNames,
  perturbations,
} from "../../images/perturbations/mod.ts";
import { type Perturbation, perturbationName } from "../../images/perturbations/perturbation.ts";
import { nearestName } from "./names.ts";
import type { RunConfig } from "./run_config.ts";

/**
 * The perturbations of the test that `jpegQualities` and then `perturb` name, in their order, each once.
 *
 * @throws {InputError} naming one that there is none of, and the nearest that there is.
 */
export function perturbationsOf(
  { jpegQualities, perturb }: {
    readonly jpegQualities: readonly number[];
    readonly perturb: readonly string[];
  },
): Perturbation[] {
  const all = new Map<string, Perturbation>();
  const add = (each: Perturbation) => all.set(perturbationName(each), each);
  for (const level of jpegQualities) add({ kind: perturbations.jpeg, level });
  perturbationsNamed(perturb, "--perturb").forEach(add);
  return [...all.values()];
}

/**
 * What training images are put through.
 *
 * @throws {InputError} naming a perturbation that there is none of
 */
export function augmentationOf(
  { augment, augmentShare }: Pick<RunConfig, "augment" | "augmentShare">,
): Augmentation {
  return { perturbations: perturbationsNamed(augment, "--augment"), share: augmentShare };
}

/** The perturbations that a flag's texts name, several in one text separated by commas. */
function perturbationsNamed(texts: readonly string[], flag: string): Perturbation[] {
  return texts.flatMap((each) => each.split(",")).flatMap((text) => {
    const name = text.trim().toLowerCase();
    const named = parsePerturbations(name);
    if (!named) {
      const near = nearestName(name, perturbationNames());
      throw new InputError(
        `Cannot use ${flag}: expected a perturbation (${
          ladderNames.join(", ")
        }) or one level of it, such as jpeg-50, but found "${text.trim()}"${
          near ? `, did you mean "${near}"?` : ""
        }`,
      );
    }
    return named;
  });
}
