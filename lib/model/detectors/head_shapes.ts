/**
 * The sizes of the notebook's head, and the shapes of its weights.
 *
 * @module
 */

/** The shape of a ForgeLens head. */
export type ForgeLensConfig = {
  /** Width D of the tokens. */
  readonly dim: number;
  /** Attention heads of a FAFormer layer; 8 in the reference. */
  readonly heads: number;
  /** FAFormer layers; 2 in the reference. */
  readonly depth: number;
  /** Feed-forward width of a FAFormer layer; 2048 in the reference (PyTorch's default). */
  readonly feedForward: number;
  /** Dropout rate in training, in [0, 1); 0.1 in the reference (PyTorch's default). */
  readonly dropout: number;
};

/** Key → shape of a ForgeLens state dict, in PyTorch's order. */
export function forgeLensShapes(
  config: Omit<ForgeLensConfig, "dropout" | "heads">,
): Map<string, readonly number[]> {
  const { dim: D, feedForward: F } = config;
  const shapes = new Map<string, readonly number[]>();
  const layer = (key: string, weight: readonly number[]) =>
    shapes.set(`${key}.weight`, weight).set(`${key}.bias`, [weight[0]]);
  layer("wsgm.guidance.0", [D, D]);
  layer("wsgm.guidance.2", [D, D]);
  layer("wsgm.norm", [D]);
  for (let i = 0; i < config.depth; i++) {
    const prefix = `faformer.layers.${i}`;
    shapes.set(`${prefix}.self_attn.in_proj_weight`, [3 * D, D]);
    shapes.set(`${prefix}.self_attn.in_proj_bias`, [3 * D]);
    layer(`${prefix}.self_attn.out_proj`, [D, D]);
    layer(`${prefix}.linear1`, [F, D]);
    layer(`${prefix}.linear2`, [D, F]);
    layer(`${prefix}.norm1`, [D]);
    layer(`${prefix}.norm2`, [D]);
  }
  layer("cls_head", [2, D]);
  return shapes;
}
