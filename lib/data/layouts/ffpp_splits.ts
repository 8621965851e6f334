/**
 * FaceForensics++'s split files: pairs of videos → the split of each video and fake.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../../base/errors.ts";
import { readJson } from "../../base/files.ts";
import type { Shortage } from "./layout.ts";
import { below, namesIn, type Tree } from "../scan.ts";
import { type Split, splitNamed } from "./vocabulary.ts";

/** Pairs of the official split files. */
const officialPairs: Readonly<Record<Split, number>> = { train: 360, val: 70, test: 70 };

/** What the split files of FaceForensics++ say. */
export type Splits = {
  /** Splits by name of a video, more than one where files contradict each other. */
  readonly splitsOf: ReadonlyMap<string, Split[]>;
  /** Where they lie, for people: `splits/*.json`. */
  readonly from: string;
  /** The files that are there, relative to the root. */
  readonly files: readonly string[];
  readonly missing: readonly Shortage[];
};

/**
 * Reads `train.json`, `val.json` and `test.json`, or what else the splits are called, of a tree or its `splits`; undefined
 * where there is none of them. A pair's two videos and the two fakes made of them are in its split.
 *
 * @throws {InputError} when a file cannot be read, or holds something other than pairs of videos.
 */
export async function readSplits(tree: Tree): Promise<Splits | undefined> {
  const names = ["train", "val", "test"] as const;
  const filesOf = (folder: string) => namesIn(tree.folders.get(folder)?.files);
  const folder = ["", "splits", "dataset/splits", "dataset"].find((path) =>
    names.some((name) => filesOf(path).includes(`${name}.json`))
  );
  if (folder === undefined) return undefined;
  const splitsOf = new Map<string, Split[]>();
  const missing: Shortage[] = [];
  const files: string[] = [];
  for (const split of names) {
    const name = splitFile(filesOf(folder), split);
    if (name === undefined) {
      missing.push({
        what: `${split}.json`,
        expected: 1,
        found: 0,
        by: "the other split files",
        examples: [],
      });
      continue;
    }
    const pairs = await readPairs(join(tree.root, folder, name));
    files.push(below(folder, name));
    for (const [a, b] of pairs) {
      for (const name of [a, b, `${a}_${b}`, `${b}_${a}`]) {
        splitsOf.set(name, [...new Set([...(splitsOf.get(name) ?? []), split])]);
      }
    }
    if (pairs.length < officialPairs[split]) {
      missing.push({
        what: `pairs in ${split}.json`,
        expected: officialPairs[split],
        found: pairs.length,
        by: "official",
        examples: [],
      });
    }
  }
  return { splitsOf, from: below(folder, "*.json"), files, missing };
}

/** `val.json`, or what else the split is called. */
function splitFile(names: readonly string[], split: Split): string | undefined {
  return names.find((name) => name === `${split}.json`) ??
    names.find((name) => /\.json$/i.test(name) && splitNamed(name.slice(0, -5)) === split);
}

async function readPairs(path: string): Promise<[string, string][]> {
  const value = await readJson(path, { expected: "pairs of videos in JSON" });
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && pair.length === 2 && pair.every((id) => typeof id === "string");
  if (!Array.isArray(value) || !value.every(isPair)) {
    throw new InputError(
      `Cannot read ${path}: expected pairs of videos such as [["071","054"]] but found another form`,
    );
  }
  const odd = value.findIndex((pair) => pair.some((id) => !/^\d{3,4}$/.test(id)));
  if (odd >= 0) {
    throw new InputError(
      `Cannot read ${path}: expected videos of three or four digits, such as ["071","054"], but found ${
        JSON.stringify(value[odd])
      } in pair ${odd + 1}`,
    );
  }
  return value;
}
