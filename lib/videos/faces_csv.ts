/**
 * `faces.csv`: the faces that videos were cropped by, as `--boxes` reads boxes, so that others can crop alike; written as videos
 * are made.
 *
 * @module
 */
import { join } from "node:path";
import { csvRows, csvText } from "../base/csv.ts";
import { exists, readAt, writeAll, writeAtomically } from "../base/files.ts";
import type { Face } from "../faces/face.ts";
import { type Coverage, coverageKey } from "./coverage.ts";
import type { Geometry } from "./pairs.ts";
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

/**
 * Begins the file, or goes on with the one of an earlier call: lines of videos that were not finished go.
 *
 * @param options.isDone whether a video's crops stay as they are, by its class and id
 * @param options.isReal whether a video is a real whose faces are needed for its fakes
 * @returns the faces of those reals
 * @throws {OutputError} when it cannot be written.
 */
export async function openFacesCsv(
  into: string,
  options: {
    readonly isDone: (key: string) => boolean;
    readonly isReal: (key: string) => boolean;
  },
): Promise<ReadonlyMap<string, Geometry>> {
  const path = join(into, facesName);
  const { isDone, isReal } = options;
  const reals = new Map<string, { width: number; height: number; faces: Map<number, Face> }>();
  const take = (values: Readonly<Record<string, string>>, key: string) => {
    const size = { width: Number(values.width), height: Number(values.height) };
    const real = reals.get(key) ?? { ...size, faces: new Map<number, Face>() };
    real.faces.set(Number(values.frame), {
      box: { x: Number(values.x), y: Number(values.y), width: Number(values.w), height: Number(values.h) },
      score: Number(values.score),
      landmarks5: points.map((name) => Number(values[name])),
    });
    reals.set(key, real);
  };
  await orOutputError(`Cannot write ${path}`, async () => {
    const isBegun = await exists(path);
    if (isBegun) await cutTornLine(path);
    await writeAtomically(path, async (append) => {
      const write = (rows: readonly Record<string, string>[], header = false) =>
        append(new TextEncoder().encode(csvText(rows, { columns, header })));
      await write([], true);
      if (!isBegun) return;
      let rows: Record<string, string>[] = [];
      for await (const { values } of csvRows(path, { what: "the faces", columns })) {
        const key = coverageKey({ video: values.video, label: values.label === "real" ? "real" : "fake" });
        if (!isDone(key)) continue;
        if (isReal(key)) take(values, key);
        rows.push(values);
        if (rows.length < 1000) continue;
        await write(rows);
        rows = [];
      }
      await write(rows);
    });
  });
  return reals;
}

/**
 * Adds the faces of a video and flushes them to the disk.
 *
 * @throws {OutputError} when that fails.
 */
export async function appendFaces(
  into: string,
  options: { readonly row: Pick<Coverage, "video" | "label">; readonly geometry: Geometry },
): Promise<void> {
  const path = join(into, facesName);
  const { row: { video, label }, geometry: { faces, width, height } } = options;
  const rows = [...faces].map(([frame, { box, score, landmarks5 }]) => ({
    ...{ video, frame, x: box.x, y: box.y, w: box.width, h: box.height, width, height, label, score },
    ...Object.fromEntries(points.map((name, i) => [name, landmarks5[i]])),
  }));
  await orOutputError(`Cannot write ${path}`, async () => {
    using file = await Deno.open(path, { append: true });
    await writeAll(file, new TextEncoder().encode(csvText(rows, { columns, header: false })));
    await file.syncData();
  });
}

/** Cuts off what a killed process wrote of a line. */
async function cutTornLine(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  const { size } = await file.stat();
  const tail = await readAt(file, Math.max(0, size - 65536), Math.min(size, 65536));
  await file.truncate(size - tail.length + tail.lastIndexOf(10) + 1);
}
