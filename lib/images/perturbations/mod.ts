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

/** Names that stand for several levels, each with its perturbations: a family such as `jpeg`, or another ladder of it, `jpeg-gend`. */
const ladders: ReadonlyMap<string, readonly Perturbation[]> = new Map(
  perturbationKinds.flatMap((kind) => {
    const named = Object.entries(kind.ladders ?? {}).map(([name, levels]) =>
      [`${kind.family}-${name}`, levels] as const
    );
    return [[kind.family, kind.levels] as const, ...named]
      .map(([name, levels]) => [name, levels.map((level) => ({ kind, level }))] as const);
  }),
);

/** The names that stand for several levels, for help. */
export const ladderNames: readonly string[] = [...ladders.keys()];

/** What `parsePerturbations()` takes, for finding the nearest: names of ladders, and of their levels. */
export function perturbationNames(): string[] {
  return [...new Set([...ladders].flatMap(([name, all]) => [name, ...all.map(perturbationName)]))];
}

/** The perturbation of a name such as `jpeg-50`, at any level that its kind accepts; undefined for another text. */
export function parsePerturbation(name: string): Perturbation | undefined {
  const [, family, digits] = /^(.+)-(\d+(?:\.\d+)?)$/.exec(name) ?? [];
  const kind = perturbationKinds.find((each) => each.family === family);
  const level = Number(digits);
  // A level that is written as 1e-7 has a name that could not be read back.
  return kind?.accepts(level) && !String(level).includes("e") ? { kind, level } : undefined;
}

/** All levels of a family such as `jpeg` or of a ladder such as `jpeg-gend`, or the one of `jpeg-50`; undefined for another text. */
export function parsePerturbations(text: string): readonly Perturbation[] | undefined {
  const one = parsePerturbation(text);
  return one ? [one] : ladders.get(text);
}
