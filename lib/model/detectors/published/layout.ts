/**
 * The layout of the official checkpoints of the published ForgeLens: names and shapes, read and written.
 *
 * Each stage's file holds all below it: that of stage 2 has stage 1 behind `backbone.`. The official code builds all of CLIP, with
 * guidance modules in the text tower too, and runs the vision tower alone: the text tower is read over, and not written.
 * Shapes: D width, E embedding width.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import { tensorsOf } from "../../../backend/tensors.ts";
import { InputError } from "../../../base/errors.ts";
import { withoutPrefix } from "../../../weights/prefix.ts";
import { checkState, type StateDict } from "../../../weights/state.ts";
import type { Clip, ClipConfig } from "../../encoders/clip.ts";
import { bindClip, clipShapes, clipSizes } from "../../encoders/clip_weights.ts";
import { clipState } from "../../encoders/clip_state.ts";
import type { Guidance, Linear } from "../../layers.ts";
import { faformerShapes } from "./faformer.ts";

/** A stage of training: guidance modules inside the tower, then FAFormer on its class tokens. */
export type Stage = 1 | 2;

/** What is before the names of stage 1 in a file of each stage. */
export const stagePrefix = { 1: "", 2: "backbone." } as const;

/** What is before the names of the vision tower in a file of each stage. */
export function towerPrefix(stage: Stage): string {
  return `${stagePrefix[stage]}backbone.visual.`;
}

const textTower =
  /^backbone\.(transformer\.(resblocks|WSGM_modules)\.|token_embedding\.|positional_embedding$|ln_final\.|text_projection$|logit_scale$)/;

/** A file's parts, each under the names that it has in the module that it belongs to. */
export type PublishedParts = {
  /** Whose file it is. */
  readonly stage: Stage;
  /** The vision tower without guidance modules. */
  readonly tower: StateDict;
  /** Guidance modules: `transformer.WSGM_modules.0.down.weight` …; none in a stage 2 that was trained without stage 1. */
  readonly modules: StateDict;
  /** Stage 1's classifier `fc.1`, and its `ln_post`, which it does not use. */
  readonly stage1: StateDict;
  /** FAFormer and its classifier; empty in a file of stage 1. */
  readonly stage2: StateDict;
};

/**
 * Takes a file of either stage apart.
 *
 * A guidance module stands in it once under `transformer.WSGM_modules` and again under every block that shares it; the
 * copies must be equal.
 *
 * @param options.stage whose file it must be; either unless given
 * @param options.wsgmCount guidance modules; as many as there are unless given
 * @throws {InputError} naming every missing, unexpected and misshaped key at once, or every copy that differs
 */
export function publishedParts(
  all: StateDict,
  options: { readonly stage?: Stage; readonly wsgmCount?: number } = {},
): PublishedParts {
  const dict = withoutPrefix(all);
  const isSecond = [...dict.keys()].some((key) => key.startsWith(towerPrefix(2)));
  const { stage = isSecond ? 2 : 1 } = options;
  const visual = behind(dict, towerPrefix(stage));
  const { wsgmCount = countModules(visual) } = options;
  const stage2 = stage === 2 ? faformerShapes(dict, { width: clipSizes(visual).embedDim }) : new Map();
  const shapes = new Map([...stage1Shapes(visual, { stage, wsgmCount }), ...stage2]);
  const outer = stagePrefix[stage];
  checkState(dict, shapes, {
    what: "the published ForgeLens",
    ignore: (key) => key.startsWith(outer) && textTower.test(key.slice(outer.length)),
  });
  checkCopies(visual, wsgmCount);
  const isModule = (key: string) => key.startsWith("transformer.WSGM_modules.");
  return {
    stage,
    tower: new Map([...visual].filter(([key]) => !isModule(key) && !key.includes(".wsgm_module."))),
    modules: new Map([...visual].filter(([key]) => isModule(key))),
    stage1: new Map(
      [...behind(dict, stagePrefix[stage])].filter(([key]) =>
        wsgmCount > 0 && /^(fc\.1|ln_post)\./.test(key)
      ),
    ),
    stage2: new Map([...stage2.keys()].map((key) => [key, dict.get(key)!])),
  };
}

/** What stands behind a prefix, without it. */
function behind(dict: StateDict, prefix: string): StateDict {
  return new Map(
    [...dict].filter(([key]) => key.startsWith(prefix)).map((
      [key, value],
    ) => [key.slice(prefix.length), value]),
  );
}

function countModules(visual: StateDict): number {
  return [...visual.keys()].reduce(
    (most, key) => Math.max(most, 1 + Number(/^transformer\.WSGM_modules\.(\d+)\./.exec(key)?.[1] ?? -1)),
    0,
  );
}

/** The number of the guidance module of a block, as `guidanceOf()` of the encoder deals them out. */
export function moduleOf(
  block: number,
  { layers, wsgmCount }: { readonly layers: number; readonly wsgmCount: number },
): number {
  return Math.floor((block * Math.min(wsgmCount, layers)) / layers);
}

/** Key → shape of one guidance module. */
export function moduleShapes(width: number, bottleneck: number): Map<string, readonly number[]> {
  return new Map<string, readonly number[]>([
    ["down.weight", [bottleneck, width]],
    ["down.bias", [bottleneck]],
    ["middle.weight", [bottleneck, bottleneck]],
    ["middle.bias", [bottleneck]],
    ["up.weight", [width, bottleneck]],
    ["up.bias", [width]],
  ]);
}

/** Throws unless each block's own copy of a guidance module equals the one that it shares. */
function checkCopies(visual: StateDict, wsgmCount: number): void {
  if (wsgmCount === 0) return;
  const { layers } = clipSizes(visual);
  const differing: string[] = [];
  for (let block = 0; block < layers; block++) {
    for (const key of moduleShapes(0, 0).keys()) {
      const copy = `transformer.resblocks.${block}.wsgm_module.${key}`;
      const shared = `transformer.WSGM_modules.${moduleOf(block, { layers, wsgmCount })}.${key}`;
      const [a, b] = [visual.get(copy)!.data, visual.get(shared)!.data];
      if (a.some((value, i) => !Object.is(value, b[i]))) differing.push(`${copy} (of ${shared})`);
    }
  }
  if (differing.length === 0) return;
  throw new InputError(
    `Cannot bind the published ForgeLens: expected every block's copy of a guidance module to equal the module but found ${differing.length} that differ with wsgmCount ${wsgmCount}: ${
      differing.slice(0, 2).join(", ")
    }`,
  );
}

function stage1Shapes(
  visual: StateDict,
  { stage, wsgmCount }: { readonly stage: Stage; readonly wsgmCount: number },
): Map<string, readonly number[]> {
  const sizes = clipSizes(visual);
  const tower = towerPrefix(stage);
  const shapes = new Map<string, readonly number[]>();
  for (const [key, shape] of clipShapes(sizes)) shapes.set(tower + key, shape);
  if (wsgmCount === 0 && stage === 2) return shapes; // trained without stage 1
  const bottleneck = visual.get("transformer.WSGM_modules.0.down.weight")?.shape[0] ?? 0;
  for (const [key, shape] of moduleShapes(sizes.width, bottleneck)) {
    for (let i = 0; i < Math.max(1, wsgmCount); i++) {
      shapes.set(`${tower}transformer.WSGM_modules.${i}.${key}`, shape);
    }
    for (let i = 0; i < sizes.layers; i++) {
      shapes.set(`${tower}transformer.resblocks.${i}.wsgm_module.${key}`, shape);
    }
  }
  const layer = (key: string, weight: readonly number[]) =>
    shapes.set(`${stagePrefix[stage]}${key}.weight`, weight)
      .set(`${stagePrefix[stage]}${key}.bias`, [weight[0]]);
  layer("fc.1", [1, sizes.embedDim]);
  layer("ln_post", [sizes.embedDim]); // stage 1 has it and does not use it
  return shapes;
}

/**
 * The tower of a file with its guidance modules; the caller disposes it.
 *
 * @param options.heads width / 64 unless given
 */
export function bindGuided(
  { tower, modules }: Pick<PublishedParts, "tower" | "modules">,
  { heads, activation }: { readonly heads?: number; readonly activation: ClipConfig["activation"] },
): Clip {
  const clip = bindClip(tower, { activation, attendAcross: "tokens", heads });
  return modules.size === 0 ? clip : withModules(clip, tensorsOf(modules));
}

/** A tower with guidance modules of tensors by name; it shares all of them. */
export function withModules(clip: Clip, modules: ReadonlyMap<string, tf.Tensor>): Clip {
  const layer = (key: string): Linear => ({
    weight: modules.get(`${key}.weight`) as tf.Tensor2D,
    bias: modules.get(`${key}.bias`) as tf.Tensor1D,
  });
  const count = modules.size / moduleShapes(0, 0).size;
  const guidance = Array.from({ length: count }, (_, i): Guidance => {
    const module = `transformer.WSGM_modules.${i}`;
    return { down: layer(`${module}.down`), middle: layer(`${module}.middle`), up: layer(`${module}.up`) };
  });
  return { ...clip, params: { ...clip.params, guidance } };
}

/**
 * Stage 1 as a file of a stage has it: the tower, its guidance modules and every block's copy of one, and stage 1's own layers.
 *
 * @param clip with guidance modules or without
 * @param stage1 as in {@link PublishedParts}
 */
export function stage1State(
  clip: Clip,
  { stage1, stage }: { readonly stage1: StateDict; readonly stage: Stage },
): StateDict {
  const prefix = `${towerPrefix(stage)}transformer`;
  const dict = clipState(clip, towerPrefix(stage));
  const { guidance, blocks: { length: layers } } = clip.params;
  for (let block = 0; guidance && block < layers; block++) {
    const shared = moduleOf(block, { layers, wsgmCount: guidance.length });
    for (const key of moduleShapes(0, 0).keys()) {
      dict.set(
        `${prefix}.resblocks.${block}.wsgm_module.${key}`,
        dict.get(`${prefix}.WSGM_modules.${shared}.${key}`)!,
      );
    }
  }
  for (const [key, value] of stage1) dict.set(stagePrefix[stage] + key, value);
  return dict;
}
