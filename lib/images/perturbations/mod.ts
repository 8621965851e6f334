/**
 * The perturbations that there are. A new one is a file beside this one and a line in the list: flags, help, names in
 * files, cache keys and charts follow from it.
 *
 * @module
 */
import { brightness } from "./brightness.ts";
import { contrast } from "./contrast.ts";
import { flip } from "./flip.ts";
import { gaussianBlur } from "./gaussian_blur.ts";
import { gaussianNoise } from "./gaussian_noise.ts";
import { jpeg } from "./jpeg.ts";
import { resize } from "./resize.ts";
import { webp } from "./webp.ts";
import { type Perturbation, type PerturbationKind, perturbationName } from "./perturbation.ts";

/** Every kind of perturbation. */
export const perturbations = {
  jpeg,
  webp,
  gaussianBlur,
  gaussianNoise,
  resize,
  brightness,
  contrast,
  flip,
} as const;

/** Every kind, in the list's order. */
export const perturbationKinds: readonly PerturbationKind[] = Object.values(perturbations);

/** What `parsePerturbations()` takes, for help and for finding the nearest: families, and each one's levels. */
export function perturbationNames(): string[] {
  return perturbationKinds.flatMap((kind) => [kind.family, ...allLevels(kind).map(perturbationName)]);
}

/** The perturbation of a name such as `jpeg-50`, at any level that its kind accepts; undefined for another text. */
export function parsePerturbation(name: string): Perturbation | undefined {
  const [, family, digits] = /^(.+)-(\d+(?:\.\d+)?)$/.exec(name) ?? [];
  const kind = perturbationKinds.find((each) => each.family === family);
  const level = Number(digits);
  return kind?.accepts(level) ? { kind, level } : undefined;
}

/** All levels of a family such as `jpeg`, or the one of a name such as `jpeg-50`; undefined for another text. */
export function parsePerturbations(text: string): Perturbation[] | undefined {
  const kind = perturbationKinds.find(({ family }) => family === text);
  if (kind) return allLevels(kind);
  const one = parsePerturbation(text);
  return one && [one];
}

function allLevels(kind: PerturbationKind): Perturbation[] {
  return kind.levels.map((level) => ({ kind, level }));
}
