/**
 * MTCNN's boxes: corners, made square, corrected and thinned out as facenet-pytorch does it.
 *
 * @module
 */

/** A box by its corners, in pixels, with the score that it was given. */
export type Candidate = {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly score: number;
};

/** What a net says of the four corners' coordinates, in the box's own sides. */
export type Correction = readonly [left: number, top: number, right: number, bottom: number];

/**
 * A box with its corners moved.
 *
 * @param options.extra is added to its sides first: the original counts pixels in all nets but the first
 */
export function corrected<T extends Candidate>(
  box: T,
  [left, top, right, bottom]: Correction,
  { extra }: { readonly extra: 0 | 1 },
): T {
  const width = box.right - box.left + extra;
  const height = box.bottom - box.top + extra;
  return {
    ...box,
    left: box.left + left * width,
    top: box.top + top * height,
    right: box.right + right * width,
    bottom: box.bottom + bottom * height,
  };
}

/** The square of a box's longer side about its centre. */
export function squared<T extends Candidate>(box: T): T {
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  const side = Math.max(width, height);
  const left = box.left + width / 2 - side / 2;
  const top = box.top + height / 2 - side / 2;
  return { ...box, left, top, right: left + side, bottom: top + side };
}

/**
 * The boxes by falling score, without those that share more than `most` with a better one.
 *
 * @param options.share of the area that both cover, as torchvision measures it; or of the smaller of the two, counting pixels
 */
export function thinned<T extends Candidate>(
  boxes: readonly T[],
  { most, share }: { readonly most: number; readonly share: "union" | "smaller" },
): T[] {
  const sorted = boxes.toSorted((a, b) => b.score - a.score);
  const extra = share === "union" ? 0 : 1;
  const areas = sorted.map((box) => (box.right - box.left + extra) * (box.bottom - box.top + extra));
  const dropped = new Uint8Array(sorted.length);
  for (let i = 0; i < sorted.length; i++) {
    if (dropped[i]) continue;
    const a = sorted[i];
    for (let j = i + 1; j < sorted.length; j++) {
      if (dropped[j]) continue;
      const b = sorted[j];
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left) + extra;
      const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) + extra;
      if (width <= 0 || height <= 0) continue;
      const shared = width * height;
      const whole = share === "union" ? areas[i] + areas[j] - shared : Math.min(areas[i], areas[j]);
      if (shared / whole > most) dropped[j] = 1;
    }
  }
  return sorted.filter((_, i) => !dropped[i]);
}
