/**
 * `coverage.csv`: a line for each video that was prepared, written as it is made, so that a killed process can go on.
 *
 * @module
 */
import { parse } from "csv-parse/sync";
import { join } from "node:path";
import { csvText, unguarded } from "../base/csv.ts";
import { writeAll, writeWhole } from "../base/files.ts";
import { orOutputError } from "./whole_frames.ts";

/** What became of one video. */
export type Coverage = {
  readonly video: string;
  /** Empty for a folder that could not be read, whose class is not known. */
  readonly label: "real" | "fake" | "";
  readonly method: string;
  /** Frames that were to be made. */
  readonly wanted: number;
  readonly got: number;
  /** Why there are fewer, or none; or what else is odd. */
  readonly note: string;
  /** Where the frames are, below the folder that is prepared into, with `/`. */
  readonly folder: string;
};

/** The file's name. */
const coverageName = "coverage.csv";
const columns = ["video", "label", "method", "wanted", "got", "note", "folder"] as const;

/** The lines of `into`'s file by class and video; a line without its end, as a killed process leaves it, is left out. */
export async function readCoverage(into: string): Promise<Map<string, Coverage>> {
  const text = await Deno.readTextFile(join(into, coverageName)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  const rows: Record<string, string>[] = parse(text.slice(0, text.lastIndexOf("\n") + 1), {
    columns: true,
    bom: true,
    skip_records_with_error: true,
    cast: unguarded,
  });
  return new Map(
    rows.filter(({ label }) => label === "real" || label === "fake").map((row) => {
      const { video, method, note, folder = "" } = row;
      const label = row.label as "real" | "fake";
      const counts = { wanted: Number(row.wanted), got: Number(row.got) };
      return [coverageKey({ video, label }), { video, label, method, ...counts, note, folder }];
    }),
  );
}

/** What a video's line is found by. */
export function coverageKey(row: Pick<Coverage, "video" | "label">): string {
  return `${row.label} ${row.video}`;
}

/**
 * Adds a video's line and flushes it to the disk.
 *
 * @throws {OutputError} when that fails.
 */
export async function appendCoverage(into: string, row: Coverage): Promise<void> {
  const path = join(into, coverageName);
  await orOutputError(`Cannot write ${path}`, async () => {
    using file = await Deno.open(path, { append: true });
    await writeAll(file, new TextEncoder().encode(csvText([row], { columns, header: false })));
    await file.syncData();
  });
}

/**
 * Writes the whole file.
 *
 * @throws {OutputError} when that fails.
 */
export async function writeCoverage(into: string, rows: Iterable<Coverage>): Promise<void> {
  const path = join(into, coverageName);
  const text = csvText([...rows], { columns });
  await orOutputError(`Cannot write ${path}`, () => writeWhole(path, text));
}
