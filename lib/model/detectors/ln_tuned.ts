/**
 * LN-tuned CLIP: the tower's layer norms and a linear classifier on its class token, trained through frozen matrices.
 *
 * Yermakov et al. 2025 ("Unlocking the hidden potential of CLIP in generalizable deepfake detection", arXiv 2503.19683), and with
 * alignment and uniformity GenD (arXiv 2508.06248). The class token is that after the last layer norm, not projected. Shapes: B batch, S image size, N tokens, D width.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { dispose, stateOf, tensorsOf, variablesOf } from "../../backend/tensors.ts";
import { InputError } from "../../base/errors.ts";
import { withoutPrefix } from "../../weights/prefix.ts";
import { checkState, type StateDict } from "../../weights/state.ts";
import { type Clip, clsTokenOf, embedPatches } from "../encoders/clip.ts";
import { bindClip, clipShapes, clipSizes } from "../encoders/clip_weights.ts";
import { clipState } from "../encoders/clip_state.ts";
import type { Encoder } from "../encoders/encoder.ts";
import { layerNorm, type Linear, linear } from "../layers.ts";
import { type Detector, type DetectorKind, fakeProbability, type Output, type Scorer } from "./detector.ts";
import { linearState } from "./initial.ts";
import { openTrainedTower, towerHeads, towerOf, withTrained } from "./trained_tower.ts";

const settings = z.strictObject({
  blocks: z.int().min(1).optional().describe(
    "how many of the tower's last blocks are tuned, with what enters them from the cache; all unless given, and the first layer norm too",
  ),
  normalise: z.boolean().default(false).describe("classify the class token at length 1"),
  towerHeads,
});

type Settings = z.output<typeof settings>;

/** Before the names of the tower in a file. */
const visual = "visual.";

/** LN-tuned CLIP as one of the list of detectors. */
export const lnTuned = {
  about: "CLIP with its layer norms tuned, and a linear function of its class token",
  settings,
  fixed: ["normalise", "towerHeads"],
  trunk: (encoder: Encoder, settings) => {
    const first = firstTuned(encoder, settings);
    return encoder.trunk(first === 0 ? "pixels" : { entering: first });
  },
  create: (
    settings,
    { encoder, seed }: { readonly encoder: Encoder; readonly seed: number },
  ) => {
    const frozen = towerOf(encoder, { cannot: "Cannot tune layer norms" });
    const first = firstTuned(encoder, settings);
    const head = linearState("head", { shape: [2, frozen.config.width], seed });
    return openDetector(frozen, { head, first, normalise: settings.normalise });
  },
  bind: (dict, { towerHeads: heads, ...settings }) => bindLnTuned(dict, { ...settings, heads }),
  tuned: {
    tower: (dict, { towerHeads: heads, activation }) =>
      bindClip(partsOf(dict).tower, { activation, attendAcross: "tokens", heads }),
    tap: () => "clsToken",
    bind: (dict, { normalise }) => bindHead(partsOf(dict).head, { normalise }),
  },
} as const satisfies DetectorKind<Settings>;

/** The block from which on a tower is tuned, counted from 0. */
function firstTuned({ sizes: { layers }, name }: Encoder, { blocks = layers }: Settings): number {
  if (blocks <= layers) return layers - blocks;
  throw new InputError(
    `Cannot tune layer norms: expected at most --blocks ${layers}, which the ${name} has, but found ${blocks}`,
  );
}

/**
 * LN-tuned CLIP from its weights: a whole tower under `visual.`, and `head.weight` [2, D] and `head.bias`. It takes pixels
 * [B, S, S, 3], and gives as embedding the class token at length 1, [B, D]. Its weights are the tower's layer norms and the head, by
 * these names.
 *
 * @param options.heads attention heads of the tower; width / 64 unless given
 * @param options.normalise whether the head was trained on the class token at length 1
 * @throws {InputError} naming every missing, unexpected and misshaped key at once
 *
 * @example
 * ```ts
 * import { bindLnTuned, initBackend, randomClip } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 * import * as tf from "@tensorflow/tfjs";
 *
 * await initBackend();
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const dict = randomClip(sizes, 0);
 * dict.set("head.weight", { dtype: "float32", shape: [2, 64], data: new Float32Array(2 * 64) });
 * dict.set("head.bias", { dtype: "float32", shape: [2], data: new Float32Array(2) });
 * const detector = bindLnTuned(dict, { activation: "quickgelu", normalise: true });
 * assertEquals([...await detector.scores(tf.zeros([1, 32, 32, 3]))], [0.5]);
 * detector.close();
 * ```
 */
export function bindLnTuned(
  dict: StateDict,
  options: {
    readonly heads?: number;
    readonly activation: "quickgelu" | "gelu";
    readonly normalise: boolean;
  },
): Detector {
  const { heads, activation, normalise } = options;
  const { tower, head } = partsOf(dict);
  const clip = bindClip(tower, { activation, attendAcross: "tokens", heads });
  const detector = openDetector(clip, { head, first: 0, normalise });
  const close = () => {
    detector.close();
    dispose(clip);
  };
  return { ...detector, close };
}

/** A file's tower, under names without `visual.`, and its head, all of which is there. */
function partsOf(all: StateDict): { readonly tower: StateDict; readonly head: StateDict } {
  const dict = withoutPrefix(all);
  const tower: StateDict = new Map();
  for (const [key, value] of dict) {
    if (key.startsWith(visual)) tower.set(key.slice(visual.length), value);
  }
  const sizes = clipSizes(tower);
  const ofHead = headShapes(sizes.width);
  const ofTower = [...clipShapes(sizes)].map(([key, shape]) => [visual + key, shape] as const);
  checkState(dict, new Map([...ofTower, ...ofHead]), { what: "an LN-tuned CLIP" });
  return { tower, head: new Map([...ofHead.keys()].map((key) => [key, dict.get(key)!])) };
}

function headShapes(dim: number): Map<string, readonly number[]> {
  return new Map<string, readonly number[]>([["head.weight", [2, dim]], ["head.bias", [2]]]);
}

/**
 * A detector on a tower, which it borrows: its own are copies of the layer norms that are tuned.
 *
 * @param options.first the block from which on they are; with 0 the norm before all blocks too
 */
function openDetector(
  frozen: Clip,
  options: { readonly head: StateDict; readonly first: number; readonly normalise: boolean },
): Detector {
  const { first, normalise } = options;
  const { clip, weights } = withTrained(frozen, { isTrained: (key) => isTuned(key, first), prefix: visual });
  const head = variablesOf(options.head, headShapes(clip.config.width));
  for (const [key, variable] of head) weights.set(key, variable);
  const classifier = headOf(head);
  const { width: dim, heads, layers } = clip.config;
  const tower = openTrainedTower(clip, { dropoutRate: 0 });
  const forward: Detector["forward"] = (features, { training }) =>
    tf.tidy(() => {
      const isPixels = features.rank === 4; // else what enters the first tuned block
      let x = isPixels ? embedPatches(clip, features as tf.Tensor4D) : tf.clone(features as tf.Tensor3D); // [B, N, D]
      for (let i = isPixels ? 0 : first; i < layers; i++) {
        x = tower.run(x, i, { training, entering: first > 0 && i === first });
      }
      return classify(layerNorm(clip.params.lnPost, clsTokenOf(x)), { head: classifier, normalise });
    });
  return {
    kind: "ln-tuned",
    sizes: { dim, towerHeads: heads },
    weights,
    tower,
    forward,
    scores: (features) => fakeProbability(() => forward(features, { training: false })),
    state: () => new Map([...clipState(clip, visual), ...stateOf(head)]),
    close: () => dispose(weights),
  };
}

/** Whether a parameter of a tower is tuned from a block on. */
function isTuned(key: string, first: number): boolean {
  if (key.startsWith("ln_post.")) return true;
  if (key.startsWith("ln_pre.")) return first === 0;
  const block = /^transformer\.resblocks\.(\d+)\.ln_/.exec(key)?.[1];
  return block !== undefined && Number(block) >= first;
}

/** The head alone, on class tokens [B, D] that a tuned tower gives. */
function bindHead(dict: StateDict, { normalise }: Pick<Settings, "normalise">): Scorer {
  const head = tensorsOf(dict);
  const classifier = headOf(head);
  const dim = classifier.weight.shape[1];
  const logits = (features: tf.Tensor) =>
    tf.tidy(() => classify(features as tf.Tensor2D, { head: classifier, normalise }).logits);
  return {
    kind: "ln-tuned",
    sizes: { dim },
    logits,
    scores: (features) => fakeProbability(() => ({ logits: logits(features) })),
    state: () => stateOf(head),
    close: () => dispose(head),
  };
}

function headOf(weights: ReadonlyMap<string, tf.Tensor>): Linear {
  return {
    weight: weights.get("head.weight") as tf.Tensor2D,
    bias: weights.get("head.bias") as tf.Tensor1D,
  };
}

/** A vector's length counts at least this when it is divided by it, as in `torch.nn.functional.normalize()`. */
const LEAST_LENGTH = 1e-12;

/** Class tokens [B, D] → logits [B, 2], and the tokens at length 1. */
function classify(
  clsToken: tf.Tensor2D,
  { head, normalise }: { readonly head: Linear; readonly normalise: boolean },
): Output & Required<Pick<Output, "embedding">> {
  return tf.tidy(() => {
    const length = tf.sqrt(tf.sum(tf.square(clsToken), 1, true)); // [B, 1]
    const embedding = tf.div(clsToken, tf.maximum(length, LEAST_LENGTH)) as tf.Tensor2D; // [B, D]
    return { logits: linear(head, normalise ? embedding : clsToken), embedding };
  });
}
