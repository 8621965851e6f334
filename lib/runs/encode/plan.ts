/**
 * Configuration → what a run would encode: its images at every trunk that it stands on.
 *
 * @module
 */
import { InputError } from "../../base/errors.ts";
import type { TaskOptions } from "../../base/task.ts";
import { epochOrder } from "../../data/epoch.ts";
import type { Sample } from "../../data/sample.ts";
import { readParts } from "../../data/split/parts.ts";
import type { Parts } from "../../data/split/request.ts";
import type { ImageFacts } from "../../images/facts.ts";
import { drawAugmentation } from "../../images/perturbations/augment.ts";
import { detectorKind, detectorTitle } from "../../model/detectors/mod.ts";
import type { Encoder } from "../../model/encoders/encoder.ts";
import type { EncodeItem } from "../../model/features/encode.ts";
import type { Trunk } from "../../model/features/trunk.ts";
import type { RunConfig } from "../config/config.ts";
import { requestOf } from "../config/data_request.ts";
import { augmentationOf, perturbationsOf } from "../config/perturbations.ts";
import { drawingOf } from "../config/sets.ts";
import { trunkOf } from "../detectors.ts";
import { probeHindrance, probeView } from "../probe.ts";
import { eachOnce } from "./each_once.ts";

/** What is encoded at one trunk. */
export type EncodePass = { readonly trunk: Trunk; readonly items: readonly EncodeItem[] };

/**
 * The images of a run's parts. They are not opened, which every process would do for all of them, unless what they look like says which
 * are tested under perturbations.
 *
 * @throws {InputError} for data that cannot be used
 */
export async function partsToEncode(config: RunConfig, options: TaskOptions): Promise<Parts> {
  let isBlind = false;
  const request = requestOf(config);
  const read = (quick: boolean) =>
    readParts(request, {
      ...options,
      facts: new Map<string, ImageFacts>(),
      quick,
      onBlindDeal: () => isBlind = true,
    });
  const parts = await read(true);
  const drawn = augmentationOf(config).perturbations.length > 0;
  if (!isBlind || (perturbationsOf(config).length === 0 && !drawn)) return parts;
  options.report?.({
    type: "note",
    message:
      "All images are opened once, although only a share is encoded: which are tested under perturbations depends on which videos show the same picture. Test images of their own, an official split or --jpeg-qualities none spare that.",
  });
  return await read(false);
}

/**
 * What a run of this configuration encodes: its own trunk's features of all images, of test images under each perturbation and of training
 * images as they are augmented; and the class tokens of the probe that stands beside it. A detector that changes the tower is tested on
 * the changed one, whose features are encoded when there is one.
 *
 * @throws {InputError} for a detector whose features are none of the image alone, or not of the encoder as it is
 */
export function planOf(
  config: RunConfig,
  { parts, encoder }: { readonly parts: Parts; readonly encoder: Encoder },
): EncodePass[] {
  const own = ownTrunk(config, encoder);
  const itemsOf = (samples: readonly Sample[]) => samples.map((sample): EncodeItem => ({ sample }));
  const trained = itemsOf([...parts.train, ...parts.val]);
  const tested = itemsOf(parts.tests.flatMap(({ samples }) => samples));
  const within = parts.tests.filter(({ kind }) => kind === "within").flatMap(({ samples }) => samples);
  const perturbed = perturbationsOf(config).flatMap((perturbation) =>
    within.map((sample): EncodeItem => ({ sample, perturbation }))
  );
  const ownTests = detectorKind(config.detector).tuned ? [] : [...tested, ...perturbed];
  const items = eachOnce([...trained, ...ownTests, ...augmentedItems(config, parts)]);
  if (config.detector === "linear-probe" || probeHindrance(config, encoder) !== undefined) {
    return [{ trunk: own, items }];
  }
  const { trunk: ofProbe } = probeView(encoder, own);
  return ofProbe === own ? [{ trunk: own, items }] : [
    { trunk: own, items },
    { trunk: ofProbe, items: eachOnce([...trained, ...tested]) },
  ];
}

function ownTrunk(config: RunConfig, encoder: Encoder): Trunk {
  const title = detectorTitle(config.detector);
  const refuse = (found: string) =>
    new InputError(
      `Cannot encode for the ${title}: expected features of single images at the encoder as it is but found ${found}; train encodes what it needs`,
    );
  if (!config.cache) throw refuse("--no-cache");
  if (detectorKind(config.detector).base !== undefined && config.stageOne !== "none") {
    throw refuse("a tower that its first stage trains");
  }
  const trunk = trunkOf(config, encoder);
  if (trunk.tap === "pixels") throw refuse("pixels, as all blocks are trained");
  if (!trunk.isPerImage) throw refuse("such as depend on the images beside it in a batch");
  return trunk;
}

/** Training images as every epoch of every seed draws them. */
function augmentedItems(config: RunConfig, { train }: Parts): EncodeItem[] {
  const augmentation = augmentationOf(config);
  if (augmentation.perturbations.length === 0 || detectorKind(config.detector).fit) return [];
  const items: EncodeItem[] = [];
  for (let seed = config.seed; seed < config.seed + config.runs; seed++) {
    for (let epoch = 1; epoch <= config.epochs; epoch++) {
      const order = epochOrder(train, { seed, epoch, ...drawingOf(config) });
      for (const [place, i] of order.entries()) {
        const perturbation = drawAugmentation(augmentation, { seed, epoch, place });
        if (perturbation) items.push({ sample: train[i], perturbation });
      }
    }
  }
  return items;
}
