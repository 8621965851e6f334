/**
 * How a face that was found is cut out of its frame.
 *
 * @module
 */
import { type AlignmentName, alignTransform } from "../faces/align.ts";
import type { Face } from "../faces/face.ts";
import { sharpness } from "../faces/sharpness.ts";
import { inverse, transformPoints } from "../faces/transform.ts";
import { warp } from "../faces/warp.ts";
import type { RgbImage } from "../images/resize.ts";
import { InputError } from "../base/errors.ts";
import { cropSquare } from "./crop.ts";

/** How faces are cut out, the same for all. */
export type CropRule = {
  /** `none`: the square around the box, at its own size. */
  readonly align: "none" | AlignmentName;
  /** Side of an aligned crop in pixels; the geometry's own unless given. */
  readonly size?: number;
  /** Side of the crop over the longer side of the box, or over the side of the geometry's own square. */
  readonly margin: number;
};

/** A face cut out of its frame. */
export type FaceCrop = {
  readonly image: RgbImage;
  /** The face's five points, in the crop's pixels. */
  readonly landmarks5: readonly number[];
  /** Moves further points of the frame into the crop. */
  move(points: readonly number[]): readonly number[];
  /** Whether what is cut out reaches beyond the frame, where an aligned crop is black. */
  readonly isCutOff: boolean;
  /** Of the face at one size, whatever the crop's is, so that it can be compared. */
  readonly sharpness: number;
};

/** Sharpness is measured at this side, of the face without a margin. */
export const SHARPNESS_SIDE = 112;

/** Cuts a face out; undefined where its box lies outside the frame, or its points are none of a face. */
export function cropFace(image: RgbImage, { box, landmarks5 }: Face, rule: CropRule): FaceCrop | undefined {
  try {
    const even = alignTransform(landmarks5, { size: SHARPNESS_SIDE, scale: 1 });
    const measured = sharpness(warp(image, even.transform, { width: even.size, height: even.size }));
    if (rule.align === "none") {
      const square = cropSquare(box, { ...image, margin: rule.margin });
      if (!square) return undefined;
      const move = (points: readonly number[]) =>
        points.map((value, i) => value - (i % 2 === 0 ? square.x : square.y));
      return {
        image: part(image, square),
        ...{ landmarks5: move(landmarks5), move },
        isCutOff: box.x < 0 || box.y < 0 || box.x + box.width > image.width ||
          box.y + box.height > image.height,
        sharpness: measured,
      };
    }
    const { transform, size } = alignTransform(landmarks5, {
      alignment: rule.align,
      size: rule.size,
      scale: rule.margin,
    });
    const corners = transformPoints([0, 0, size, 0, size, size, 0, size], inverse(transform));
    return {
      image: warp(image, transform, { width: size, height: size }),
      landmarks5: transformPoints(landmarks5, transform),
      move: (points) => transformPoints(points, transform),
      // What is less than a pixel beyond is rounding.
      isCutOff: corners.some((value, i) =>
        value < -1 || value > 1 + (i % 2 === 0 ? image.width : image.height)
      ),
      sharpness: measured,
    };
  } catch (error) {
    if (error instanceof InputError) return undefined; // points that coincide, or are as far apart as no face's
    throw error;
  }
}

function part(
  { data, width }: RgbImage,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): RgbImage {
  const cut = new Uint8Array(box.width * box.height * 3);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.y + y) * width + box.x) * 3;
    cut.set(data.subarray(from, from + box.width * 3), y * box.width * 3);
  }
  return { data: cut, width: box.width, height: box.height };
}
