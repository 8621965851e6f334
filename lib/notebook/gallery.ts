/**
 * Which images a notebook shows: samples of each class, the most confident mistakes, and where a detector looked.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import type { Sample } from "../data/sample.ts";
import { patchMask, type Pointing, pointingGame } from "../model/detectors/attribution.ts";
import { detectorTitle } from "../model/detectors/mod.ts";
import { photoGrid, type Picture, type Tile } from "../report/pictures.ts";
import { classScale, defaultWidth, frame, labelSpace } from "../report/style.ts";
import { escapeMarkdown } from "../report/table.ts";
import { mappable, mapScale, mapsOf, mapTile, mistakeTiles, sampleTiles, spread } from "../runs/gallery.ts";
import { type LoadedRun, watch } from "./run.ts";
import type { Tested } from "./testing.ts";

/** Of how many fakes maps are drawn, each of which takes the tower's gradient eight times. */
const MOST_POINTED = 120;

/**
 * A grid of real images above fake ones, spread over videos and methods.
 *
 * @param options.each how many of each class; 6 unless given
 */
export async function sampleGrid(
  samples: readonly Sample[],
  options: { readonly title: string; readonly demo: boolean; readonly each?: number; readonly size?: number },
): Promise<Picture> {
  const { each = 6, size = 224 } = options;
  const tiles = await sampleTiles(samples, { each, size });
  return await photoGrid(tiles, { ...options, columns: each, subtitle: "As the detector gets them" });
}

/**
 * The mistakes with the most confident scores, each with its attribution map below; a sentence where there is none.
 *
 * @param options.most how many mistakes; 6 unless given
 */
export async function mistakesGrid(
  loaded: LoadedRun,
  tested: Tested,
  options: { readonly most?: number } = {},
): Promise<Picture | string> {
  const { most = 6 } = options;
  const { test, demo, set } = tested;
  const { session: { encoder }, detectors: [detector], config } = loaded;
  const scores = tested.predictions.filter(({ run, perturbation }) => run === 0 && perturbation === "none");
  if (!test || scores.length === 0) {
    return `**No mistakes to show:** nothing was tested on ${escapeMarkdown(set)}.`;
  }
  const { photos, maps, subtitle } = await mistakeTiles(mappable(detector, { config, encoder }), encoder, {
    ...{ test, predictions: scores, threshold: tested.results[0].metrics.threshold, most },
  });
  if (photos.length === 0) return `**No mistakes** on ${escapeMarkdown(set)}.`;
  return await photoGrid([...photos, ...maps], {
    title: `Most confident mistakes on ${set}`,
    demo,
    subtitle,
    scale: maps.length > 0 ? mapScale : undefined,
    columns: photos.length,
  });
}

/**
 * Whether the strongest patch lies in what was manipulated, by method, for the fakes of a test that have a mask; a sentence
 * where none has. Of many fakes 120 are looked at, spread over methods and videos. With the fakes that the detector is surest of as pictures.
 */
export async function pointingView(
  loaded: LoadedRun,
  tested: Tested,
): Promise<(TopLevelSpec | Picture | string)[]> {
  const { test, demo, set } = tested;
  const { session: { encoder }, detectors: [detector], config } = loaded;
  const subject = mappable(detector, { config, encoder });
  if (!subject) {
    return [
      `**No maps:** a ${detectorTitle(config.detector)} has no shares of patches in its logit.`,
    ];
  }
  const all = test?.samples.filter(({ label }) => label === 1) ?? [];
  const fakes = all.length > MOST_POINTED ? spread(all, MOST_POINTED) : all;
  if (fakes.length === 0 || !(await patchMask(fakes[0], 1))) {
    return [`**No masks:** where the fakes of ${escapeMarkdown(set)} were manipulated is not known.`];
  }
  const maps = await watch(({ report, signal }) =>
    mapsOf(fakes, {
      ...{ subject, encoder, signal },
      onProgress: (done) => {
        signal.throwIfAborted();
        report({ type: "progress", task: "Looking at the fakes", unit: "images", done, total: fakes.length });
      },
    })
  );
  const masked = maps.map((each, i) => ({ ...each, mask: each.mask!, sample: fakes[i] }))
    .filter(({ mask }) => mask);
  const pointingOf = (some: typeof masked) =>
    pointingGame(some.map(({ patches, mask }) => ({ map: patches, mask })));
  const name = fakes.length < all.length ? "some of all fakes" : "all fakes";
  const groups = new Map<string, Pointing>([[name, pointingOf(masked)]]);
  for (const method of new Set(masked.map(({ sample }) => sample.method ?? "fake"))) {
    groups.set(method, pointingOf(masked.filter(({ sample }) => (sample.method ?? "fake") === method)));
  }
  const some = spread(masked.map(({ sample }) => sample), 6).map((sample) =>
    masked.find((each) => each.sample === sample)!
  );
  const photos = some.map(({ image, mask, sample }): Tile => ({
    ...{ image, mask, label: 1, caption: ["fake", sample.method ?? ""] },
  }));
  const grid = await photoGrid([...photos, ...some.map((each) => mapTile(each, 1))], {
    title: `What the detector looks at on ${set}`,
    demo,
    subtitle: "Outlined: what was manipulated. Below, what each patch adds to the logit of an even image",
    scale: mapScale,
    columns: some.length,
  });
  return [pointingChart(groups, { demo, set }), grid];
}

/** The share of fakes whose strongest patch lies in the mask, beside chance. */
export function pointingChart(
  groups: ReadonlyMap<string, Pointing>,
  options: { readonly demo: boolean; readonly set: string; readonly width?: number },
): TopLevelSpec {
  const { demo, set, width = defaultWidth } = options;
  const values = [...groups].map(([method, { images, hits, chance }]) => ({
    method: `${method} (${images})`,
    accuracy: images === 0 ? 0 : hits / images,
    chance,
  }));
  return {
    ...frame(
      `Pointing accuracy on ${set}`,
      {
        demo,
        subtitle: "Fakes whose strongest patch lies in what was manipulated; black line: a random patch",
      },
      values.map(({ method, accuracy, chance }) =>
        `${method}: ${(100 * accuracy).toFixed(1)} %, chance ${(100 * chance).toFixed(1)} %.`
      ).join(" "),
    ),
    width: width - 20 - labelSpace(values.map(({ method }) => method)),
    height: { step: 28 },
    data: { values },
    encoding: {
      y: { field: "method", type: "nominal", title: null, sort: null, axis: { grid: false, ticks: false } },
      x: {
        field: "accuracy",
        type: "quantitative",
        title: "share of fakes",
        scale: { domain: [0, 1] },
        axis: { format: "%", tickCount: 5 },
      },
    },
    layer: [
      { mark: { type: "bar", color: classScale.range[1], height: 16 } },
      {
        mark: { type: "tick", color: "black", thickness: 2, size: 22 },
        encoding: { x: { field: "chance", type: "quantitative" } },
      },
      {
        mark: { type: "text", align: "left", dx: 6, fontSize: 12 },
        encoding: { text: { field: "accuracy", format: ".0%" } },
      },
    ],
  };
}
