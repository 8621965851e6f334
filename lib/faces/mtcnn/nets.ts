/**
 * MTCNN's three nets as pure functions: parameters in, tensors out.
 *
 * Shapes: B images, NHWC. The weights come under PyTorch's names, as facenet-pytorch has them, and are laid out for tfjs once, when
 * they are bound. Each net's outputs are computed as one layer: two logits (none, face), four corrections of the box in its own
 * sides, and with the last net five points, all x before all y.
 *
 * An image has the same bits whatever is beside it in a batch of two or more. Therefore dense layers are convolutions, each image's by
 * itself: TensorFlow's product of matrices sums its last rows in another order. In a batch of one it convolves in another order too.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { isTensorFlow } from "../../backend/raw.ts";
import { checkState, type StateDict } from "../../weights/state.ts";

/** A convolution, `weight` [height, width, in, out]; `slope` is its PReLU's below 0. */
type Layer = { readonly weight: tf.Tensor4D; readonly bias: tf.Tensor1D; readonly slope?: tf.Tensor1D };

/** The weights of a net by layer; `heads` are its outputs. */
type Net<Name extends string> = Readonly<Record<Name | "heads", Layer>>;

/** The three nets: what proposes boxes, what refines them, and what gives the last word and the points. */
export type Mtcnn = {
  readonly pnet: Net<"conv1" | "conv2" | "conv3">;
  readonly rnet: Net<"conv1" | "conv2" | "conv3" | "dense4">;
  readonly onet: Net<"conv1" | "conv2" | "conv3" | "conv4" | "dense5">;
};

/** PyTorch's shapes: [out, in, height, width] or [out, in]; layers with a number alone in their name have a PReLU. */
const layers: Readonly<Record<string, readonly number[]>> = {
  "pnet.conv1": [10, 3, 3, 3],
  "pnet.conv2": [16, 10, 3, 3],
  "pnet.conv3": [32, 16, 3, 3],
  "pnet.conv4_1": [2, 32, 1, 1],
  "pnet.conv4_2": [4, 32, 1, 1],
  "rnet.conv1": [28, 3, 3, 3],
  "rnet.conv2": [48, 28, 3, 3],
  "rnet.conv3": [64, 48, 2, 2],
  "rnet.dense4": [128, 3 * 3 * 64],
  "rnet.dense5_1": [2, 128],
  "rnet.dense5_2": [4, 128],
  "onet.conv1": [32, 3, 3, 3],
  "onet.conv2": [64, 32, 3, 3],
  "onet.conv3": [64, 64, 3, 3],
  "onet.conv4": [128, 64, 2, 2],
  "onet.dense5": [256, 3 * 3 * 128],
  "onet.dense6_1": [2, 256],
  "onet.dense6_2": [4, 256],
  "onet.dense6_3": [10, 256],
};

/** The key of a layer's PReLU; undefined for outputs. */
function slopeKey(layer: string): string | undefined {
  return layer.includes("_") ? undefined : layer.replace(/[a-z]+(\d)$/, "prelu$1.weight");
}

/**
 * MTCNN of a state dict, which the caller disposes.
 *
 * @throws {InputError} `Cannot bind MTCNN: …` when names or shapes are others.
 */
export function bindMtcnn(dict: StateDict): Mtcnn {
  const shapes = Object.entries(layers).flatMap(([layer, shape]) => {
    const slope = slopeKey(layer);
    const own: [string, readonly number[]][] = [[`${layer}.weight`, shape], [`${layer}.bias`, [shape[0]]]];
    return slope === undefined ? own : [...own, [slope, [shape[0]]] as [string, readonly number[]]];
  });
  checkState(dict, new Map(shapes), { what: "MTCNN" });
  return {
    pnet: {
      conv1: layerOf(dict, "pnet.conv1"),
      conv2: layerOf(dict, "pnet.conv2"),
      conv3: layerOf(dict, "pnet.conv3"),
      heads: layerOf(dict, "pnet.conv4_1", "pnet.conv4_2"),
    },
    rnet: {
      conv1: layerOf(dict, "rnet.conv1"),
      conv2: layerOf(dict, "rnet.conv2"),
      conv3: layerOf(dict, "rnet.conv3"),
      dense4: layerOf(dict, "rnet.dense4"),
      heads: layerOf(dict, "rnet.dense5_1", "rnet.dense5_2"),
    },
    onet: {
      conv1: layerOf(dict, "onet.conv1"),
      conv2: layerOf(dict, "onet.conv2"),
      conv3: layerOf(dict, "onet.conv3"),
      conv4: layerOf(dict, "onet.conv4"),
      dense5: layerOf(dict, "onet.dense5"),
      heads: layerOf(dict, "onet.dense6_1", "onet.dense6_2", "onet.dense6_3"),
    },
  };
}

/** Some layers of a state dict as one, their outputs one after the other. */
function layerOf(dict: StateDict, ...names: readonly string[]): Layer {
  const tensor = (key: string, shape?: number[]) => {
    const found = dict.get(key)!;
    return tf.tensor(found.data as Float32Array, shape ?? found.shape, "float32");
  };
  const slope = slopeKey(names[0]);
  return {
    weight: tf.tidy(() => {
      const pieces = names.map((name) => {
        const [out, inner, ...window] = layers[name];
        if (window.length > 0) return tf.transpose(tensor(`${name}.weight`), [2, 3, 1, 0]);
        // The first dense layer's inputs are a feature map, which the original flattens by columns.
        const isMap = slopeKey(name) !== undefined;
        const [side, channels] = isMap ? [3, inner / 9] : [1, inner];
        const map = tensor(`${name}.weight`, [out, side, side, channels]); // [out, W, H, C]
        return tf.transpose(map, [2, 1, 3, 0]);
      });
      return pieces.length === 1 ? pieces[0] : tf.concat(pieces, -1);
    }) as tf.Tensor4D,
    bias: tf.tidy(() => tf.concat(names.map((name) => tensor(`${name}.bias`)))) as tf.Tensor1D,
    ...slope !== undefined && { slope: tensor(slope) as tf.Tensor1D },
  };
}

/**
 * What proposes boxes: [B, H, W, 3] → [B, ⌈(H − 2) / 2⌉ − 4, ⌈(W − 2) / 2⌉ − 4, 6], an output for each window of 12×12 in steps of 2. The caller
 * disposes the tensor.
 */
export function proposals({ pnet }: Mtcnn, images: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    const halved = pool(convolve(pnet.conv1, images), 2);
    return convolve(pnet.heads, convolve(pnet.conv3, convolve(pnet.conv2, halved)));
  });
}

/** What refines boxes: crops [B, 24, 24, 3] → [B, 1, 1, 6]. The caller disposes the tensor. */
export function refinements({ rnet }: Mtcnn, crops: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    const maps = pool(convolve(rnet.conv2, pool(convolve(rnet.conv1, crops), 3)), 3); // [B, 4, 4, 48]
    return convolve(rnet.heads, convolve(rnet.dense4, convolve(rnet.conv3, maps)));
  });
}

/** What gives the last word, and five points: crops [B, 48, 48, 3] → [B, 1, 1, 16]. The caller disposes the tensor. */
export function outputs({ onet }: Mtcnn, crops: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    const maps = pool(convolve(onet.conv2, pool(convolve(onet.conv1, crops), 3)), 3); // [B, 10, 10, 64]
    const last = convolve(onet.conv4, pool(convolve(onet.conv3, maps), 2)); // [B, 3, 3, 128]
    return convolve(onet.heads, convolve(onet.dense5, last));
  });
}

function convolve({ weight: filter, bias, slope }: Layer, x: tf.Tensor4D): tf.Tensor4D {
  const settings = { x, filter, strides: 1, pad: "valid", bias } as const;
  if (!slope) return tf.fused.conv2d(settings);
  // On WebAssembly one kernel does it all; on TensorFlow tfjs makes six operations of PReLU.
  if (!isTensorFlow()) {
    return tf.fused.conv2d({ ...settings, activation: "prelu", preluActivationWeights: slope });
  }
  const y = tf.fused.conv2d(settings);
  return tf.where(tf.greater(y, 0), y, tf.mul(y, slope));
}

/** PyTorch's max pool in steps of 2 with `ceil_mode`: the last window may reach past the end, but does not begin there. */
function pool(x: tf.Tensor4D, side: 2 | 3): tf.Tensor4D {
  const [, height, width] = x.shape;
  // A window of 3 reaches past the end of an even side alone; all maps with such windows are square.
  const reaches = side === 2 || (height % 2 === 0 && width % 2 === 0);
  return tf.maxPool(x, side, 2, reaches ? "same" : "valid");
}
