/**
 * What `--data` and `--test` say: `NAME=FOLDER[,options]`, or for a test set `NAME=REAL_FOLDER,FAKE_FOLDER`.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import type { Selection } from "./layout_videos.ts";

/** The layouts, by the names that `layout=` takes. */
export const layoutNames = [
  "ffpp",
  "dfd",
  "celeb-df-v1",
  "celeb-df-v2",
  "dfdc",
  "deepfakebench",
  "folders",
] as const;
/** A layout of a data set on disk. */
export type LayoutName = typeof layoutNames[number];

/** A set on disk and what of it is wanted. */
export type SetSource = Selection & {
  /** The set's name in tables and files. */
  readonly name: string;
  /** Its folder, or DeepfakeBench's JSON file. */
  readonly path: string;
  /** Instead of what the look says. */
  readonly layout?: LayoutName;
};

/** A set in one folder, whose layout is told by its look. */
export type LayoutSpec = SetSource & {
  readonly kind: "layout";
  /** `all`: whatever its split. */
  readonly split?: "train" | "val" | "test" | "all";
  readonly framesPerVideo?: number;
};

/** A set in two folders. */
export type PairSpec = {
  readonly kind: "pair";
  readonly name: string;
  readonly real: string;
  readonly fake: string;
};

const compressions = ["raw", "c0", "c23", "c40"];
const splits = ["train", "val", "test", "all"] as const;

/**
 * Reads one such text. Options are a compression (`c23`), a split (`train`, `val`, `test`, `all`), `frames=32`,
 * `method=Deepfakes` (may come again), `layout=dfd` and `root=OLD=NEW`.
 *
 * @param options.name taken where the text names none
 * @throws InputError for another form.
 */
export function parseSpec(
  text: string,
  options: { readonly flag: string; readonly name?: string },
): LayoutSpec | PairSpec {
  const { flag } = options;
  const [, named, rest] = /^(?:([^=,/\\]+)=)?(.*)$/s.exec(text)!;
  const [path, ...given] = rest.split(",");
  const name = named ?? options.name;
  if (name === undefined || path === "") {
    throw new InputError(
      `Cannot use ${flag}: expected NAME=FOLDER[,options] or NAME=REAL_FOLDER,FAKE_FOLDER but found "${text}"`,
    );
  }
  if (given.length === 1 && !isOption(given[0])) return { kind: "pair", name, real: path, fake: given[0] };
  const spec: { -readonly [key in keyof LayoutSpec]: LayoutSpec[key] } = { kind: "layout", name, path };
  for (const option of given) {
    const at = option.indexOf("=");
    const [key, value] = at < 0 ? [shorthand(option), option] : [option.slice(0, at), option.slice(at + 1)];
    const refuse = (expected: string) => {
      throw new InputError(`Cannot use ${flag}: expected ${expected} but found "${option}" in "${text}"`);
    };
    if (key === "compression" && compressions.includes(value)) spec.compression = value;
    else if (key === "split" && oneOf(splits, value)) spec.split = value;
    else if (key === "method") spec.methods = [...spec.methods ?? [], value];
    else if (key === "frames" && /^[1-9]\d*$/.test(value)) spec.framesPerVideo = Number(value);
    else if (key === "layout" && oneOf(layoutNames, value)) spec.layout = value;
    else if (key === "layout") refuse(`a layout (${layoutNames.join(", ")})`);
    else if (key === "root" && value !== "") spec.root = value;
    else {refuse(
        `${compressions.join(", ")}, ${
          splits.join(", ")
        }, frames=N, method=NAME, layout=NAME or root=OLD=NEW`,
      );}
  }
  return spec;
}

function shorthand(option: string): string {
  return compressions.includes(option) ? "compression" : oneOf(splits, option) ? "split" : "";
}

function isOption(text: string): boolean {
  return shorthand(text) !== "" || /^(compression|split|method|frames|layout|root)=/.test(text);
}

function oneOf<T extends string>(all: readonly T[], text: string): text is T {
  return all.some((each) => each === text);
}
