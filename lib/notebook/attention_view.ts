/**
 * Where a tower's class token looks before and after a detector's training, on the same images below each other.
 *
 * @module
 */
import { dispose } from "../backend/tensors.ts";
import { InputError } from "../base/errors.ts";
import type { Sample } from "../data/sample.ts";
import { loadImage } from "../images/image.ts";
import { patchMask } from "../model/detectors/attribution.ts";
import { detectorKind, detectorTitle } from "../model/detectors/mod.ts";
import { type Clip, toPixels } from "../model/encoders/clip.ts";
import { clsAttention } from "../model/encoders/cls_attention.ts";
import { photoGrid, type Picture, type Tile } from "../report/pictures.ts";
import { configFor, readWeights } from "../runs/detectors.ts";
import { readRunConfig } from "../runs/folder/folder.ts";
import { spread } from "../runs/gallery.ts";
import type { Session } from "../runs/session.ts";
import type { BenchmarkRun } from "./benchmark.ts";

/**
 * Draws fakes of a run's own test, and below them how much of its attention in the last block the class token gives each patch, before
 * training and with the first seed's weights. Manipulated patches are outlined where they are known.
 *
 * @param options.count how many fakes; 5 unless given
 * @throws {InputError} for a run whose training leaves the tower as it is
 */
export async function attentionView(
  run: BenchmarkRun,
  session: Session,
  options: { readonly count?: number } = {},
): Promise<Picture> {
  const { count = 5 } = options;
  const { encoder: { clip: before }, experiment: { tests, demo } } = session;
  const weights = await readWeights({ ...await readRunConfig(run.folder), runs: 1 }, { folder: run.folder });
  const config = await configFor(weights, {});
  const { tuned } = detectorKind(config.detector);
  if (!tuned || !before) {
    throw new InputError(
      `Cannot show what training did to the tower: expected a detector that changes it but found a ${
        detectorTitle(config.detector)
      }`,
    );
  }
  const test = tests.find(({ kind }) => kind === "within") ?? tests[0];
  const samples = spread(test.samples.filter(({ label }) => label === 1), count);
  const after = tuned.tower(weights[0].dict, config);
  try {
    return await attentionGrid({ before, after }, samples, { set: test.set, demo });
  } finally {
    dispose(after);
  }
}

/** Images, and below them each tower's attention in shares of what a patch gets where all get the same. */
async function attentionGrid(
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
      const mask = masks[i];
      const inMask = mask ? [`${percent(insideOf(row, mask))} in the outline`] : [];
      mapped.push({
        ...{ image: images[i], mask, label: samples[i].label, map },
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
