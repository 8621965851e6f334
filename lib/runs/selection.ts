/**
 * Which epoch of a training is kept, and when there is no use in further ones.
 *
 * @module
 */
import type { EpochRecord } from "../report/report.ts";
import type { RunConfig } from "./config/config.ts";
import type { TrainState } from "./folder/train_state.ts";

/** What the validation images say of an epoch. */
export type Validation = Required<Pick<EpochRecord, "valLoss" | "valAuc">>;

type Stand = Pick<TrainState, "run" | "epoch" | "best" | "history">;

/** Whether the epoch in progress is the one to keep so far. */
export function isBest(
  { select, selectBy, epochs }: Pick<RunConfig, "select" | "selectBy" | "epochs">,
  { state, validation }: { readonly state: Stand; readonly validation: Validation | undefined },
): boolean {
  const { best, epoch, run, history } = state;
  if (select === "last") return epoch === epochs;
  if (best === null) return true;
  if (selectBy === "auc") return validation!.valAuc > best.auc;
  const kept = history.find((record) => record.run === run && record.epoch === best.epoch);
  return validation!.valLoss < kept!.valLoss!;
}

/** Whether training stops after the epoch in progress, though others were to follow: none of the last was better than the best. */
export function isOutOfPatience(
  { patience, epochs }: Pick<RunConfig, "patience" | "epochs">,
  { epoch, best }: Pick<TrainState, "epoch" | "best">,
): boolean {
  return patience !== undefined && best !== null && epoch < epochs && epoch - best.epoch >= patience;
}

/** Whether the seed in progress was stopped so. */
export function hasStopped({ run, history }: Pick<TrainState, "run" | "history">): boolean {
  const last = history.at(-1);
  return last?.run === run && last.stopped === true;
}
