/**
 * What results of one detector share, whichever file its weights are from.
 *
 * @module
 */
import type { EvaluationResult } from "../../lib/report/report.ts";

/**
 * Results without the answers at thresholds that were chosen in training, which files of PyTorch do not state, and without the run's
 * probe, which lies beside its own weights alone.
 */
export function withoutChosen(results: readonly EvaluationResult[]): EvaluationResult[] {
  const without = <T extends { chosen?: unknown; probe?: unknown }>({ probe: _, ...others }: T) => ({
    ...others,
    chosen: undefined,
  });
  return results.map((result) => ({ ...without(result), video: result.video && without(result.video) }));
}
