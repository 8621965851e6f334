/**
 * Hugging Face's image folders: `metadata.csv` or `metadata.jsonl` with `file_name` and `label` in the root or in each split's
 * folder, as the documentation of `datasets` ("ImageFolder") has them. Those whose labels are folders are plain folders.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { csvRows } from "../../base/csv.ts";
import { InputError, reasonOf } from "../../base/errors.ts";
import { linesOf } from "../../base/files.ts";
import { groupImages } from "../grouping/grouping.ts";
import {
  isImage,
  type Layout,
  type ReadOptions,
  type Selection,
  type SetReading,
  type Shortage,
  type Video,
} from "./layout.ts";
import { below, isBesideFrames, joinNames, namesIn, type Tree } from "../scan.ts";
import { labelNamed, type Split, splitNamed } from "./vocabulary.ts";

const listNames = ["metadata.csv", "metadata.jsonl"];
/** A first line is not longer. */
const HEAD = 65_536;

/** An image folder with its labels in metadata. */
export const imageFolder: Layout = {
  title: "Hugging Face's image folders",
  selects: ["videos", "labels"],
  looksLike: async (tree, { faults }) => (await lists(tree, faults)).length > 0,
  read: readImageFolder,
};

/** The lists of a tree with names of files and labels, relative to its root. */
async function lists(tree: Tree, faults: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const { path, files } of tree.folders.values()) {
    if (path.split("/").length > 3) continue;
    for (const name of namesIn(files).filter((each) => listNames.includes(each))) {
      const list = join(tree.root, path, name);
      const head = await firstLine(list).catch((error) => {
        faults.push(`Cannot read ${list}: ${reasonOf(error)}`);
        return "";
      });
      if (/(^|[",;\t\ufeff])file_name($|[",;\t\r])/.test(head)) {
        if (/(^|[",;\t\ufeff])label($|[",;\t\r])/.test(head)) found.push(below(path, name));
        else {faults.push(
            `Cannot read ${list}: expected file_name and label in its first line but found no label`,
          );}
      }
    }
  }
  return found;
}

async function firstLine(path: string): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(HEAD);
  return new TextDecoder().decode(bytes.subarray(0, await file.read(bytes) ?? 0)).split("\n")[0];
}

type Row = { readonly file: string; readonly word: string; readonly where: string };

/**
 * Reads it: labels are the metadata's words, a split is a folder above the image. A number is no label by itself: `datasets`
 * numbers names by the alphabet, where fake is 0, and others the other way round.
 *
 * @throws {InputError} for a row without a name or a label, words that are neither known nor told of, or a file with two labels.
 */
async function readImageFolder(
  tree: Tree,
  options: Pick<ReadOptions, "labels" | "videos" | "signal">,
): Promise<SetReading> {
  const faults: string[] = [];
  const files = await lists(tree, faults);
  if (files.length === 0) {
    throw new InputError(
      `Cannot read ${tree.root}: expected ${listNames.join(" or ")} with file_name and label but found none${
        faults.map((fault) => `; ${fault}`).join("")
      }`,
    );
  }
  const labels = new Map<string, 0 | 1>();
  const missing: Shortage[] = [];
  for (const list of files) {
    const rows = await rowsOf(tree, list);
    checkWords(rows, { list: join(tree.root, list), labels: options.labels });
    const absent: string[] = [];
    for (const { file, word, where } of rows) {
      const label = labelOf(word, options.labels)!;
      if ((labels.get(file) ?? label) !== label) {
        throw new InputError(`Cannot use ${where}: expected one label for ${file} but found both`);
      }
      if (isThere(tree, file)) labels.set(file, label);
      else absent.push(file);
    }
    if (absent.length > 0) {
      missing.push({
        what: "images",
        expected: rows.length,
        found: rows.length - absent.length,
        by: list,
        examples: absent.slice(0, 5),
      });
    }
  }
  const groups = new Map<string, { name: string; label: 0 | 1; split?: Split; files: string[] }>();
  for (const [file, label] of labels) {
    const split = file.split("/").slice(0, -1).map(splitNamed).find((each) => each !== undefined);
    const name = [split, label === 0 ? "real" : "fake"].filter((part) => part !== undefined).join("/");
    const group = groups.get(name) ?? { name, label, split, files: [] };
    group.files.push(file);
    groups.set(name, group);
  }
  const all = [...groups.values()];
  const grouped = await groupImages(
    all.map(({ name, label, files }) => ({ name, label, files, pathOf: (file) => join(tree.root, file) })),
    { by: options.videos, signal: options.signal },
  );
  return {
    layout: `an image folder, labels from ${files.length > 1 ? `${files.length} lists` : files[0]}`,
    kind: "image-folder",
    root: tree.root,
    videos: all.flatMap((group, i) => videosIn(tree, { ...group, names: grouped[i].videos })),
    lists: files,
    missing,
    skipped: unlisted(tree, labels),
    notes: grouped.flatMap(({ notes }) => notes),
    warnings: grouped.flatMap(({ warnings }) => warnings),
  };
}

async function rowsOf(tree: Tree, list: string): Promise<Row[]> {
  const path = join(tree.root, list);
  const rows: Row[] = [];
  const add = (name: unknown, word: unknown, line: number) => {
    const where = `${path}, line ${line}`;
    if (typeof name !== "string" || name === "" || word === undefined || word === null || `${word}` === "") {
      throw new InputError(
        `Cannot read ${where}: expected a file_name and a label but found ${
          name ? `no label for ${name}` : "no file_name"
        }`,
      );
    }
    const folder = dirname(list) === "." ? "" : dirname(list);
    // Below the list's folder, without `./`.
    rows.push({ file: join(folder, name.replaceAll("\\", "/")), word: `${word}`, where });
  };
  if (list.endsWith(".csv")) {
    const columns = ["file_name", "label"];
    for await (const { line, values } of csvRows(path, { what: "the metadata", columns })) {
      add(values.file_name, values.label, line);
    }
    return rows;
  }
  let line = 0;
  for await (const text of linesOf(path)) {
    line++;
    if (text.trim() === "") continue;
    let value: { file_name?: unknown; label?: unknown } | null;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new InputError(`Cannot read ${path}, line ${line}: expected JSON but found ${reasonOf(error)}`);
    }
    add(value?.file_name, value?.label, line);
  }
  return rows;
}

function labelOf(word: string, labels: Selection["labels"] = {}): 0 | 1 | undefined {
  return labels[word.toLowerCase()] ?? (/^\d+$/.test(word) ? undefined : labelNamed(word));
}

function checkWords(
  rows: readonly Row[],
  { list, labels }: { readonly list: string } & Pick<Selection, "labels">,
): void {
  const unknown = [...new Set(rows.map(({ word }) => word))].filter((word) =>
    labelOf(word, labels) === undefined
  );
  if (unknown.length === 0) return;
  throw new InputError(
    `Cannot read ${list}: expected the labels real and fake but found ${unknown.slice(0, 8).join(", ")}${
      unknown.length > 8 ? ", …" : ""
    }; say what ${unknown.length > 1 ? "each is" : "it is"}, as in --labels ${unknown[0]}=fake`,
  );
}

function isThere(tree: Tree, file: string): boolean {
  const folder = dirname(file) === "." ? "" : dirname(file);
  return isImage(file) && namesOf(tree, folder).has(file.slice(folder === "" ? 0 : folder.length + 1));
}

const kept = new WeakMap<Tree, Map<string, ReadonlySet<string>>>();

/** The files of a folder; the sets of a tree are made once. */
function namesOf(tree: Tree, folder: string): ReadonlySet<string> {
  const sets = kept.get(tree) ?? new Map<string, ReadonlySet<string>>();
  kept.set(tree, sets);
  const names = sets.get(folder) ?? new Set(namesIn(tree.folders.get(folder)?.files));
  sets.set(folder, names);
  return names;
}

function videosIn(
  tree: Tree,
  group: {
    readonly name: string;
    readonly label: 0 | 1;
    readonly split?: Split;
    readonly files: readonly string[];
    readonly names: readonly string[];
  },
): Video[] {
  const { label, split, files, names } = group;
  const byVideo = new Map<string, string[]>();
  for (const [i, file] of files.entries()) {
    const own = byVideo.get(names[i]) ?? [];
    own.push(file);
    byVideo.set(names[i], own);
  }
  return [...byVideo].map(([video, own]) => {
    const folder = dirname(own[0]) === "." ? "" : dirname(own[0]);
    return {
      label,
      method: label === 0 ? "real" : "fake",
      id: below(label === 0 ? "real" : "fake", video),
      split,
      // A file's own name may mean nothing.
      identities: own.length > 1 ? [`${tree.root}: ${video}`] : [],
      folder: join(tree.root, folder),
      frames: joinNames(own.map((file) => file.slice(folder === "" ? 0 : folder.length + 1))),
    };
  });
}

/** Images that no list names. */
function unlisted(tree: Tree, labels: ReadonlyMap<string, 0 | 1>): SetReading["skipped"] {
  return [...tree.folders.values()].flatMap(({ path, files }) =>
    isBesideFrames(path)
      ? []
      : namesIn(files).map((name) => below(path, name)).filter((file) => isImage(file) && !labels.has(file))
        .map((file) => ({ path: file, reason: "in no list of metadata" }))
  );
}
