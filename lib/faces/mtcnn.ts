/**
 * MTCNN (Zhang, Zhang, Li and Qiao, 2016): faces and five landmarks of each by a cascade of three nets, as facenet-pytorch 2.6.0
 * computes it (MIT licence).
 *
 * The first net looks at all windows of 12×12 pixels in a pyramid of the image, the second at what it proposes, enlarged to 24×24, the
 * third at what is left, at 48×48. Between them boxes are corrected and thinned out.
 *
 * One thing differs: boxes are thinned out image by image. The original shifts each image's boxes aside and thins out all at once, so
 * that in a batch a box beyond an image's edge can meet one of the next image.
 *
 * @see https://kpzhang93.github.io/MTCNN_face_detection_alignment/paper/spl.pdf
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { sigmoid } from "../base/sigmoid.ts";
import type { RgbImage } from "../images/resize.ts";
import type { Face } from "./face.ts";
import { type AreaSums, areaSums, writeResized } from "./mtcnn/area.ts";
import { type Candidate, corrected, type Correction, squared, thinned } from "./mtcnn/boxes.ts";
import { type Mtcnn, outputs, proposals, refinements } from "./mtcnn/nets.ts";

/** What facenet-pytorch sets by default, its least side and its last threshold excepted. */
const cascade = {
  /** The ratio of neighbouring levels of the pyramid. */
  factor: 0.709,
  /** The least score of a box that goes on from the first net, and from the second. */
  proposed: 0.6,
  refined: 0.7,
  /** How much boxes may share: within a level of the pyramid, and from then on. */
  sharedInLevel: 0.5,
  shared: 0.7,
  /** Crops that go through a net at a time. */
  crops: 512,
} as const;

/** The first net's window, and its steps, in pixels. */
const WINDOW = 12, STEP = 2;
/** Pixels of a level that go through the first net at a time, which bounds its memory: some 200 bytes a pixel. */
const MAX_PIXELS = 500_000;
/** The least that goes through a net at a time: in a batch of one TensorFlow sums in another order, by which a face would move. */
const LEAST_BATCH = 2;

/** What is looked for. */
export type MtcnnOptions = {
  /** The side of the smallest faces, in pixels: the first level of the pyramid shrinks them to 12. */
  readonly leastSide: number;
  /** The least score of the last net, 0 to 1. */
  readonly leastScore: number;
};

/** A box of one of the images. */
type Found = Candidate & { readonly image: number };

/**
 * The faces in each of some images of one size, by falling score; none in an image that is smaller than the least face.
 *
 * Boxes and points are facenet-pytorch's. Its boxes count pixels from 1 and its points from 0, as it gives them.
 */
export async function detectFaces(
  model: Mtcnn,
  images: readonly RgbImage[],
  options: MtcnnOptions,
): Promise<Face[][]> {
  const scales = scalesOf(images[0], options);
  if (scales.length === 0) return images.map(() => []);
  const sums = images.map(areaSums);
  const proposed = await propose(model, sums, scales);
  const refined = await refine(model, sums, proposed);
  return await conclude(model, sums, refined, options);
}

/** How much smaller each level of the pyramid is, down to the one whose shorter side is a window. */
function scalesOf({ width, height }: RgbImage, { leastSide }: MtcnnOptions): number[] {
  const scales: number[] = [];
  let scale = WINDOW / leastSide;
  for (let side = Math.min(width, height) * scale; side >= WINDOW; side *= cascade.factor) {
    scales.push(scale);
    scale *= cascade.factor;
  }
  return scales;
}

/** Of two logits, none and face, the share of the second: the softmax. */
function scoreOf(values: ArrayLike<number>, at: number): number {
  return sigmoid(values[at + 1] - values[at]);
}

function correctionIn(values: ArrayLike<number>, at: number): Correction {
  return [values[at], values[at + 1], values[at + 2], values[at + 3]];
}

/** The first net's boxes of each image. */
async function propose(model: Mtcnn, sums: readonly AreaSums[], scales: readonly number[]): Promise<Found[]> {
  const found: (Candidate & { readonly correction: Correction })[][] = sums.map(() => []);
  for (const scale of scales) {
    const inLevel: typeof found = sums.map(() => []);
    for await (const { image, score, x, y, correction } of windowsOf(model, sums, scale)) {
      // In single precision, as there: the whole part may be another.
      const place = (at: number) => Math.floor(Math.fround(at / Math.fround(scale)));
      inLevel[image].push({
        left: place(STEP * x + 1),
        top: place(STEP * y + 1),
        right: place(STEP * x + WINDOW),
        bottom: place(STEP * y + WINDOW),
        score,
        correction,
      });
    }
    const rule = { most: cascade.sharedInLevel, share: "union" } as const;
    inLevel.forEach((boxes, image) => found[image].push(...thinned(boxes, rule)));
  }
  return found.flatMap((boxes, image) =>
    thinned(boxes, { most: cascade.shared, share: "union" }).map(({ correction, ...box }) => ({
      ...squared(corrected(box, correction, { extra: 0 })),
      image,
    }))
  );
}

/** The windows of one level of the pyramid that the first net takes for faces, row by row. */
async function* windowsOf(model: Mtcnn, sums: readonly AreaSums[], scale: number) {
  const { width: imageWidth, height: imageHeight } = sums[0];
  const [width, height] = [imageWidth, imageHeight].map((side) => Math.trunc(side * scale + 1));
  const part = { left: 0, top: 0, right: imageWidth, bottom: imageHeight };
  const most = Math.max(1, Math.floor(MAX_PIXELS / (width * height))); // images at a time
  for (let first = 0; first < sums.length; first += most) {
    const some = sums.slice(first, first + most);
    // An image that is alone goes through the net as two strips or more.
    const strips = some.length > 1 ? 1 : LEAST_BATCH * Math.ceil(width * height / MAX_PIXELS);
    const pieces = some.flatMap((one, i) => stripsOf(height, strips).map((strip) => ({ ...strip, one, i })));
    const rows = pieces[0].to - pieces[0].from;
    const size = rows * width * 3;
    const atATime = Math.max(LEAST_BATCH, some.length);
    for (let at = 0; at < pieces.length; at += atATime) {
      const batch = pieces.slice(at, at + atATime);
      const pixels = new Float32Array(batch.length * size);
      batch.forEach(({ one, from, to }, n) =>
        writeResized(one, pixels.subarray(n * size, (n + 1) * size), {
          ...{ part, width, height },
          rows: { from, to },
        })
      );
      const { values, shape: [, down, across, outs] } = await computed(
        (x) => proposals(model, x),
        tf.tensor4d(pixels, [batch.length, rows, width, 3]),
      );
      for (const [n, { i, from, lines }] of batch.entries()) {
        for (let y = 0; y < Math.min(down, lines); y++) {
          for (let x = 0; x < across; x++) {
            const own = ((n * down + y) * across + x) * outs;
            const score = scoreOf(values, own);
            if (score < cascade.proposed) continue;
            yield {
              image: first + i,
              score,
              x,
              y: from / STEP + y,
              correction: correctionIn(values, own + 2),
            };
          }
        }
      }
    }
  }
}

/**
 * Strips of one height that cover an image's rows, each with how many of its lines of windows the next strip does not begin with. All
 * are odd where the image is: the last line of its windows reaches beyond it.
 */
function stripsOf(height: number, count: number) {
  const lines = Math.ceil((Math.floor((height - WINDOW) / STEP) + 1) / count);
  const rows = STEP * (lines - 1) + WINDOW + height % STEP;
  const starts = Array.from({ length: count }, (_, i) => Math.min(STEP * lines * i, height - rows));
  return starts.map((from, i) => ({
    from,
    to: from + rows,
    lines: i === count - 1 ? Infinity : (starts[i + 1] - from) / STEP,
  }));
}

/** What a net makes of an input, which is disposed. */
async function computed(net: (x: tf.Tensor4D) => tf.Tensor, input: tf.Tensor4D) {
  const output = net(input);
  input.dispose();
  const values = await output.data<"float32">();
  output.dispose();
  return { values, shape: output.shape };
}

/** What a net makes of boxes' pixels, enlarged or shrunk to `side`; boxes outside their image are left out. */
async function* looksAt(
  net: (crops: tf.Tensor4D) => tf.Tensor,
  sums: readonly AreaSums[],
  options: { readonly boxes: readonly Found[]; readonly side: number },
) {
  const { boxes, side } = options;
  const { width, height } = sums[0];
  const inside = boxes.flatMap((box) => {
    // Boxes count pixels from 1, and a part from 0 to before its end.
    const part = {
      left: Math.max(1, Math.trunc(box.left)) - 1,
      top: Math.max(1, Math.trunc(box.top)) - 1,
      right: Math.min(width, Math.trunc(box.right)),
      bottom: Math.min(height, Math.trunc(box.bottom)),
    };
    return part.right > part.left && part.bottom > part.top ? [{ box, part }] : [];
  });
  const size = side * side * 3;
  for (let first = 0; first < inside.length; first += cascade.crops) {
    const some = inside.slice(first, first + cascade.crops);
    const batch = Math.max(LEAST_BATCH, some.length); // filled up with grey
    const pixels = new Float32Array(batch * size);
    some.forEach(({ box, part }, i) =>
      writeResized(sums[box.image], pixels.subarray(i * size, (i + 1) * size), {
        part,
        width: side,
        height: side,
      })
    );
    const { values, shape: [, , , outs] } = await computed(net, tf.tensor4d(pixels, [batch, side, side, 3]));
    for (let i = 0; i < some.length; i++) {
      const own = values.subarray(i * outs, (i + 1) * outs);
      yield { box: some[i].box, values: own, score: scoreOf(own, 0), correction: correctionIn(own, 2) };
    }
  }
}

/** The second net's boxes. */
async function refine(model: Mtcnn, sums: readonly AreaSums[], boxes: readonly Found[]): Promise<Found[]> {
  const found: (Found & { readonly correction: Correction })[][] = sums.map(() => []);
  const net = (crops: tf.Tensor4D) => refinements(model, crops);
  for await (const { box, score, correction } of looksAt(net, sums, { boxes, side: 24 })) {
    if (score > cascade.refined) found[box.image].push({ ...box, score, correction });
  }
  return found.flatMap((some) =>
    thinned(some, { most: cascade.shared, share: "union" }).map(({ correction, ...box }) =>
      squared(corrected(box, correction, { extra: 1 }))
    )
  );
}

/** The third net's faces of each image. */
async function conclude(
  model: Mtcnn,
  sums: readonly AreaSums[],
  boxes: readonly Found[],
  { leastScore }: MtcnnOptions,
): Promise<Face[][]> {
  const found: (Found & { readonly landmarks5: readonly number[] })[][] = sums.map(() => []);
  const net = (crops: tf.Tensor4D) => outputs(model, crops);
  for await (const { box, values, score, correction } of looksAt(net, sums, { boxes, side: 48 })) {
    if (score < leastScore) continue;
    const [width, height] = [box.right - box.left + 1, box.bottom - box.top + 1];
    const landmarks5 = Array.from({ length: 5 }, (_, i) => [
      width * values[6 + i] + box.left - 1,
      height * values[11 + i] + box.top - 1,
    ]).flat();
    found[box.image].push({ ...corrected({ ...box, score }, correction, { extra: 1 }), landmarks5 });
  }
  return found.map((some) =>
    thinned(some, { most: cascade.shared, share: "smaller" })
      .map(({ left, top, right, bottom, score, landmarks5 }) => ({
        box: { x: left, y: top, width: right - left, height: bottom - top },
        score,
        landmarks5,
      }))
  );
}
