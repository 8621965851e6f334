/**
 * What binds a trained detector: the licences of weights and of data, as far as they are known, and where they stand.
 *
 * @module
 */

/** Under which terms something is to be had. */
export type Licence = {
  /** What it is of. */
  readonly title: string;
  /** In a sentence's part; what was not read in the terms themselves says so. */
  readonly terms: string;
  /** Where they stand, or where they are asked for. */
  readonly source: string;
};

/** The bench, and what it draws. */
export const benchLicence: Licence = {
  title: "ForgeLens bench (this code, its demo data and its demo encoder)",
  terms: "MIT",
  source: "LICENSE in its repository",
};

/** CLIP's weights as OpenAI published them. */
export const clipLicence: Licence = {
  title: "CLIP's weights (OpenAI)",
  terms:
    "MIT, as the repository that publishes them, which names no other terms for the weights; its model card calls any deployed use, commercial or not, out of scope",
  source: "https://github.com/openai/CLIP (LICENSE, model-card.md)",
};

/** Data sets, each with what its name looks like in lower-case letters and digits alone. */
const dataLicences: readonly (Licence & { readonly name: RegExp })[] = [
  {
    name: /^ff(pp|$)|faceforensics/,
    title: "FaceForensics++",
    terms:
      "FaceForensics Terms of Use, agreed to for access; by those who signed them for non-commercial research and education alone: see its terms",
    source: "https://github.com/ondyari/FaceForensics",
  },
  {
    name: /^dfd$|deepfakedetection$/,
    title: "DFD (Google and Jigsaw)",
    terms: "distributed with FaceForensics++ under its Terms of Use: see its terms",
    source: "https://github.com/ondyari/FaceForensics",
  },
  {
    name: /celebdf|^cdf/,
    title: "Celeb-DF",
    terms:
      "Terms to Use Celeb-DF, agreed to for access; by those who signed them for non-commercial research alone: see its terms. The videos are from the Internet and not its authors'",
    source: "https://github.com/yuezunli/celeb-deepfakeforensics",
  },
  {
    name: /dfdc/,
    title: "DFDC",
    terms: "a licence of its own, agreed to for access: see its terms",
    source: "https://ai.facebook.com/datasets/dfdc/",
  },
];

/** The licence of a data set, told by its name; undefined where the name says nothing. */
export function dataLicence(set: string): Licence | undefined {
  const plain = set.toLowerCase().replace(/[^a-z0-9]/g, "");
  return dataLicences.find(({ name }) => name.test(plain));
}
