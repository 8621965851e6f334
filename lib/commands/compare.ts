/**
 * The command that holds detectors beside each other and beside published figures.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { checkWritable, exists } from "../base/files.ts";
import { printable, printableLines } from "../base/printable.ts";
import { comparisonSentences, comparisonTables, writeComparison } from "../report/comparison_page.ts";
import { tableText } from "../report/table.ts";
import { compareScores } from "../runs/compare/compare.ts";
import { timeStamp } from "../runs/folder/folder.ts";
import { refuseResults } from "../runs/folder/results_folder.ts";
import { onScreen } from "../runs/screen.ts";
import { type Flags, textOf } from "./flags.ts";

/** Compares runs and files of scores, prints the tables and writes them; resolves to the exit code. */
export async function compare(paths: readonly string[], flags: Flags): Promise<number> {
  const given = textOf(flags.out);
  if (given !== undefined) {
    await refuseResults(given);
    await checkWritable(given, { flag: "--out" });
  }
  return await onScreen(async ({ screen, signal }) => {
    const logits = flags.logits as readonly string[] | undefined;
    const comparison = await compareScores(paths, { logits, signal });
    const folder = given ?? await newFolder(dirname(resolve(paths[0])));
    if (given === undefined) await checkWritable(folder);
    for (const table of comparisonTables(comparison)) console.log(`\n${tableText(table)}`);
    console.log(`${printableLines(comparisonSentences(comparison).join("\n"))}\n`);
    for (const message of comparison.warnings) screen.show({ type: "warning", message });
    await writeComparison(folder, comparison, { signal });
    console.log(`Comparison: ${printable(join(folder, "comparison.html"))}`);
    return 0;
  });
}

/** `comparison-<time>` beside what is compared first, as a run's further tests lie in its folder. */
async function newFolder(beside: string): Promise<string> {
  const name = join(beside, `comparison-${timeStamp()}`);
  for (let count = 1;; count++) {
    const path = count === 1 ? name : `${name}-${count}`;
    if (!(await exists(path))) return path;
  }
}
