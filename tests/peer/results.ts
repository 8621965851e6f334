/**
 * What results of one detector share, whichever file its weights are from.
 *
 * @module
 */
import type { EvaluationResult } from "../../lib/report/report.ts";

/** Results without the answers at thresholds that were chosen in training, which files of PyTorch do not state. */
export function withoutChosen(results: readonly EvaluationResult[]): EvaluationResult[] {
  return results.map((result) => ({
    ...result,
    chosen: undefined,
    video: result.video && { ...result.video, chosen: undefined },
  }));
}
