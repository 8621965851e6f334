/**
 * `coverage.csv`: a line for each video that was prepared, written when all are.
 *
 * @module
 */
import { parse } from "csv-parse/sync";
import { join } from "node:path";
import { csvText, unguarded } from "../base/csv.ts";
import { writeWhole } from "../base/files.ts";
import { orOutputError } from "./whole_frames.ts";

/** What was found of a video's faces and of the crops that were made; each only where it is known. */
export type FacesCoverage = {
  /** Faces in all of the frames that were looked at; missing where a video is cropped as its real. */
  readonly faces?: number;
  /** How many the faces are once they are followed through the video. */
  readonly tracks?: number;
  /** Why this one: `only`, `longest of 3`, `masked`, `as youtube/000`; or why none. */
  readonly chosen?: string;
  /** The median of the detector's scores. */
  readonly score?: number;
  /** The median of the shorter sides of the faces' boxes, in pixels. */
  readonly side?: number;
  /** The median of the crops' sharpness, measured at one size. */
  readonly sharpness?: number;
  /** Crops that reach beyond the frame. */
  readonly cutOff?: number;
};

/** What became of one video. */
export type Coverage = FacesCoverage & {
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
const measured = ["faces", "tracks", "score", "side", "sharpness", "cutOff"] as const;
const columns = [
  ...["video", "label", "method", "wanted", "got", "note", "folder"],
  ...["faces", "tracks", "chosen", "score", "side", "sharpness", "cutOff"],
] as const;

/** The lines of `into`'s file by class and video; one without its end, as it was when lines were written one by one, is left out. */
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
      // Folders that were begun by an older version have no such columns.
      const found: FacesCoverage = Object.fromEntries([
        ...(row.chosen ? [["chosen", row.chosen]] : []),
        ...measured.flatMap((name) => (row[name] ? [[name, Number(row[name])]] : [])),
      ]);
      return [coverageKey({ video, label }), { video, label, method, ...counts, note, folder, ...found }];
    }),
  );
}

/** What a video's line is found by. */
export function coverageKey(row: Pick<Coverage, "video" | "label">): string {
  return `${row.label} ${row.video}`;
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
