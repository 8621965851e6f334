/**
 * A file → the squares that a detector judges: whole pictures, faces in them, or frames of a video.
 *
 * @module
 */
import type { FaceSettings } from "../../data/prepared.ts";
import { evenly } from "../../data/layouts/layout.ts";
import { joinNames } from "../../data/scan.ts";
import type { AlignmentName } from "../../faces/align.ts";
import type { Face } from "../../faces/face.ts";
import type { FaceFinder } from "../../faces/find.ts";
import { sharpness } from "../../faces/sharpness.ts";
import { chooseTrack, type FrameFaces, trackFaces } from "../../faces/track.ts";
import type { Box } from "../../images/box.ts";
import { type Fit, fits } from "../../images/fits/mod.ts";
import { releaseBytes, withImage } from "../../images/image.ts";
import { resizeAside, type RgbImage } from "../../images/resize.ts";
import { cropFace, type CropRule, SHARPNESS_SIDE } from "../../videos/crop_face.ts";
import { openFrames } from "../../videos/frame_source.ts";

/** How files are brought before a detector. */
export type PictureOptions = {
  /** Of the detector's input. */
  readonly size: number;
  readonly fit: Fit;
  /** How faces are found and cut out; undefined: pictures are taken as they are. */
  readonly faces?: FaceCutter;
  /** Evenly spaced frames of a video. */
  readonly frames: number;
  /** What `findFfmpeg()` gave, once a video asks. */
  readonly keep: () => Promise<readonly string[]>;
  readonly signal?: AbortSignal;
};

/** Finds and cuts out faces as a detector's training images were made. */
export type FaceCutter = {
  readonly find: FaceFinder["find"];
  readonly rule: CropRule;
  /** Faces with a shorter side in pixels are not taken. */
  readonly leastSide: number;
};

/** The rule by which `prepare` cut faces out. */
export function ruleOf(settings: FaceSettings, margin: number): CropRule {
  return { align: settings.align as "none" | AlignmentName, size: settings.size, margin };
}

/** What is judged at once: a picture, a face, or a video. */
export type Subject = {
  readonly kind: "image" | "video";
  /** [S, S, 3] each. */
  readonly squares: readonly Uint8Array[];
  /** The shorter side of what was judged, in pixels of the file; of a video the median. */
  readonly side: number;
  /** Of it at one size; of a video the median. */
  readonly sharpness: number;
  readonly face?: number;
  readonly faces?: number;
  readonly box?: Box;
  readonly notes: readonly string[];
};

/** A picture whose longer side has more pixels is made smaller before faces are looked for in it; a frame is not, for `prepare` does not. */
const MOST_SIDE = 2048;

/**
 * What there is to judge in an image file: itself, or each face in it, the largest first; none where it has no face.
 *
 * @throws {Error} for a file that cannot be read
 */
export async function imageSubjects(path: string, options: PictureOptions): Promise<Subject[]> {
  const { size, fit, faces } = options;
  return await withImage(path, async (image, pictures) => {
    const notes = pictures > 1 ? [`the first of ${pictures} pictures`] : [];
    try {
      if (faces) return await faceSubjects(image, { size, fit, faces, notes });
      return [{
        kind: "image",
        squares: [copyOf(await fits[fit].apply(image, { size }), image)],
        side: Math.min(image.width, image.height),
        sharpness: sharpness(await resizeAside(image, { width: SHARPNESS_SIDE, height: SHARPNESS_SIDE })),
        notes,
      }];
    } finally {
      releaseBytes(image.data);
    }
  }, { upright: faces !== undefined });
}

/** Each face in a picture, the largest first. */
async function faceSubjects(
  image: RgbImage,
  options: Pick<PictureOptions, "size" | "fit"> & {
    readonly faces: FaceCutter;
    readonly notes: readonly string[];
  },
): Promise<Subject[]> {
  const { size, fit, faces, notes } = options;
  const found = (await facesIn(image, { ...faces, mostSide: MOST_SIDE })).toSorted((a, b) =>
    b.box.width * b.box.height - a.box.width * a.box.height
  );
  const subjects: Subject[] = [];
  for (const [i, face] of found.entries()) {
    const crop = cropFace(image, face, faces.rule);
    if (!crop) continue;
    subjects.push({
      kind: "image",
      squares: [await fits[fit].apply(crop.image, { size })],
      side: Math.min(face.box.width, face.box.height),
      sharpness: crop.sharpness,
      face: i + 1,
      faces: found.length,
      box: rounded(face.box),
      notes: [...notes, ...(crop.isCutOff ? ["cut off by the picture's edge"] : [])],
    });
  }
  return subjects;
}

/** The square is given away, and the image's buffer is not. */
function copyOf(square: Uint8Array, image: RgbImage): Uint8Array {
  return square === image.data ? square.slice() : square;
}

/** The faces in an image, whose points are its own whatever size it was looked at in. */
async function facesIn(
  image: RgbImage,
  { find, leastSide, mostSide = Infinity }: FaceCutter & { readonly mostSide?: number },
): Promise<Face[]> {
  const scale = Math.max(1, Math.max(image.width, image.height) / mostSide);
  const seen = scale === 1 ? image : await resizeAside(image, {
    width: Math.max(1, Math.round(image.width / scale)),
    height: Math.max(1, Math.round(image.height / scale)),
  });
  const [x, y] = [image.width / seen.width, image.height / seen.height];
  const [faces] = await find([seen]);
  return faces.map(({ box, score, landmarks5 }) => ({
    box: { x: box.x * x, y: box.y * y, width: box.width * x, height: box.height * y },
    score,
    landmarks5: landmarks5.map((value, i) => value * (i % 2 === 0 ? x : y)),
  })).filter(({ box }) => Math.min(box.width, box.height) >= leastSide);
}

/**
 * What there is to judge in a video: evenly spaced frames as they are, or in each the face of the person who is in most of them; none
 * where there is no face.
 *
 * @throws {Error} with the reason for a video that cannot be read
 */
export async function videoSubjects(path: string, options: PictureOptions): Promise<Subject[]> {
  const { size, fit, faces, frames: wanted, keep, signal } = options;
  const video = {
    label: 0,
    method: "",
    id: path,
    identities: [],
    folder: "",
    frames: joinNames([]),
    file: path,
  } as const;
  const source = await openFrames(video, { frames: wanted, keep: await keep(), work: "", signal });
  type Crop = {
    readonly square: Uint8Array;
    readonly side: number;
    readonly sharpness: number;
    readonly isCutOff?: boolean;
  };
  const whole: Crop[] = [];
  const crops = new Map<Face, Crop>();
  const frames: FrameFaces[] = [];
  const read = await source.read({
    choose: (there) => evenly(there, wanted),
    begin: () => {
      whole.splice(0);
      frames.splice(0);
      crops.clear();
      return Promise.resolve();
    },
    use: async (image, number) => {
      if (!faces) {
        const small = await resizeAside(image, { width: SHARPNESS_SIDE, height: SHARPNESS_SIDE });
        const measured = { side: Math.min(image.width, image.height), sharpness: sharpness(small) };
        whole.push({ square: await fits[fit].apply(image, { size }), ...measured });
        return;
      }
      const found = await facesIn(image, faces);
      frames.push({ number, faces: found });
      for (const face of found) {
        const crop = cropFace(image, face, faces.rule);
        if (!crop) continue;
        crops.set(face, {
          square: await fits[fit].apply(crop.image, { size }),
          side: Math.min(face.box.width, face.box.height),
          sharpness: crop.sharpness,
          isCutOff: crop.isCutOff,
        });
      }
    },
  });
  if (!faces) return whole.length === 0 ? [] : [videoOf(whole, { notes: read.notes })];
  const tracks = trackFaces(frames);
  const { track, reason } = chooseTrack(tracks);
  const chosen = [...track?.faces.values() ?? []].flatMap((face) => crops.get(face) ?? []);
  if (chosen.length === 0) return [];
  const cut = chosen.filter(({ isCutOff }) => isCutOff).length;
  const notes = [
    ...read.notes,
    ...(tracks.length > 1
      ? [`${tracks.length} faces, of which the ${reason.split(" ")[0]} one is judged`]
      : []),
    ...(chosen.length < read.numbers.length
      ? [`its face is in ${chosen.length} of ${read.numbers.length} frames`]
      : []),
    ...(cut > 0 ? [`${cut} cut off by the frame`] : []),
  ];
  return [videoOf(chosen, { notes, faces: tracks.length })];
}

function videoOf(
  crops: readonly { readonly square: Uint8Array; readonly side: number; readonly sharpness: number }[],
  rest: Pick<Subject, "notes" | "faces">,
): Subject {
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
  return {
    kind: "video",
    squares: crops.map(({ square }) => square),
    side: median(crops.map(({ side }) => side)),
    sharpness: median(crops.map(({ sharpness }) => sharpness)),
    ...rest,
  };
}

function rounded({ x, y, width, height }: Box): Box {
  const [a, b, c, d] = [x, y, width, height].map((value) => Number(value.toFixed(1)));
  return { x: a, y: b, width: c, height: d };
}
