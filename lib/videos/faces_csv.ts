/**
 * `faces.csv`: the faces that videos were cropped by, as `--boxes` reads boxes, so that others can crop alike; written when all
 * videos are made.
 *
 * @module
 */
import { join } from "node:path";
import { csvRows, csvText } from "../base/csv.ts";
import { exists, writeAtomically } from "../base/files.ts";
import { byName } from "../data/sample.ts";
import type { Face } from "../faces/face.ts";
import { type Coverage, coverageKey } from "./coverage.ts";
import type { Geometry } from "./pairs.ts";
import { readRecord, RecordGone } from "./records.ts";
import { orOutputError } from "./whole_frames.ts";

/** The file's name. */
const facesName = "faces.csv";

const points = ["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"].flatMap((name) => [
  `${name}_x`,
  `${name}_y`,
]);
const columns = [
  "video",
  "frame",
  "x",
  "y",
  "w",
  "h",
  "width",
  "height",
  "label",
  "score",
  ...points,
] as const;

/** The faces that some videos were cropped by, as the file has them, by class and id; none where there is no file. */
export async function readFaces(into: string, keys: ReadonlySet<string>): Promise<Map<string, Geometry>> {
  const found = new Map<string, Geometry>();
  if (keys.size === 0) return found;
  for await (const { key, rows } of videosIn(join(into, facesName))) {
    if (!keys.has(key)) continue;
    const [{ width, height }] = rows;
    const faces = new Map(rows.map((values): [number, Face] => [Number(values.frame), {
      box: { x: Number(values.x), y: Number(values.y), width: Number(values.w), height: Number(values.h) },
      score: Number(values.score),
      landmarks5: points.map((name) => Number(values[name])),
    }]));
    found.set(key, { width: Number(width), height: Number(height), faces });
  }
  return found;
}

/**
 * Writes the whole file, videos in the order of `coverage.csv`: those of records, and of what it has already the videos that have no
 * newer one.
 *
 * @param options.isKept whether a video's lines, if the file has any and no record says otherwise, stay
 * @throws {RecordGone} when a record went meanwhile
 * @throws {OutputError} when it cannot be written.
 */
export async function writeFaces(
  into: string,
  options: {
    /** Files of records by class and id. */
    readonly fileOf: ReadonlyMap<string, string>;
    readonly isKept: (key: string) => boolean;
  },
): Promise<void> {
  const { fileOf, isKept } = options;
  const path = join(into, facesName);
  const keys = [...fileOf.keys()].sort(byName);
  let gone: RecordGone | undefined;
  const write = () =>
    writeAtomically(path, async (append) => {
      const add = (rows: readonly Record<string, string | number>[], header = false) =>
        append(new TextEncoder().encode(csvText(rows, { columns, header })));
      const addRecords = async (until?: string) => {
        while (next < keys.length && (until === undefined || byName(keys[next], until) < 0)) {
          const { row, geometry } = await readRecord(into, fileOf.get(keys[next++])!);
          if (geometry) await add(rowsOf({ row, geometry }));
        }
      };
      let next = 0;
      await add([], true);
      for await (const { key, rows } of videosIn(path)) {
        if (fileOf.has(key) || !isKept(key)) continue;
        await addRecords(key);
        await add(rows.map(withNumbers));
      }
      await addRecords();
    }).catch((error) => {
      if (!(error.cause instanceof RecordGone)) throw error;
      gone = error.cause;
    });
  await orOutputError(`Cannot write ${path}`, write);
  if (gone) throw gone;
}

function rowsOf(
  { row: { video, label }, geometry: { faces, width, height } }: {
    readonly row: Pick<Coverage, "video" | "label">;
    readonly geometry: Geometry;
  },
): Record<string, string | number>[] {
  return [...faces].map(([frame, { box, score, landmarks5 }]) => ({
    ...{ video, frame, x: box.x, y: box.y, w: box.width, h: box.height, width, height, label, score },
    ...Object.fromEntries(points.map((name, i) => [name, landmarks5[i]])),
  }));
}

/** A line as it was written: a text that begins with a minus would be guarded as a formula. */
function withNumbers(values: Readonly<Record<string, string>>): Record<string, string | number> {
  const isText = (name: string) => name === "video" || name === "label";
  return Object.fromEntries(
    columns.map((name) => [name, isText(name) ? values[name] : Number(values[name])]),
  );
}

/** The lines of a file, a video's together: they stand one after another. None where there is no file. */
async function* videosIn(
  path: string,
): AsyncGenerator<{ readonly key: string; readonly rows: Readonly<Record<string, string>>[] }> {
  if (!(await exists(path))) return;
  let video: { readonly key: string; readonly rows: Readonly<Record<string, string>>[] } | undefined;
  for await (const { values } of csvRows(path, { what: "the faces", columns })) {
    const key = coverageKey({ video: values.video, label: values.label === "real" ? "real" : "fake" });
    if (video?.key !== key) {
      if (video) yield video;
      video = { key, rows: [] };
    }
    video.rows.push(values);
  }
  if (video) yield video;
}
