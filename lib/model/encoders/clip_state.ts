/**
 * A bound tower's parameters by name: the way back from `bindClip()`.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs";
import { stateOf } from "../../backend/tensors.ts";
import type { StateDict } from "../../weights/state.ts";
import type { Linear, Norm } from "../layers.ts";
import type { Clip } from "./clip.ts";

/**
 * The same tower with each parameter replaced by what `each` gives for it: itself, or another of its shape.
 *
 * @param each takes a parameter and its name, open_clip's without `visual.`, and `transformer.WSGM_modules.0.down.weight` for a
 * guidance module's
 */
export function mapClip(
  { config, params: p }: Clip,
  each: <T extends tf.Tensor>(tensor: T, key: string) => T,
): Clip {
  const both = <T extends Norm | Linear>({ weight, bias }: T, key: string): T =>
    ({ weight: each(weight as tf.Tensor, `${key}.weight`), bias: each(bias, `${key}.bias`) }) as T;
  return {
    config,
    params: {
      patchFilter: each(p.patchFilter, "conv1.weight"),
      classEmbedding: each(p.classEmbedding, "class_embedding"),
      positionalEmbedding: each(p.positionalEmbedding, "positional_embedding"),
      lnPre: both(p.lnPre, "ln_pre"),
      blocks: p.blocks.map(({ ln1, attn: { inProj, outProj }, ln2, cFc, cProj }, i) => {
        const block = `transformer.resblocks.${i}`;
        return {
          ln1: both(ln1, `${block}.ln_1`),
          attn: {
            inProj: {
              weight: each(inProj.weight, `${block}.attn.in_proj_weight`),
              bias: each(inProj.bias, `${block}.attn.in_proj_bias`),
            },
            outProj: both(outProj, `${block}.attn.out_proj`),
          },
          ln2: both(ln2, `${block}.ln_2`),
          cFc: both(cFc, `${block}.mlp.c_fc`),
          cProj: both(cProj, `${block}.mlp.c_proj`),
        };
      }),
      lnPost: both(p.lnPost, "ln_post"),
      proj: each(p.proj, "proj"),
      ...(p.guidance && {
        guidance: p.guidance.map(({ down, middle, up }, i) => {
          const module = `transformer.WSGM_modules.${i}`;
          return {
            down: both(down, `${module}.down`),
            middle: both(middle, `${module}.middle`),
            up: both(up, `${module}.up`),
          };
        }),
      }),
    },
  };
}

/**
 * A tower's parameters as a state dict: copies, which `bindClip()` takes, but for guidance modules.
 *
 * @param prefix before every name, such as `visual.`
 */
export function clipState(clip: Clip, prefix: string): StateDict {
  // The filter is kept as the convolution takes it, [P, P, 3, D].
  const filter = tf.transpose(clip.params.patchFilter, [3, 2, 0, 1]); // [D, 3, P, P]
  const tensors = new Map<string, tf.Tensor>();
  mapClip(clip, (tensor, key) => {
    tensors.set(prefix + key, key === "conv1.weight" ? filter : tensor);
    return tensor;
  });
  const dict = stateOf(tensors);
  filter.dispose();
  return dict;
}
