/**
 * The tables of a report.
 *
 * @module
 */
import type { RunReport } from "../report.ts";
import type { Table } from "../table.ts";
import { calibrationTable } from "./calibration.ts";
import { chosenThresholdTable } from "./chosen_threshold.ts";
import { dataTable } from "./data.ts";
import { fairnessTable, gapTable } from "./fairness.ts";
import { falseAlarmTable } from "./false_alarms.ts";
import { methodTable, originTable } from "./groups.ts";
import { historyTable } from "./history.ts";
import { intervalTable } from "./intervals.ts";
import { probeTable } from "./probe.ts";
import { referenceTable } from "./reference.ts";
import { resultsTable } from "./results.ts";
import { setMeansTable } from "./set_means.ts";
import { thresholdTable } from "./threshold.ts";

/** What a report's tables are made from. */
export type TableSource = Pick<RunReport, "results" | "history" | "data" | "demo">;

/** A table of a report; null, or without rows, where the report has nothing that it could show. */
export type ReportTable = (source: TableSource) => Table | null;

/** In reading order. */
export const tables = {
  results: ({ results }) => resultsTable(results),
  probe: ({ results }) => probeTable(results),
  setMeans: ({ results, data }) => setMeansTable(results, data),
  methods: ({ results }) => methodTable(results),
  origins: ({ results }) => originTable(results),
  fairness: ({ results }) => fairnessTable(results),
  gaps: ({ results }) => gapTable(results),
  reference: ({ results }) => referenceTable(results),
  intervals: ({ results }) => intervalTable(results),
  falseAlarms: ({ results }) => falseAlarmTable(results),
  chosenThreshold: ({ results }) => chosenThresholdTable(results),
  threshold: ({ results }) => thresholdTable(results),
  calibration: ({ results }) => calibrationTable(results),
  data: dataTable,
  history: historyTable,
} as const satisfies Readonly<Record<string, ReportTable>>;
