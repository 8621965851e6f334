/**
 * Where the class tokens of several towers look, on the same images below each other.
 *
 * @module
 */
import { loadImage } from "../images/image.ts";
import type { Sample } from "../data/sample.ts";
import { type Clip, toPixels } from "../model/encoders/clip.ts";
import { clsAttention } from "../model/encoders/cls_attention.ts";
import { patchMask } from "../model/detectors/attribution.ts";
import { photoGrid, type Picture, type Tile } from "../report/pictures.ts";
import { dispose } from "../backend/tensors.ts";

/**
 * Draws images, and below them how much of its attention in the last block the class token of each tower gives each patch, in shares
 * of what a patch gets where all get the same; the manipulated patches are outlined where they are known.
 *
 * @param towers by name, for example before and after training
 * @throws {Error} without a sample
 */
export async function attentionView(
  towers: Readonly<Record<string, Clip>>,
  samples: readonly Sample[],
  options: { readonly set: string; readonly demo: boolean },
): Promise<Picture> {
  const { set, demo } = options;
  const [{ config: { imageSize: size, patchSize } }] = Object.values(towers);
  const images = await Promise.all(samples.map(({ path }) => loadImage(path, { size })));
  const masks = await Promise.all(samples.map((sample) => patchMask(sample, size / patchSize)));
  const photos = samples.map(({ label, method }, i): Tile => ({
    ...{ image: images[i], mask: masks[i], label },
    caption: [label === 1 ? "fake" : "real", method ?? ""],
  }));
  const pixels = toPixels(images, size); // [B, S, S, 3]
  const mapped: Tile[] = [];
  for (const [name, clip] of Object.entries(towers)) {
    const shares = clsAttention(clip, pixels); // [B, G²]
    const rows = await shares.array();
    shares.dispose();
    rows.forEach((row, i) => {
      const map = row.map((share) => share * row.length);
      const inMask = masks[i] ? [`${percent(insideOf(row, masks[i]))} in the outline`] : [];
      mapped.push({
        ...{ image: images[i], mask: masks[i], label: samples[i].label, map },
        caption: [name, `${percent(row.reduce((a, b) => a + b, 0))} on patches`, ...inMask],
      });
    });
  }
  dispose(pixels);
  return await photoGrid([...photos, ...mapped], {
    title: `What the class token attends to on ${set}`,
    subtitle: "Last block, mean over heads, on one scale for all. Outlined: what was manipulated",
    demo,
    columns: samples.length,
  });
}

/** The share of the attention to patches that falls on those that were manipulated at least by half. */
function insideOf(shares: readonly number[], mask: ArrayLike<number>): number {
  const total = shares.reduce((a, b) => a + b, 0);
  return shares.reduce((sum, share, i) => mask[i] >= 0.5 ? sum + share : sum, 0) / total;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
