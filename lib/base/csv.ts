/**
 * CSV files: those that people write as rows with their line, errors naming file, line and fault; and the one writer.
 *
 * @module
 */
import { CsvError, parse } from "csv-parse";
import { stringify } from "csv-stringify/sync";
import { createReadStream } from "node:fs";
import { InputError, reasonOf } from "./errors.ts";
import { nothingAt } from "./files.ts";

/** One row by the header's names, and the line of the file that it ends on, from 1. */
export type CsvRow = { readonly line: number; readonly values: Readonly<Record<string, string>> };

/**
 * The rows of a CSV file with a header, one by one; values are trimmed, blank lines skipped, and a byte order mark too; the
 * apostrophe that `csvText()` puts before a formula is taken off.
 *
 * @param options.columns what the header must have
 * @param options.what names the file in messages: `the manifest`
 * @param options.lowerCase takes the header's names in any case, and gives them in lower case
 * @throws InputError with file and line: a file that is not there, a header that lacks a column or has one twice, a row with
 * more or fewer values than the header, a quote that is not closed.
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
  if (!info.isFile) refuse("expected a CSV file but found a folder");
  let header: readonly string[] | undefined;
  const parser = parse({
    columns: (names: string[]) =>
      (header = names.map((name) => lowerCase ? name.trim().toLowerCase() : name.trim())).slice(),
    cast: unguarded,
    bom: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
  });
  // A pipe leaves errors of reading to nobody.
  const file = createReadStream(path).on("error", (error) => parser.destroy(error));
  file.pipe(parser);
  const checkHeader = () => {
    const twice = header?.find((name, i) => name !== "" && header!.indexOf(name) !== i);
    if (twice !== undefined) refuse(`expected each column once but found ${twice} twice in line 1`);
    const missing = wanted.filter((name) => !header?.includes(name));
    if (missing.length > 0) {
      refuse(
        `expected a header with the columns ${wanted.join(", ")} but found ${
          header === undefined ? "an empty file" : `only ${header.join(", ")}`
        }`,
      );
    }
  };
  let rows = 0;
  try {
    for await (
      const { record, info } of parser as AsyncIterable<
        { record: Record<string, string>; info: { lines: number } }
      >
    ) {
      if (rows++ === 0) checkHeader();
      yield { line: info.lines, values: record };
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    if (!(error instanceof CsvError)) refuse(`expected a CSV file but found ${reasonOf(error)}`);
    const { code, lines = 0, record } = error as CsvError & { lines?: number; record?: readonly unknown[] };
    if (code === "CSV_RECORD_INCONSISTENT_COLUMNS") {
      refuse(
        `expected ${header!.length} values as in the header but found ${record?.length} in line ${lines}`,
      );
    }
    refuse(`expected CSV but found ${faults[code] ?? reasonOf(error)} in line ${lines}`);
  } finally {
    file.destroy();
  }
  if (rows === 0) checkHeader();
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
  CSV_QUOTE_NOT_CLOSED: 'a " that is not closed before the end',
  INVALID_OPENING_QUOTE: 'a " within a value (write it twice, and the value between two)',
  CSV_INVALID_CLOSING_QUOTE: 'a " that is followed by more of the value (write it twice)',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'a " that is followed by more of the value (write it twice)',
};
