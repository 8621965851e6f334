/**
 * Videos → crops of faces: a real first, then its fakes, cropped alike.
 *
 * @module
 */
import { join } from "node:path";
import { InputError, reasonOf } from "../base/errors.ts";
import { createBudget, inParallel } from "../base/pool.ts";
import type { FaceSettings } from "../data/prepared.ts";
import type { Video } from "../data/layouts/layout.ts";
import { type AlignmentName, alignments } from "../faces/align.ts";
import { LEAST_FACE } from "../faces/face.ts";
import { type FaceFinderApart, openFaceFinderApart, openFaceFinderHere } from "../faces/find_apart.ts";
import { type Landmarks68, openLandmarks68 } from "../faces/landmarks68.ts";
import { landmarksBeside } from "./boxes.ts";
import { type Coverage, coverageKey } from "./coverage.ts";
import type { CropRule } from "./crop_face.ts";
import { readFaces } from "./faces_csv.ts";
import { cropLike, type FacesMade, findInVideo, type FindOptions } from "./faces_of.ts";
import { type FrameSource, openFrames, type SourceOptions } from "./frame_source.ts";
import { recompressedPath } from "./frames.ts";
import { type MaskShares, meanShares, readMasks } from "./masks.ts";
import { type Geometry, sharedNumbers } from "./pairs.ts";
import { type Made, readRecord, RecordGone, type VideoRecord } from "./records.ts";
import { orOutputError, OutputError, putFolder } from "./whole_frames.ts";

/** How faces are found and cropped. */
export type FacesChoice = {
  /** The geometry that faces are turned upright by; `none` unless given: a square around the box. */
  readonly align?: "none" | AlignmentName;
  /** Side of an aligned crop in pixels; the geometry's own unless given. */
  readonly size?: number;
  /** How many points of each face are written beside its crop; 5 unless given, the detector's own. */
  readonly points?: 5 | 68;
  /** Faces of a lower score, 0 to 1, are not taken; 0.95 unless given. */
  readonly leastScore?: number;
  /** Faces whose box has a shorter side, in pixels, are not taken; 30 unless given. */
  readonly leastSide?: number;
};

/** A detector that is open, and what is kept of how it is used. */
export type OpenFaces = AsyncDisposable & {
  /** Why it is slower than it could be. */
  readonly note?: string;
  readonly settings: FaceSettings;
  /** Waits until others' images are done. */
  readonly find: FaceFinderApart["find"];
  /** Likewise, where 68 points are wanted. */
  readonly find68?: Landmarks68["find"];
};

/**
 * Opens the detector, once for all videos; the caller disposes it.
 *
 * @param options.apart whether it gets a thread of its own, beside which frames are read and crops made; it takes a moment to start
 * @throws {InputError} for a choice that cannot be.
 */
export async function openFaces(
  choice: FacesChoice,
  { apart = false }: { readonly apart?: boolean } = {},
): Promise<OpenFaces> {
  const { align = "none", leastScore = LEAST_FACE.score, leastSide = LEAST_FACE.side } = choice;
  const cannot = (expected: string, found: unknown): never => {
    throw new InputError(`Cannot prepare faces: expected ${expected} but found ${found}`);
  };
  if (align === "none" && choice.size !== undefined) {
    cannot("a --size with an --align other than none, which keeps each face's own", choice.size);
  }
  const size = align === "none" ? undefined : choice.size ?? alignments[align].size;
  if (size !== undefined && !(Number.isInteger(size) && size >= 16 && size <= 4096)) {
    cannot("a --size from 16 to 4096 pixels", size);
  }
  if (!(leastScore >= 0 && leastScore <= 1)) cannot("a --least-score from 0 to 1", leastScore);
  if (!(leastSide >= 12 && leastSide <= 4096)) cannot("a --least-side from 12 to 4096 pixels", leastSide);
  const finder = await (apart ? openFaceFinderApart : openFaceFinderHere)({ leastScore, leastSide });
  const landmarks68 = choice.points === 68 ? await openLandmarks68() : undefined;
  const turn = createBudget(1);
  return {
    note: finder.note,
    settings: {
      ...{ align, size, finder: finder.name, finderDigest: finder.digest, leastScore, leastSide },
      ...(landmarks68 && { points: 68 }),
    },
    find: async (images) => {
      using _mine = await turn.take(1);
      return await finder.find(images);
    },
    find68: landmarks68 && (async (image, boxes) => {
      using _mine = await turn.take(1);
      return await landmarks68.find(image, boxes);
    }),
    [Symbol.asyncDispose]: async () => {
      await finder.close();
      landmarks68?.close();
    },
  };
}

/** How all videos are prepared. */
export type PrepareFacesOptions = {
  readonly faces: OpenFaces;
  readonly margin: number;
  readonly frames: number;
  readonly recompress?: number;
  readonly keep: readonly string[];
  readonly into: string;
  /** Where each video's crops go, below `into`, by its index. */
  readonly folders: readonly string[];
  /** An empty folder, nobody else's, on `into`'s disk. */
  readonly work: string;
  /** Whether a video's crops are there already. */
  readonly isDone: (index: number) => boolean;
  /** Takes each video as it is made. */
  readonly onMade: (index: number, record: VideoRecord) => Promise<void>;
  readonly signal?: AbortSignal;
};

/**
 * Crops the faces of some videos, or goes on with it.
 *
 * @param options.groups indices of videos, a real and then its fakes, which are cropped one after another
 * @param options.made what is known of them
 * @throws {OutputError} when `into` cannot be written to.
 */
export async function prepareFaces(
  videos: readonly Video[],
  options: PrepareFacesOptions & {
    readonly groups: readonly (readonly number[])[];
    readonly made: Made;
    readonly workers: number;
  },
): Promise<void> {
  const { groups, isDone, workers, signal } = options;
  const open = groups.filter((group) => group.some((i) => !isDone(i)));
  const reals = open.filter(([first]) => isDone(first)).map(([first]) => keyOf(videos[first]));
  const known = await geometriesOf(reals, options);
  await inParallel(open, async (group) => {
    await prepareGroup(group, { ...options, videos, geometry: known.get(keyOf(videos[group[0]])) });
  }, { workers, signal });
}

/** The faces of reals that are done, as far as they are still known. */
async function geometriesOf(
  keys: readonly string[],
  { into, made }: { readonly into: string; readonly made: Made },
): Promise<ReadonlyMap<string, Geometry>> {
  const known = new Map<string, Geometry>();
  for (const key of keys) {
    const file = made.fileOf.get(key);
    const record = file === undefined ? undefined : await readRecord(into, file).catch((error) => {
      if (!(error instanceof RecordGone)) throw error; // it is in faces.csv then
    });
    if (record?.geometry) known.set(key, record.geometry);
  }
  const others = await readFaces(into, new Set(keys.filter((key) => !known.has(key))));
  return new Map([...known, ...others]);
}

type GroupOptions = PrepareFacesOptions & {
  readonly videos: readonly Video[];
  /** Of the real, where it is done. */
  readonly geometry?: Geometry;
};

async function prepareGroup(group: readonly number[], options: GroupOptions): Promise<void> {
  const { videos, onMade } = options;
  const [first, ...fakes] = group;
  let { geometry } = options;
  // A real whose faces are not known any more is made again, with the same result.
  const isLost = fakes.length > 0 && options.isDone(first) && geometry === undefined;
  const isDone = (i: number) => options.isDone(i) && !(isLost && i === first);
  const sources = new Map<number, FrameSource | Error>();
  // A real that is done needs no look at its fakes: its frames are chosen.
  for (const i of group) if (!isDone(first) || !isDone(i)) sources.set(i, await sourceOf(i, options));
  for (const i of group) {
    if (isDone(i)) continue;
    const { row, made } = await prepareOne(i, {
      ...options,
      source: sources.get(i)!,
      geometry: i === first ? undefined : geometry,
      real: i === first ? undefined : videos[first].id,
      among: i === first && fakes.length > 0 ? amongOf(first, { sources, fakes, ...options }) : undefined,
      masked: i === first ? (fakes.length > 0 ? fakes : [i]) : [i],
    });
    if (i === first) geometry = made && made.got > 0 ? made.geometry : undefined;
    await onMade(i, { row, geometry: made && made.got > 0 ? made.geometry : undefined });
  }
}

function amongOf(
  first: number,
  options: GroupOptions & {
    readonly sources: ReadonlyMap<number, FrameSource | Error>;
    readonly fakes: readonly number[];
  },
): readonly number[] | undefined {
  const numbersOf = (i: number) => {
    const source = options.sources.get(i);
    return source === undefined || source instanceof Error ? undefined : source.numbers;
  };
  const real = numbersOf(first);
  const fakes = options.fakes.flatMap((i) => [numbersOf(i)].filter((numbers) => numbers !== undefined));
  return real && sharedNumbers(real, { fakes, frames: options.frames });
}

async function sourceOf(i: number, options: GroupOptions): Promise<FrameSource | Error> {
  const { videos, frames, keep, recompress, signal } = options;
  const how: SourceOptions = { frames, keep, recompress, work: placesOf(i, options).work, signal };
  return await openFrames(videos[i], how).catch((error) => {
    signal?.throwIfAborted();
    return error instanceof Error ? error : new Error(reasonOf(error));
  });
}

type OneOptions = GroupOptions & {
  readonly source: FrameSource | Error;
  /** The real's, where this is a fake of one that has faces. */
  readonly geometry?: Geometry;
  /** The real's id, where this is a fake of one. */
  readonly real?: string;
  /** Those of its frames that may be chosen; all unless given. */
  readonly among?: readonly number[];
  /** The videos whose masks say which face is taken. */
  readonly masked: readonly number[];
};

async function prepareOne(
  i: number,
  options: OneOptions,
): Promise<{ readonly row: Coverage; readonly made?: FacesMade }> {
  const { videos, frames, into, folders, signal } = options;
  const { id, label, method } = videos[i];
  const row = { video: id, label: label === 0 ? "real" : "fake", method, wanted: frames } as const;
  const places = placesOf(i, options);
  try {
    for (const path of [places.work, places.landmarks]) {
      await orOutputError(`Cannot make ${path}`, () => Deno.mkdir(path, { recursive: true }));
    }
    const made = await makeOne(i, options);
    if (made.got > 0) {
      // The crops last: a folder of them says that the video is done.
      await putFolder(places.landmarks, join(into, landmarksBeside(folders[i])));
      await putFolder(places.work, join(into, folders[i]));
    }
    const note = made.notes.join("; ");
    return {
      row: { ...row, got: made.got, note, folder: made.got > 0 ? folders[i] : "", ...made.columns },
      made,
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof OutputError) throw error;
    return { row: { ...row, got: 0, note: reasonOf(error), folder: "" } };
  } finally {
    for (const path of [places.work, places.landmarks, recompressedPath(places.work)]) {
      await Deno.remove(path, { recursive: true }).catch(() => {}); // moved by now when all went well
    }
  }
}

async function makeOne(i: number, options: OneOptions): Promise<FacesMade> {
  const { source, geometry, real, faces, margin, frames, among, keep, signal } = options;
  if (source instanceof Error) throw source;
  const { align, size, leastSide } = faces.settings;
  const rule: CropRule = { align: align as CropRule["align"], size, margin };
  const how = { rule, frames, find68: faces.find68, ...placesOf(i, options) };
  const notes: string[] = [];
  if (real !== undefined) {
    const made = geometry && await cropLike(geometry, { ...how, source, real });
    if (made) return made;
    notes.push(
      geometry
        ? `its frames have another shape than those of its real ${real}: by its own faces`
        : `its real ${real} has no crops: by its own faces`,
    );
  }
  const masks = options.masked.flatMap((each) => options.videos[each].masks ?? []);
  const read = async (
    numbers: readonly number[],
    of: { readonly width: number; readonly height: number },
  ) => {
    const shares: MaskShares[] = [];
    for (const path of masks) {
      const each = await readMasks(path, { numbers, size: of, keep, signal }).catch((error) => {
        signal?.throwIfAborted();
        notes.push(`masks that cannot be read: ${reasonOf(error)}`);
      });
      if (each) shares.push(each);
    }
    return meanShares(shares);
  };
  const found: FindOptions = {
    ...how,
    find: faces.find,
    leastSide,
    among,
    readMasks: masks.length > 0 ? read : undefined,
  };
  const made = await findInVideo(source, found);
  return { ...made, notes: [...notes, ...made.notes] };
}

/** Where a video's crops and landmarks are made. */
function placesOf(i: number, { work }: Pick<PrepareFacesOptions, "work">) {
  return { work: join(work, `${i}`), landmarks: join(work, `${i}-landmarks`) };
}

function keyOf({ id, label }: Video): string {
  return coverageKey({ video: id, label: label === 0 ? "real" : "fake" });
}
