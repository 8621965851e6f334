/**
 * Either stage of the published ForgeLens for training, from the official checkpoint of stage 2.
 *
 * @module
 */
import type { StateDict } from "../../../weights/state.ts";
import type { Detector } from "../detector.ts";
import { bindGuided, publishedParts } from "./layout.ts";
import { closing, openStage1 } from "./stage1.ts";
import { openStage2 } from "./stage2.ts";

/**
 * A stage of the published ForgeLens from the official stage-2 checkpoint, which holds stage 1 too: pixels [B, S, S, 3] → logits
 * [B, 1]. Stage 1 trains the guidance modules and `backbone.fc`, stage 2 all behind them, by the checkpoint's names.
 *
 * @param options.heads attention heads of CLIP; 16 in ViT-L/14
 * @param options.wsgmCount guidance modules; 4, 8 or 12 in the official settings
 * @param options.faformerHeads attention heads of FAFormer; 2 in the official settings
 * @param options.dropout the rate while training, 0.5 in the official code; 0 unless given
 * @throws {InputError} naming every missing, unexpected and misshaped key at once, or every copy that differs
 *
 * @example
 * ```ts
 * import { InputError } from "@forgelens/bench";
 * import { bindPublished, randomClip } from "@forgelens/bench/model";
 * import { assertThrows } from "@std/assert";
 *
 * const sizes = { width: 64, layers: 2, heads: 1, imageSize: 32, patchSize: 16, embedDim: 8 };
 * const dict = randomClip(sizes, 0); // and not the official file
 * const options = { stage: 1, heads: 1, wsgmCount: 1, faformerHeads: 2 } as const;
 * assertThrows(() => bindPublished(dict, options), InputError, "Cannot bind the published ForgeLens");
 * ```
 */
export function bindPublished(
  dict: StateDict,
  options: {
    readonly stage: 1 | 2;
    readonly heads: number;
    readonly wsgmCount: number;
    readonly faformerHeads: number;
    readonly dropout?: number;
  },
): Detector {
  const { stage, heads, wsgmCount, faformerHeads, dropout: dropoutRate = 0 } = options;
  const parts = publishedParts(dict, { stage: 2, wsgmCount });
  const tower = { heads, activation: "quickgelu" } as const;
  if (stage === 2) {
    const clip = bindGuided(parts, tower);
    return closing(openStage2(parts.stage2, { ...parts, clip, faformerHeads, dropoutRate }), clip);
  }
  const clip = bindGuided({ ...parts, modules: new Map() }, tower);
  return closing(openStage1(clip, { ...parts, dropoutRate, rest: parts.stage2 }), clip);
}
