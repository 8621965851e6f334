/**
 * What both accelerators of the notebook's head hand over: its dropout masks' seeds, its weights and their moments.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs";
import type { ForgeLens } from "../model/detectors/notebook_head.ts";
import { dropoutPlaces, layerSeed, leastKept, placeSeed } from "../model/layers.ts";
import type { TrainBatch } from "./engine.ts";
import { type Slot, slots } from "../model/detectors/head_graph.ts";
import { momentsOf, type Optimizer } from "./optimizers.ts";

/** The seed of each dropout, [depth, 4], in the order of `dropoutPlaces`, and the least byte that it keeps. */
export function drawsOf(
  { config: { depth, dropout } }: ForgeLens,
  { seed = 0 }: Pick<TrainBatch, "seed">,
): { readonly seeds: Int32Array<ArrayBuffer>; readonly leastKept: Int32Array<ArrayBuffer> } {
  const seeds = Array.from(
    { length: depth },
    (_, i) => dropoutPlaces.map((place) => placeSeed(layerSeed(seed, i), place)),
  ).flat();
  return {
    seeds: Int32Array.from(seeds),
    leastKept: Int32Array.from(seeds, (seed) => leastKept({ rate: dropout, seed })),
  };
}

/** All that a step changes: for each weight, itself and its moments. */
export function statesOf(
  model: ForgeLens,
  optimizer: Optimizer,
): { readonly key: string; readonly slot: Slot; readonly variable: tf.Variable }[] {
  return [...model.weights].flatMap(([key, weight]) => {
    const values = { weight, ...momentsOf(optimizer, key, weight) };
    return slots.map((slot) => ({ key, slot, variable: values[slot] }));
  });
}
