/**
 * A small tower for the demo: CLIP's vision transformer of six blocks, trained from patch filters of the built-in encoder.
 *
 * What tunes a tower has next to nothing to learn on the built-in encoder, which is constructed. This one was trained with
 * gradients alone: on the demo generator's real faces, of other persons than the demo data's, of which regions were edited at
 * random. It never saw the demo data's manipulations. `deno task demo-tower` makes its file.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { loadStateDict } from "../../weights/load.ts";
import { bindClip } from "./clip_weights.ts";
import { clipTower } from "./clip_tower.ts";
import type { EncoderKind } from "./encoder.ts";

/** What it says of itself, and what is made of it says too. */
export const demoTowerFacts = {
  name: "demo tower (small, trained on drawn faces, not CLIP)",
  warning:
    "The demo tower makes the tokens: a small tower trained on drawn real faces with random edits, not CLIP.",
  isBuiltIn: true,
} as const;

/** The demo tower, as one of the list. */
export const trainedDemo: EncoderKind = {
  about: "a small tower trained on drawn real faces with random edits, not CLIP",
  async bind({ settings }) {
    const file = fileURLToPath(new URL("../../../assets/demo_tower.safetensors", import.meta.url));
    const clip = bindClip(await loadStateDict(file), settings);
    return clipTower(clip, { kind: "demo-tower", file, ...demoTowerFacts });
  },
};
