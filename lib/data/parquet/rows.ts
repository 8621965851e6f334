/**
 * Parquet files of images as Hugging Face's `datasets` writes them: a struct of bytes and a path, and a label by the number of its
 * name.
 *
 * That features stand as JSON under the key `huggingface` of a file's metadata, and that images are such structs, is as
 * `datasets` 5.2.0 writes them.
 *
 * @module
 */
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { InputError, reasonOf } from "../../base/errors.ts";
import { readAt } from "../../base/files.ts";

/** One image of a file. */
export type ParquetRow = {
  /** From 0. */
  readonly row: number;
  /** As they were put in; undefined where the file has a path alone. */
  readonly bytes?: Uint8Array;
  readonly path?: string;
  /** The label's word, or its number where the file has no names of labels. */
  readonly word: string;
};

/** An open Parquet file of images. */
export type ParquetFile = Disposable & {
  readonly rows: number;
  /** All the words that labels may be, where the file has their names. */
  readonly words?: readonly string[];
  /** Its rows, a group of them in memory at a time. */
  read(): AsyncGenerator<ParquetRow>;
};

/** What `datasets` says of a column. */
type Feature = { readonly _type?: string; readonly names?: readonly string[] };

/**
 * Opens a Parquet file.
 *
 * @throws {InputError} for a file that is none, or that has no images or no labels, naming its columns.
 */
export async function openParquet(path: string): Promise<ParquetFile> {
  const refuse = (found: string): never => {
    throw new InputError(
      `Cannot read ${path}: expected a Parquet file with an image and a label in each row but found ${found}`,
    );
  };
  const handle = await Deno.open(path).catch((error) => refuse(reasonOf(error)));
  try {
    const file = bufferOf(handle, (await handle.stat()).size);
    const metadata = await parquetMetadataAsync(file).catch((error) => refuse(reasonOf(error)));
    const features = featuresOf(metadata);
    const columns = columnsOf(metadata);
    const image = pick(columns.filter(({ isImage }) => isImage).map(({ name }) => name), "image");
    const labels = columns.filter(({ name, isImage }) => !isImage && features[name]?.names !== undefined);
    const label = columns.find(({ name }) => name === "label")?.name ??
      pick(labels.map(({ name }) => name), "label");
    if (image === undefined || label === undefined) {
      refuse(`the columns ${columns.map(({ name }) => name).join(", ") || "of none"}`);
    }
    const words = features[label!]?.names;
    return {
      rows: Number(metadata.num_rows),
      words,
      read: () => rowsOf({ file, metadata, path }, { image: image!, label: label!, words }),
      [Symbol.dispose]: () => handle.close(),
    };
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** The one of these names, or the usual one among several. */
function pick(names: readonly string[], usual: string): string | undefined {
  return names.length === 1 ? names[0] : names.find((name) => name === usual);
}

function bufferOf(handle: Deno.FsFile, byteLength: number): AsyncBuffer {
  let before: Promise<unknown> = Promise.resolve();
  return {
    byteLength,
    // Reads move the file's one position, so that they go one after the other.
    slice: (start, end = byteLength) => {
      const from = start < 0 ? Math.max(0, byteLength + start) : start;
      const read = before.then(() => readAt(handle, from, Math.min(end, byteLength) - from));
      before = read.catch(() => undefined);
      return read.then((bytes) => bytes.buffer as ArrayBuffer);
    },
  };
}

function featuresOf({ key_value_metadata: pairs }: FileMetaData): Readonly<Record<string, Feature>> {
  const text = pairs?.find(({ key }) => key === "huggingface")?.value;
  if (text === undefined) return {};
  try {
    const { info } = JSON.parse(text) as { info?: { features?: Record<string, Feature> } };
    return info?.features ?? {};
  } catch {
    return {}; // another program's
  }
}

/** The columns of a file, and which of them are structs of bytes. */
function columnsOf({ schema }: FileMetaData): { readonly name: string; readonly isImage: boolean }[] {
  const columns: { name: string; isImage: boolean }[] = [];
  /** The index after an element and all that is in it. */
  const after = (i: number): number => {
    let next = i + 1;
    for (let child = 0; child < (schema[i].num_children ?? 0); child++) next = after(next);
    return next;
  };
  for (let i = 1; i < schema.length; i = after(i)) {
    const inside = schema.slice(i + 1, after(i));
    columns.push({ name: schema[i].name, isImage: inside.some(({ name }) => name === "bytes") });
  }
  return columns;
}

async function* rowsOf(
  { file, metadata, path }: {
    readonly file: AsyncBuffer;
    readonly metadata: FileMetaData;
    readonly path: string;
  },
  { image, label, words }: {
    readonly image: string;
    readonly label: string;
    readonly words?: readonly string[];
  },
): AsyncGenerator<ParquetRow> {
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    const columns = [image, label];
    // Bytes are no text, though nothing in the file says so.
    const read = { file, metadata, compressors, columns, rowStart, rowEnd, utf8: false };
    const rows = await parquetReadObjects(read).catch((error) => {
      throw new InputError(
        `Cannot read ${path}: expected rows ${rowStart} to ${rowEnd - 1} but found ${reasonOf(error)}`,
      );
    });
    for (const [i, each] of rows.entries()) {
      const { bytes, path } = (each[image] ?? {}) as { bytes?: unknown; path?: unknown };
      yield {
        row: rowStart + i,
        bytes: bytes instanceof Uint8Array ? bytes : undefined,
        path: typeof path === "string" ? path : undefined,
        word: wordOf(each[label], words),
      };
    }
    rowStart = rowEnd;
  }
}

/** A label's name, as `datasets` numbers them from 0; the text or number itself where there are no names. */
function wordOf(value: unknown, names: readonly string[] | undefined): string {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return names?.[Number(value)] ?? (value === null || value === undefined ? "none" : `${value}`);
}
