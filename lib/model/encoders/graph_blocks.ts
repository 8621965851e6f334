/**
 * A tower's blocks by TensorFlow graphs, with gradients: what `openBlocks()` computes, fast.
 *
 * Frozen parameters are converted once; trained ones go in as they are at each run. A batch goes through a few images at a
 * time, whose activations stay in the processor's caches.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { type LoadedGraph, openGraph, type Ref } from "../../backend/graph.ts";
import { castRaw, disposeRaw, DTYPE, fromRaw, type RawTensor } from "../../backend/raw.ts";
import {
  blockParameters,
  type BlockPass,
  type Blocks,
  blockSeed,
  type BlocksOptions,
  checkTrainable,
  recomputed,
  withinGradient,
} from "../blocks.ts";
import { layerSeed, leastKept } from "../layers.ts";
import {
  blockGraph,
  blockInputs,
  type BlockKind,
  blockOutputs,
  parameterScale,
  parameterType,
} from "./block_graph.ts";
import { type Clip, tokenCount } from "./clip.ts";
import type { Precision } from "./encoder.ts";

/** Images that go through a block at a time. */
const IMAGES = 8;
/**
 * Bytes that hidden layers may take between forward and backward. Of all that a block could keep they spare the most time for their
 * size: a step of ViT-B/16 takes an eighth less, for 1.2 MB an image and block.
 */
const KEPT_BYTES = 512 * 2 ** 20;

/** What a block's graph is fed beside x: frozen parameters as the graph takes them, made once, and trained ones. */
type Opened = {
  readonly kind: BlockKind;
  readonly frozen: Record<string, tf.Tensor | RawTensor>;
  readonly trained: ReadonlyMap<string, tf.Variable>;
};

/**
 * A tower's blocks by TensorFlow graphs, in bfloat16 or float32.
 *
 * @param clip borrowed; trained parameters are `tf.Variable`s in it, and may change between steps, frozen ones not
 * @param options.keptBytes the last blocks keep their hidden layers for the gradient, as many as fit into it; the others compute theirs
 * again, with the same numbers. 512 MiB unless given
 * @throws {Error} when the tower attends across the batch, or the backend is not TensorFlow
 */
export async function openGraphBlocks(
  clip: Clip,
  options: BlocksOptions & { readonly precision: Precision; readonly keptBytes?: number },
): Promise<Blocks> {
  checkTrainable(clip);
  const { precision, dropoutRate = 0, keptBytes = KEPT_BYTES } = options;
  const graphs = new Map<string, LoadedGraph>();
  const made: (tf.Tensor | RawTensor)[] = [];
  const close = () => {
    for (const graph of graphs.values()) graph.close();
    graphs.clear();
    for (const x of made.splice(0)) x instanceof tf.Tensor ? x.dispose() : disposeRaw(x);
  };
  try {
    const blocks = clip.params.blocks.map((_, i) => openBlock(clip, i, { precision, made }));
    for (const { kind } of blocks) {
      for (const dropout of new Set([false, hasDropout(kind, dropoutRate)])) {
        const key = kindKey({ ...kind, dropout });
        if (!graphs.has(key)) {
          graphs.set(key, await openKind(clip, { kind: { ...kind, dropout }, precision }));
        }
      }
    }
    return {
      precision,
      run: (x, i, pass = {}) => {
        const { frozen, trained, kind } = blocks[i];
        const dropout = pass.training === true && hasDropout(kind, dropoutRate);
        const graph = graphs.get(kindKey({ ...kind, dropout }))!;
        const fixed = () => ({
          ...frozen,
          ...Object.fromEntries(trained),
          ...(dropout ? dropoutInputs(pass, i, dropoutRate) : {}),
        });
        const inImages = (inputs: PartInputs, outputs: readonly Ref[]) =>
          tf.tidy(() => runInParts(graph, { inputs, fixed: fixed(), outputs }));
        const bytes = x.size * 4 * (precision === "float32" ? 4 : 2); // a hidden layer is four times as wide
        const isKept = blocks.length - i <= Math.floor(keptBytes / bytes);
        return recomputed(x, {
          variables: [...trained.values()],
          entering: pass.entering,
          forward: (x) => {
            const [[y], kept] = inImages({ x }, [blockOutputs.y, ...isKept ? [blockOutputs.hidden] : []]);
            return { y: y as tf.Tensor3D, kept };
          },
          backward: (given) =>
            withinGradient(() =>
              inImages(given, [
                ...(pass.entering ? [] : [blockOutputs.dx]),
                ...[...trained.keys()].map(blockOutputs.gradient),
              ]).map(([gradient]) => gradient)
            ),
        });
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function hasDropout({ shapes }: BlockKind, rate: number): boolean {
  return rate > 0 && shapes.has("guidance.up.weight");
}

function kindKey({ trained, shapes, dropout }: BlockKind): string {
  return JSON.stringify([[...trained], [...shapes.keys()], dropout]);
}

function openBlock(
  clip: Clip,
  i: number,
  { precision, made }: { readonly precision: Precision; readonly made: (tf.Tensor | RawTensor)[] },
): Opened {
  const parameters = blockParameters(clip, i);
  const trained = new Map<string, tf.Variable>();
  for (const [path, x] of parameters) if (x instanceof tf.Variable) trained.set(path, x);
  const kind = {
    shapes: new Map([...parameters].map(([path, { shape }]) => [path, shape])),
    trained: new Set(trained.keys()),
    dropout: false,
  };
  const frozen: Record<string, tf.Tensor | RawTensor> = {};
  for (const [path, x] of parameters) {
    if (trained.has(path)) continue;
    const value = frozenValue(clip, path, { x, dtype: parameterType(kind, path, precision) });
    if (value !== x) made.push(value);
    frozen[path] = value;
  }
  return { kind, frozen, trained };
}

/** A frozen parameter with its scale, in the dtype that the graph takes; itself where that changes nothing. */
function frozenValue(
  { config }: Clip,
  path: string,
  { x, dtype }: { readonly x: tf.Tensor; readonly dtype: number },
): tf.Tensor | RawTensor {
  const scale = parameterScale(config, path);
  const scaled = scale === 1 ? x : tf.tidy(() => {
    if (typeof scale === "number") return tf.mul(x, scale);
    return tf.mul(x, tf.tensor(scale, [scale.length, ...x.shape.slice(1).map(() => 1)]));
  });
  if (dtype === DTYPE.float32) return scaled;
  const cast = castRaw(scaled, { from: DTYPE.float32, to: dtype });
  if (scaled !== x) scaled.dispose();
  return cast;
}

/** Opens a kind's graph with TensorFlow's own layer norm where it has one, on x86. */
async function openKind(
  { config }: Clip,
  options: { readonly kind: BlockKind; readonly precision: Precision },
): Promise<LoadedGraph> {
  const fused = await openGraph(blockGraph(config, { ...options, fusedNorm: true }));
  const row = [tf.zeros([1, tokenCount(config), config.width]), tf.zeros([config.width])];
  try {
    const [x, weight] = row;
    disposeRaw(...fused.run({ x, "ln1.weight": weight, "ln1.bias": weight }, [blockOutputs.norm]));
    return fused;
  } catch {
    fused.close();
    return await openGraph(blockGraph(config, { ...options, fusedNorm: false }));
  } finally {
    tf.dispose(row);
  }
}

function dropoutInputs(pass: BlockPass, i: number, rate: number): Record<string, tf.Tensor> {
  const seeds = [0, 1].map((place) => layerSeed(blockSeed(pass, i), place)); // as `guide()`
  return {
    [blockInputs.seeds]: tf.tensor1d(seeds, "int32"),
    [blockInputs.leastKept]: tf.tensor1d(seeds.map((seed) => leastKept({ rate, seed })), "int32"),
    [blockInputs.keepScale]: tf.scalar(1 / (1 - rate)),
  };
}

/** What is fed for images: x, and for gradients those of the output and, of each part, what the forward run kept. */
type PartInputs = {
  readonly x: tf.Tensor3D;
  readonly dy?: tf.Tensor3D;
  readonly kept?: readonly tf.Tensor[];
};

/**
 * Runs a graph on a few images at a time: outputs for images are joined, gradients of parameters added up, and hidden layers stay in
 * their parts.
 */
function runInParts(
  graph: LoadedGraph,
  { inputs: { x, dy, kept = [] }, fixed, outputs }: {
    readonly inputs: PartInputs;
    readonly fixed: Readonly<Record<string, tf.Tensor | RawTensor>>;
    readonly outputs: readonly Ref[];
  },
): tf.Tensor[][] {
  const B = x.shape[0];
  const parts = Math.ceil(B / IMAGES);
  const found = outputs.map((): tf.Tensor[] => []);
  for (let part = 0; part < parts; part++) {
    const [begin, end] = [part, part + 1].map((n) => Math.floor(n * B / parts));
    const cut = (x: tf.Tensor3D) => parts === 1 ? x : tf.slice(x, [begin, 0, 0], [end - begin, -1, -1]);
    const inputs: Record<string, tf.Tensor | RawTensor> = { ...fixed, x: cut(x) };
    if (dy) inputs.dy = cut(dy);
    if (kept.length > 0) inputs[blockInputs.hidden] = kept[part];
    if (blockInputs.seeds in fixed) inputs.part = tf.tensor1d([B, begin], "int32");
    graph.run(inputs, outputs).forEach((raw, i) => found[i].push(fromRaw(raw)));
  }
  return found.map((parts, i) => {
    if (parts.length === 1 || outputs[i] === blockOutputs.hidden) return parts;
    const isOfImages = outputs[i] === blockOutputs.y || outputs[i] === blockOutputs.dx;
    return [isOfImages ? tf.concat(parts, 0) : tf.addN(parts)];
  });
}
