/**
 * A CSV manifest of images → samples.
 *
 * @module
 */
import { csvRows } from "../base/csv.ts";
import { InputError, reasonOf } from "../base/errors.ts";
import type { Sample, SampleList, SkippedFile } from "./sample.ts";
import { nameVideos } from "./folders.ts";
import { createPathMap, type PathMap, slashes } from "./list_paths.ts";
import {
  labelNamed,
  personsNamed,
  type Split,
  splitNamed,
  splitWords,
  type VideosChoice,
} from "./layouts/vocabulary.ts";

/** One row, its words understood; `video`, `method` and `source` as they stand there. */
type Row = {
  readonly line: number;
  /** The path with `/`. */
  readonly file: string;
  readonly label: 0 | 1;
  readonly set: string;
  readonly split?: Split;
  readonly video: string;
  readonly method: string;
  readonly source: string;
  /** Whom it shows, separated by `|`. */
  readonly persons: string;
};

/** How a manifest is read. */
export type ManifestOptions = {
  /** The set of rows that name none. */
  readonly set: string;
  /** Where the paths lie on this machine: `NEW`, or `OLD=NEW`. */
  readonly root?: string;
  /** How rows without a video are grouped; by `nameVideos()`'s own lights unless given. */
  readonly videos?: VideosChoice;
  /** Rows that were looked for, of all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
};

const columns = ["path", "label", "split", "set", "video", "method", "source", "persons"];

/**
 * The rows of a CSV manifest with the columns `path` and `label` and, optionally, `split`, `set`, `video`, `method`, `source` and
 * `persons`, the names of those whom it shows, separated by `|`; paths are relative to the manifest, or where `createPathMap()`
 * finds them.
 *
 * Labels are 0 or `real` and 1 or `fake`; splits are spelled as in `splitSpellings`; both in any case. A set has a split in
 * every row or in none. Rows without a video are grouped by `nameVideos()`. A file that comes twice is taken once, and said; files that are not there are skipped, and said.
 *
 * @throws {InputError} naming the line: for CSV that is not sound, a missing column, another label or split, a set with a
 * split in some rows only, a file in two rows that contradict each other; when no file of a class of a set's split is there;
 * or when most labels contradict the folders.
 *
 * @example
 * ```ts
 * import { readManifest } from "@forgelens/bench/data";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * for (const name of ["a.png", "b.png"]) await Deno.writeTextFile(`${root}/${name}`, "not opened here");
 * await Deno.writeTextFile(`${root}/faces.csv`, "path,label,video\na.png,real,anna\nb.png,fake,ben\n");
 * const { samples } = await readManifest(`${root}/faces.csv`, { set: "faces" });
 * assertEquals(samples.map(({ label, video }) => `${label} ${video}`), ["0 anna", "1 ben"]);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function readManifest(path: string, options: ManifestOptions): Promise<SampleList> {
  const { rows, unknown } = await readRows(path, options);
  const warnings = unknown.length === 0 ? [] : [
    `the manifest's ${unknown.length > 1 ? "columns" : "column"} ${
      unknown.map((name) => `"${name}"`).join(", ")
    } ${unknown.length > 1 ? "are" : "is"} not used (known: ${columns.join(", ")})`,
  ];
  checkSplits(rows, path);
  const contrary = checkFolders(rows, path);
  if (contrary) warnings.push(contrary);
  const map = createPathMap({ list: path, root: options.root });
  const found = await findFiles(rows, { path, map, ...options });
  warnings.push(...found.warnings);
  const identities = new Map<string, string[]>();
  const samples: Sample[] = [];
  for (const { index, file } of found.files) {
    const { label, set, split, video, source, file: listed } = rows[index];
    const method = rows[index].method || (label === 1 ? "fake" : "real");
    const identity = `${set}/${method}/${video}`;
    const persons = personsIn(rows[index]);
    const key = JSON.stringify([identity, persons]);
    if (!identities.has(key)) identities.set(key, video === "" ? persons : [identity, ...persons]);
    samples.push({
      path: file,
      label,
      set,
      split,
      video: video || undefined,
      method,
      source: source || listed,
      identities: video === "" && persons.length === 0 ? undefined : identities.get(key),
    });
  }
  checkFound(rows, { path, map, samples, skipped: found.skipped });
  if (map.mapped.size > 0) warnings.push(`paths of the manifest were mapped: ${[...map.mapped].join(", ")}`);
  if (map.unused !== undefined) warnings.push(`no path of the manifest begins with --root's ${map.unused}`);
  return await nameVideos({ samples, skipped: found.skipped, warnings }, options);
}

/** The persons of a row as identities of its set. */
function personsIn({ set, persons }: Row): string[] {
  return personsNamed(persons).map((name) => `${set}: person ${name}`);
}

async function readRows(
  path: string,
  options: ManifestOptions,
): Promise<{ rows: Row[]; unknown: string[] }> {
  const rows: Row[] = [];
  let unknown: string[] | undefined;
  let bad: { column: string; line: number; word: string; more: number } | undefined;
  const refused = (column: string, line: number, word: string) => {
    if (!bad) bad = { column, line, word, more: 0 };
    else if (bad.column === column) bad.more++;
  };
  const file = csvRows(path, { what: "the manifest", columns: ["path", "label"], lowerCase: true });
  for await (const { line, values } of file) {
    unknown ??= Object.keys(values).filter((name) => name !== "" && !columns.includes(name));
    const { path: listed, split: splitWord = "", set = "", video = "", method = "", source = "" } = values;
    const { persons = "" } = values;
    const label = labelNamed(values.label);
    const split = splitNamed(splitWord);
    if (listed === "") refused("path", line, "");
    else if (label === undefined) refused("label", line, values.label);
    else if (split === undefined && splitWord !== "") refused("split", line, splitWord);
    else {
      rows.push({
        line,
        file: slashes(listed),
        label,
        set: set || options.set,
        split,
        video,
        method,
        source,
        persons,
      });
    }
  }
  if (bad) {
    const { column, line, word, more } = bad;
    const expected = {
      path: "a path",
      label: "the label 0 or real, or 1 or fake",
      split: `the split ${splitWords}, or none`,
    }[column];
    throw new InputError(
      `Cannot read the manifest ${path}: expected ${expected} in line ${line} but found "${word}"${
        more > 0 ? ` (and ${more} more rows with another ${column})` : ""
      }`,
    );
  }
  if (rows.length === 0) {
    throw new InputError(
      `Cannot read the manifest ${path}: expected rows below the header but found no row`,
    );
  }
  return { rows, unknown: unknown ?? [] };
}

/** Refuses a set that has a split in some rows only: what the others are for, nobody can know. */
function checkSplits(rows: readonly Row[], path: string): void {
  const sets = new Map<string, { without: Row[]; splits: Set<Split> }>();
  for (const row of rows) {
    let seen = sets.get(row.set);
    if (!seen) sets.set(row.set, seen = { without: [], splits: new Set() });
    if (row.split === undefined) seen.without.push(row);
    else seen.splits.add(row.split);
  }
  for (const [set, { without, splits }] of sets) {
    if (without.length === 0 || splits.size === 0) continue;
    throw new InputError(
      `Cannot use the manifest ${path}: expected a split in every row of the set ${set} (${
        [...splits].join(", ")
      }) but found none in ${without.length} of them, the first in line ${
        without[0].line
      }; name it there, or leave the column empty in all rows`,
    );
  }
}

/**
 * A warning of rows whose folders say the opposite of their label.
 *
 * @throws {InputError} when most do.
 */
function checkFolders(rows: readonly Row[], path: string): string | undefined {
  const inClassFolders = rows.filter(({ file }) => labelOfPath(file) !== undefined);
  const contrary = inClassFolders.filter(({ file, label }) => labelOfPath(file) !== label);
  if (contrary.length === 0) return undefined;
  const found =
    `${contrary.length} of ${inClassFolders.length} rows whose folders say the opposite of their label (${
      contrary.slice(0, 3).map(({ file, label }) => `${file},${label}`).join("; ")
    })`;
  if (contrary.length > inClassFolders.length / 2) {
    throw new InputError(
      `Cannot use the manifest ${path}: expected the label 0 for real and 1 for fake but found ${found}; its labels are inverted`,
    );
  }
  return `the manifest has ${found}`;
}

/** What the folders of a path say of its label; undefined when they say nothing, or both. */
function labelOfPath(path: string): 0 | 1 | undefined {
  const real = /(^|\/)(real|0_real|nature|original_sequences|celeb-real|youtube-real)\//i.test(path);
  const fake = /(^|\/)(fake|1_fake|ai|manipulated_sequences|celeb-synthesis)\//i.test(path);
  return real === fake ? undefined : fake ? 1 : 0;
}

type Found = {
  /** Each file once, by the row that names it. */
  readonly files: { readonly index: number; readonly file: string }[];
  readonly skipped: SkippedFile[];
  readonly warnings: string[];
};

async function findFiles(
  rows: readonly Row[],
  options: ManifestOptions & { readonly path: string; readonly map: PathMap },
): Promise<Found> {
  const { path, map, signal, onProgress } = options;
  const files: { index: number; file: string }[] = [];
  const skipped: SkippedFile[] = [];
  const first = new Map<string, number>();
  const again: Row[] = [];
  for (const [index, row] of rows.entries()) {
    if (index % 1000 === 0) {
      signal?.throwIfAborted();
      onProgress?.(index, rows.length);
    }
    const file = await map.find(row.file) ?? map.first(row.file);
    const before = first.get(file);
    if (before !== undefined) {
      checkSame(rows[before], row, path);
      again.push(row);
      continue;
    }
    first.set(file, index);
    const reason = await faultOf(file);
    if (reason === undefined) files.push({ index, file });
    else skipped.push({ path: file, reason, set: row.set, split: row.split });
  }
  onProgress?.(rows.length, rows.length);
  const warnings: string[] = [];
  if (again.length > 0) {
    warnings.push(
      `the manifest names ${again.length > 1 ? `${again.length} files` : "a file"} a second time (${
        again.slice(0, 3).map(({ file, line }) => `line ${line}: ${file}`).join("; ")
      }); each is taken once`,
    );
  }
  if (skipped.length > 0) {
    const { path: example, reason } = skipped[0];
    warnings.push(
      `${skipped.length} of the ${first.size} files of the manifest are not used, such as ${example} (${reason})${
        skipped.some(({ reason }) => reason === noFile)
          ? `; relative paths were looked for in ${map.bases.join(", ")}`
          : ""
      }`,
    );
  }
  return { files, skipped, warnings };
}

/** Refuses two rows of one file that say different things of it. */
function checkSame(a: Row, b: Row, path: string): void {
  const said = (row: Row) =>
    (["label", "split", "set", "video", "method"] as const).filter((key) => a[key] !== b[key]).map((key) =>
      `${key} ${row[key] === undefined || row[key] === "" ? "none" : row[key]}`
    ).join(", ");
  if (said(a) === said(b)) return;
  throw new InputError(
    `Cannot use the manifest ${path}: expected a file to be one thing but found ${b.file} in line ${a.line} (${
      said(a)
    }) and in line ${b.line} (${said(b)})`,
  );
}

const noFile = "no such file";

async function faultOf(file: string): Promise<string | undefined> {
  try {
    const info = await Deno.stat(file);
    return info.isDirectory
      ? "a folder"
      : !info.isFile
      ? "not a file"
      : info.size === 0
      ? "empty file"
      : undefined;
  } catch (error) {
    const gone = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
    return gone ? noFile : reasonOf(error);
  }
}

/** Refuses a manifest of which a whole class of a set's split is not there: what is left would be another experiment. */
function checkFound(
  rows: readonly Row[],
  options: {
    readonly path: string;
    readonly map: PathMap;
    readonly samples: readonly Sample[];
    readonly skipped: readonly SkippedFile[];
  },
): void {
  const { path, map, samples, skipped } = options;
  const hint = `relative paths were looked for in ${
    map.bases.join(", ")
  }; say where the paths lie here with --root FOLDER or --root OLD=NEW`;
  if (samples.length === 0) {
    throw new InputError(
      `Cannot use the manifest ${path}: expected the files that it names but found none of ${skipped.length}, such as ${
        skipped[0].path
      } (${skipped[0].reason}); ${hint}`,
    );
  }
  const keyOf = ({ set, split, label }: Pick<Sample, "set" | "split" | "label">) =>
    `${set}\n${split}\n${label}`;
  const there = new Set(samples.map(keyOf));
  const lost = rows.find((row) => !there.has(keyOf(row)));
  if (!lost) return;
  const { set, split, label } = lost;
  const count = rows.filter((row) => keyOf(row) === keyOf(lost)).length;
  throw new InputError(
    `Cannot use the manifest ${path}: expected the ${label === 1 ? "fake" : "real"} ${
      split ? `${split} ` : ""
    }images of the set ${set} but found none of ${count}, such as ${map.first(lost.file)}; ${hint}`,
  );
}
