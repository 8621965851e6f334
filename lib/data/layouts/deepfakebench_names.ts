/**
 * The names in DeepfakeBench's lists, and DF40's, which are of the same form: words for labels, and what the names of videos
 * tell.
 *
 * The words are those of `label_dict` in their `test_config.yaml` (SCLBD/DeepfakeBench, YZY-stack/DF40), and what
 * `rearrange.py` writes.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import { targetOf } from "./celebdf.ts";
import { dfdIdentities, dfdScene, ffppIdentities } from "./ffpp_names.ts";
import type { Selection } from "./layout.ts";
import { labelNamed } from "./vocabulary.ts";

/** Words for a method's fakes → the method. */
export const methods: Readonly<Record<string, string>> = {
  "FF-DF": "Deepfakes",
  "FF-F2F": "Face2Face",
  "FF-FS": "FaceSwap",
  "FF-NT": "NeuralTextures",
  "FF-FH": "FaceShifter",
  "FF-SH": "FaceShifter",
  "DFD_fake": "DeepFakeDetection",
};

/** How the videos of a data set are named. */
type Naming = {
  /** What its words for labels begin with. */
  readonly labels: RegExp;
  /** The persons of a video. */
  readonly identities: (name: string) => string[];
  /** The real video that a fake is made of. */
  readonly original: (fake: string) => string | undefined;
};

const namings: readonly Naming[] = [
  { labels: /^FF-/, identities: ffppIdentities, original: (fake) => fake.split("_")[0] },
  { labels: /^DFD_/, identities: dfdIdentities, original: dfdScene },
  { labels: /^CelebDF/, identities: (name) => [`celebdf:${targetOf(name)}`], original: targetOf },
  // DF40's, of either set; which of two persons is the target is not taken for known.
  { labels: /^(?!DFDCP?_|UADFV_|DF_).+_(Real|Fake)$/, identities: pairIdentities, original: () => undefined },
];

function pairIdentities(name: string): string[] {
  if (/^\d{3}(_\d{3})?$/.test(name)) return ffppIdentities(name);
  return /^id\d+_/.test(name) ? [`celebdf:${targetOf(name)}`] : [];
}

/** How the videos under a label are named; undefined where that is not known. */
export function namingOf(labelName: string): Naming | undefined {
  return namings.find(({ labels }) => labels.test(labelName));
}

/** The label that a word of DeepfakeBench's and DF40's lists is known for: `DF_real`, `DFDCP_FakeA`, `whichisreal_Fake`. */
function knownLabel(name: string): 0 | 1 | undefined {
  if (/(^|[-_])real$/i.test(name)) return 0;
  if (name in methods || /(^|[-_])fake[a-z]?$/i.test(name)) return 1;
  return labelNamed(name);
}

/** The label of a word that is known, or that the user told of; undefined for others. */
export function labelOf(name: string, said: Selection["labels"]): 0 | 1 | undefined {
  return knownLabel(name) ?? said?.[name.toLowerCase()];
}

/**
 * Refuses a list with words for labels that are neither known nor told of.
 *
 * @throws {InputError} for these, and where the user says the opposite of a known one.
 */
export function checkWords(
  words: ReadonlySet<string>,
  { path, labels = {} }: { readonly path: string } & Pick<Selection, "labels">,
): void {
  const unknown = [...words].filter((word) => labelOf(word, labels) === undefined);
  if (unknown.length > 0) {
    throw new InputError(
      `Cannot read ${path}: expected labels such as FF-real, FF-DF, CelebDFv2_fake or DFDC_Real but found ${
        unknown.slice(0, 8).join(", ")
      }${unknown.length > 8 ? ", …" : ""}; say what ${
        unknown.length > 1 ? "each is" : "it is"
      }, as in --labels ${unknown[0]}=fake`,
    );
  }
  const contrary = [...words].find((word) =>
    (labels[word.toLowerCase()] ?? knownLabel(word)) !== labelOf(word, labels)
  );
  if (contrary !== undefined) {
    throw new InputError(
      `Cannot use --labels: expected what ${contrary} is in DeepfakeBench's lists, ${
        knownLabel(contrary) === 0 ? "real" : "fake"
      }, but found the opposite`,
    );
  }
}
