/**
 * Submissions as tables.
 *
 * @module
 */
import type { Table } from "../../report/table.ts";
import type { Submission } from "./submission.ts";

/** What was submitted. */
export function submissionTable(run: string, { parts }: Submission): Table {
  return {
    title: `Submitted ${run}`,
    columns: [
      { name: "Part", align: "left" },
      { name: "Job", align: "right" },
      { name: "Tasks", align: "right" },
      { name: "Memory", align: "right" },
      { name: "Cores", align: "right" },
      { name: "After", align: "left" },
      { name: "Command", align: "left" },
    ],
    rows: parts.map(({ name, job, tasks = 1, sbatch, after, command }) => [
      ...[name, job, `${tasks}`, valueIn(sbatch, "--mem"), valueIn(sbatch, "--cpus-per-task")],
      ...[after.join(", "), command.join(" ")],
    ]),
    notes: [],
  };
}

function valueIn(words: readonly string[], flag: string): string {
  return words.find((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1) ?? "";
}
