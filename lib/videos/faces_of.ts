/**
 * One video → crops of one of its faces.
 *
 * @module
 */
import { join } from "node:path";
import type { Face } from "../faces/face.ts";
import type { FaceFinderApart } from "../faces/find_apart.ts";
import type { Landmarks68 } from "../faces/landmarks68.ts";
import { writeNpy } from "../faces/npy.ts";
import { chooseTrack, type FrameFaces, type Track, trackFaces } from "../faces/track.ts";
import { releaseBytes } from "../images/image.ts";
import type { RgbImage } from "../images/resize.ts";
import { loadSharp } from "../images/sharp.ts";
import { evenly } from "../data/layouts/layout.ts";
import type { FacesCoverage } from "./coverage.ts";
import { cropFace, type CropRule, type FaceCrop } from "./crop_face.ts";
import type { FrameReader, FrameSource } from "./frame_source.ts";
import type { MaskShares } from "./masks.ts";
import { faceLike, type Geometry, isShapedLike, numbersLike } from "./pairs.ts";
import { orOutputError, sealPng, writeFrame } from "./whole_frames.ts";

/** How the faces of one video are cropped. */
export type FacesOptions = {
  readonly rule: CropRule;
  /** Evenly spaced frames. */
  readonly frames: number;
  /** An empty folder for the crops. */
  readonly work: string;
  /** An empty folder for their landmarks. */
  readonly landmarks: string;
  /** Finds the 68 points that are written beside crops; the five are unless given. */
  readonly find68?: Landmarks68["find"];
};

/** How the faces of a video are found. */
export type FindOptions = FacesOptions & {
  /** Finds faces in images of one size. */
  readonly find: FaceFinderApart["find"];
  /** Faces with a shorter side in pixels are not taken. */
  readonly leastSide: number;
  /** Those of the frames that there are that may be chosen; all unless given. */
  readonly among?: readonly number[];
  /** Reads what masks mark in frames of a size, where there are masks. */
  readonly readMasks?: (
    numbers: readonly number[],
    size: { readonly width: number; readonly height: number },
  ) => Promise<MaskShares>;
};

/** What became of a video. */
export type FacesMade = {
  readonly got: number;
  readonly notes: readonly string[];
  readonly columns: FacesCoverage;
  /** The faces that were cut out. */
  readonly geometry: Geometry;
};

/** Pixels of the frames that faces are looked for in at a time. */
const BATCH_PIXELS = 16e6;
/** And so many frames at most. */
const BATCH_FRAMES = 16;
/**
 * Below it a face has no fine detail left. A sharp photograph has some hundreds, and what H.264 makes of it with a CRF of 40 more
 * than 60.
 */
export const BLURRED = 30;

/** A crop, held or in a file until it is chosen. */
type Candidate = Omit<FaceCrop, "image"> & {
  readonly image?: RgbImage;
  readonly file: string;
  readonly points: readonly number[];
};
/** Bytes of a video's crops that are held; further ones wait in files. Those that are not chosen are then never made to PNG. */
const HELD_BYTES = 64e6;

/**
 * Finds the faces in evenly spaced frames, follows them through the video, and crops the one that is chosen.
 *
 * @throws {OutputError} when crops cannot be written.
 * @throws {Error} with the reason when the video or its masks cannot be read.
 */
export async function findInVideo(source: FrameSource, options: FindOptions): Promise<FacesMade> {
  const { rule, frames: wanted, work, find, leastSide, among, readMasks } = options;
  const allowed = among && new Set(among);
  let frames: FrameFaces[] = [];
  let size = { width: 0, height: 0 };
  let [small, serial, held] = [0, 0, 0];
  const candidates = new Map<Face, Candidate>();
  const waiting: { readonly image: RgbImage; readonly number: number }[] = [];
  const flush = async () => {
    const batch = waiting.splice(0);
    if (batch.length === 0) return;
    const found = await find(batch.map(({ image }) => image));
    const writing: Promise<void>[] = [];
    for (const [i, { image, faces: all }] of found.entries()) {
      const { number } = batch[i];
      const faces = all.filter(({ box }) => Math.min(box.width, box.height) >= leastSide);
      small += all.length - faces.length;
      frames.push({ number, faces });
      for (const face of faces) {
        const crop = cropFace(image, face, rule);
        if (!crop) continue;
        const file = join(work, `candidate-${serial++}.png`);
        const isHeld = held + crop.image.data.length <= HELD_BYTES;
        const points = await pointsOf(crop, { image, face, ...options });
        candidates.set(face, { ...crop, image: isHeld ? crop.image : undefined, file, points });
        if (isHeld) held += crop.image.data.length;
        else writing.push(writeCrop(file, crop.image));
      }
      releaseBytes(image.data);
    }
    await Promise.all(writing);
  };
  const read = await source.read({
    choose: (there) => evenly(allowed ? there.filter((number) => allowed.has(number)) : there, wanted),
    begin: async () => {
      for (const { file, image } of candidates.values()) if (!image) await Deno.remove(file);
      candidates.clear();
      waiting.splice(0);
      [frames, small, held] = [[], 0, 0];
    },
    use: async (image, number) => {
      const isOther = waiting.length > 0 && (image.width !== size.width || image.height !== size.height);
      if (isOther) await flush();
      size = { width: image.width, height: image.height };
      waiting.push({ image, number });
      const most = Math.min(BATCH_FRAMES, Math.floor(BATCH_PIXELS / (size.width * size.height)));
      if (waiting.length >= most) await flush();
    },
  });
  await flush();
  const tracks = trackFaces(frames);
  const masks = tracks.length === 0 ? undefined : await readMasks?.(read.numbers, size);
  const { track, reason } = chooseTrack(tracks, { masks });
  const chosen = [...track?.faces ?? []].flatMap(([number, face]) => {
    const candidate = candidates.get(face);
    return candidate ? [{ number, face, ...candidate }] : [];
  });
  await Promise.all(chosen.map(async ({ number, file, image }) => {
    if (image) await writeCrop(file, image);
    await sealPng(file);
    const target = join(work, `${source.nameOf(number)}.png`);
    await orOutputError(`Cannot write ${target}`, () => Deno.rename(file, target));
  }));
  const taken = new Set(chosen.map(({ file }) => file));
  for (const { file, image } of candidates.values()) {
    if (!image && !taken.has(file)) await Deno.remove(file);
  }
  await writeLandmarks(chosen, { source, ...options });
  return {
    got: chosen.length,
    notes: [
      ...read.notes,
      ...notesOf({ ...read, wanted, frames, track, tracks, reason, small, leastSide }),
      ...lookOf(chosen),
    ],
    columns: {
      faces: frames.reduce((sum, { faces }) => sum + faces.length, 0),
      tracks: tracks.length,
      chosen: reason,
      ...measuresOf(chosen),
    },
    geometry: { faces: new Map(chosen.map(({ number, face }) => [number, face])), ...size },
  };
}

/**
 * Crops a fake's frames where its real's were cropped; undefined when its frames have another shape than the real's.
 *
 * @throws {OutputError} when crops cannot be written.
 * @throws {Error} with the reason when the video cannot be read.
 */
export async function cropLike(
  geometry: Geometry,
  options: FacesOptions & { readonly source: FrameSource; readonly real: string },
): Promise<FacesMade | undefined> {
  const { source, real, rule, frames, work } = options;
  let chosen: Chosen[] = [];
  let size: { readonly width: number; readonly height: number } | undefined;
  class OtherShape extends Error {}
  const forget = async () => {
    for (const { number } of chosen) await Deno.remove(join(work, `${source.nameOf(number)}.png`));
    chosen = [];
  };
  const reader: FrameReader = {
    choose: (there) => numbersLike(geometry, { there, frames }),
    begin: forget,
    use: async (image, number) => {
      size ??= { width: image.width, height: image.height };
      if (!isShapedLike(geometry, image)) throw new OtherShape();
      const face = faceLike(geometry, { number, width: image.width, height: image.height });
      const crop = face && cropFace(image, face, rule);
      if (crop) {
        const file = join(work, `${source.nameOf(number)}.png`);
        await writeCrop(file, crop.image);
        await sealPng(file);
        chosen.push({ number, face, ...crop, points: await pointsOf(crop, { image, face, ...options }) });
      }
      releaseBytes(image.data);
    },
  };
  const read = await source.read(reader).catch(async (error) => {
    if (!(error instanceof OtherShape)) throw error;
    await forget();
    return undefined;
  });
  if (!read) return undefined;
  await writeLandmarks(chosen, options);
  const exact = chosen.every(({ number }) => geometry.faces.has(number));
  const scaled = size && (size.width !== geometry.width || size.height !== geometry.height);
  const notes = [
    ...(exact ? [] : ["its real's frames are others: boxes lie on the line between those of the real's"]),
    ...(scaled ? [`boxes are scaled from ${geometry.width} × ${geometry.height}`] : []),
    ...(chosen.length < frames && chosen.length === geometry.faces.size ? [`as many as its real has`] : []),
    ...(read.there < frames ? [`only ${read.there} frames`] : []),
  ];
  return {
    got: chosen.length,
    notes: [...read.notes, ...notes, ...lookOf(chosen)],
    columns: { chosen: `as ${real}`, ...measuresOf(chosen) },
    geometry: {
      faces: new Map(chosen.map(({ number, face }) => [number, face])),
      ...size ?? { width: 0, height: 0 },
    },
  };
}

type Chosen = Omit<FaceCrop, "image"> & {
  readonly number: number;
  readonly face: Face;
  readonly points: readonly number[];
};

/** The points that are written beside a crop, in its pixels. */
async function pointsOf(
  crop: FaceCrop,
  { image, face, find68 }: Pick<FacesOptions, "find68"> & { readonly image: RgbImage; readonly face: Face },
): Promise<readonly number[]> {
  if (!find68) return crop.landmarks5;
  const [points] = await find68(image, [face.box]);
  return crop.move(points);
}

/** Why there are fewer crops than frames that were wanted, and between how many faces there was a choice. */
function notesOf(found: {
  readonly there: number;
  readonly wanted: number;
  readonly numbers: readonly number[];
  readonly frames: readonly FrameFaces[];
  readonly track?: Track;
  readonly tracks: readonly Track[];
  readonly reason: string;
  readonly small: number;
  readonly leastSide: number;
}): string[] {
  const { there, wanted, numbers, frames, track, tracks, reason, small, leastSide } = found;
  const without = frames.filter(({ faces }) => faces.length === 0).length;
  const others = frames.length - without - (track?.faces.size ?? 0);
  return [
    ...(there < wanted ? [`only ${there} frames`] : []),
    ...(!track ? [reason] : without > 0 ? [`no face in ${without} of ${numbers.length} frames`] : []),
    ...(track && others > 0 ? [`the face that was chosen is not in ${others} others`] : []),
    ...(tracks.length > 1 && track
      ? [`${tracks.length} faces, of which the ${reason.split(" ")[0]} one is taken`]
      : []),
    ...(small > 0 ? [`${small} faces too small, below ${leastSide} pixels`] : []),
  ];
}

/** What is odd about the crops. */
function lookOf(chosen: readonly Chosen[]): string[] {
  const cut = chosen.filter(({ isCutOff }) => isCutOff).length;
  const { sharpness = Infinity } = measuresOf(chosen);
  return [
    ...(cut > 0 ? [`${cut} cut off by the frame`] : []),
    ...(sharpness < BLURRED ? ["blurred"] : []),
  ];
}

function measuresOf(
  chosen: readonly Chosen[],
): Pick<FacesCoverage, "score" | "side" | "sharpness" | "cutOff"> {
  if (chosen.length === 0) return {};
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
  const rounded = (value: number, digits: number) => Number(value.toFixed(digits));
  return {
    score: rounded(middle(chosen.map(({ face }) => face.score)), 4),
    side: rounded(middle(chosen.map(({ face: { box } }) => Math.min(box.width, box.height))), 1),
    sharpness: rounded(middle(chosen.map(({ sharpness }) => sharpness)), 1),
    cutOff: chosen.filter(({ isCutOff }) => isCutOff).length,
  };
}

async function writeLandmarks(
  chosen: readonly Chosen[],
  { source, landmarks }: Pick<FacesOptions, "landmarks"> & { readonly source: FrameSource },
): Promise<void> {
  for (const { number, points } of chosen) {
    await writeFrame(join(landmarks, `${source.nameOf(number)}.npy`), writeNpy(points));
  }
}

/**
 * Not flushed to the disk: not all that is written stays. A filter chosen line by line makes a face smaller by a third than a higher level
 * of compression, in the same time.
 */
async function writeCrop(path: string, { data, width, height }: RgbImage): Promise<void> {
  const sharp = await loadSharp();
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 3, adaptiveFiltering: true })
    .toBuffer();
  await orOutputError(`Cannot write ${path}`, () => Deno.writeFile(path, png));
}
