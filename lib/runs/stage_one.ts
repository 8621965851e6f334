/**
 * What a detector stands on whose training begins where another's ended: the tower of a finished run, for each seed its own.
 *
 * @module
 */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";
import { exists } from "../base/files.ts";
import type { TaskOptions } from "../base/task.ts";
import { detectorKind, type DetectorName, detectorNamed, detectorTitle } from "../model/detectors/mod.ts";
import type { Encoder } from "../model/encoders/encoder.ts";
import type { StateDict } from "../weights/state.ts";
import { resolveConfig, type RunConfig } from "./config/config.ts";
import { openTuned } from "./encoder.ts";
import { loadCarded } from "./folder/card.ts";
import { checkEncoder } from "./folder/card_settings.ts";
import { stageOneRun, weightsPath } from "./folder/folder.ts";
import { seedsOf, seedWeights } from "./folder/seeds.ts";

/** What a seed's detector stands on; `close()` frees the encoder where it is not the run's. */
export type Base = {
  readonly encoder: Encoder;
  /** The weights that the encoder's tower is from; undefined where it is the run's as it is. */
  readonly weights?: StateDict;
  /** That those weights were trained with, where their file says it. */
  readonly seed?: number;
  close(): void;
};

/** A run that has a name. */
type Named = RunConfig & { readonly run: string };

/** The kind that has to be trained before; undefined where none has, or `--stage-one` says that it stands on none. */
function baseOf({ detector, stageOne }: RunConfig): DetectorName | undefined {
  const { base } = detectorKind(detector);
  return base === undefined || stageOne === "none" ? undefined : detectorNamed(base);
}

/** The configuration of the run that has to be trained first; undefined where none has, or one is named. */
export function stageOneOf(config: Named): Named | undefined {
  const { stageOne, stage1Epochs, stage1BatchSize, stage1LearningRate, ...rest } = config;
  const detector = baseOf(config);
  if (detector === undefined || stageOne !== undefined) return undefined;
  const run = stageOneRun(config.run);
  return {
    ...resolveConfig({
      ...rest,
      ...{ detector, run, exportFull: false, headPrecision: undefined },
      epochs: stage1Epochs ?? config.epochs,
      batchSize: stage1BatchSize ?? config.batchSize,
      learningRate: stage1LearningRate ?? config.learningRate,
    }),
    run,
  };
}

/**
 * The files of what each seed stands on; none where a run stands on its encoder as it is.
 *
 * @param options.onlySeed of this seed alone, by its index from 0
 * @throws {InputError} where one is not there
 */
export async function stageOneFiles(
  config: Named,
  { onlySeed }: { readonly onlySeed?: number } = {},
): Promise<string[]> {
  const base = baseOf(config);
  if (base === undefined) return [];
  const { stageOne = stageOneRun(config.run), out } = config;
  const seeds = seedsOf(config);
  const indices = onlySeed === undefined ? Array.from({ length: seeds }, (_, i) => i) : [onlySeed];
  const stat = await Deno.stat(stageOne).catch(() => undefined);
  if (stat?.isFile) return indices.map(() => stageOne);
  const folder = stat && config.stageOne !== undefined ? stageOne : join(out, stageOne);
  const files: string[] = [];
  for (const seedIndex of indices) {
    const alone = onlySeed === undefined || config.stageOne !== undefined
      ? undefined
      : await seedWeights({ ...config, run: stageOne }, seedIndex);
    files.push(alone ?? weightsPath(folder, seedIndex));
  }
  for (const file of files) {
    if (await exists(file)) continue;
    throw new InputError(
      `Cannot train the ${
        detectorTitle(config.detector)
      }: expected weights of a ${base} for each of ${seeds} seeds but found no ${file}; name another --stage-one, or leave it out to have it trained first`,
    );
  }
  return files;
}

/**
 * Opens what a seed stands on; the caller closes it.
 *
 * @param file its file, one of {@link stageOneFiles}; undefined for the run's encoder as it is
 * @throws {InputError} when that is of another kind, or of another encoder than the run's
 */
export async function openBase(
  file: string | undefined,
  options: TaskOptions & { readonly config: RunConfig; readonly encoder: Encoder },
): Promise<Base> {
  const { config, encoder } = options;
  const detector = baseOf(config);
  if (file === undefined || detector === undefined) return { encoder, close: () => {} };
  const { dict, card } = await loadCarded(file);
  const stated = card?.detector === undefined ? detector : detectorNamed(card.detector);
  if (stated !== detector && stated !== config.detector) {
    throw new InputError(
      `Cannot train the ${
        detectorTitle(config.detector)
      }: expected weights of a ${detector} in ${file} but found a ${card!.detector}`,
    );
  }
  const width = encoder.sizes.width;
  if (card?.encoderDigest !== undefined) checkEncoder(encoder, { path: file, dim: width, width, card });
  const heads = card?.head?.towerHeads ?? config.towerHeads;
  const tuned = await openTuned(dict, { ...options, config: { ...config, detector, towerHeads: heads } });
  return { encoder: tuned, weights: dict, seed: card?.seed, close: tuned.close };
}
