/**
 * What a test found, printed as tables.
 *
 * @module
 */
import { join } from "node:path";
import { printable } from "../base/printable.ts";
import type { DataSummary, EvaluationResult, ScoreReport } from "../report/report.ts";
import { tableText } from "../report/table.ts";
import { chosenThresholdTable } from "../report/tables/chosen_threshold.ts";
import { fairnessTable, gapTable } from "../report/tables/fairness.ts";
import { methodTable, originTable } from "../report/tables/groups.ts";
import { probeSentences, probeTable } from "../report/tables/probe.ts";
import { referenceTable } from "../report/tables/reference.ts";
import { resultsTable } from "../report/tables/results.ts";
import { setMeansTable } from "../report/tables/set_means.ts";
import { thresholdTable } from "../report/tables/threshold.ts";
import type { RunEvent } from "../runs/events.ts";
import type { Screen } from "../runs/screen.ts";

/** Tests on a screen and prints the report; where it fails at the end, what it had computed by then. */
export async function printResults(
  screen: Screen,
  test: (onEvent: (event: RunEvent) => void) => Promise<ScoreReport>,
): Promise<void> {
  const finished: EvaluationResult[] = [];
  let folder = "";
  try {
    const { results, data, noProbe, warnings } = await test((event) => {
      if (event.type === "result") finished.push(event.result);
      if (event.type === "written") folder = event.folder;
      screen.show(event);
    });
    printTables(results, data);
    for (const sentence of probeSentences(results)) console.log(sentence);
    if (noProbe !== undefined) console.log(`No linear probe stands beside: ${printable(noProbe)}`);
    for (const message of warnings) screen.show({ type: "warning", message });
    if (warnings.length > 0) console.log(`Warnings: ${warnings.length}, said above and in the report`);
    console.log(`\nReport: ${printable(join(folder, "report.html"))}`);
  } catch (error) {
    screen.close();
    if (finished.length > 0) {
      printTables(finished, []);
      console.log("\nNot written to a file: what was tested before it ended with an error or was stopped.");
    }
    throw error;
  }
}

function printTables(results: readonly EvaluationResult[], data: readonly DataSummary[]): void {
  const tables = [
    resultsTable,
    probeTable,
    () => setMeansTable(results, data),
    methodTable,
    originTable,
    fairnessTable,
    gapTable,
    chosenThresholdTable,
    thresholdTable,
    referenceTable,
  ];
  for (const make of tables) {
    const table = make(results);
    if (table) console.log(`\n${tableText(table)}`);
  }
}
