/**
 * Submissions as tables.
 *
 * @module
 */
import type { Table } from "../../report/table.ts";
import type { SubmissionStatus, TaskState, TaskStatus } from "./status.ts";
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
    ],
    rows: parts.map(({ name, job, tasks = 1, sbatch, after }) => [
      ...[name, job, `${tasks}`, valueIn(sbatch, "--mem"), valueIn(sbatch, "--cpus-per-task")],
      ...[after.join(", ")],
    ]),
    notes: [],
  };
}

function valueIn(words: readonly string[], flag: string): string {
  return words.find((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1) ?? "";
}

const states: readonly TaskState[] = ["done", "at work", "waits", "failed", "cancelled", "unknown"];

const MOST_SAID = 10;
const LONGEST = 72;

/** How far each part is, and below it what failed and why. */
export function statusTable(run: string, { parts, unasked }: SubmissionStatus): Table {
  const notes = parts.flatMap(({ part, tasks }) =>
    tasks.filter(isAmiss).map((task) => noteOn(part, tasks.length, task))
  );
  const more = notes.length - MOST_SAID;
  return {
    title: `${run} in Slurm`,
    columns: [
      { name: "Part", align: "left" },
      { name: "Job", align: "right" },
      { name: "State", align: "left" },
      { name: "How far", align: "left" },
      { name: "Where", align: "left" },
      { name: "Said last", align: "left" },
    ],
    rows: parts.map(({ part, job, tasks, reached }) => [
      ...[part, job, statesText(tasks), reached],
      [...new Set(tasks.filter(({ state }) => state === "at work").map(({ node }) => node))].join(", "),
      shortened(
        tasks.find(({ state, why }) => (state === "at work" || state === "waits") && why !== "")?.why ?? "",
      ),
    ]),
    notes: [
      ...(unasked === undefined ? [] : [`Slurm was not asked: ${unasked}`]),
      ...notes.slice(0, MOST_SAID),
      ...(more > 0 ? [`And ${more} more, which --json names.`] : []),
    ],
  };
}

/** The beginning of a text that a row has no room for; `--json` has it whole. */
function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

function statesText(tasks: readonly TaskStatus[]): string {
  const counted = states.map((state) => ({
    state,
    count: tasks.filter((task) => task.state === state).length,
  }))
    .filter(({ count }) => count > 0);
  return counted.map(({ state, count }) => tasks.length === 1 ? state : `${count} ${state}`).join(", ");
}

function isAmiss({ state }: TaskStatus): boolean {
  return state === "failed" || state === "cancelled" || state === "unknown";
}

function noteOn(part: string, count: number, { task, state, why, log }: TaskStatus): string {
  const which = task === undefined || count === 1 ? part : `${part} ${task}/${count}`;
  return `${which} ${state}: ${why} (${log})`;
}
