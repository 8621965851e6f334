/**
 * The table of a run's data.
 *
 * @module
 */
import type { DataSummary, RunReport } from "../report.ts";
import type { Table } from "../table.ts";
import { type Column, count, tableOf } from "./column.ts";

const columns: readonly Column<DataSummary>[] = [
  { name: "Set", align: "left", value: ({ set }) => set },
  { name: "Split", align: "left", value: ({ split }) => split },
  { name: "Real", align: "right", value: ({ real }) => count(real) },
  { name: "Fake", align: "right", value: ({ fake }) => count(fake) },
  { name: "Videos", align: "right", value: ({ videos }) => count(videos) },
  { name: "Skipped", align: "right", value: ({ skipped }) => count(skipped) },
];

/**
 * Images and videos by set and split.
 *
 * @example
 * ```ts
 * import { dataTable } from "@forgelens/bench/report";
 * import { assertEquals } from "@std/assert";
 *
 * const train = { set: "faces", split: "train", real: 700, fake: 2800, videos: 350, skipped: 2 };
 * const { rows } = dataTable({ data: [train], demo: false });
 * assertEquals(rows, [["faces", "train", "700", "2,800", "350", "2"]]);
 * ```
 */
export function dataTable({ data, demo }: Pick<RunReport, "data" | "demo">): Table {
  return tableOf({ title: "Data", demo, columns, rows: data });
}
