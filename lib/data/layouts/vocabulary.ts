/**
 * The words that lists, folders and flags have for splits, labels and compressions.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";

/** A part of a data set. */
export type Split = "train" | "val" | "test";

/** How each split is spelled, its own name first; any case will do. */
export const splitSpellings: Readonly<Record<Split, readonly string[]>> = {
  train: ["train", "training"],
  val: ["val", "valid", "validation", "validate", "dev", "development"],
  test: ["test", "testing", "eval", "evaluation"],
};

/** FaceForensics++'s compressions. */
export const compressions = ["raw", "c0", "c23", "c40"] as const;
/** One of FaceForensics++'s compressions. */
export type Compression = typeof compressions[number];

/** What names a video: what the names and the look say, its folder, its file without the frame's number, or its file. */
export const videosChoices = ["auto", "folder", "name", "file"] as const;
/** One of {@link videosChoices}. */
export type VideosChoice = typeof videosChoices[number];

/** The split that a word names; undefined where it names none. */
export function splitNamed(word: string): Split | undefined {
  const plain = word.trim().toLowerCase();
  return (["train", "val", "test"] as const).find((split) => splitSpellings[split].includes(plain));
}

/** The label that a word names: 0 for `0` or `real`, 1 for `1` or `fake`, in any case; undefined for others. */
export function labelNamed(word: string): 0 | 1 | undefined {
  const plain = word.trim().toLowerCase();
  return plain === "0" || plain === "real" ? 0 : plain === "1" || plain === "fake" ? 1 : undefined;
}

/**
 * What users say of label words: `["simswap=fake"]` → `{ simswap: 1 }`, with the words in lower case.
 *
 * @throws {InputError} for another form, or a word that is said to be both.
 */
export function labelsSaid(
  texts: readonly string[],
  { flag }: { readonly flag: string },
): Record<string, 0 | 1> {
  const said: Record<string, 0 | 1> = {};
  for (const text of texts.flatMap((each) => each.split(","))) {
    const [, word, value = ""] = /^\s*(.*\S)\s*=(.*)$/.exec(text) ?? [];
    const label = labelNamed(value);
    if (word === undefined || label === undefined) {
      throw new InputError(`Cannot use ${flag}: expected WORD=real or WORD=fake but found "${text}"`);
    }
    const key = word.toLowerCase();
    if ((said[key] ?? label) !== label) {
      throw new InputError(`Cannot use ${flag}: expected one label for ${word} but found real and fake`);
    }
    said[key] = label;
  }
  return said;
}

/** The persons that a cell names, separated by `|`: each once. */
export function personsNamed(text: string): string[] {
  return [...new Set(text.split("|").map((name) => name.trim()).filter((name) => name !== ""))];
}

/** The compression that a word names, in any case; undefined where it names none. */
export function compressionNamed(word: string): Compression | undefined {
  const plain = word.trim().toLowerCase();
  return compressions.find((each) => each === plain);
}

/** The spellings of all splits, for messages: `train (training), val (valid, …), test (…)`. */
export const splitWords: string = Object.values(splitSpellings).map(([name, ...others]) =>
  `${name} (${others.join(", ")})`
).join(", ");
