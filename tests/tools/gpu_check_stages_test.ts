import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  describeRows,
  exitCode,
  type Outcome,
  type Row,
  runStages,
  type Stage,
  StageTimeout,
} from "../../tools/gpu_check_stages.ts";

const met: Outcome = { measured: "1.20", met: true };

/** Stages of a made clock: each takes as many seconds of it as it is told, and notes how many it was given. */
function madeStages(
  plans: readonly (Partial<Stage> & {
    readonly takes: number;
    readonly says?: Readonly<Record<string, Outcome>>;
  })[],
) {
  let time = 1000;
  const given: number[] = [];
  const stages = plans.map(({ takes, says = { ratio: met }, ...rest }, i): Stage => ({
    ...{ name: `stage ${i}`, seconds: 10, least: 1, wishes: [{ name: "ratio", wanted: "at least 1" }] },
    run: ({ seconds, say }) => {
      given.push(seconds);
      time += takes;
      for (const [name, outcome] of Object.entries(says)) say(name, outcome);
      return Promise.resolve();
    },
    ...rest,
  }));
  const run = (seconds: number) => runStages(stages, { seconds, log: () => {}, now: () => time });
  return { run, given };
}

const verdicts = (rows: readonly Row[]) => rows.map(({ verdict }) => verdict);

Deno.test("runStages() gives a stage its share and what those before it left over", async () => {
  const { run, given } = madeStages([{ takes: 4 }, { takes: 20 }, { takes: 1, seconds: 20 }]);
  assertEquals(verdicts(await run(80)), ["met", "met", "met"]);
  assertEquals(given, [20, 36, 56]);
});

Deno.test("runStages() does not begin a stage that does not fit, and says what was left", async () => {
  const { run, given } = madeStages([{ takes: 15 }, { takes: 1, least: 6 }, { takes: 1 }]);
  const rows = await run(30);
  assertEquals(verdicts(rows), ["met", "NOT MEASURED", "met"]);
  assertEquals(rows[1].found, "needs 6 s, and 5 s were left");
  assertEquals(given, [10, 15]);
});

Deno.test("runStages() keeps what a stage said before its time was over, and fails the rest", async () => {
  const wishes = [{ name: "first", wanted: "1" }, { name: "second", wanted: "1" }];
  const { run } = madeStages([{
    takes: 0,
    wishes,
    run: ({ say }) => {
      say("first", met);
      return Promise.reject(new StageTimeout("did not end within 10 s"));
    },
  }]);
  const rows = await run(10);
  assertEquals(verdicts(rows), ["met", "FAILED"]);
  assertEquals(rows[1].found, "did not end within 10 s");
  assertEquals(exitCode(rows), 1);
});

Deno.test("runStages() fails a number that a stage forgot", async () => {
  const rows = await madeStages([{ takes: 0, says: {} }]).run(10);
  assertEquals([rows[0].verdict, rows[0].found], ["FAILED", "the stage ended without it"]);
});

Deno.test("runStages() runs nothing after a stage that is needed and missed", async () => {
  const says = { ratio: { measured: "CPU", met: false } };
  const { run, given } = madeStages([{ takes: 0, isNeeded: true, says }, { takes: 0 }]);
  const rows = await run(20);
  assertEquals(verdicts(rows), ["MISSED", "NOT MEASURED"]);
  assertEquals(rows[1].found, "needs stage 0");
  assertEquals(given.length, 1);
});

Deno.test("exitCode() is 0 only where something ran and all that ran was met", () => {
  const row = (verdict: Row["verdict"]): Row => ({ stage: "s", name: "n", wanted: "w", found: "f", verdict });
  assertEquals(exitCode([row("met"), row("NOT MEASURED")]), 0);
  assertEquals(exitCode([row("NOT MEASURED")]), 1);
  assertEquals(exitCode([]), 1);
  assertEquals(exitCode([row("met"), row("MISSED")]), 1);
  assertEquals(exitCode([row("met"), row("FAILED")]), 1);
});

Deno.test("describeRows() shows wanted beside measured, and counts the verdicts", () => {
  const text = describeRows([
    { stage: "batch of 8", name: "encoder", wanted: "at least 1", found: "0.87", verdict: "MISSED" },
    {
      stage: "batch of 128",
      name: "encoder",
      wanted: "at least 1",
      found: "no GPU",
      verdict: "NOT MEASURED",
    },
  ]);
  assertStringIncludes(text, "| batch of 8   | encoder | at least 1 | 0.87     |       MISSED |");
  assertStringIncludes(text, "0 met, 1 missed, 0 failed, 1 not measured");
});
