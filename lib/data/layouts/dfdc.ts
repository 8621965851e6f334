/**
 * The Deepfake Detection Challenge (DFDC): the test set with its `labels.csv`, where 1 is fake, and the parts of the
 * training set with their `metadata.json`.
 *
 * @module
 */
import { basename, join } from "node:path";
import { csvRows } from "../../base/csv.ts";
import { InputError, reasonOf } from "../../base/errors.ts";
import { exists, readJson } from "../../base/files.ts";
import {
  findVideos,
  type Layout,
  type SetReading,
  type Shortage,
  stem,
  type Video,
  withOriginals,
} from "./layout.ts";
import { below, namesIn, type Tree } from "../scan.ts";
import { labelNamed, type Split, splitNamed, splitWords } from "./vocabulary.ts";

/** Test videos as published, half of them fake (Dolhansky et al. 2020); training videos are counted by `metadata.json`. */
const officialTest = 5000;

type Row = {
  readonly name: string;
  readonly label: 0 | 1;
  readonly original?: string;
  readonly split?: Split;
};

/** DFDC: its test videos, its training parts, or both. */
export const dfdc: Layout = {
  title: "DFDC",
  selects: [],
  looksLike: (tree, { faults }) => looksLikeDfdc(tree, faults),
  read: readDfdc,
};

/**
 * True when a tree has a `labels.csv` with a `filename`, or a `metadata.json` of DFDC's, where DFDC has them.
 *
 * @param faults gains why such a file cannot be read
 */
async function looksLikeDfdc(tree: Tree, faults: string[]): Promise<boolean> {
  for (const folder of testFolders(tree)) {
    const path = join(tree.root, folder, "labels.csv");
    const head = await readHead(path).catch((error) => {
      faults.push(`Cannot read ${path}: ${reasonOf(error)}`);
      return "";
    });
    if (/^\ufeff?"?filename"?\s*,/i.test(head)) return true;
  }
  for (const folder of trainFolders(tree)) {
    const value = await readVideos(join(tree.root, folder, "metadata.json")).catch((error) => {
      faults.push((error as Error).message);
      return {};
    });
    if (Object.values(value).some((each) => typeof each === "object" && each && "label" in each)) {
      return true;
    }
  }
  return false;
}

async function readHead(path: string): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(200);
  return new TextDecoder().decode(bytes.subarray(0, await file.read(bytes) ?? 0));
}

/**
 * Reads DFDC: the videos of `labels.csv` are the test split; those of `metadata.json` have its split, and a fake stays
 * with its original.
 *
 * A training part whose `metadata.json` cannot be read is skipped, and said.
 *
 * @throws {InputError} for a label that is neither real nor fake, a split that is none, a `labels.csv` that cannot be read, or
 * labels that a fake's `original` contradicts.
 */
async function readDfdc(tree: Tree): Promise<SetReading> {
  const found: Video[] = [];
  const missing: Shortage[] = [];
  const skipped: { path: string; reason: string }[] = [];
  const warnings: string[] = [];
  const from: string[] = [];
  const tests = testFolders(tree);
  for (const folder of tests) {
    const path = join(tree.root, folder, "labels.csv");
    const rows = await readLabels(path);
    await checkAgainstMetadata(rows, join(tree.root, folder, "metadata.json"));
    const read = addVideos(rows, { tree, folder, by: "labels.csv", split: "test" });
    found.push(...read.videos);
    missing.push(...read.missing);
    skipped.push(...read.skipped);
    if (rows.length < officialTest) {
      missing.push({
        what: "labelled test videos",
        expected: officialTest,
        found: rows.length,
        by: "official",
        examples: [],
      });
    }
    const fake = rows.filter(({ label }) => label === 1).length;
    if (rows.length === officialTest && fake !== officialTest / 2) {
      warnings.push(`labels.csv calls ${fake} videos fake, where the published one has ${officialTest / 2}`);
    }
    from.push("test split from labels.csv, 1 is fake");
  }
  const parts = trainFolders(tree).filter((folder) => !tests.includes(folder));
  for (const folder of parts) {
    const path = join(tree.root, folder, "metadata.json");
    const value = await readVideos(path).catch((error) => reasonOf(error));
    if (typeof value === "string") {
      skipped.push({ path: below(folder, "metadata.json"), reason: value }); // the other parts can be used
      warnings.push(`${path} cannot be read, and none of its videos is used: ${value}`);
      continue;
    }
    const rows = rowsOf(value, path);
    const read = addVideos(rows, { tree, folder, by: below(folder, "metadata.json"), split: "train" });
    found.push(...read.videos);
    missing.push(...read.missing);
    skipped.push(...read.skipped);
  }
  // An original may lie in another part than its fake.
  const reals = new Map(found.filter(({ label }) => label === 0).map(({ id }) => [basename(id), id]));
  const videos = withOriginals(found, ({ identities: [first] }) => reals.get(first.slice("dfdc:".length)));
  if (parts.length > 0) from.push(`${parts.length} training part${parts.length > 1 ? "s" : ""}`);
  return {
    layout: `DFDC, ${from.join(", ") || "no labels.csv or metadata.json"}`,
    kind: "dfdc",
    root: tree.root,
    videos,
    lists: [
      ...tests.map((folder) => below(folder, "labels.csv")),
      ...parts.map((folder) => below(folder, "metadata.json")),
    ],
    missing,
    skipped,
    notes: [],
    warnings,
  };
}

function testFolders(tree: Tree): string[] {
  return ["", "test", "dfdc_test"].filter((folder) => has(tree, folder, "labels.csv"));
}

function trainFolders(tree: Tree): string[] {
  const all = [...tree.folders.keys()].filter((folder) => folder.split("/").length <= 2);
  return all.filter((folder) => has(tree, folder, "metadata.json"));
}

function has(tree: Tree, folder: string, name: string): boolean {
  return namesIn(tree.folders.get(folder)?.files).includes(name);
}

async function readVideos(path: string): Promise<Record<string, Record<string, unknown> | null>> {
  const expected = "videos by name in JSON";
  const value = await readJson(path, { expected });
  if (value && typeof value === "object" && !Array.isArray(value)) {
    return value as Record<string, Record<string, unknown> | null>;
  }
  throw new InputError(`Cannot read ${path}: expected ${expected} but found another form`);
}

async function readLabels(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  const file = csvRows(path, { what: "labels", columns: ["filename", "label"], lowerCase: true });
  for await (const { line, values: { filename, label: word } } of file) {
    const label = labelNamed(word);
    if (label === undefined || filename === "") {
      throw new InputError(
        `Cannot read ${path}: expected a filename and the label 0 or real, or 1 or fake but found "${filename},${word}" in line ${line}`,
      );
    }
    rows.push({ name: stem(basename(filename.replaceAll("\\", "/"))), label });
  }
  return rows;
}

function rowsOf(value: Readonly<Record<string, Record<string, unknown> | null>>, path: string): Row[] {
  const rows = Object.entries(value).map(([file, each]): Row => {
    const label = labelNamed(`${each?.label}`);
    if (label === undefined) {
      throw new InputError(
        `Cannot read ${path}: expected the label REAL or FAKE for ${file} but found ${
          JSON.stringify(each?.label) ?? "none"
        }`,
      );
    }
    const split = each?.split === undefined || each.split === null ? undefined : splitNamed(`${each.split}`);
    if (split === undefined && (each?.split ?? "") !== "") {
      throw new InputError(
        `Cannot read ${path}: expected the split ${splitWords}, or none for ${file} but found ${
          JSON.stringify(each?.split)
        }`,
      );
    }
    const original = typeof each?.original === "string" && !/^(nan)?$/i.test(each.original)
      ? stem(each.original)
      : undefined;
    return { name: stem(file), label, original, split };
  });
  // A fake names the real video that it was made from; a real one names none.
  const contrary = rows.filter(({ label, original }) => label === 0 && original !== undefined);
  if (contrary.length > 0) {
    throw new InputError(
      `Cannot use ${path}: expected an original for fakes alone but found ${contrary.length} videos with one that are labelled REAL (${
        contrary.slice(0, 3).map(({ name }) => name).join(", ")
      }); its labels are inverted`,
    );
  }
  return rows;
}

/** The published test set has a `metadata.json` too, which says `is_fake`: labels that contradict it are refused. */
async function checkAgainstMetadata(rows: readonly Row[], path: string): Promise<void> {
  const metadata = await exists(path) ? await readVideos(path) : {};
  const truth = new Map<string, 0 | 1>();
  for (const [file, each] of Object.entries(metadata)) {
    const said = each?.is_fake ?? each?.label;
    if (said === undefined || said === null) continue;
    const label = typeof said === "boolean" ? (said ? 1 : 0) : labelNamed(`${said}`);
    if (label === undefined) {
      throw new InputError(
        `Cannot read ${path}: expected is_fake 0 or 1, or the label REAL or FAKE, for ${file} but found ${
          JSON.stringify(said)
        }`,
      );
    }
    truth.set(stem(file), label);
  }
  const contrary = rows.filter(({ name, label }) => truth.has(name) && truth.get(name) !== label);
  if (contrary.length > 0) {
    throw new InputError(
      `Cannot use labels.csv: expected the labels of ${path} but found ${contrary.length} of ${rows.length} the other way round (${
        contrary.slice(0, 3).map(({ name, label }) => `${name},${label}`).join("; ")
      })${contrary.length === rows.length ? "; its labels are inverted" : ""}`,
    );
  }
}

function addVideos(
  rows: readonly Row[],
  options: {
    readonly tree: Tree;
    readonly folder: string;
    readonly by: string;
    readonly split: Split;
  },
): Pick<SetReading, "videos" | "missing" | "skipped"> {
  const { tree, folder, by, split } = options;
  const found = findVideos(tree, folder);
  const videos: Video[] = [];
  const absent: string[] = [];
  const seen = new Map<string, 0 | 1>();
  for (const { name, label, original, split: own } of rows) {
    if ((seen.get(name) ?? label) !== label) {
      throw new InputError(`Cannot use ${by}: expected one label for ${name} but found both`);
    }
    if (seen.has(name)) continue;
    const each = found.get(name);
    seen.set(name, label);
    if (!each) {
      absent.push(name);
      continue;
    }
    videos.push({
      label,
      method: label === 0 ? "real" : "fake",
      id: below(folder, name),
      split: own ?? split,
      identities: [`dfdc:${original ?? name}`],
      folder: join(tree.root, each.folder),
      frames: each.frames,
      file: each.file && join(tree.root, each.file),
    });
  }
  return {
    videos,
    missing: absent.length === 0 ? [] : [{
      what: `${folder || "test"} videos`,
      expected: seen.size,
      found: seen.size - absent.length,
      by,
      examples: absent.slice(0, 5),
    }],
    skipped: [...found.values()].filter(({ name }) => !seen.has(name)).map(({ name }) => ({
      path: below(folder, name),
      reason: `not in ${by}`,
    })),
  };
}
