/**
 * The table of epochs.
 *
 * @module
 */
import type { EpochRecord, RunReport } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, decimals, tableOf } from "./column.ts";

const columns: readonly Column<EpochRecord>[] = [
  { name: "Run", align: "right", value: ({ run }) => count(run + 1) },
  { name: "Epoch", align: "right", value: ({ epoch }) => count(epoch) },
  { name: "Step", align: "right", value: ({ step }) => count(step) },
  { name: "Loss", align: "right", value: ({ loss }) => decimals(loss, 4) },
  { name: "Val. loss", align: "right", value: ({ valLoss = null }) => decimals(valLoss, 4) },
  { name: "Val. AUC", align: "right", value: ({ valAuc = null }) => decimals(valAuc, 4) },
  { name: "Seconds", align: "right", value: ({ seconds }) => decimals(seconds, 1) },
  { name: "Best", align: "right", value: ({ best }) => best ? "best so far" : "" },
];

/**
 * Loss and validation AUC by epoch.
 *
 * @example
 * ```ts
 * import { historyTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const first = { run: 0, epoch: 1, step: 40, loss: 0.62, valAuc: 0.81, seconds: 12, best: true };
 * const { rows } = historyTable({ history: [first], demo: false });
 * assertEquals(rows[0].at(-1), "best so far");
 * ```
 */
export function historyTable({ history, demo }: Pick<RunReport, "history" | "demo">): Table {
  return tableOf({ title: "Training", demo, columns, rows: history, notes: ["Losses in nats."] });
}
