/**
 * CLIP's vision tower under the names of Hugging Face's transformers → the names of open_clip.
 *
 * @module
 */
import { InputError } from "../base/errors.ts";
import type { StateDict, StateTensor } from "./state.ts";

const CLASS_EMBEDDING = "vision_model.embeddings.class_embedding";

/** Names outside of the blocks. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["vision_model.embeddings.class_embedding", "class_embedding"],
  ["vision_model.embeddings.patch_embedding.weight", "conv1.weight"],
  ["vision_model.embeddings.position_embedding.weight", "positional_embedding"],
  // The library's own spelling.
  ["vision_model.pre_layrnorm.weight", "ln_pre.weight"],
  ["vision_model.pre_layrnorm.bias", "ln_pre.bias"],
  ["vision_model.post_layernorm.weight", "ln_post.weight"],
  ["vision_model.post_layernorm.bias", "ln_post.bias"],
]);

/** Names within a block. */
const BLOCK_NAMES: ReadonlyMap<string, string> = new Map([
  ["self_attn.out_proj", "attn.out_proj"],
  ["layer_norm1", "ln_1"],
  ["layer_norm2", "ln_2"],
  ["mlp.fc1", "mlp.c_fc"],
  ["mlp.fc2", "mlp.c_proj"],
]);

/** The text tower, the scale, and a buffer of indices. */
const IGNORED =
  /^(text_model\.|text_projection\.weight$|logit_scale$|logit_bias$|vision_model\.embeddings\.position_ids$)/;

/** Whether names are Hugging Face's, also behind a prefix. */
export function isHuggingFace(dict: StateDict): boolean {
  return [...dict.keys()].some((name) => name.endsWith(CLASS_EMBEDDING));
}

/**
 * `CLIPModel`'s or `CLIPVisionModel`'s weights under open_clip's names, without `visual.`: query, key and value joined to
 * `in_proj`, the projection transposed. Text tower and scale are left out, and names that are not CLIP's kept as they are.
 * Without a projection, as in `CLIPVisionModel`, `proj` is [D, 0].
 *
 * @throws {InputError} when of a block's query, key and value some are missing.
 */
export function fromHuggingFace(dict: StateDict): StateDict {
  const first = [...dict.keys()].find((name) => name.endsWith(CLASS_EMBEDDING)) ?? CLASS_EMBEDDING;
  const prefix = first.slice(0, -CLASS_EMBEDDING.length);
  const tower: StateDict = new Map();
  const parts = new Map<string, Map<string, StateTensor>>(); // of in_proj, by its name
  for (const [whole, tensor] of dict) {
    const name = whole.startsWith(prefix) ? whole.slice(prefix.length) : whole;
    if (IGNORED.test(name)) continue;
    const [, block, inner, kind] = /^vision_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ??
      [];
    const part = /^self_attn\.([qkv])_proj$/.exec(inner ?? "")?.[1];
    const known = NAMES.get(name);
    const within = BLOCK_NAMES.get(inner ?? "");
    if (part !== undefined) {
      const target = `transformer.resblocks.${block}.attn.in_proj_${kind}`;
      parts.set(target, (parts.get(target) ?? new Map<string, StateTensor>()).set(part, tensor));
    } else if (name === "visual_projection.weight") tower.set("proj", transposed(tensor));
    else if (within !== undefined) tower.set(`transformer.resblocks.${block}.${within}.${kind}`, tensor);
    else tower.set(known ?? name, tensor);
  }
  for (const [name, part] of parts) tower.set(name, joined(name, part));
  const width = tower.get("class_embedding")!.shape[0];
  if (!tower.has("proj")) {
    tower.set("proj", { dtype: "float32", shape: [width, 0], data: new Float32Array() });
  }
  return tower;
}

/** [E, D] → [D, E]. */
function transposed({ dtype, shape, data }: StateTensor): StateTensor {
  const [rows, columns] = shape;
  if (shape.length !== 2 || !(data instanceof Float32Array)) return { dtype, shape, data }; // refused for its shape
  const turned = new Float32Array(data.length);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) turned[x * rows + y] = data[y * columns + x];
  }
  return { dtype, shape: [columns, rows], data: turned };
}

/** Query, key and value, one below the other. */
function joined(name: string, parts: ReadonlyMap<string, StateTensor>): StateTensor {
  const three = ["q", "k", "v"].map((part) => {
    const tensor = parts.get(part);
    if (tensor?.data instanceof Float32Array) return { shape: tensor.shape, data: tensor.data };
    throw new InputError(
      `Cannot bind CLIP's vision tower: expected query, key and value for ${name} but found only ${
        [...parts.keys()].join(", ")
      } in float32`,
    );
  });
  const [{ shape: [, ...rest] }] = three;
  const data = new Float32Array(three.reduce((length, each) => length + each.data.length, 0));
  let filled = 0;
  for (const each of three) {
    data.set(each.data, filled);
    filled += each.data.length;
  }
  return { dtype: "float32", shape: [three.reduce((rows, each) => rows + each.shape[0], 0), ...rest], data };
}
