/**
 * The encoders that `--clip` opens.
 *
 * @module
 */
import { vitB16, vitB32, vitL14, vitL14At336 } from "./clip_tower.ts";
import { demo } from "./demo.ts";
import { trainedDemo } from "./demo_tower.ts";
import type { EncoderKind } from "./encoder.ts";
import { huggingFaceClip } from "./hugging_face_clip.ts";

/**
 * The kinds of encoder by name.
 *
 * @example
 * ```ts
 * import { encoders, initBackend } from "@forgelens/bench/model";
 * import { assertEquals } from "@std/assert";
 *
 * await initBackend();
 * const settings = { activation: "quickgelu", attendAcross: "tokens" } as const;
 * const tower = await encoders.demo.bind({ settings }); // the others need a file of weights, or the network
 * assertEquals(tower.sizes.tokens, 1 + 14 * 14);
 * tower.close();
 * ```
 */
export const encoders = {
  demo,
  "demo-tower": trainedDemo,
  "ViT-B-16": vitB16,
  "ViT-B-32": vitB32,
  "ViT-L-14": vitL14,
  "ViT-L-14-336": vitL14At336,
  "hf-clip-vit-base-patch16": huggingFaceClip,
} as const satisfies Readonly<Record<string, EncoderKind>>;

/** The name of a kind of encoder. */
export type EncoderName = keyof typeof encoders;

/** The names of all kinds. */
export const encoderNames = Object.keys(encoders) as [EncoderName, ...EncoderName[]];
