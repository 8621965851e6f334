/**
 * Stages that share a span of time, and the table of what they measured, missed and left out.
 *
 * @module
 */
import { reasonOf } from "../lib/base/errors.ts";
import { table } from "./bench_print.ts";

/** What a stage says of a number that it was to show. */
export type Outcome =
  | { readonly measured: string; readonly met: boolean }
  | { readonly notMeasured: string };

/** A number that a stage is to show: its name and what is wanted of it, in words. */
export type Wish = { readonly name: string; readonly wanted: string };

/** A part of the check. */
export type Stage = {
  readonly name: string;
  /** Its share of the time; what it leaves over goes to those after it. */
  readonly seconds: number;
  /** With fewer seconds than these it is not begun. */
  readonly least: number;
  readonly wishes: readonly Wish[];
  /** Whether nothing after it can run where it misses a wish. */
  readonly isNeeded?: boolean;
  /**
   * Measures; says each outcome as it has it, since what comes after `seconds` is not waited for.
   *
   * @throws {StageTimeout} when it was ended for taking longer, any other error when it fails
   */
  run(
    options: { readonly seconds: number; readonly say: (name: string, outcome: Outcome) => void },
  ): Promise<void>;
};

/** A line of the table. */
export type Row = Wish & {
  readonly stage: string;
  readonly verdict: "met" | "MISSED" | "FAILED" | "NOT MEASURED";
  /** What was measured, or why nothing was. */
  readonly found: string;
};

/** Thrown by a stage that was ended because its time was over. */
export class StageTimeout extends Error {}

/**
 * Runs the stages one after another, each until its share of `seconds` is over at the latest: shares in proportion to the stages' own
 * seconds, counted from the beginning, so that what one leaves over the next may use.
 *
 * @param options.now seconds that pass, of a clock that never goes back
 */
export async function runStages(
  stages: readonly Stage[],
  options: { readonly seconds: number; readonly log: (line: string) => void; readonly now?: () => number },
): Promise<Row[]> {
  const { seconds, log, now = () => performance.now() / 1000 } = options;
  const began = now();
  const whole = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const rows: Row[] = [];
  let share = 0;
  let broken: string | undefined;
  for (const stage of stages) {
    share += stage.seconds / whole;
    const left = share * seconds - (now() - began);
    const found = new Map<string, Outcome>();
    let missing: Pick<Row, "verdict" | "found"> = { verdict: "FAILED", found: "the stage ended without it" };
    if (broken !== undefined) {
      missing = { verdict: "NOT MEASURED", found: `needs ${broken}` };
    } else if (left < stage.least) {
      missing = {
        verdict: "NOT MEASURED",
        found: `needs ${stage.least} s, and ${Math.max(0, Math.floor(left))} s were left`,
      };
    } else {
      log(`${stage.name}: at most ${Math.floor(left)} s`);
      try {
        await stage.run({ seconds: left, say: (name, outcome) => void found.set(name, outcome) });
      } catch (error) {
        missing = { verdict: "FAILED", found: reasonOf(error) };
        if (error instanceof StageTimeout) log(`${stage.name}: ${missing.found}`);
      }
    }
    const own = stage.wishes.map((wish): Row => {
      const outcome = found.get(wish.name);
      if (outcome === undefined) return { stage: stage.name, ...wish, ...missing };
      if ("notMeasured" in outcome) {
        return { stage: stage.name, ...wish, verdict: "NOT MEASURED", found: outcome.notMeasured };
      }
      return { stage: stage.name, ...wish, verdict: outcome.met ? "met" : "MISSED", found: outcome.measured };
    });
    if (stage.isNeeded && own.some(({ verdict }) => verdict === "MISSED" || verdict === "FAILED")) {
      broken ??= stage.name;
    }
    rows.push(...own);
  }
  return rows;
}

/** The rows as a table, and how many there are of each kind. */
export function describeRows(rows: readonly Row[]): string {
  const counts = (["met", "MISSED", "FAILED", "NOT MEASURED"] as const).map((verdict) =>
    `${rows.filter((row) => row.verdict === verdict).length} ${verdict.toLowerCase()}`
  );
  const head = ["stage", "number", "wanted", "measured", "verdict"];
  const lines = rows.map(({ stage, name, wanted, verdict, found }) => [stage, name, wanted, found, verdict]);
  return `${table(head, lines)}\n\n${counts.join(", ")}`;
}

/** 0 where everything that ran met what was wanted, and something did run; else 1. */
export function exitCode(rows: readonly Row[]): 0 | 1 {
  const ran = rows.filter(({ verdict }) => verdict !== "NOT MEASURED");
  return ran.length > 0 && ran.every(({ verdict }) => verdict === "met") ? 0 : 1;
}
