/**
 * Finds faces in images.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { initBackend } from "../backend/start.ts";
import { dispose } from "../backend/tensors.ts";
import { InputError } from "../base/errors.ts";
import { fileSha256 } from "../base/checksum.ts";
import type { RgbImage } from "../images/resize.ts";
import { loadStateDict } from "../weights/load.ts";
import { type Face, LEAST_FACE } from "./face.ts";
import { detectFaces, type MtcnnOptions } from "./mtcnn.ts";
import { bindMtcnn, type Mtcnn } from "./mtcnn/nets.ts";

/** What counts as a face. */
export type FaceOptions = {
  /**
   * The side of the smallest faces that are looked for, in pixels, from 12 on; 30 unless given. The cost of an image goes with its
   * inverse square.
   */
  readonly leastSide?: number;
  /** The least score of a face, 0 to 1; 0.95 unless given. */
  readonly leastScore?: number;
};

/** A detector of faces with its weights. */
export type FaceFinder = {
  /** What it is. */
  readonly name: string;
  /** The SHA-256 of its weights. */
  readonly digest: string;
  /**
   * The faces in each image, by falling score. Images of one size are computed together.
   *
   * @throws {InputError} when an image's bytes are not RGB of its size.
   */
  find(images: readonly RgbImage[]): Promise<readonly (readonly Face[])[]>;
  /** Frees the weights. */
  close(): void;
};

const weightsFile = fileURLToPath(new URL("../../assets/mtcnn.safetensors", import.meta.url));

/** Pixels of images that are computed together, eight frames of 720p: twelve bytes each. */
const MAX_PIXELS = 7_500_000;

const defaults: MtcnnOptions = { leastSide: LEAST_FACE.side, leastScore: LEAST_FACE.score };

/**
 * Opens the detector, MTCNN with the weights of facenet-pytorch 2.6.0 (MIT licence), which come with the bench; the caller closes it.
 * Starts the tensor backend where none is.
 *
 * @throws {InputError} when an option is out of range.
 *
 * @example
 * ```ts
 * import { openFaceFinder } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * const finder = await openFaceFinder({ leastSide: 40 });
 * const grey = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3).fill(128) };
 * assertEquals(await finder.find([grey, grey]), [[], []]);
 * finder.close();
 * ```
 */
export async function openFaceFinder(options: FaceOptions = {}): Promise<FaceFinder> {
  const settings = settingsFrom(options);
  await initBackend();
  const model = bindMtcnn(await loadStateDict(weightsFile));
  return {
    name: "MTCNN (facenet-pytorch 2.6.0)",
    digest: await fileSha256(weightsFile),
    find: (images) => facesIn(model, images, settings),
    close: () => dispose(model),
  };
}

let kept: Promise<Mtcnn> | undefined;

/**
 * The faces in an image, by falling score, each with its box and five landmarks; none in an image that is smaller than the least
 * face. The detector is that of `openFaceFinder()`, opened with the first image and kept; images of one size are found faster in one
 * call of its `find()`.
 *
 * @param options.leastSide the side of the smallest faces that are looked for, in pixels, from 12 on; 30 unless given
 * @param options.leastScore the least score of a face, 0 to 1; 0.95 unless given
 * @throws {InputError} when an option is out of range, or the image's bytes are not RGB of its size.
 *
 * @example
 * ```ts
 * import { findFaces } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * const grey = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3).fill(128) };
 * assertEquals(await findFaces(grey), []);
 * ```
 */
export async function findFaces(image: RgbImage, options: FaceOptions = {}): Promise<readonly Face[]> {
  const settings = settingsFrom(options);
  kept ??= initBackend().then(async () => bindMtcnn(await loadStateDict(weightsFile)));
  const model = await kept.catch((error) => {
    kept = undefined;
    throw error;
  });
  return (await facesIn(model, [image], settings))[0];
}

async function facesIn(model: Mtcnn, images: readonly RgbImage[], settings: MtcnnOptions): Promise<Face[][]> {
  for (const { width, height, data } of images) {
    if (data.length !== width * height * 3) {
      throw new InputError(
        `Cannot find faces: expected ${
          width * height * 3
        } bytes of RGB for ${width}×${height} pixels but found ${data.length}`,
      );
    }
  }
  const found: Face[][] = images.map(() => []);
  const bySize = Map.groupBy(images.keys(), (i) => `${images[i].width}×${images[i].height}`);
  for (const all of bySize.values()) {
    const { width, height } = images[all[0]];
    const atATime = Math.max(1, Math.floor(MAX_PIXELS / (width * height)));
    for (let first = 0; first < all.length; first += atATime) {
      const indices = all.slice(first, first + atATime);
      const faces = await detectFaces(model, indices.map((i) => images[i]), settings);
      indices.forEach((i, n) => found[i] = faces[n]);
    }
  }
  return found;
}

function settingsFrom(options: FaceOptions): MtcnnOptions {
  const { leastSide = defaults.leastSide, leastScore = defaults.leastScore } = options;
  if (!(leastSide >= 12 && leastSide < Infinity)) {
    throw new InputError(
      `Cannot find faces: expected a leastSide of at least 12 pixels but found ${leastSide}`,
    );
  }
  if (!(leastScore >= 0 && leastScore <= 1)) {
    throw new InputError(`Cannot find faces: expected a leastScore from 0 to 1 but found ${leastScore}`);
  }
  return { leastSide, leastScore };
}
