/**
 * 68 points of a face, numbered as dlib's and iBUG's: jaw 0–16, brows 17–26, nose 27–35, eyes 36–47, mouth 48–67.
 *
 * The net and its weights are those of face-api.js (Vincent Mühler, 2018; MIT licence), as `@vladmandic/face-api` 1.7.15 computes it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { fileURLToPath } from "node:url";
import { initBackend } from "../backend/start.ts";
import { dispose } from "../backend/tensors.ts";
import { fileSha256 } from "../base/checksum.ts";
import { InputError } from "../base/errors.ts";
import type { Box } from "../images/box.ts";
import type { RgbImage } from "../images/resize.ts";
import { loadStateDict } from "../weights/load.ts";
import { checkState, type StateDict } from "../weights/state.ts";

/** The side of what the net sees, in pixels, and what is taken off red, green and blue. */
const [SIDE, MEANS] = [112, [122.782, 117.001, 104.298]];

/** Four blocks of four layers, by how many maps come out of each. */
const blocks = [32, 64, 128, 256];

/** What finds the 68 points. */
export type Landmarks68 = {
  /** What it is. */
  readonly name: string;
  /** The SHA-256 of its weights. */
  readonly digest: string;
  /** The points of the face in each box, `[x, y, x, y, …]` in the image's pixels. Parts of a box outside the image are left out. */
  find(image: RgbImage, boxes: readonly Box[]): Promise<number[][]>;
  /** Frees the weights. */
  close(): void;
};

/**
 * Opens the net with its weights, which come with the bench; the caller closes it. Starts the tensor backend where none is.
 *
 * @throws {InputError} from `find` when a box lies outside the image
 *
 * @example
 * ```ts
 * import { openLandmarks68 } from "@forgelens/bench";
 * import { assertEquals } from "@std/assert";
 *
 * const landmarks = await openLandmarks68();
 * const image = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3).fill(128) };
 * const [points] = await landmarks.find(image, [{ x: 8, y: 4, width: 40, height: 40 }]);
 * assertEquals(points.length, 2 * 68);
 * landmarks.close();
 * ```
 */
export async function openLandmarks68(): Promise<Landmarks68> {
  await initBackend();
  const file = fileURLToPath(new URL("../../assets/landmarks68.safetensors", import.meta.url));
  const weights = bindLandmarks68(await loadStateDict(file));
  return {
    name: "face-api 1.7.15",
    digest: await fileSha256(file),
    find: async (image, boxes) => {
      if (boxes.length === 0) return [];
      const crops = boxes.map((box) => inside(box, image));
      const input = new Float32Array(boxes.length * SIDE * SIDE * 3);
      crops.forEach((crop, i) => writeSquare(image, crop, input.subarray(i * SIDE * SIDE * 3)));
      const output = tf.tidy(() => run(weights, tf.tensor4d(input, [boxes.length, SIDE, SIDE, 3])));
      const values = await output.data();
      output.dispose();
      return crops.map((crop, i) => inImage(values.subarray(136 * i, 136 * (i + 1)), crop));
    },
    close: () => dispose(weights),
  };
}

type Weights = ReadonlyMap<string, tf.Tensor>;

/** Arrays by name with their shapes: layers are a depthwise and a pointwise filter, but for the first, which is a whole one. */
function shapes(): Map<string, readonly number[]> {
  const result = new Map<string, readonly number[]>();
  blocks.forEach((maps, block) => {
    for (let layer = 0; layer < 4; layer++) {
      const name = `dense${block}.conv${layer}`;
      const before = layer > 0 ? maps : blocks[block - 1] ?? 3;
      if (block + layer === 0) result.set(`${name}.filters`, [3, 3, before, maps]);
      else {
        result.set(`${name}.depthwise_filter`, [3, 3, before, 1]);
        result.set(`${name}.pointwise_filter`, [1, 1, before, maps]);
      }
      result.set(`${name}.bias`, [maps]);
    }
  });
  return result.set("fc.weights", [256, 136]).set("fc.bias", [136]);
}

/** Bytes to the numbers that they stand for: each times the array's scale, plus its least. */
function bindLandmarks68(dict: StateDict): Weights {
  const expected = shapes();
  const ranges = [...expected.keys()].map((name): [string, number[]] => [`${name}.range`, [2]]);
  checkState(dict, new Map([...expected, ...ranges]), { what: "the 68 landmarks" });
  return new Map([...expected].map(([name, shape]) => {
    const [scale, least] = dict.get(`${name}.range`)!.data as Float32Array;
    const bytes = dict.get(name)!.data as Uint8Array;
    return [name, tf.tensor(Float32Array.from(bytes, (byte) => byte * scale + least), [...shape])];
  }));
}

/** [B, 112, 112, 3] → [B, 136], in sides of the square. */
function run(weights: Weights, input: tf.Tensor4D): tf.Tensor2D {
  const tensor = (name: string) => weights.get(name)!;
  const layer = (x: tf.Tensor4D, name: string, strides: number): tf.Tensor4D => {
    const whole = weights.get(`${name}.filters`);
    const maps = whole ? tf.conv2d(x, whole as tf.Tensor4D, strides, "same") : tf.conv2d(
      tf.depthwiseConv2d(x, tensor(`${name}.depthwise_filter`) as tf.Tensor4D, strides, "same"),
      tensor(`${name}.pointwise_filter`) as tf.Tensor4D,
      1,
      "same",
    );
    return tf.add(maps, tensor(`${name}.bias`));
  };
  let x = input;
  for (const block of blocks.keys()) {
    // Each layer sees the sum of all before it.
    let sum = tf.relu(layer(x, `dense${block}.conv0`, 2));
    let seen = sum;
    for (let i = 1; i < 4; i++) {
      sum = tf.add(sum, layer(seen, `dense${block}.conv${i}`, 1));
      seen = tf.relu(sum);
    }
    x = seen;
  }
  const means = tf.reshape(tf.avgPool(x, 7, 2, "valid"), [x.shape[0], 256]);
  return tf.add(tf.matMul(means as tf.Tensor2D, tensor("fc.weights") as tf.Tensor2D), tensor("fc.bias"));
}

/** The whole pixels of a box that lie within an image, as face-api rounds them. */
function inside(box: Box, image: RgbImage): Box {
  const [x, y] = [Math.max(box.x, 0), Math.max(box.y, 0)];
  const crop = {
    x: Math.floor(x),
    y: Math.floor(y),
    width: Math.floor(Math.min(box.x + box.width - x, image.width - x)),
    height: Math.floor(Math.min(box.y + box.height - y, image.height - y)),
  };
  if (crop.width >= 1 && crop.height >= 1) return crop;
  throw new InputError(
    `Cannot find the landmarks of a face: expected a box within the ${image.width} × ${image.height} pixels of the image but found ${box.width} × ${box.height} at ${box.x}, ${box.y}`,
  );
}

/** A crop as the net sees it: with black beside the shorter side to a square, bilinear as TensorFlow's resize, less the means. */
function writeSquare(image: RgbImage, crop: Box, into: Float32Array): void {
  const side = Math.max(crop.width, crop.height);
  // face-api puts the larger half behind.
  const [left, top] = [crop.width, crop.height].map((length) =>
    side - length - Math.round((side - length) / 2)
  );
  const value = (x: number, y: number, channel: number) =>
    x < left || y < top || x >= left + crop.width || y >= top + crop.height
      ? 0
      : image.data[((crop.y + y - top) * image.width + crop.x + x - left) * 3 + channel];
  const step = side / SIDE;
  for (let row = 0, i = 0; row < SIDE; row++) {
    const y = Math.floor(row * step);
    const [below, dy] = [Math.min(y + 1, side - 1), row * step - y];
    for (let column = 0; column < SIDE; column++) {
      const x = Math.floor(column * step);
      const [right, dx] = [Math.min(x + 1, side - 1), column * step - x];
      for (let channel = 0; channel < 3; channel++, i++) {
        const upper = value(x, y, channel) * (1 - dx) + value(right, y, channel) * dx;
        const lower = value(x, below, channel) * (1 - dx) + value(right, below, channel) * dx;
        into[i] = (upper * (1 - dy) + lower * dy - MEANS[channel]) / 255;
      }
    }
  }
}

/** From sides of the square to the image's pixels. */
function inImage(values: ArrayLike<number>, { x, y, width, height }: Box): number[] {
  const side = Math.max(width, height);
  const [left, top] = [x - (side - width) / 2, y - (side - height) / 2];
  return Array.from(values, (value, i) => value * side + (i % 2 === 0 ? left : top));
}
