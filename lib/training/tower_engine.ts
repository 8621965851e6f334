/**
 * A detector that changes its tower, trained with the tower's blocks run by TensorFlow graphs.
 *
 * All above the blocks, and the optimizer, is the eager engine's: any loss works, and weights and moments stay in float32.
 *
 * @module
 */
import { collectUnused } from "../base/collect.ts";
import type { Detector } from "../model/detectors/detector.ts";
import { openGraphBlocks } from "../model/encoders/graph_blocks.ts";
import { eagerEngine } from "./eager.ts";
import type { Engine, EngineOptions } from "./engine.ts";

/**
 * The eager engine, until `close()` with graphs for the blocks of the detector's tower, in the detector's scores too.
 *
 * @throws {Error} for a detector without a tower, and when the backend is not TensorFlow
 */
export async function towerEngine(
  detector: Detector,
  { precision, ...options }: Pick<EngineOptions, "optimizer" | "loss" | "precision">,
): Promise<Engine> {
  const { tower } = detector;
  if (!tower) {
    throw new Error(`Cannot train the ${detector.kind}: expected a detector with a tower of its own`);
  }
  const { clip, dropoutRate } = tower;
  const blocks = await openGraphBlocks(clip, { precision, dropoutRate });
  tower.use(blocks);
  await collectUnused(); // the weights' arrays, of which the graphs have their own
  return {
    ...eagerEngine(detector, options),
    precision,
    close: () => {
      tower.use();
      blocks.close();
    },
  };
}
