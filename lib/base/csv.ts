/**
 * CSV files: those that people write as rows with their line, errors naming file, line and fault; and the one writer.
 *
 * @module
 */
import { CsvError, parse } from "csv-parse";
import { stringify } from "csv-stringify/sync";
import { InputError, reasonOf } from "./errors.ts";
import { nothingAt } from "./files.ts";
import { someOf } from "./printable.ts";

/** One row by the header's names, and the line of the file that it ends on, from 1. */
export type CsvRow = { readonly line: number; readonly values: Readonly<Record<string, string>> };

/** Characters of a row; a quote that is not closed would have all that follows. */
const MAX_ROW = 1_000_000;

/**
 * The rows of a CSV file with a header, one by one; values are trimmed, blank lines and rows of nothing but separators
 * skipped, and a byte order mark too; the apostrophe that `csvText()` puts before a formula is taken off.
 *
 * Values are separated by commas, or, where the header has none, by semicolons or tabs; lines may end in any way, also in
 * several. The text is UTF-8, or UTF-16 with its byte order mark.
 *
 * @param options.columns what the header must have
 * @param options.what names the file in messages: `the manifest`
 * @param options.lowerCase takes the header's names in any case, and gives them in lower case
 * @throws {InputError} with file and line: a file that is not there, a header that lacks a column or has one twice, a row with
 * more or fewer values than the header, a quote that is not closed, bytes that are no text.
 */
export async function* csvRows(
  path: string,
  options: {
    readonly what: string;
    readonly columns?: readonly string[];
    readonly lowerCase?: boolean;
  },
): AsyncGenerator<CsvRow> {
  const { what, columns: wanted = [], lowerCase = false } = options;
  const refuse = (text: string): never => {
    throw new InputError(`Cannot read ${what} ${path}: ${text}`);
  };
  const info = await Deno.stat(path).catch((error) =>
    refuse(
      `expected a CSV file but found ${
        error instanceof Deno.errors.NotFound ? nothingAt(path) : reasonOf(error)
      }`,
    )
  );
  if (!info.isFile) refuse(`expected a CSV file but found ${info.isDirectory ? "a folder" : "no file"}`);
  let header: readonly string[] | undefined;
  const checkHeader = () => {
    const twice = header?.find((name, i) => name !== "" && header!.indexOf(name) !== i);
    if (twice !== undefined) refuse(`expected each column once but found ${twice} twice in line 1`);
    const missing = wanted.filter((name) => !header?.includes(name));
    if (missing.length > 0) {
      refuse(
        `expected a header with the columns ${wanted.join(", ")} but found ${
          header === undefined ? "an empty file" : `only ${someOf(header, { most: 8, longest: 40 })}`
        }`,
      );
    }
  };
  const parsed: { readonly line: number; readonly record: readonly string[] }[] = [];
  let line = 1;
  try {
    const pieces = textOf(path, refuse);
    const start = (await pieces.next()).value ?? "";
    const parser = parse({
      delimiter: separatorOf(start),
      record_delimiter: ["\r\n", "\n", "\r"],
      // Rows are taken here and not from the stream, which has each wait for the next.
      on_record: (record: string[], { lines }) => {
        line = lines;
        parsed.push({ line, record });
        return null;
      },
      max_record_size: MAX_ROW,
      trim: true,
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
    }).on("error", () => {}).resume(); // said by `sent` too
    const sent = (send: (done: (error?: Error | null) => void) => void) =>
      new Promise<void>((resolve, reject) => send((error) => error ? reject(error) : resolve()));
    const rowsOf = function* (): Generator<CsvRow> {
      for (const { line, record } of parsed.splice(0)) {
        if (header === undefined) {
          header = record.map((name) => lowerCase ? unguarded(name).toLowerCase() : unguarded(name));
          checkHeader();
          continue;
        }
        const values: Record<string, string> = {};
        for (let i = 0; i < header.length; i++) values[header[i]] = unguarded(record[i]);
        yield { line, values };
      }
    };
    for await (const piece of joined(start, pieces)) {
      await sent((done) => parser.write(piece, done));
      yield* rowsOf();
    }
    await sent((done) => parser.end(done));
    yield* rowsOf();
  } catch (error) {
    if (error instanceof InputError) throw error;
    if (!(error instanceof CsvError)) refuse(`expected a CSV file but found ${reasonOf(error)}`);
    const { code, lines = 0, record } = error as CsvError & { lines?: number; record?: readonly unknown[] };
    if (code === "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH") {
      const [first] = parsed;
      refuse(
        `expected ${
          (header ?? first.record).length
        } values as in the header but found ${record?.length} in line ${lines}`,
      );
    }
    const opened = code === "CSV_QUOTE_NOT_CLOSED" || code === "CSV_MAX_RECORD_SIZE"
      ? `; the row begins after line ${line}`
      : "";
    refuse(`expected CSV but found ${faults[code] ?? reasonOf(error)} in line ${lines}${opened}`);
  }
  if (header === undefined) checkHeader();
}

/** What separates the values: a comma, or what a header without one has. */
function separatorOf(text: string): string {
  const [header] = text.split(/[\r\n]/, 1);
  return [",", ";", "\t"].find((separator) => header.includes(separator)) ?? ",";
}

/** A file's text, piece by piece. */
async function* textOf(path: string, refuse: (text: string) => never): AsyncGenerator<string> {
  using file = await Deno.open(path);
  const chunk = new Uint8Array(1 << 16);
  let decoder: TextDecoder | undefined;
  let lines = 1;
  const lineAt = (text: string, offset: number) =>
    lines + text.slice(0, Math.max(offset, 0)).split("\n").length - 1;
  for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
    const bytes = chunk.subarray(0, count);
    decoder ??= new TextDecoder(encodingOf(bytes), { fatal: true });
    const text = decoded(decoder, bytes);
    const plain = text ?? new TextDecoder(decoder.encoding).decode(bytes);
    if (text === undefined) {
      refuse(
        `expected text in ${decoder.encoding.toUpperCase()} but found other bytes in line ${
          lineAt(plain, plain.indexOf("\ufffd"))
        }; save it as CSV in UTF-8`,
      );
    }
    const nul = plain.indexOf("\0");
    if (nul >= 0) {
      refuse(`expected text but found a byte of 0 in line ${lineAt(plain, nul)}; save it as CSV in UTF-8`);
    }
    lines = lineAt(plain, plain.length);
    yield plain;
  }
}

function encodingOf([first, second]: Uint8Array): string {
  return first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : "utf-8";
}

function decoded(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

async function* joined(start: string, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield start;
  yield* pieces;
}

/** What a spreadsheet takes for a formula, and what {@link csvText} made of it. */
const FORMULA = /^'*[=+\-@\t\r]/;

/**
 * Rows as CSV with a header.
 *
 * A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an apostrophe before it, so that no spreadsheet
 * runs a file's name as a formula; a text that begins so behind apostrophes gets one more. Numbers stay as they are, in full
 * precision. {@link unguarded} gives each text back as it was.
 *
 * @param options.header false for rows to append; true unless given
 */
export function csvText(
  rows: readonly Readonly<Record<string, string | number | undefined>>[],
  options: { readonly columns: readonly string[]; readonly header?: boolean },
): string {
  const { columns, header = true } = options;
  return stringify([...rows], {
    header,
    columns: [...columns],
    cast: { string: (text) => (FORMULA.test(text) ? `'${text}` : text) },
  });
}

/** A text of a CSV file as it was before {@link csvText} put an apostrophe to it. */
export function unguarded(text: string): string {
  return text.startsWith("'") && FORMULA.test(text) ? text.slice(1) : text;
}

const faults: Readonly<Record<string, string>> = {
  CSV_MAX_RECORD_SIZE: 'a row without an end, as after a " that is not closed,',
  CSV_QUOTE_NOT_CLOSED: 'a " that is not closed before the end',
  INVALID_OPENING_QUOTE: 'a " within a value (write it twice, and the value between two)',
  CSV_INVALID_CLOSING_QUOTE: 'a " that is followed by more of the value (write it twice)',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'a " that is followed by more of the value (write it twice)',
};
