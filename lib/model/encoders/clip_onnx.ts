/**
 * CLIP's frozen vision transformer by onnxruntime, in float32: the graph that TensorFlow runs, written as an ONNX model.
 *
 * Shapes: B batch, S image size, N tokens, D width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import type { Ref } from "../../backend/graph.ts";
import { measuredOnce } from "../../backend/measure.ts";
import { type OnnxGraph, openOnnxGraph } from "../../backend/onnx/session.ts";
import { seedFrom } from "../../base/random.ts";
import type { Clip } from "./clip.ts";
import type { CompiledTower } from "./encoder.ts";
import { encoderGraph, encoderOutputs } from "./encoder_graph.ts";

/**
 * The most that tokens may be away from those that tfjs computes op by op, as a share of their length over all numbers. In float32 the demo
 * encoder's are 3e-5 away on any two engines, as it adds large constants, and a trained tower's 1e-6.
 */
const MOST_DIFFERENCE = 1e-4;

/** Changes when what is compared does. */
const VERSION = 2;

/**
 * The faster of an encoder by onnxruntime, which must be loaded, and the same op by op: the first where its tokens agree. Both are tried
 * on one image, once for each encoder and machine.
 *
 * @param options.opByOp what stands in, with a note that says why
 * @param options.digest of what it computes
 * @param options.folder where the answer is kept, as for `measuredOnce()`
 */
export async function compileOnnx(
  clip: Clip,
  { opByOp, digest, folder }: {
    readonly opByOp: CompiledTower;
    readonly digest: string;
    readonly folder?: string;
  },
): Promise<CompiledTower> {
  const compiled = await openOnnx(clip);
  const { difference, gain } = await measuredOnce(() => compare(clip, { compiled, opByOp }), {
    about: ["onnxruntime", VERSION, digest],
    schema: comparisonSchema,
    folder,
  });
  if (difference <= MOST_DIFFERENCE && gain > 1) return compiled;
  compiled.dispose();
  const why = gain > 1
    ? `onnxruntime's tokens are ${
      difference.toExponential(0)
    } of their length away, more than ${MOST_DIFFERENCE}`
    : "onnxruntime is slower here";
  return { ...opByOp, note: `WebAssembly makes the tokens: ${why}.` };
}

const comparisonSchema = z.object({ difference: z.number(), gain: z.number() });

/** How far tokens are from those op by op, as a share of their length, and how many times as fast they come. */
async function compare(
  { config: { imageSize: S } }: Clip,
  { compiled, opByOp }: { readonly compiled: CompiledTower; readonly opByOp: CompiledTower },
): Promise<z.output<typeof comparisonSchema>> {
  const pixels = tf.randomNormal<tf.Rank.R4>(
    [1, S, S, 3],
    0,
    1,
    "float32",
    seedFrom(0, "pixels") & 0x7fffffff,
  );
  const timed = async (tower: CompiledTower) => {
    const began = performance.now();
    const tokens = await tower.tokens(pixels); // [1, N, D]
    const values = await tokens.data() as Float32Array;
    tokens.dispose();
    return { values, seconds: performance.now() - began };
  };
  try {
    await timed(compiled); // the first makes ready
    const [fast, slow] = [await timed(compiled), await timed(opByOp)];
    let [away, length] = [0, 0];
    slow.values.forEach((value, i) => {
      away += (fast.values[i] - value) ** 2;
      length += value ** 2;
    });
    return { difference: Math.sqrt(away / length), gain: slow.seconds / fast.seconds };
  } finally {
    pixels.dispose();
  }
}

/**
 * An encoder by onnxruntime. What is taken of it is a model of its own, made when it is first asked for: an ONNX model computes all of
 * its outputs at each run.
 */
export async function openOnnx(clip: Clip): Promise<CompiledTower> {
  const opened = new Map<string, Promise<OnnxGraph>>();
  const graphFor = (output: Ref) => {
    const graph = opened.get(output.ref) ?? openEncoder(clip, output);
    opened.set(output.ref, graph);
    return graph;
  };
  const run = async (pixels: tf.Tensor4D, output: Ref) =>
    (await (await graphFor(output)).run({ pixels }))[0] as tf.Tensor3D;
  await graphFor(encoderOutputs.tokens); // an encoder that cannot be had says so now
  return {
    precision: "float32",
    tokens: (pixels) => run(pixels, encoderOutputs.tokens),
    clsTokens: (pixels) => run(pixels, encoderOutputs.clsTokens),
    entering: (pixels, block) => run(pixels, encoderOutputs.entering(block)),
    dispose: () => {
      for (const graph of opened.values()) graph.then((each) => each.close(), () => {});
      opened.clear();
    },
  };
}

async function openEncoder(clip: Clip, output: Ref): Promise<OnnxGraph> {
  const { graph, weights } = encoderGraph(clip, { precision: "float32", fusedNorm: true });
  const held = new Map<string, { values: Float32Array; shape: number[] }>();
  for (const { name, value, owned } of weights) {
    const tensor = value as tf.Tensor; // in float32 none is raw
    held.set(name, { values: await tensor.data() as Float32Array, shape: tensor.shape });
    if (owned) tensor.dispose();
  }
  return await openOnnxGraph(graph, { outputs: [output], held });
}
