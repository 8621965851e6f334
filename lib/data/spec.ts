/**
 * What `--data` and `--test` say: `NAME=FOLDER[,options]`, or for a test set `NAME=REAL_FOLDER,FAKE_FOLDER`. A comma in a
 * name is written twice.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import { splitAtCommas } from "./spec_path.ts";
import { layoutNames, type SetSource } from "./layouts/mod.ts";
import { compressionNamed, compressions, labelsSaid, type Split, splitNamed } from "./layouts/vocabulary.ts";

/** A set in one folder, whose layout is told by its look. */
export type LayoutSpec = SetSource & {
  readonly kind: "layout";
  /** `all`: whatever its split. */
  readonly split?: Split | "all";
  readonly framesPerVideo?: number;
  /** How often its images are drawn in training, beside those of other training sets. */
  readonly weight?: number;
};

/** A set in two folders. */
export type PairSpec = {
  readonly kind: "pair";
  readonly name: string;
  readonly real: string;
  readonly fake: string;
};

/**
 * Reads one such text. Options are a compression (`c23`), a split (`train`, `val`, `test` in their usual spellings, or
 * `all`), `frames=32`, `method=Deepfakes` and `labels=simswap=fake` (these two may come again), `layout=dfd` and
 * `root=OLD=NEW`; words are taken in any case. Two commas are one in a name: `x=/data/a,,b` is the folder `/data/a,b`. Where it is
 * `weighted`, `weight=2` too.
 *
 * @param options.name taken where the text names none
 * @throws {InputError} for another form, or for an option of which there is one that comes twice with different values.
 */
export function parseSpec(
  text: string,
  options: { readonly flag: string; readonly name?: string; readonly weighted?: boolean },
): LayoutSpec | PairSpec {
  const { flag, weighted = false } = options;
  const [, named, rest] = /^(?:([^=,/\\]+)=)?(.*)$/s.exec(text)!;
  const [path, ...given] = splitAtCommas(rest);
  const name = named ?? options.name;
  if (name === undefined || path === "") {
    throw new InputError(
      `Cannot use ${flag}: expected NAME=FOLDER[,options] or NAME=REAL_FOLDER,FAKE_FOLDER but found "${text}"`,
    );
  }
  if (given.length === 1 && !isOption(given[0])) return { kind: "pair", name, real: path, fake: given[0] };
  const spec: { -readonly [key in keyof LayoutSpec]: LayoutSpec[key] } = { kind: "layout", name, path };
  const refuse = (expected: string, found: string): never => {
    throw new InputError(`Cannot use ${flag}: expected ${expected} but found "${found}" in "${text}"`);
  };
  const set = <K extends keyof LayoutSpec>(key: K, value: LayoutSpec[K], option: string) => {
    if (spec[key] !== undefined && spec[key] !== value) {
      refuse(`one ${words[key] ?? key}`, `${spec[key]}" and "${option}`);
    }
    spec[key] = value;
  };
  const labels: string[] = [];
  for (const option of given) {
    const separator = option.indexOf("=");
    const [key, value] = separator < 0
      ? [shorthand(option), option]
      : [option.slice(0, separator).toLowerCase(), option.slice(separator + 1)];
    const [compression, split] = [compressionNamed(value), splitOrAll(value)];
    const layout = layoutNames.find((each) => each === value.toLowerCase());
    if (key === "compression" && compression) set("compression", compression, option);
    else if (key === "split" && split) set("split", split, option);
    else if (key === "method" && value !== "") spec.methods = [...spec.methods ?? [], value];
    else if (key === "frames" && /^[1-9]\d*$/.test(value)) set("framesPerVideo", Number(value), option);
    else if (key === "layout" && layout) set("layout", layout, option);
    else if (key === "layout") refuse(`a layout (${layoutNames.join(", ")})`, option);
    else if (key === "root" && value !== "") set("root", value, option);
    else if (key === "labels") labels.push(value);
    else if (key === "weight" && weighted) set("weight", weightOf(value) ?? refuse(weights, option), option);
    else {
      refuse(
        `${
          compressions.join(", ")
        }, train, val, test, all, frames=N, method=NAME, layout=NAME, labels=WORD=fake${
          weighted ? ", root=OLD=NEW or weight=W" : " or root=OLD=NEW"
        }, and a comma in a folder's name written twice`,
        option,
      );
    }
  }
  return labels.length > 0 ? { ...spec, labels: labelsSaid(labels, { flag }) } : spec;
}

/** What a weight may be, in words. */
const weights = "a weight above 0 and of at most 1000, as weight=0.5,";

function weightOf(text: string): number | undefined {
  const weight = text.trim() === "" ? NaN : Number(text);
  return weight > 0 && weight <= 1000 ? weight : undefined;
}

const words: Partial<Record<keyof LayoutSpec, string>> = { framesPerVideo: "number of frames" };

function splitOrAll(word: string): Split | "all" | undefined {
  return word.toLowerCase() === "all" ? "all" : splitNamed(word);
}

function shorthand(option: string): string {
  return compressionNamed(option) ? "compression" : splitOrAll(option) ? "split" : "";
}

function isOption(text: string): boolean {
  return shorthand(text) !== "" ||
    /^(compression|split|method|frames|layout|root|labels|weight)=/i.test(text);
}
