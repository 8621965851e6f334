/**
 * Images in Parquet files → plain folders by split and label, once: a sample is a path, and every other command reads files.
 *
 * @module
 */
import { basename, extname, join, relative } from "node:path";
import { csvText } from "../../base/csv.ts";
import { InputError } from "../../base/errors.ts";
import { exists, writeWhole } from "../../base/files.ts";
import { formatOf } from "../../images/image.ts";
import { isImage, type Selection, stem } from "../layouts/layout.ts";
import { hasMedia } from "../layouts/parquet.ts";
import { labelNamed, type Split, splitNamed } from "../layouts/vocabulary.ts";
import { isData, namesIn, scanTree } from "../scan.ts";
import { openParquet, type ParquetRow } from "./rows.ts";

/** What was unpacked. */
export type Unpacked = {
  /** Images by split (`–` where the files name none) and label, in the order in which they came. */
  readonly counts: readonly { readonly split: Split | "–"; readonly label: 0 | 1; readonly images: number }[];
  /** Rows that gave no image, and why. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
};

/** In the folder while it is being written, so that a later call knows it for its own. */
const marker = "unpacking.json";
const suffixes: Readonly<Record<string, string>> = { PNG: ".png", JPEG: ".jpg", WebP: ".webp" };

/** True for a Parquet file, and for a folder with such and no image or video: a set in another layout may have one beside them. */
export async function isParquetSet(path: string): Promise<boolean> {
  if ((await parquetFiles(path)).length === 0) return false;
  if ((await Deno.stat(path)).isFile) return true;
  return !hasMedia(await scanTree(path));
}

/** The Parquet files of a folder, or the one that `path` is, in the order of their names; none where there are none. */
async function parquetFiles(path: string): Promise<string[]> {
  const isParquet = (name: string) => extname(name).toLowerCase() === ".parquet";
  const info = await Deno.stat(path).catch(() => undefined);
  if (info === undefined) return [];
  if (info.isFile) return isParquet(path) ? [path] : [];
  const { root, folders } = await scanTree(path);
  return [...folders.values()].flatMap((folder) =>
    namesIn(folder.files).filter((name) => isData(name) && isParquet(name)).map((name) =>
      join(root, folder.path, name)
    )
  );
}

/**
 * Writes the images of Parquet files as they are, byte by byte, into `<into>/<split>/<real or fake>`, and a `manifest.csv` with
 * each image's path, label, split and row. A file's split is what its name begins with, or a folder above it: `train-00000-of-…`.
 *
 * The folder is there when all is in it: until then its name ends in `.partial`, and a later call begins anew.
 *
 * @throws {InputError} for a folder that has something in it, a file that cannot be read, or labels that are neither known nor
 * told of.
 */
export async function unpackParquet(
  source: { readonly path: string } & Pick<Selection, "labels">,
  options: {
    readonly into: string;
    readonly signal?: AbortSignal;
    readonly onProgress?: (done: number, total: number) => void;
  },
): Promise<Unpacked> {
  const { into, signal, onProgress } = options;
  const files = await parquetFiles(source.path);
  if (files.length === 0) {
    throw new InputError(`Cannot unpack ${source.path}: expected Parquet files but found none`);
  }
  await checkEmpty(into);
  const total = await checkFiles(files, source);
  const work = `${into.replace(/\/+$/, "")}.partial`;
  await beginAnew(work);
  const taken = new Set<string>();
  const counts = new Map<string, { split: Split | "–"; label: 0 | 1; images: number }>();
  const skipped: { path: string; reason: string }[] = [];
  const lines: { path: string; label: number; split?: string; source: string }[] = [];
  let done = 0;
  for (const path of files) {
    using file = await openParquet(path);
    const split = splitOf(relative(source.path, path) || basename(path));
    for await (const row of file.read()) {
      signal?.throwIfAborted();
      onProgress?.(++done, total);
      const from = `${relative(source.path, path) || basename(path)}, row ${row.row}`;
      const suffix = suffixOf(row);
      if (suffix === undefined) {
        skipped.push({
          path: from,
          reason: row.bytes ? "not an image" : `no bytes, only the path ${row.path}`,
        });
        continue;
      }
      const label = labelOf(row.word, source.labels)!;
      const folder = join(split ?? "", label === 0 ? "real" : "fake");
      // Many disks take names that differ in letter case for one.
      const key = (name: string) => join(folder, name).toLowerCase();
      const name = nameOf(row, { file: basename(path), suffix, isTaken: (each) => taken.has(key(each)) });
      taken.add(key(name));
      await Deno.mkdir(join(work, folder), { recursive: true });
      // The folder as a whole is there or not: no file of it needs to be.
      await Deno.writeFile(join(work, folder, name), row.bytes!, { createNew: true });
      lines.push({ path: join(folder, name), label, split, source: from });
      const count = counts.get(folder) ?? { split: split ?? "–", label, images: 0 };
      counts.set(folder, count);
      count.images++;
    }
  }
  await writeWhole(
    join(work, "manifest.csv"),
    csvText(lines, { columns: ["path", "label", "split", "source"] }),
  );
  await Deno.remove(join(work, marker));
  await Deno.remove(into).catch(() => {}); // an empty one
  await Deno.rename(work, into);
  return { counts: [...counts.values()], skipped };
}

async function checkEmpty(into: string): Promise<void> {
  for await (const { name } of await exists(into) ? Deno.readDir(into) : []) {
    throw new InputError(
      `Cannot unpack into ${into}: expected an empty folder, or none, but found ${name}; take another --into`,
    );
  }
}

/** Opens every file before anything is written; resolves to the rows in all. */
async function checkFiles(
  files: readonly string[],
  source: { readonly path: string } & Pick<Selection, "labels">,
): Promise<number> {
  let total = 0;
  const unknown = new Set<string>();
  for (const path of files) {
    using file = await openParquet(path);
    total += file.rows;
    const words = file.words ?? await wordsIn(file.read());
    for (const word of words) if (labelOf(word, source.labels) === undefined) unknown.add(word);
  }
  if (unknown.size === 0) return total;
  const words = [...unknown];
  throw new InputError(
    `Cannot unpack ${source.path}: expected labels whose names are real or fake but found ${
      words.slice(0, 8).join(", ")
    }${words.length > 8 ? ", …" : ""}; say what ${words.length > 1 ? "each is" : "it is"}, as in --labels ${
      words[0]
    }=fake`,
  );
}

async function wordsIn(rows: AsyncIterable<ParquetRow>): Promise<Set<string>> {
  const words = new Set<string>();
  for await (const { word } of rows) words.add(word);
  return words;
}

/** The label of a word; numbers are told of alone, since `datasets` numbers names by the alphabet, where fake is 0. */
function labelOf(word: string, labels: Selection["labels"] = {}): 0 | 1 | undefined {
  return labels[word.toLowerCase()] ?? (/^\d+$/.test(word.trim()) ? undefined : labelNamed(word));
}

async function beginAnew(work: string): Promise<void> {
  if (await exists(work)) {
    if (!(await exists(join(work, marker)))) {
      throw new InputError(
        `Cannot unpack into ${work}: expected what an earlier call left but found another folder; take another --into`,
      );
    }
    await Deno.remove(work, { recursive: true });
  }
  await writeWhole(join(work, marker), "{}\n");
}

/** The split that a file's name begins with, or that a folder above it is called. */
function splitOf(path: string): Split | undefined {
  const parts = path.split("/");
  const first = parts.at(-1)!.split(/[-._]/)[0];
  return [first, ...parts.slice(0, -1).reverse()].map(splitNamed).find((split) => split !== undefined);
}

/** The suffix for an image's bytes; undefined for what is none. */
function suffixOf({ bytes, path = "" }: ParquetRow): string | undefined {
  if (bytes === undefined) return undefined;
  if (isImage(path)) return extname(path);
  return suffixes[formatOf(bytes) ?? ""];
}

/** The image's own name, as videos are told by names; a free one where another image has it, or it has none. */
function nameOf(
  { row, path }: ParquetRow,
  options: { readonly file: string; readonly suffix: string; readonly isTaken: (name: string) => boolean },
): string {
  const { file, suffix, isTaken } = options;
  const own = path === undefined ? "" : stem(basename(path.replaceAll("\\", "/")));
  const byRow = `${basename(file, extname(file))}-${String(row).padStart(6, "0")}`;
  const names = [own, own === "" ? byRow : `${own}~${byRow}`].filter((name) =>
    name !== "" && !name.startsWith(".")
  );
  return names.map((name) => `${name}${suffix}`).find((name) => !isTaken(name)) ?? `${byRow}${suffix}`;
}
