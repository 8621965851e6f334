/**
 * Which images a notebook shows: samples of each class, the most confident mistakes, and where a detector looked.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import type { Sample } from "../data/sample.ts";
import { loadImage } from "../images/image.ts";
import { attribution, patchMask, type Pointing, pointingGame } from "../model/detectors/attribution.ts";
import { classScale, defaultWidth, frame, labelSpace } from "../report/style.ts";
import { encodeImages } from "../model/encoders/open.ts";
import { escapeMarkdown } from "../report/table.ts";
import { dispose } from "../backend/tensors.ts";
import { detectorTitle } from "../model/detectors/mod.ts";
import { trunkOf } from "../runs/detectors.ts";
import { photoGrid, type Picture, type Tile } from "./pictures.ts";
import { type LoadedRun, watch } from "./run.ts";
import type { Tested } from "./testing.ts";

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
  const chosen = ([0, 1] as const).flatMap((label) =>
    spread(samples.filter((sample) => sample.label === label), each)
  );
  const tiles = await Promise.all(chosen.map(async (sample): Promise<Tile> => ({
    image: await loadImage(sample.path, { size }),
    label: sample.label,
    caption: [classScale.domain[sample.label], ...(namesMethod(sample) ? [sample.method!] : [])],
  })));
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
  const scores = tested.predictions.filter(({ run, perturbation }) => run === 0 && perturbation === "none");
  if (!test || scores.length === 0) {
    return `**No mistakes to show:** nothing was tested on ${escapeMarkdown(set)}.`;
  }
  const threshold = tested.results[0].metrics.threshold;
  const wrong = scores.map(({ score, label }, i) => ({ i, score, error: Math.abs(score - label), label }))
    .filter(({ score, label }) => (score >= threshold) !== (label === 1))
    .sort((a, b) => b.error - a.error);
  if (wrong.length === 0) return `**No mistakes** on ${escapeMarkdown(set)}.`;
  const videos = new Set<string>();
  const shown = wrong.filter(({ i }) => {
    const video = `${test.samples[i].label} ${test.samples[i].video ?? i}`;
    return !videos.has(video) && videos.add(video);
  }).slice(0, most);
  const samples = shown.map(({ i }) => test.samples[i]);
  const maps = seesTokens(loaded) ? await mapsOf(loaded, samples) : [];
  const { size } = loaded.session.encoder.input;
  const images = await Promise.all(samples.map(({ path }) => loadImage(path, { size })));
  const photos = shown.map(({ i, label, score }, place): Tile => ({
    image: images[place],
    label,
    caption: [
      `${classScale.domain[label]}, scored ${score.toFixed(3)}`,
      ...(namesMethod(test.samples[i]) ? [test.samples[i].method!] : []),
    ],
  }));
  const mapped = maps.map((map, place) => mapTile(map, shown[place].label));
  return await photoGrid([...photos, ...mapped], {
    title: `Most confident mistakes on ${set}`,
    demo,
    subtitle: `${wrong.length} of ${scores.length} images.` +
      (maps.length > 0 ? " Below, what each patch adds to the logit" : "") +
      (maps.some(({ mask }) => mask) ? "; outlined: what was manipulated" : ""),
    scale: maps.length > 0 ? scaleTitle : undefined,
    columns: shown.length,
  });
}

/**
 * Whether the strongest patch lies in what was manipulated, by method, for the fakes of a test that have a mask; a sentence
 * where none has. With the fakes that the detector is surest of as pictures.
 */
export async function pointingView(
  loaded: LoadedRun,
  tested: Tested,
): Promise<(TopLevelSpec | Picture | string)[]> {
  const { test, demo, set } = tested;
  if (!seesTokens(loaded)) {
    return [
      `**No maps:** a ${detectorTitle(loaded.config.detector)} sees one vector an image, not its patches.`,
    ];
  }
  const fakes = test?.samples.filter(({ label }) => label === 1) ?? [];
  if (fakes.length === 0 || !(await patchMask(fakes[0], 1))) {
    return [`**No masks:** where the fakes of ${escapeMarkdown(set)} were manipulated is not known.`];
  }
  const maps = await watch(({ report, signal }) =>
    mapsOf(loaded, fakes, (done) => {
      signal.throwIfAborted();
      report({ type: "progress", task: "Looking at the fakes", unit: "images", done, total: fakes.length });
    })
  );
  const masked = maps.map((each, i) => ({ ...each, mask: each.mask!, sample: fakes[i] }))
    .filter(({ mask }) => mask);
  const groups = new Map<string, Pointing>([["all fakes", pointingGame(masked)]]);
  for (const method of new Set(masked.map(({ sample }) => sample.method ?? "fake"))) {
    groups.set(method, pointingGame(masked.filter(({ sample }) => (sample.method ?? "fake") === method)));
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
    subtitle: "Outlined: what was manipulated. Below, what each patch adds to the logit",
    scale: scaleTitle,
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

/** An image with its logit difference, and the shares in it of each patch, [G²], and of the class token. */
type Mapped = {
  readonly image: Uint8Array;
  readonly map: Float32Array;
  readonly classToken: number;
  readonly logit: number;
  readonly mask?: Float32Array;
};

const scaleTitle = "Share of logit(fake) − logit(real), a patch";

/** A map over its image, with the sum that gives the score below it. */
function mapTile({ image, map, mask, classToken, logit }: Mapped, label: 0 | 1): Tile {
  const patches = map.reduce((sum, share) => sum + share, 0);
  const caption = [
    `logit ${signed(logit)} (${(1 / (1 + Math.exp(-logit))).toFixed(3)})`,
    `= patches ${signed(patches)}`,
    `+ class token ${signed(classToken)}`,
  ];
  return { image, map, mask, label, caption };
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

/** Whether a run's detectors stand on all tokens, so that patches have shares of their logit. */
function seesTokens({ config, session }: LoadedRun): boolean {
  return trunkOf(config, session.encoder).shape.length === 2;
}

/** Images with their maps under the first model, and their masks where they are known. */
async function mapsOf(
  loaded: LoadedRun,
  samples: readonly Sample[],
  onProgress: (done: number) => void = () => {},
): Promise<Mapped[]> {
  const { session: { encoder }, detectors: [detector], config: { batchSize } } = loaded;
  const { input: { size: imageSize }, sizes: { patchSize } } = encoder;
  const mapped: Mapped[] = [];
  for (let from = 0; from < samples.length; from += batchSize) {
    const batch = samples.slice(from, from + batchSize);
    const images = await Promise.all(batch.map(({ path }) => loadImage(path, { size: imageSize })));
    const tokens = encodeImages(encoder, images); // [B, N, D]
    const shares = attribution(detector, tokens);
    const rows = await shares.patches.array();
    const [classToken, logit] = await Promise.all(
      [shares.classToken, shares.logit].map((each) => each.data()),
    );
    dispose([tokens, shares]);
    for (const [i, image] of images.entries()) {
      const mask = await patchMask(batch[i], imageSize / patchSize);
      const map = Float32Array.from(rows[i]);
      mapped.push({ image, map, mask, classToken: classToken[i], logit: logit[i] });
    }
    onProgress(mapped.length);
  }
  return mapped;
}

/** `count` of the items, evenly over the videos, methods taking turns. */
function spread(samples: readonly Sample[], count: number): Sample[] {
  const methods = [...new Set(samples.map(({ method }) => method))];
  const groups = methods.map((method) => samples.filter((sample) => sample.method === method));
  const chosen: Sample[] = [];
  for (let i = 0; chosen.length < Math.min(count, samples.length); i++) {
    const group = groups[i % groups.length];
    const turns = Math.ceil(count / groups.length);
    const turn = Math.floor(i / groups.length);
    const sample = group[Math.floor(turn * group.length / turns)];
    if (sample && !chosen.includes(sample)) chosen.push(sample);
    if (i > 4 * count) break;
  }
  return chosen;
}

function namesMethod({ label, method }: Sample): boolean {
  return label === 1 && method !== undefined && method !== "fake";
}
