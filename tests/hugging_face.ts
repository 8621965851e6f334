import type { StateDict } from "../lib/weights/state.ts";

/** The same tower under the names that transformers' CLIPModel gives it. */
export function toHuggingFace(dict: StateDict): StateDict {
  const renamed: StateDict = new Map();
  for (const [name, { dtype, shape, data }] of dict) {
    const [, block, rest] = /^transformer\.resblocks\.(\d+)\.(.*)$/.exec(name) ?? [];
    const inBlock = `vision_model.encoder.layers.${block}.`;
    const kind = name.split(/[._]/).at(-1);
    if (rest?.startsWith("attn.in_proj")) {
      const third = data.length / 3;
      ["q", "k", "v"].forEach((part, i) =>
        renamed.set(`${inBlock}self_attn.${part}_proj.${kind}`, {
          dtype,
          shape: [shape[0] / 3, ...shape.slice(1)],
          data: data.slice(i * third, (i + 1) * third) as Float32Array,
        })
      );
    } else if (rest !== undefined) {
      const inner = rest.replace("attn.out_proj", "self_attn.out_proj").replace("ln_", "layer_norm")
        .replace("c_fc", "fc1").replace("c_proj", "fc2");
      renamed.set(inBlock + inner, { dtype, shape, data });
    } else if (name === "proj") {
      const [rows, columns] = shape;
      const turned = new Float32Array(data.length);
      turned.forEach((_, i) => turned[i] = Number(data[(i % rows) * columns + Math.floor(i / rows)]));
      renamed.set("visual_projection.weight", { dtype, shape: [columns, rows], data: turned });
    } else {
      const names: Record<string, string> = {
        class_embedding: "embeddings.class_embedding",
        "conv1.weight": "embeddings.patch_embedding.weight",
        positional_embedding: "embeddings.position_embedding.weight",
      };
      const other = name.replace("ln_pre", "pre_layrnorm").replace("ln_post", "post_layernorm");
      renamed.set(`vision_model.${names[name] ?? other}`, { dtype, shape, data });
    }
  }
  return renamed;
}
