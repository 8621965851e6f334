/**
 * Videos → evenly spaced frames on disk, whole or cropped to the face, in the layout of the set that they are from.
 *
 * @module
 */
import { join, relative, resolve } from "node:path";
import { InputError } from "../base/errors.ts";
import { inParallel } from "../base/pool.ts";
import { landmarksBeside, landmarksFolder, readBoxes, readLandmarks } from "./boxes.ts";
import { type Coverage, coverageKey } from "./coverage.ts";
import type { PrepareSettings } from "../data/prepared.ts";
import { findFfmpeg } from "./ffmpeg.ts";
import { finishFolder } from "./finish.ts";
import { isVideo, type SetReading, type Video } from "../data/layouts/layout.ts";
import { unlockedNote } from "../base/owner.ts";
import { type ShardOf, shareOf, wholeShard } from "../base/shard.ts";
import { claimFolder, openFolder, outFolders, shareFolder } from "./prepare_folder.ts";
import { type FrameOptions, framesOf, sourceOf } from "./frames.ts";
import { lopsided } from "./lopsided.ts";
import { groupPairs } from "./pairs.ts";
import { type FacesChoice, openFaces, prepareFaces } from "./prepare_faces.ts";
import {
  beginRecords,
  countUnmade,
  isThere,
  type Made,
  readMade,
  type VideoRecord,
  writeRecord,
} from "./records.ts";
import { checkCrf, checkEncoder } from "./recompress.ts";

/** What `prepareVideos()` takes. */
export type PrepareOptions = {
  /** Where the frames go; not within the set. */
  readonly into: string;
  /** Evenly spaced frames of each video; 32 unless given. */
  readonly frames?: number;
  /** CSV of boxes: `video,frame,x,y,w,h`, and `width,height` of the frames. */
  readonly boxes?: string;
  /** Takes boxes around the `.npy` landmarks beside videos or frames. */
  readonly landmarks?: boolean;
  /** Looks for faces in the frames, and crops those that are chosen. */
  readonly faces?: FacesChoice;
  /** Side of the crop over the longer side of the box, or over the side of the alignment's own square; 1.3 unless given. */
  readonly margin?: number;
  /** The constant rate factor, 0 to 51, that whole videos are compressed with as H.264 before frames are taken; not done unless given. */
  readonly recompress?: number;
  /** Videos at a time; as many as there are cores unless given. */
  readonly workers?: number;
  /** Makes this share of the videos alone, beside any other processes; all of them, as the folder's one owner, unless given. */
  readonly shard?: ShardOf;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
};

/**
 * Extracts evenly spaced frames of every video of a set, and crops them by one rule for both classes; copies the set's lists
 * of labels and splits beside them, so that the folder is a set of the same layout. The set itself is never written to.
 *
 * A video's folder appears when it is complete. Called again after an interruption it goes on; until all are made the folder is not read
 * as a set, and then `coverage.csv` has a line for each video, and for each folder that could not be read. With boxes, frames without one
 * are left out before the spacing.
 *
 * With `shard`, several processes, on any machines that see the folder, make one folder: a share may be made at any time, again, and by
 * two at once, since they need no locks, only new files and renames. A fake belongs to the share of its real. Who finds all videos made
 * ends the work, and so does a call without `shard`: the folder is the one that it would have made alone.
 *
 * With `faces`, a face is followed through each video: the one that masks mark, else the one that is seen longest, else the largest. A
 * fake whose `original` is among the videos is cropped as that real is, in the same frames. `faces.csv` keeps the boxes, `landmarks/` the
 * points, and `contact-sheet.jpg` shows some of the crops.
 *
 * @returns what became of each video, and what to know; of a share alone, with `left`, while others have videos yet to make
 * @throws {InputError} when there is no ffmpeg, one class has no boxes, the folder was prepared with other settings, or another
 * process prepares into it; with `recompress`, when ffmpeg has no libx264, or there are frames without their video.
 * @throws {OutputError} when frames cannot be written.
 *
 * @example
 * ```ts
 * import { prepareVideos, readSet } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 * import sharp from "sharp";
 *
 * const root = await Deno.makeTempDir();
 * for (const video of ["real/anna", "fake/ben"]) { // folders of frames need no ffmpeg
 *   await Deno.mkdir(`${root}/set/${video}`, { recursive: true });
 *   const frame = sharp({ create: { width: 64, height: 48, channels: 3, background: "gray" } });
 *   for (let i = 0; i < 9; i++) await frame.clone().toFile(`${root}/set/${video}/${i}.png`);
 * }
 * const reading = await readSet({ name: "faces", path: `${root}/set` });
 * const { coverage } = await prepareVideos(reading, { into: `${root}/frames`, frames: 3 });
 * assertEquals(coverage.map(({ video, got }) => `${video} ${got}`), ["fake/ben 3", "real/anna 3"]);
 * await Deno.remove(root, { recursive: true });
 * ```
 */
export async function prepareVideos(
  reading: SetReading,
  options: PrepareOptions,
): Promise<
  { readonly coverage: Coverage[]; readonly warnings: string[]; readonly left: number }
> {
  const { into, frames = 32, margin = 1.3, recompress, shard, signal } = options;
  const { workers = navigator.hardwareConcurrency } = options;
  const videos = onceEach(reading);
  checkOptions(reading, options);
  const keep = videos.some(needsFfmpeg(options)) ? await findFfmpeg() : [];
  if (recompress !== undefined) await checkRecompress(recompress, { videos, landmarks: options.landmarks });
  const { boxesOf, warnings } = await openBoxes(videos, { reading, ...options });
  await using faces = options.faces && await openFaces(options.faces, { apart: true });
  if (faces?.note) warnings.push(faces.note);
  const crop = faces
    ? "faces"
    : options.boxes !== undefined
    ? "boxes"
    : options.landmarks
    ? "landmarks"
    : "none";
  const settings: PrepareSettings = {
    ...{ version: 1, frames, crop, margin, layout: reading.kind, recompress },
    faces: faces?.settings,
  };
  await using claim = await (shard ? shareFolder(into) : claimFolder(into));
  const unlocked = unlockedNote(into, claim);
  if (unlocked) warnings.push(unlocked);
  await openFolder(into, { reading, settings });
  const folders = outFolders(reading, videos);
  const keys = videos.map(keyOf);
  const places = new Map(keys.map((key, i) => [key, folders[i]]));
  const groups = shareOf(groupPairs(videos), {
    shard: shard ?? wholeShard,
    nameOf: ([first]) => keys[first],
  });
  const own = groups.flat().sort((a, b) => a - b);
  const made = await readMade(into, { places, keys: own.map((i) => keys[i]), signal });
  warnings.push(...await clearMoved(into, { made, places, isOwner: shard === undefined }));
  const isDone: boolean[] = [];
  await inParallel(own, async (i) => {
    const row = made.rows.get(keys[i]);
    isDone[i] = row !== undefined && await isThere(into, row);
  }, { signal });
  let done = own.filter((i) => isDone[i]).length;
  if (done < own.length || await countUnmade(into, keys) > 0) await beginRecords(into);
  const coverage = new Map(own.flatMap((i) => (isDone[i] ? [[i, made.rows.get(keys[i])!]] : [])));
  const onMade = async (i: number, record: VideoRecord) => {
    await writeRecord(into, { record, work: claim.work });
    coverage.set(i, record.row);
    options.onProgress?.(++done, own.length);
  };
  if (done > 0) options.onProgress?.(done, own.length);
  if (faces) {
    const how = { faces, margin, frames, recompress, keep, into, folders, work: claim.work, signal };
    await prepareFaces(videos, { ...how, groups, made, workers, isDone: (i) => isDone[i], onMade });
  } else {
    await inParallel(own, async (i) => {
      if (isDone[i]) return;
      const place = { folder: join(into, folders[i]), work: join(claim.work, `${i}`) };
      const how = { ...options, ...place, frames, margin, keep, readBoxes: boxesOf?.(i) };
      const row = await framesOf(videos[i], how);
      await onMade(i, { row: { ...row, folder: row.got > 0 ? folders[i] : "" } });
    }, { workers, signal });
  }
  const end = await finishFolder(into, {
    ...{ reading, places, signal },
    faces: faces !== undefined,
    isOwner: shard === undefined,
  });
  if ("coverage" in end) return { ...end, warnings: [...warnings, ...lopsided(end.coverage)], left: 0 };
  return { coverage: own.map((i) => coverage.get(i)!), warnings, ...end };
}

/** The videos of a reading, one that is in two splits once. */
function onceEach(reading: SetReading): Video[] {
  const seen = new Map<string, Video>();
  for (const video of reading.videos) if (!seen.has(keyOf(video))) seen.set(keyOf(video), video);
  return [...seen.values()];
}

function keyOf(video: Pick<Video, "id" | "label">): string {
  return coverageKey({ video: video.id, label: video.label === 0 ? "real" : "fake" });
}

/**
 * Forgets videos whose place is another one than before, and removes their frames from there: another video may have it.
 *
 * @returns a warning of frames whose video is not in the set
 * @throws {InputError} for a share, beside which another process may have put that video there
 */
async function clearMoved(
  into: string,
  options: {
    readonly made: Made;
    readonly places: ReadonlyMap<string, string>;
    readonly isOwner: boolean;
  },
): Promise<string[]> {
  const { made: { moved, gone }, places, isOwner } = options;
  if (moved.length > 0 && !isOwner) {
    throw new InputError(
      `Cannot go on in ${into} with a shard: expected the frames of ${moved[0].video} in ${
        places.get(coverageKey(moved[0]))
      } but found them in ${moved[0].folder}; the set has changed: run prepare without --shard`,
    );
  }
  for (const row of moved) {
    const place = places.get(coverageKey(row))!;
    // The file could name any folder of the disk: only what differs by its number was made here.
    if (row.folder.replace(/~\d+$/, "") !== place.replace(/~\d+$/, "")) continue;
    for (const folder of [row.folder, landmarksBeside(row.folder)]) {
      await Deno.remove(join(into, folder), { recursive: true }).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  }
  return gone.length === 0 ? [] : [
    `${gone.length} videos that were prepared here are not among these, such as ${
      gone[0].video
    }; their frames are still in ${into}`,
  ];
}

/** Whether a video, or the masks that say which of its faces is taken, are read by ffmpeg. */
function needsFfmpeg(options: PrepareOptions): (video: Video) => boolean {
  return (video) =>
    sourceOf(video, options) === "file" ||
    (options.faces !== undefined && video.masks !== undefined && isVideo(video.masks));
}

function checkOptions(reading: SetReading, options: PrepareOptions): void {
  const { into, frames = 32, margin = 1.3 } = options;
  const inside = relative(reading.root, resolve(into));
  if (inside === "" || !inside.startsWith("..")) {
    throw new InputError(
      `Cannot prepare into ${into}: expected a folder outside the set ${reading.root} but found one in it`,
    );
  }
  if (reading.kind === "deepfakebench") {
    throw new InputError(
      "Cannot prepare a list of DeepfakeBench's: expected a folder of videos or frames but found a list of frames that are crops already",
    );
  }
  if (!Number.isInteger(frames) || frames < 1) {
    throw new InputError(`Cannot prepare: expected --frames of at least 1 but found ${frames}`);
  }
  if (!(margin >= 1 && margin <= 10)) {
    throw new InputError(`Cannot prepare: expected a --margin from 1 to 10 but found ${margin}`);
  }
  if (options.boxes !== undefined && options.landmarks) {
    throw new InputError("Cannot prepare: expected --boxes or --landmarks but found both");
  }
  if (options.faces && (options.boxes !== undefined || options.landmarks)) {
    const given = options.boxes !== undefined ? "--boxes" : "--landmarks";
    throw new InputError(
      `Cannot prepare: expected --faces, which finds boxes, or ${given}, which gives them, but found both`,
    );
  }
}

/** Refuses to recompress what is no video, or without an encoder. */
async function checkRecompress(
  crf: number,
  options: { readonly videos: readonly Video[]; readonly landmarks?: boolean },
): Promise<void> {
  checkCrf(crf);
  const alone = options.videos.filter((video) => sourceOf(video, options) === "frames");
  if (alone.length > 0) {
    throw new InputError(
      `Cannot recompress: expected the files of all videos but found that ${alone.length} of ${options.videos.length} are ${
        options.landmarks ? "taken from frames, to which their landmarks belong" : "frames alone"
      }, such as ${alone[0].id}; H.264 compresses videos, never single frames`,
    );
  }
  await checkEncoder();
}

async function openBoxes(
  videos: readonly Video[],
  options: PrepareOptions & { readonly reading: SetReading },
): Promise<{ boxesOf?: (index: number) => FrameOptions["readBoxes"]; warnings: string[] }> {
  if (options.boxes === undefined && !options.landmarks) return { warnings: [] };
  const warnings: string[] = [];
  let boxesOf: (index: number) => FrameOptions["readBoxes"];
  const counts = [0, 0];
  if (options.boxes !== undefined) {
    const { boxes, unknown, several } = await readBoxes(options.boxes, {
      videos,
      root: options.reading.root,
    });
    if (unknown > 0) warnings.push(`${unknown} boxes are for videos that the set does not have`);
    if (several > 0) warnings.push(`${several} frames have several boxes: the largest of each counts`);
    boxesOf = (index) => () => Promise.resolve({ boxes: boxes.get(index) ?? new Map(), faults: [] });
    for (const index of boxes.keys()) counts[videos[index].label]++;
  } else {
    boxesOf = (index) => async () =>
      await readLandmarks(landmarksFolder(videos[index])) ?? { boxes: new Map(), faults: [] };
    for (const video of videos) {
      if ((await Deno.stat(landmarksFolder(video)).catch(() => undefined))?.isDirectory) {
        counts[video.label]++;
      }
    }
  }
  const what = options.boxes ?? "landmarks/";
  if (counts[0] === 0 || counts[1] === 0) {
    const [has, lacks] = counts[0] === 0 ? ["fake", "real"] : ["real", "fake"];
    throw new InputError(
      `Cannot crop by ${what}: expected boxes for both classes, so that one rule crops them alike, but found ${
        counts[0] + counts[1] === 0
          ? "none for any video"
          : `${counts[0] + counts[1]} ${has} videos with and no ${lacks} one`
      }`,
    );
  }
  return { boxesOf, warnings };
}
