/**
 * The end of preparing: when all videos of a set are made, by whichever processes, the last of them writes what is said of all.
 *
 * @module
 */
import type { SetReading } from "../data/layouts/layout.ts";
import { byName } from "../data/sample.ts";
import { writeContactSheet } from "./contact_sheet.ts";
import { type Coverage, coverageKey, writeCoverage } from "./coverage.ts";
import { writeFaces } from "./faces_csv.ts";
import { countUnmade, readMade, RecordGone, removeRecords } from "./records.ts";

/** How a folder is finished. */
export type FinishOptions = {
  readonly reading: SetReading;
  /** Where each video's frames are, by class and id. */
  readonly places: ReadonlyMap<string, string>;
  /** Whether faces were looked for. */
  readonly faces: boolean;
  /** Whether no other process makes videos here, so that records of videos that are not in the set go too. */
  readonly isOwner: boolean;
  readonly signal?: AbortSignal;
};

/**
 * Writes `coverage.csv` and, of faces, `faces.csv` and the contact sheet, if all videos are made. Processes that do so at once write the
 * same.
 *
 * @returns the lines of all, or how many videos are yet to be made
 * @throws {OutputError} when it cannot be written.
 */
export async function finishFolder(
  into: string,
  options: FinishOptions,
): Promise<{ readonly coverage: Coverage[] } | { readonly left: number }> {
  const { reading, places, faces, isOwner, signal } = options;
  for (;;) {
    signal?.throwIfAborted();
    const left = await countUnmade(into, places.keys());
    if (left > 0) return { left };
    const { rows, fileOf, files } = await readMade(into, { places, signal });
    if (rows.size < places.size) return { left: places.size - rows.size };
    const coverage = [...places.keys()].map((key) => rows.get(key)!);
    if (faces) {
      try {
        await writeFaces(into, { fileOf, isKept: (key) => (rows.get(key)?.got ?? 1) > 0 });
      } catch (error) {
        if (error instanceof RecordGone) continue;
        throw error;
      }
      await writeContactSheet(into, { coverage, signal });
    }
    const unread = (reading.unreadable ?? []).map(({ path, reason }): Coverage => (
      { video: path, label: "", method: "", wanted: 0, got: 0, note: `not read: ${reason}`, folder: "" }
    ));
    const sorted = [...coverage, ...unread].sort((a, b) => byName(coverageKey(a), coverageKey(b)));
    await writeCoverage(into, sorted);
    await removeRecords(into, { files, keys: isOwner ? undefined : places.keys() });
    return { coverage: sorted };
  }
}
